"""Walk a run through its adapter, page by page: the facts of a page, the counts, the cursor and the event commit together."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from portal import clock, db
from portal.marketplaces.contract import AccountRef, MarketplaceAdapter, Page, ScheduleTarget, SyncContext
from portal.marketplaces.facts import UnreadableRow
from portal.orders import service as orders
from portal.runs import service as runs
from portal.syncing import targets
from portal.syncing.ahead import in_turn, one_ahead
from portal.tables.syncs import RunState
from portal.vault import BuyerSeal

NAMED_BY = {
    # target: the fact's own name, which a row that was set aside carries too
    ScheduleTarget.ORDERS: "external_order_id",
    ScheduleTarget.RETURNS: "external_return_id",
    ScheduleTarget.PAYOUTS: "external_payout_id",
    ScheduleTarget.LISTINGS: "sku",
    ScheduleTarget.INVENTORY: "sku",
}

OUTWARD = frozenset({ScheduleTarget.INVENTORY, ScheduleTarget.FULL_PROCESSING})
"""What changes something at the marketplace: no step is taken before the one before it is on record."""

PAGES_A_TURN = 20
"""After so many pages a run lets others have its place, if any wait. A big shop takes longer then, and a small one never waits for it."""


async def _nobody() -> bool:
    return False


async def perform(
    run: runs.Taken,
    account: AccountRef,
    adapter: MarketplaceAdapter,
    seal: BuyerSeal,
    *,
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
        known_open=lambda: orders.known_open(account),
        note=note,
    )
    keep = targets.keeper(account, run.target, seal)

    def ready(page: Page[Any]) -> tuple[Page[Any], targets.Write]:
        return page, keep(page.facts)

    watermark: str | None = None
    cursor: str | None = None
    cut = ""
    walk = in_turn if run.target in OUTWARD else one_ahead
    read = 0
    # The generator may hold the next page's request open; closing it here ends that request whatever happens.
    async with aclosing(walk(targets.pages(run, account, adapter, ctx), ready)) as pages:
        async for page, write in pages:
            recorded = await _commit(run, page, write)
            watermark, cut, cursor = page.watermark or watermark, page.cut, page.cursor
            if recorded.cancel_requested:
                await runs.cancelled(run)
                return RunState.CANCELLED
            if cut:
                break
            read += 1
            if read >= PAGES_A_TURN and cursor is not None and await others_wait():
                await runs.step_back(run)
                return RunState.QUEUED
    await targets.afterwards(account, run.target)
    return await runs.finish(run, watermark=watermark, cut=cut, cursor=cursor)


async def _commit(run: runs.Taken, page: Page[Any], write: targets.Write) -> runs.Recorded:
    async with db.transaction(run.seller_id) as held:
        # A crash of the database may take back the newest pages, never half a page: the cursor goes back with its facts.
        await held.execute("SET LOCAL synchronous_commit = off")
        kept = await write()
        await _resolve(run, page.facts)
        aside = await _set_aside(run, page.set_aside)
        return await runs.record(
            run, new=kept.new, changed=kept.changed, same=kept.same, set_aside=aside, cursor=page.cursor, total=page.total
        )


async def _resolve(run: runs.Taken, facts: Sequence[Any]) -> None:
    """What was set aside before and could be read now needs nobody's attention any more."""
    await db.connection().execute(
        """UPDATE set_asides SET resolved_at = $4
           WHERE marketplace_account_id = $1 AND target = $2 AND external_id = ANY($3) AND resolved_at IS NULL""",
        run.account_id,
        run.target,
        [getattr(fact, NAMED_BY[run.target]) for fact in facts],
        clock.now(),
    )


async def _set_aside(run: runs.Taken, rows: Sequence[UnreadableRow]) -> int:
    """Keep what could not be read, with its reason; a row that was set aside before is refreshed, not doubled."""
    for row in rows:
        await db.connection().execute(
            """INSERT INTO set_asides (id, seller_id, run_id, marketplace_account_id, target, external_id, reason, raw_form)
               VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6, $7)
               ON CONFLICT (marketplace_account_id, target, external_id, reason)
               DO UPDATE SET run_id = excluded.run_id, raw_form = excluded.raw_form, resolved_at = NULL""",
            run.seller_id,
            run.id,
            run.account_id,
            run.target,
            row.external_id[:120],
            row.reason,
            msgspec.json.encode(row.raw).decode(),
        )
    return len(rows)
