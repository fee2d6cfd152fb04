"""The catalogue and its stock: read in pages of hundreds, told in tens."""

from collections.abc import AsyncIterator, Iterator, Sequence

import msgspec

from portal.marketplaces.contract import Location, Page, SyncContext
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import LineOutcome, ListingFact, StockLine, UnreadableRow
from portal.marketplaces.flipkart.client import FlipkartClient
from portal.marketplaces.flipkart.reading import REPEATED, Repeats, batches, is_stale, page_name
from portal.marketplaces.flipkart.wire.listings import (
    BATCH,
    FoundListings,
    read_listings,
    read_search,
    read_stock_answer,
    refused,
    search_body,
    stock_body,
    unpushable,
)
from portal.marketplaces.flipkart.wire.locations import locations_of

KEPT_AT_ONCE = 100
"""A page of the catalogue names 500 SKUs and takes 50 further calls; keeping them by the hundred lets a run stop in between."""


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """What a cursor of the catalogue holds: the page, how many of its SKUs are read, and the page before it."""

    page_id: str = ""
    done: int = 0
    last_page: str = ""
    began: str = ""


async def read(client: FlipkartClient, ctx: SyncContext) -> AsyncIterator[Page[ListingFact]]:
    """The whole catalogue; Flipkart offers no filter by change. It names every location that anything is sold from."""
    shelf = msgspec.json.decode(ctx.cursor, type=Shelf) if ctx.cursor is not None else Shelf()
    repeats = Repeats(shelf.last_page)
    resumed = ctx.cursor is not None
    met: set[str] = set()
    while True:
        try:
            found = read_search(await client.search_listings(search_body(shelf.page_id)))
        except WireChanged as error:
            if not (resumed and shelf.page_id and is_stale(error)):
                raise
            # The page id was kept for too long. Reading the catalogue from its beginning is slower and just as right.
            shelf, repeats, resumed = Shelf(began=shelf.began), Repeats(), False
            continue
        resumed = False
        if not repeats.is_new(found.content):
            yield Page(facts=(), cursor=None, cut=REPEATED)
            return
        shelf = msgspec.structs.replace(shelf, began=shelf.began or (client.answered_at or ctx.now).isoformat())
        # A page without SKUs is read all the same: it may be the last one, or carry rows to set aside.
        for start in range(shelf.done, max(len(found.skus), shelf.done + 1), KEPT_AT_ONCE):
            facts, set_aside = await _listings(client, found, found.skus[start : start + KEPT_AT_ONCE], ctx.account.ships_from)
            if start == 0:
                set_aside += found.set_aside
            if fresh := locations_of(facts) - met:
                met |= fresh
                await ctx.met([Location(id=one) for one in sorted(fresh)])
            shelf = _after(shelf, found, start + KEPT_AT_ONCE)
            last = not shelf.page_id and shelf.done == 0
            yield Page(
                facts=tuple(facts),
                set_aside=tuple(set_aside),
                cursor=None if last else msgspec.json.encode(shelf).decode(),
                watermark=shelf.began if last else None,
            )
            if last:
                return


def _after(shelf: Shelf, found: FoundListings, done: int) -> Shelf:
    if done < len(found.skus):
        return msgspec.structs.replace(shelf, done=done)
    return msgspec.structs.replace(shelf, page_id=found.next_page_id, done=0, last_page=page_name(found.content))


async def _listings(
    client: FlipkartClient, found: FoundListings, skus: Sequence[str], ships_from: str
) -> tuple[list[ListingFact], list[UnreadableRow]]:
    facts: list[ListingFact] = []
    set_aside: list[UnreadableRow] = []
    for ten in batches(skus, BATCH):
        good, bad = read_listings(await client.listings(ten), found.ambiguous, ships_from=ships_from)
        facts += good
        set_aside += bad
    return facts, set_aside


async def push(client: FlipkartClient, ctx: SyncContext, lines: Sequence[StockLine]) -> AsyncIterator[Page[LineOutcome]]:
    """One outcome per line, in the lines' order. The cursor is the task last answered for."""
    left = _left(lines, ctx.cursor)
    done = 0
    for ten in _tens(left):
        outcomes = await _tell(client, ten, ctx.account.ships_from)
        done += len(ten)
        last = done == len(left)
        yield Page(facts=tuple(outcomes), cursor=None if last else str(ten[-1].task_id), total=len(lines))
    if not left:
        yield Page(facts=(), cursor=None, total=len(lines))


def _left(lines: Sequence[StockLine], cursor: str | None) -> list[StockLine]:
    """The lines after the one the cursor names; all of them when the caller has already dropped what is done."""
    names = [str(line.task_id) for line in lines]
    return list(lines[names.index(cursor) + 1 :]) if cursor in names else list(lines)


def _tens(lines: Sequence[StockLine]) -> Iterator[list[StockLine]]:
    """Calls of at most ten lines, no SKU twice in one: the body is a map, and the later number has to come later."""
    ten: list[StockLine] = []
    for line in lines:
        if len(ten) == BATCH or any(other.sku == line.sku for other in ten):
            yield ten
            ten = []
        ten.append(line)
    if ten:
        yield ten


async def _tell(client: FlipkartClient, lines: Sequence[StockLine], ships_from: str) -> list[LineOutcome]:
    faults = {line.task_id: unpushable(line, ships_from) for line in lines}
    sent = [line for line in lines if not faults[line.task_id]]
    outcomes = {line.task_id: refused(line, faults[line.task_id], code="not_sent") for line in lines if faults[line.task_id]}
    if sent:
        outcomes.update((outcome.task_id, outcome) for outcome in await _sent(client, sent, ships_from))
    return [outcomes[line.task_id] for line in lines]


async def _sent(client: FlipkartClient, lines: Sequence[StockLine], ships_from: str) -> list[LineOutcome]:
    try:
        return read_stock_answer(await client.update_stock(stock_body(lines, ships_from)), lines)
    except WireChanged as error:
        if error.http_status not in (400, 422):
            raise
        # The call as a whole was refused: nothing of it was done, and other calls may still go through.
        return [
            refused(line, f"Flipkart refused this call: {error.words or 'no reason given'}", code=f"http_{error.http_status}")
            for line in lines
        ]
