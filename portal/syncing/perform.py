"""Walk a run through its adapter, page by page: the facts of a page, the counts, the cursor and the event commit together."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Any

import msgspec

from portal import clock
from portal.accounts import service as accounts
from portal.files import Files
from portal.marketplaces.adapter import MarketplaceAdapter, Rereading
from portal.marketplaces.contract import AccountRef, Page, ScheduleTarget, SyncContext
from portal.orders import service as orders
from portal.runs import service as runs
from portal.syncing import targets
from portal.syncing.committing import Commits, Ready
from portal.tables.syncs import Purpose, RunState
from portal.vault import BuyerSeal

OUTWARD = frozenset({ScheduleTarget.INVENTORY, ScheduleTarget.FULL_PROCESSING})
"""What changes something at the marketplace: no step is taken before the one before it is on record."""

PAGES_A_TURN = 20
"""After so many pages, and the one that is under way by then, a run lets others have its place, if any wait. A big shop takes longer then, and a small one never waits for it."""

ASK_EVERY_S = 1.0
"""How often a run that has had its turn looks whether others wait: the queue is not asked for every page."""


async def _nobody() -> bool:
    return False


async def perform(
    run: runs.Taken,
    account: AccountRef,
    adapter: MarketplaceAdapter,
    seal: BuyerSeal,
    *,
    files: Files,
    others_wait: Callable[[], Awaitable[bool]] = _nobody,
) -> RunState:
    """Bring the run to its end and answer the state it ended in; QUEUED when it stepped back for others, at a page's border.

    Raises the adapter's MarketplaceErrors and LeaseLost; everything up to the last yielded page is kept by then.
    """

    async def note(message: str) -> None:
        await runs.note(run, message)

    ctx = SyncContext(
        account=account,
        now=clock.now(),
        since=run.since,
        cursor=run.cursor,
        first_days=run.first_days,
        first_day=run.first_day,
        until=run.until,
        known_open=lambda: orders.known_open(account),
        met=partial(accounts.meet_on_the_way, account),
        note=note,
    )
    keep = targets.keeper(account, run.target, seal)

    def ready(page: Page[Any]) -> Ready:
        page = _compared(run, page)
        return page, partial(keep, page.facts)

    watermark: str | None = None
    cursor: str | None = None
    cut = ""
    cancelled = stepping_back = False
    commits = Commits(run, aside=await runs.any_aside(run), side_by_side=targets.named_alone(account, run.target))
    commit = commits.in_turn if run.target in OUTWARD else commits.overlapping
    read, asked = 0, 0.0
    # The generator may hold the next page's request open; closing it here ends that request whatever happens.
    again = await _again(run, adapter, ctx)
    async with (
        aclosing(_made_ready(again or targets.pages(run, account, adapter, ctx, files), ready)) as pages,
        aclosing(commit(pages)) as committed,
    ):
        async for page, recorded in committed:
            watermark, cut, cursor = page.watermark or watermark, page.cut, page.cursor
            cancelled = cancelled or recorded.cancel_requested
            if cut and not cancelled:
                break
            read += 1
            if not stepping_back and read >= PAGES_A_TURN and cursor is not None and time.monotonic() - asked >= ASK_EVERY_S:
                asked = time.monotonic()
                stepping_back = await others_wait()
            if cancelled or stepping_back:
                commits.stop()
    if cancelled:
        await runs.cancelled(run)
        return RunState.CANCELLED
    if stepping_back and cursor is not None and not cut:
        await runs.step_back(run)
        return RunState.QUEUED
    await targets.afterwards(account, run.target)
    if run.reread and again is None and not cut:
        await runs.resolve_unmet(run)
    return await runs.finish(run, watermark=watermark, cut=cut, cursor=cursor)


async def _made_ready(pages: AsyncIterator[Page[Any]], ready: Callable[[Page[Any]], Ready]) -> AsyncGenerator[Ready, None]:
    """Each page with what is to be kept of it. Ends the adapter's generator, and its open requests, where it ends itself."""
    try:
        async for page in pages:
            yield ready(page)
    finally:
        if isinstance(pages, AsyncGenerator):
            await pages.aclose()


def _compared(run: runs.Taken, page: Page[Any]) -> Page[Any]:
    """Without the orders that a check leaves to the next sync: newer ones are not missing, whatever the marketplace adds to its answer."""
    if run.purpose is not Purpose.RECONCILIATION or run.until is None:
        return page
    until = run.until
    return msgspec.structs.replace(page, facts=tuple(fact for fact in page.facts if fact.placed_at < until))


async def _again(run: runs.Taken, adapter: MarketplaceAdapter, ctx: SyncContext) -> AsyncIterator[Page[Any]] | None:
    """Only the rows that were asked for again; None when this run reads on as usual, or has to because the marketplace gives no single rows."""
    if not run.reread:
        return None
    asked = await runs.asked_again(run)
    if asked and isinstance(adapter, Rereading) and run.target in adapter.rereads:
        return adapter.reread(ctx, run.target, asked)
    await runs.note(run, "The marketplace gives no single rows here, so everything is read again from where they were met.")
    return None
