"""Reading payouts: settlements cannot be ordered, they are listed; each is downloaded once and handed on in parts."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import msgspec

from portal.marketplaces.amazon_in.client import AmazonClient, iso
from portal.marketplaces.amazon_in.reporting import document_lines
from portal.marketplaces.amazon_in.wire.reports import created_at, read_reports
from portal.marketplaces.amazon_in.wire.settlements import SettlementReader
from portal.marketplaces.contract import Page, SyncContext
from portal.marketplaces.facts import PayoutFact, UnreadableRow

SETTLEMENTS = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
OVERLAP = timedelta(days=31)
LISTED_FOR = timedelta(days=89)
"""Amazon lists a settlement for 90 days."""
REMEMBERED = 200
LISTS = 50


class Watermark(msgspec.Struct, frozen=True):
    """Up to when settlements were listed, by Amazon's clock, and which documents were read: each is fetched once."""

    listed: datetime
    read: tuple[str, ...] = ()


class Todo(msgspec.Struct, frozen=True):
    """Documents still to read, oldest first; of the first one `parts` are done already. Then the next run's watermark."""

    documents: tuple[str, ...]
    parts: int
    then: Watermark


async def read(client: AmazonClient, ctx: SyncContext) -> AsyncGenerator[Page[PayoutFact], None]:
    """Settlements not read yet, part by part."""
    if ctx.cursor is not None:
        todo = msgspec.json.decode(ctx.cursor, type=Todo)
    else:
        todo = await _listed(client, ctx)
        if not todo.documents:
            yield Page(facts=(), cursor=None, watermark=_text(todo.then), total=0)
            return
    for place, document in enumerate(todo.documents):
        rest = Todo(todo.documents[place:], todo.parts if place == 0 else 0, todo.then)
        async with aclosing(_settlement(client, ctx, document, rest)) as pages:
            async for page in pages:
                yield page


async def _listed(client: AmazonClient, ctx: SyncContext) -> Todo:
    """What Amazon lists and we have not read."""
    known = msgspec.json.decode(ctx.since, type=Watermark) if ctx.since else None
    start = known.listed - OVERLAP if known else ctx.now - timedelta(days=ctx.first_days)
    if ctx.first_day is not None:
        start = ctx.first_day.astimezone(UTC)
    since = max(start, ctx.now - LISTED_FOR)
    params = {"reportTypes": SETTLEMENTS, "processingStatuses": "DONE", "createdSince": iso(since), "pageSize": "100"}
    found: dict[str, tuple[datetime, str]] = {}
    for _ in range(LISTS):
        page = read_reports(await client.reports(params))
        new = {one.reportId: (created_at(one), one.reportDocumentId) for one in page.reports if one.reportDocumentId}
        if new.keys() <= found.keys() and page.nextToken:
            break  # the same list again under another token
        found |= {name: (moment, document or "") for name, (moment, document) in new.items()}
        if not page.nextToken:
            break
        params = {"nextToken": page.nextToken}
    in_line = [document for moment, document in sorted(found.values()) if ctx.until is None or moment <= ctx.until]
    read_before = known.read if known and ctx.first_day is None else ()
    todo = tuple(document for document in in_line if document not in read_before)
    listed = max([moment for moment, _ in found.values()] + ([known.listed] if known else []), default=since)
    return Todo(todo, 0, Watermark(listed, (*read_before, *todo)[-REMEMBERED:]))


async def _settlement(client: AmazonClient, ctx: SyncContext, document: str, todo: Todo) -> AsyncGenerator[Page[PayoutFact], None]:
    """One settlement in parts, from behind those that are done. Settlements in other currencies are another marketplace's."""
    parts = 0
    aside: list[UnreadableRow] = []
    async with aclosing(_found(client, document)) as stream:
        async for found in stream:
            if isinstance(found, UnreadableRow):
                aside.append(found)
                continue
            if found.currency != "INR":
                await ctx.note(f"A settlement in {found.currency} belongs to another marketplace of this account and was left out.")
                break
            parts += 1
            if parts > todo.parts:
                yield _page(found, aside, Todo(todo.documents, parts, todo.then))
            aside = []
    # A page of its own, so that whoever resumes after the last part does not read the settlement again.
    yield _page(None, aside, Todo(todo.documents[1:], 0, todo.then))


async def _found(client: AmazonClient, document: str) -> AsyncGenerator[PayoutFact | UnreadableRow, None]:
    reader = SettlementReader()
    async with aclosing(document_lines(client, document)) as portions:
        async for portion in portions:
            for found in reader.feed(portion):
                yield found
    for last in reader.end():
        yield last


def _page(part: PayoutFact | None, aside: list[UnreadableRow], todo: Todo) -> Page[PayoutFact]:
    last = not todo.documents
    return Page(
        facts=(part,) if part is not None else (),
        cursor=None if last else msgspec.json.encode(todo).decode(),
        watermark=_text(todo.then) if last else None,
        set_aside=tuple(aside),
    )


def _text(watermark: Watermark) -> str:
    return msgspec.json.encode(watermark).decode()
