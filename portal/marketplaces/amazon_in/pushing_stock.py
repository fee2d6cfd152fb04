"""Pushing stock: a few quantities one by one, many in a feed. Quantities are absolute, so a repeated push changes nothing.

A feed whose answer was lost is looked for before another one is started: two in flight would race each other.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import timedelta

import msgspec

from portal import clock
from portal.marketplaces.amazon_in.client import MARKETPLACE_ID, AmazonClient, iso
from portal.marketplaces.amazon_in.refusals import InvalidRequest, NoSuchThing
from portal.marketplaces.amazon_in.reporting import FIRST_LOOK_S, LOOKS, PATIENCE_S, feed_lines
from portal.marketplaces.amazon_in.wire.answers import NAME
from portal.marketplaces.amazon_in.wire.listings import feed_outcomes, kept_by_amazon, patch_outcome, stock_feed, stock_patch
from portal.marketplaces.amazon_in.wire.reports import created_feed, new_document, read_feed, read_feeds
from portal.marketplaces.contract import Page, SyncContext
from portal.marketplaces.errors import Throttled
from portal.marketplaces.facts import LineOutcome, StockLine

FEED_TYPE = "JSON_LISTINGS_FEED"
FEED_CONTENT = "application/json; charset=UTF-8"
MOST_ONE_BY_ONE = 200
AT_ONCE = 20
FEED_LINES = 25_000
LOOK_BACK = timedelta(days=1)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a push stands. `done`: fingerprints of lines with an outcome. Then the feed in the making, step by step:

    `lines` names what it carries, `before` the feeds there were before it, `document` what was uploaded, `feed` its own id.
    """

    done: tuple[str, ...] = ()
    lines: str = ""
    before: tuple[str, ...] = ()
    document: str = ""
    feed: str = ""


async def push(client: AmazonClient, ctx: SyncContext, lines: Sequence[StockLine]) -> AsyncGenerator[Page[LineOutcome], None]:
    """One outcome per line; lines that have one already, by the cursor, are left alone."""
    place = msgspec.json.decode(ctx.cursor, type=Place) if ctx.cursor is not None else Place()
    done = set(place.done)
    todo = [line for line in lines if line_name(line) not in done]
    foreign = [line for line in todo if kept_by_amazon(line)]
    own = [line for line in todo if not kept_by_amazon(line)]
    if foreign:
        place = _with(place, foreign)
        yield Page(facts=tuple(_not_ours(line) for line in foreign), cursor=_text(place) if own else None)
    if not own and not foreign:
        yield Page(facts=(), cursor=None)
    by_feed = bool(place.lines) or len(own) > MOST_ONE_BY_ONE
    async with aclosing(_feeds(client, place, own) if by_feed else _one_by_one(client, place, own)) as pages:
        async for page in pages:
            yield page


def line_name(line: StockLine) -> str:
    """A line by task and quantity, short enough to remember many."""
    return hashlib.blake2b(f"{line.task_id}/{line.quantity}".encode(), digest_size=6).hexdigest()


def _not_ours(line: StockLine) -> LineOutcome:
    said = "Amazon keeps this stock in its own warehouse (FBA). It counts there; we never push it."
    return LineOutcome(task_id=line.task_id, sku=line.sku, state="refused", message=said, code="fba")


def _with(place: Place, lines: Sequence[StockLine]) -> Place:
    return msgspec.structs.replace(place, done=(*place.done, *map(line_name, lines)))


async def _one_by_one(client: AmazonClient, place: Place, lines: Sequence[StockLine]) -> AsyncGenerator[Page[LineOutcome], None]:
    for first in range(0, len(lines), AT_ONCE):
        some = lines[first : first + AT_ONCE]
        outcomes = [await _patched(client, line) for line in some]
        place = _with(place, some)
        yield Page(facts=tuple(outcomes), cursor=_text(place) if first + AT_ONCE < len(lines) else None, total=len(lines))


