"""Reports that have to be asked for: asked once, found again after a lost answer, awaited without sitting through it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from portal import clock
from portal.marketplaces.amazon_in.client import MARKETPLACE_ID, AmazonClient, iso
from portal.marketplaces.amazon_in.wire.answers import NAME, utc
from portal.marketplaces.amazon_in.wire.reports import WireReport, created_report, read_document, read_report, read_reports
from portal.marketplaces.errors import Throttled

FIRST_LOOK_S = 30.0
PATIENCE_S = 8.0
"""A wait longer than this gives the job back; the run goes on with the report's id in its cursor."""
LOOKS = 20
GIVE_UP = timedelta(hours=2)
ASKED_LATELY = timedelta(hours=1)


class Fate(StrEnum):
    DONE = "DONE"
    CANCELLED = "CANCELLED"
    """Nothing to report: a normal, empty result."""
    FATAL = "FATAL"
    LATE = "LATE"


class Asked(msgspec.Struct, frozen=True):
    """A report that was asked for. `end` is where its data ends, by Amazon's word."""

    report_id: str
    end: datetime
    at: datetime


async def ask(client: AmazonClient, kind: str, start: datetime, end: datetime, options: dict[str, str] | None = None) -> Asked:
    """The id of a report over that time. One asked for within the last hour over the same start is taken again.

    That finds the report whose answer was lost, and spares Amazon a second one: repeated requests are refused there.
    """
    lately = {"reportTypes": kind, "createdSince": iso(clock.now() - ASKED_LATELY), "pageSize": "100"}
    for one in read_reports(await client.reports(lately)).reports:
        if one.processingStatus not in (Fate.CANCELLED, Fate.FATAL) and _same_start(one, start):
            return Asked(one.reportId, utc(one.dataEndTime) if one.dataEndTime else end, clock.now())
    body: dict[str, Any] = {
        "reportType": kind,
        "marketplaceIds": [MARKETPLACE_ID],
        "dataStartTime": iso(start),
        "dataEndTime": iso(end),
    }
    if options:
        body["reportOptions"] = options
    return Asked(created_report(await client.create_report(body)), end, clock.now())


def _same_start(report: WireReport, start: datetime) -> bool:
    return report.dataStartTime is not None and iso(utc(report.dataStartTime)) == iso(start)


async def fate(client: AmazonClient, asked: Asked) -> tuple[Fate, str]:
    """What became of the report, and the id of its document if there is one.

    Throttled when it is not ready yet and the next look is too far away to sit and wait.
    """
    pause = FIRST_LOOK_S / client.factor
    for _ in range(LOOKS):
        report = read_report(await client.report(asked.report_id))
        if report.processingStatus in (Fate.DONE, Fate.CANCELLED, Fate.FATAL):
            return Fate(report.processingStatus), report.reportDocumentId or ""
        if clock.now() - asked.at > GIVE_UP:
            return Fate.LATE, ""
        if pause > PATIENCE_S:
            break
        await asyncio.sleep(max(pause, 0.02))
    raise Throttled(NAME, clock.now() + timedelta(seconds=max(pause, 1.0)), reason="the report is being made")


async def document_lines(client: AmazonClient, document_id: str) -> AsyncGenerator[list[str], None]:
    """The lines of a document in portions."""
    address = read_document(await client.report_document(document_id))
    async with aclosing(client.lines(address.url)) as portions:
        async for portion in portions:
            yield portion


async def feed_lines(client: AmazonClient, document_id: str) -> list[str]:
    """The processing report of a feed, whole: it names refused lines only."""
    address = read_document(await client.feed_document(document_id))
    found: list[str] = []
    async with aclosing(client.lines(address.url)) as portions:
        async for portion in portions:
            found.extend(portion)
    return found
