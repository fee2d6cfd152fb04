"""Start a run, or join the one that is under way."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import structlog

from portal import clock, db
from portal.errors import Conflict, NotFound
from portal.jobs import Jobs
from portal.marketplaces import reach
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.registry import marketplace
from portal.runs.service.reading import get
from portal.runs.service.telling import diagnostic_id, tell
from portal.tables.accounts import AccountState
from portal.tables.syncs import FINISHED, LIVE, Purpose, SyncRun, Trigger


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """The run a click led to. `joined` is true when it was already under way.

    `next_in_line` when that one reads a range of its own: what was asked for follows it.
    """

    run_id: UUID
    joined: bool
    started_at: datetime
    next_in_line: bool = False


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """What a run reads that does not go on from the watermark: from `first_day` to `until`, for a purpose."""

    purpose: Purpose
    first_day: datetime
    until: datetime


async def start(
    seller_id: UUID,
    account_id: UUID,
    target: ScheduleTarget,
    *,
    jobs: Jobs,
    trigger: Trigger = Trigger.MANUAL,
    by: str = "",
    retry_of: UUID | None = None,
) -> Started:
    """The account's live run of this target, or a new one: two clicks make one run.

    Raises NotFound for an account that is not this seller's, Conflict when the account is paused, disconnected or needs a reconnect, or
    its way to connect does not open this kind of work.
    """
    async with db.transaction(seller_id) as held:
        account = await lock_account(account_id)
        await refuse_unless_open(account, target)
        under_way = await live(account_id, target)
        if under_way is not None:
            bounded = under_way.purpose != Purpose.INCREMENTAL
            if bounded:
                await put_in_line(seller_id, account_id, target, by=by)
            return Started(run_id=under_way.id, joined=True, started_at=under_way.created_at, next_in_line=bounded)
        refuse_unless_working(account)
        try:
            async with held.transaction():
                run = await queue(seller_id, account_id, target, trigger=trigger, by=by, retry_of=retry_of)
        except asyncpg.UniqueViolationError:
            # The clock waits for no account's row: it has queued a run in this very moment, which is joined like any other.
            under_way = await live(account_id, target)
            if under_way is None:
                raise
            return Started(run_id=under_way.id, joined=True, started_at=under_way.created_at)
    await jobs.sync(account["marketplace_code"], run.id, 0)
    return Started(run_id=run.id, joined=False, started_at=run.created_at)


async def live(account_id: UUID, target: ScheduleTarget) -> SyncRun | None:
    """The run that works on this target now, or waits to. In the caller's transaction."""
    return (
        await SyncRun.objects()
        .where((SyncRun.marketplace_account_id == account_id) & (SyncRun.target == target) & SyncRun.state.is_in(list(LIVE)))
        .first()
    )


async def live_of(account_id: UUID) -> list[UUID]:
    """Every run of the account that has not ended. In the caller's transaction."""
    rows = await SyncRun.select(SyncRun.id).where((SyncRun.marketplace_account_id == account_id) & SyncRun.state.is_in(list(LIVE)))
    return [row["id"] for row in rows]


async def put_in_line(seller_id: UUID, account_id: UUID, target: ScheduleTarget, *, by: str = "") -> None:
    """Ask for fresh data after the live run, in the caller's transaction. Asked twice is asked once."""
    await db.connection().execute(
        """INSERT INTO run_requests (id, seller_id, marketplace_account_id, target, purpose, requested_by, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING""",
        uuid4(),
        seller_id,
        account_id,
        target,
        Purpose.INCREMENTAL,
        by,
        clock.now(),
    )