async def _patched(client: AmazonClient, line: StockLine) -> LineOutcome:
    try:
        return patch_outcome(await client.patch_listing(line.sku, stock_patch(line)), line)
    except (InvalidRequest, NoSuchThing) as error:
        said = error.words or "Amazon does not know this SKU."
        return LineOutcome(task_id=line.task_id, sku=line.sku, state="refused", message=said, code=str(error.http_status))


async def _feeds(client: AmazonClient, place: Place, lines: Sequence[StockLine]) -> AsyncGenerator[Page[LineOutcome], None]:
    """Feed after feed, one in flight; each step is kept in the cursor before the next one is taken."""
    todo = list(lines)
    while todo:
        some = todo[:FEED_LINES]
        names = _names(some)
        if place.lines != names:
            place = await _uploaded(client, place, some, names)
            yield Page(facts=(), cursor=_text(place), total=len(lines))
        if not place.feed:
            place = msgspec.structs.replace(place, feed=await _started(client, place))
            yield Page(facts=(), cursor=_text(place), total=len(lines))
        outcomes = await _outcomes(client, place.feed, some)
        todo = todo[FEED_LINES:]
        place = msgspec.structs.replace(_with(place, some) if todo else place, lines="", before=(), document="", feed="")
        yield Page(facts=outcomes, cursor=_text(place) if todo else None, total=len(lines))


def _names(lines: Sequence[StockLine]) -> str:
    return hashlib.blake2b("".join(map(line_name, lines)).encode(), digest_size=8).hexdigest()


async def _uploaded(client: AmazonClient, place: Place, lines: Sequence[StockLine], names: str) -> Place:
    before = await _feeds_there(client)
    document = new_document(await client.create_feed_document({"contentType": FEED_CONTENT}))
    await client.upload(document.url, stock_feed(client.seller, lines), FEED_CONTENT)
    return msgspec.structs.replace(place, lines=names, before=before, document=document.feedDocumentId, feed="")


async def _feeds_there(client: AmazonClient) -> tuple[str, ...]:
    since = iso(clock.now() - LOOK_BACK)
    page = read_feeds(await client.feeds({"feedTypes": FEED_TYPE, "createdSince": since, "pageSize": "100"}))
    return tuple(feed.feedId for feed in page.feeds)


async def _started(client: AmazonClient, place: Place) -> str:
    """The feed's id. One that appeared since the upload is ours: its answer was lost."""
    unknown = [feed for feed in await _feeds_there(client) if feed not in place.before]
    if unknown:
        return unknown[0]
    body = {"feedType": FEED_TYPE, "marketplaceIds": [MARKETPLACE_ID], "inputFeedDocumentId": place.document}
    return created_feed(await client.create_feed(body))


async def _outcomes(client: AmazonClient, feed_id: str, lines: Sequence[StockLine]) -> tuple[LineOutcome, ...]:
    """What the feed did. Throttled while Amazon works on it and the next look is too far away."""
    pause = FIRST_LOOK_S / client.factor
    for _ in range(LOOKS):
        feed = read_feed(await client.feed(feed_id))
        match feed.processingStatus:
            case "DONE" if feed.resultFeedDocumentId:
                return feed_outcomes(await feed_lines(client, feed.resultFeedDocumentId), lines)
            case "DONE":
                return tuple(LineOutcome(task_id=line.task_id, sku=line.sku, state="accepted") for line in lines)
            case "CANCELLED" | "FATAL":
                said = "Amazon did not work on this stock feed. Push the quantity again."
                return tuple(
                    LineOutcome(task_id=line.task_id, sku=line.sku, state="refused", message=said, code=feed.processingStatus)
                    for line in lines
                )
            case _ if pause > PATIENCE_S:
                break
            case _:
                await asyncio.sleep(max(pause, 0.02))
    raise Throttled(NAME, clock.now() + timedelta(seconds=max(pause, 1.0)), reason="the feed is being worked on")


def _text(place: Place) -> str:
    return msgspec.json.encode(place).decode()
