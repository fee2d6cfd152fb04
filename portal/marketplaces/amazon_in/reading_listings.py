"""Reading listings: page by page while the catalogue is small, by report when it is larger than Amazon lets us page through."""

import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime

import msgspec

from portal.marketplaces.amazon_in.client import AmazonClient
from portal.marketplaces.amazon_in.reporting import Asked, Fate, ask, document_lines, fate
from portal.marketplaces.amazon_in.wire.listings import ListingsReader, read_listings
from portal.marketplaces.contract import Page, SyncContext
from portal.marketplaces.facts import ListingFact, UnreadableRow

ALL_LISTINGS = "GET_MERCHANT_LISTINGS_ALL_DATA"
MOST_BY_SEARCH = 1_000
SEARCH_PAGE = 20
REPORT_PAGE = 500
ENGLISH = {"preferredReportDocumentLocale": "en_US"}
"""Column names of this report follow the seller's language unless it is named."""
START_OF_TIME = datetime(2020, 1, 1, tzinfo=UTC)
"""The report shows what is listed now; its start only serves to recognise it when we ask again."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands: at a page of the search, or `done` listings into a report."""

    token: str = ""
    seen: tuple[str, ...] = ()
    total: int | None = None
    asked: Asked | None = None
    done: int = 0


async def read(client: AmazonClient, ctx: SyncContext) -> AsyncGenerator[Page[ListingFact], None]:
    """All listings, each time: Amazon's quantities change without a trace in the listing's own dates."""
    place = msgspec.json.decode(ctx.cursor, type=Place) if ctx.cursor is not None else Place()
    while True:
        if place.asked is not None:
            async with aclosing(_by_report(client, ctx, place, place.asked)) as pages:
                async for page in pages:
                    yield page
            return
        found, following = await _by_search(client, ctx, place)
        yield found
        if following is None:
            return
        place = following


async def _by_search(client: AmazonClient, ctx: SyncContext, place: Place) -> tuple[Page[ListingFact], Place | None]:
    params = {"includedData": "summaries,offers,fulfillmentAvailability", "pageSize": str(SEARCH_PAGE), "sortBy": "sku"}
    if place.token:
        params["pageToken"] = place.token
    page = read_listings(await client.search_listings(params))
    if not place.token and (page.total or 0) > MOST_BY_SEARCH:
        asked = await ask(client, ALL_LISTINGS, START_OF_TIME, ctx.now, ENGLISH)
        following = Place(asked=asked, total=page.total)
        return Page(facts=(), cursor=_text(following), total=page.total), following
    name = _name(page.facts, page.set_aside)
    if name in place.seen:
        return Page(
            facts=(), cursor=None, cut="Amazon sent the same page of listings twice, so we stopped here. What we read is kept."
        ), None
    if not page.next_token:
        last = Page(facts=page.facts, cursor=None, watermark=ctx.now.isoformat(), total=page.total, set_aside=page.set_aside)
        return last, None
    following = Place(token=page.next_token, seen=(*place.seen, name), total=page.total)
    return Page(facts=page.facts, cursor=_text(following), total=page.total, set_aside=page.set_aside), following


async def _by_report(client: AmazonClient, ctx: SyncContext, place: Place, asked: Asked) -> AsyncGenerator[Page[ListingFact], None]:
    outcome, document = await fate(client, asked)
    if outcome in (Fate.FATAL, Fate.LATE):
        yield Page(facts=(), cursor=None, cut="Amazon did not finish the listings report. The next run asks for it again.")
        return
    reader = ListingsReader()
    facts: list[ListingFact] = []
    aside: list[UnreadableRow] = []
    done = 0
    if outcome is Fate.DONE and document:
        async with aclosing(document_lines(client, document)) as portions:
            async for portion in portions:
                for found in reader.feed(portion):
                    if isinstance(found, UnreadableRow):
                        aside.append(found)
                        continue
                    done += 1
                    if done > place.done:
                        facts.append(found)
                    if len(facts) == REPORT_PAGE:
                        at = msgspec.structs.replace(place, done=done)
                        yield Page(facts=tuple(facts), cursor=_text(at), total=place.total, set_aside=tuple(aside))
                        facts, aside = [], []
    yield Page(facts=tuple(facts), cursor=None, watermark=ctx.now.isoformat(), total=place.total, set_aside=tuple(aside))


def _name(facts: tuple[ListingFact, ...], aside: tuple[UnreadableRow, ...]) -> str:
    parts = [fact.sku for fact in facts] + [row.external_id for row in aside]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


def _text(place: Place) -> str:
    return msgspec.json.encode(place).decode()