async def queue(
    seller_id: UUID,
    account_id: UUID,
    target: ScheduleTarget,
    *,
    trigger: Trigger,
    by: str = "",
    retry_of: UUID | None = None,
    reads: Range | None = None,
    reread: bool = False,
    since: str | None = None,
    gap_from: datetime | None = None,
) -> SyncRun:
    """A new queued run with its first event, in the caller's transaction. Who calls enqueues its job after the commit.

    It goes on from the watermark, or reads what `reads` says; a retry reads what the ended run did, and takes over its request. A
    `reread` run begins at `since`, in case its rows cannot be asked for one by one. It carries the id of the request that led to it,
    so that the logs of web and worker can be read together. `gap_from`: since when nothing was read,
    for a run that makes up for a time without access.
    """
    resumed = await _resumable(retry_of) if retry_of else None
    reads = _range_of(resumed) if resumed else reads
    run = SyncRun(
        id=uuid4(),
        seller_id=seller_id,
        marketplace_account_id=account_id,
        target=target,
        trigger=trigger,
        requested_by=by,
        diagnostic_id=diagnostic_id(),
        created_at=clock.now(),
        retry_of=retry_of,
        purpose=reads.purpose if reads else Purpose.INCREMENTAL,
        first_day=reads.first_day if reads else None,
        until=reads.until if reads else None,
        since=resumed["since"] if resumed else since if reread else await _watermark(account_id, target),
        cursor=resumed["cursor"] if resumed else None,
        gap_from=gap_from,
        reread=reread,
        request_id=str(structlog.contextvars.get_contextvars().get("request_id", ""))[:64],
    )
    await run.save()
    if retry_of:
        await db.connection().execute(
            "UPDATE run_requests SET run_id = $2, outcome = '', ended_at = NULL WHERE run_id = $1 AND outcome = 'stopped'", retry_of, run.id
        )
    await tell(run.id, "queued", f"Asked for by {by}. Waiting for a worker." if by else "Waiting for a worker.")
    return run


async def _resumable(run_id: UUID) -> Any:
    row = await db.connection().fetchrow("SELECT since, cursor, state, purpose, first_day, until FROM sync_runs WHERE id = $1", run_id)
    if row is None:
        raise NotFound("sync")
    if row["state"] not in FINISHED:
        raise Conflict("This sync is still running.")
    return row


async def read_until(account_id: UUID, target: ScheduleTarget) -> datetime | None:
    """When this account was last read to its end for this target; None when it never was. In the caller's transaction."""
    found: datetime | None = await db.connection().fetchval(
        """SELECT r.created_at FROM sync_cursors c JOIN sync_runs r ON r.id = c.moved_by
           WHERE c.marketplace_account_id = $1 AND c.target = $2""",
        account_id,
        target,
    )
    return found


def _range_of(run: Any) -> Range | None:
    if run["purpose"] == Purpose.INCREMENTAL:
        return None
    return Range(purpose=Purpose(run["purpose"]), first_day=run["first_day"], until=run["until"])


async def _watermark(account_id: UUID, target: ScheduleTarget) -> str | None:
    value = await db.connection().fetchval(
        "SELECT watermark FROM sync_cursors WHERE marketplace_account_id = $1 AND target = $2", account_id, target
    )
    return str(value) if value is not None else None


async def lock_account(account_id: UUID) -> Any:
    """The account's row, ours until the caller's transaction ends: whoever starts a run of it waits here. NotFound when there is none."""
    row = await db.connection().fetchrow(
        "SELECT id, marketplace_code, state, needs_reconnect, name FROM marketplace_accounts WHERE id = $1 FOR NO KEY UPDATE", account_id
    )
    if row is None:
        raise NotFound("account")
    return row


async def refuse_unless_open(account: Any, target: ScheduleTarget) -> None:
    """NotFound for a target that the marketplace cannot do, Conflict with the reason for one that the account's keys do not open."""
    place = marketplace(account["marketplace_code"])
    if target not in place.supported_targets:
        raise NotFound("kind of sync")
    closed = await reach.closed_to(place, account["id"])
    if target in closed:
        raise Conflict(closed[target])


def refuse_unless_working(account: Any) -> None:
    """Conflict, with what to do, for an account that nothing can be read from now."""
    if account["state"] == AccountState.PAUSED:
        raise Conflict(f"{account['name']} is paused. Resume it first.")
    if account["state"] == AccountState.DISCONNECTED:
        raise Conflict(f"{account['name']} is disconnected. Connect it again first.")
    if account["needs_reconnect"]:
        raise Conflict(f"{account['name']} needs reconnecting before it can sync.")


async def retry(seller_id: UUID, run_id: UUID, *, jobs: Jobs, by: str, trigger: Trigger = Trigger.RETRY) -> Started:
    """A new run that goes on where an ended one stopped."""
    async with db.transaction(seller_id):
        run = await get(seller_id, run_id)
    return await start(
        seller_id, run.marketplace_account_id, ScheduleTarget(run.target), jobs=jobs, trigger=trigger, by=by, retry_of=run_id
    )
