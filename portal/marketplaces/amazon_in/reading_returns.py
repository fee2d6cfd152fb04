"""Reading returns: first the report of customer returns, then the parcels that turned round on their way."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import msgspec

from portal.marketplaces.amazon_in import reading_orders
from portal.marketplaces.amazon_in.client import AmazonClient
from portal.marketplaces.amazon_in.reading_orders import PARCELS, Reading
from portal.marketplaces.amazon_in.reporting import Asked, Fate, ask, document_lines, fate
from portal.marketplaces.amazon_in.wire.returns import ReturnsReader, returns_to_origin
from portal.marketplaces.contract import Page, SyncContext
from portal.marketplaces.facts import ReturnFact, UnreadableRow

CUSTOMER_RETURNS = "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE"
OVERLAP = timedelta(days=30)
"""The report is cut by the day of the request; what happens to a return afterwards is seen by asking for the last month again."""
LONGEST = timedelta(days=60)
PAGE = 500
SHIPPED = {"fulfillmentStatuses": "SHIPPED,PARTIALLY_SHIPPED"}


class Watermark(msgspec.Struct, frozen=True):
    """Until when returns were reported and parcels looked at, both by Amazon's clock."""

    reported: datetime
    parcels: str | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands: waiting for a report, `done` returns into it, or looking at parcels.

    `start` and `end` are the time still to be reported; a report covers at most sixty days of it. `late` says why a report failed.
    """

    start: datetime
    end: datetime
    asked: Asked | None = None
    done: int = 0
    reading: Reading | None = None
    late: str = ""


async def read(client: AmazonClient, ctx: SyncContext) -> AsyncGenerator[Page[ReturnFact], None]:
    """Customer returns and returns to origin, in pages."""
    place = msgspec.json.decode(ctx.cursor, type=Place) if ctx.cursor is not None else _begin(ctx)
    while place.reading is None:
        async with aclosing(_reported(client, ctx, place)) as steps:
            async for page, following in steps:
                place = following
                yield page
    async with aclosing(_parcels(client, ctx, place, place.reading)) as pages:
        async for parcel_page in pages:
            yield parcel_page


def _begin(ctx: SyncContext) -> Place:
    """Whole hours, so that two attempts in a row ask for the same report."""
    known = _known(ctx)
    start = known.reported - OVERLAP if known else ctx.now - timedelta(days=ctx.first_days)
    if ctx.first_day is not None:
        start = ctx.first_day.astimezone(UTC)
    return Place(start=start.replace(minute=0, second=0, microsecond=0), end=ctx.until or ctx.now)


def _known(ctx: SyncContext) -> Watermark | None:
    return msgspec.json.decode(ctx.since, type=Watermark) if ctx.since and ctx.first_day is None else None


async def _reported(client: AmazonClient, ctx: SyncContext, place: Place) -> AsyncGenerator[tuple[Page[ReturnFact], Place], None]:
    """One report: asked for, awaited, read. Each step says where to go on."""
    asked = place.asked
    if asked is None:
        asked = await ask(client, CUSTOMER_RETURNS, place.start, min(place.end, place.start + LONGEST))
        place = msgspec.structs.replace(place, asked=asked)
        # Kept before the first look, so that whoever goes on waits for this report instead of asking for another.
        yield Page(facts=(), cursor=_text(place)), place
        return
    outcome, document = await fate(client, asked)
    if outcome in (Fate.FATAL, Fate.LATE):
        place = msgspec.structs.replace(place, late="Amazon did not finish the returns report. The next run asks for it again.")
    if outcome is not Fate.DONE or not document:
        following = _after_report(ctx, place, asked)
        yield Page(facts=(), cursor=_text(following)), following
        return
    reader = ReturnsReader()
    async with aclosing(document_lines(client, document)) as portions:
        async for portion in portions:
            reader.feed(portion)
    facts, aside = reader.end()
    following = _after_report(ctx, place, asked)
    for first in range(place.done, max(len(facts), 1), PAGE):
        last = first + PAGE >= len(facts)
        step = following if last else msgspec.structs.replace(place, done=first + PAGE)
        kept: tuple[UnreadableRow, ...] = aside if last else ()
        yield Page(facts=facts[first : first + PAGE], cursor=_text(step), set_aside=kept), step


def _after_report(ctx: SyncContext, place: Place, asked: Asked) -> Place:
    """The next sixty days, or, when all are reported, the parcels."""
    end = max(asked.end, place.start)
    if not place.late and end < place.end and place.end - end > timedelta(hours=1) and end > place.start:
        return msgspec.structs.replace(place, start=end.replace(minute=0, second=0, microsecond=0), asked=None, done=0)
    known = _known(ctx)
    parcels = SyncContext(
        account=ctx.account,
        now=ctx.now,
        since=known.parcels if known else None,
        first_days=ctx.first_days,
        first_day=ctx.first_day,
        until=ctx.until,
    )
    return msgspec.structs.replace(place, start=end, reading=reading_orders.begin(parcels))


async def _parcels(client: AmazonClient, ctx: SyncContext, place: Place, reading: Reading) -> AsyncGenerator[Page[ReturnFact], None]:
    known = _known(ctx)
    async with aclosing(
        reading_orders.read(client, ctx, reading.fresh_now(), returns_to_origin, data_sets=PARCELS, limits=SHIPPED)
    ) as steps:
        async for step in steps:
            last = step.after is None
            cut = step.cut or (place.late if last else "")
            mark: str | None = None
            if last and not cut:
                parcels = step.mark.isoformat() if step.mark and reading.by == "lastUpdated" else (known.parcels if known else None)
                mark = ctx.since if ctx.first_day is not None else msgspec.json.encode(Watermark(place.start, parcels)).decode()
            yield Page(
                facts=step.facts,
                cursor=None if step.after is None else _text(msgspec.structs.replace(place, reading=step.after)),
                watermark=mark,
                set_aside=step.set_aside,
                cut=cut,
            )


def _text(place: Place) -> str:
    return msgspec.json.encode(place).decode()
