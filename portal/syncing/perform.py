"""Walk a run through its adapter, page by page: the facts of a page, the counts, the cursor and the event commit together."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from portal import clock
from portal.marketplaces.contract import AccountRef, MarketplaceAdapter, Page, Rereading, SyncContext
from portal.orders import service as orders
from portal.runs import service as runs
from portal.syncing import targets
from portal.tables.syncs import RunState
from portal.vault import BuyerSeal


async def perform(run: runs.Taken, account: AccountRef, adapter: MarketplaceAdapter, seal: BuyerSeal) -> RunState:
    """Bring the run to its end and answer the state it ended in.

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
        known_open=lambda: orders.known_open(account),
        note=note,
    )
    keep = targets.keeper(run.target, seal)
    watermark: str | None = None
    cursor: str | None = None
    cut = ""
    # The generator may hold the next page's request open; closing it here ends that request whatever happens.
    again = await _again(run, adapter, ctx)
    async with aclosing(again or targets.pages(run, account, adapter, ctx)) as pages:  # type: ignore[type-var]
        async for page in pages:
            recorded = await _commit(run, account, page, keep)
            watermark, cut, cursor = page.watermark or watermark, page.cut, page.cursor
            if recorded.cancel_requested:
                await runs.cancelled(run)
                return RunState.CANCELLED
            if cut:
                break
    await targets.afterwards(account, run.target)
    if run.reread and again is None and not cut:
        await runs.resolve_unmet(run)
    return await runs.finish(run, watermark=watermark, cut=cut, cursor=cursor)


async def _again(run: runs.Taken, adapter: MarketplaceAdapter, ctx: SyncContext) -> AsyncIterator[Page[Any]] | None:
    """Only the rows that were asked for again; None when this run reads on as usual, or has to because the marketplace gives no single rows."""
    if not run.reread:
        return None
    asked = await runs.asked_again(run)
    if asked and isinstance(adapter, Rereading) and run.target in adapter.rereads:
        return adapter.reread(ctx, run.target, asked)
    await runs.note(run, "The marketplace gives no single rows here, so everything is read again from where they were met.")
    return None


async def _commit(run: runs.Taken, account: AccountRef, page: Page[Any], keep: targets.Keep) -> runs.Recorded:
    async with runs.recording(run) as (held, made):
        # A crash of the database may take back the newest pages, never half a page: the cursor goes back with its facts.
        await held.execute("SET LOCAL synchronous_commit = off")
        kept = await keep(account, page.facts)
        await runs.resolve(run, [*page.readable, *targets.named(run.target, page.facts)])
        aside = await runs.keep_aside(run, page.set_aside)
        return await runs.record(
            run, new=kept.new, changed=kept.changed, same=kept.same, set_aside=aside, cursor=page.cursor, total=page.total, made=made
        )
