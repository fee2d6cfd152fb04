"""Feeds and reports that Amazon works on in its own time: looked at, and left alone while they are not ready."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from portal import clock
from portal.marketplaces.amazon_in.reporting import FIRST_LOOK_S, GIVE_UP, LOOKS, PATIENCE_S, Fate
from portal.marketplaces.amazon_in.stages.requesting import ASKED_AT
from portal.marketplaces.amazon_in.stages.work import Work
from portal.marketplaces.amazon_in.wire.order_feeds import ProcessingReport, read_processing_report
from portal.marketplaces.amazon_in.wire.papers import inflated
from portal.marketplaces.amazon_in.wire.reports import read_document, read_feed, read_report
from portal.marketplaces.facts import BatchOrder

LEAST_PAUSE_S = 2.0


class Ended(msgspec.Struct, frozen=True):
    """How it ended, and the id of the document it left, if any."""

    fate: Fate
    document: str = ""


async def feed_ended(work: Work, feed_id: str) -> Ended | None:
    """The feed's end; None while Amazon works on it."""

    async def look() -> tuple[str, str | None]:
        found = read_feed(await work.client.feed(feed_id))
        return found.processingStatus, found.resultFeedDocumentId

    return await _ended(work, look)


async def report_ended(work: Work, report_id: str) -> Ended | None:
    """The report's end; None while Amazon works on it."""

    async def look() -> tuple[str, str | None]:
        found = read_report(await work.client.report(report_id))
        return found.processingStatus, found.reportDocumentId

    return await _ended(work, look)


async def _ended(work: Work, look: Callable[[], Awaitable[tuple[str, str | None]]]) -> Ended | None:
    wait = FIRST_LOOK_S / work.client.factor
    for _ in range(LOOKS):
        status, document = await look()
        if status in (Fate.DONE, Fate.CANCELLED, Fate.FATAL):
            return Ended(Fate(status), document or "")
        if wait > PATIENCE_S:
            return None
        await asyncio.sleep(max(wait, 0.02))
    return None


async def feed_answer(work: Work, document_id: str) -> ProcessingReport:
    """What a feed that is done has to say."""
    address = read_document(await work.client.feed_document(document_id))
    return read_processing_report(inflated(await work.client.content(address.url)))


def pause(work: Work) -> timedelta:
    """Until the next look, where it is too far away to sit through."""
    return timedelta(seconds=max(LEAST_PAUSE_S, FIRST_LOOK_S / work.client.factor))


def overdue(work: Work, group: Sequence[BatchOrder]) -> bool:
    """Whether these orders' feed was started so long ago that nothing will come of it."""
    asked = work.marks(group[0]).get(ASKED_AT, "")
    return bool(asked) and clock.now() - datetime.fromisoformat(asked) > GIVE_UP
