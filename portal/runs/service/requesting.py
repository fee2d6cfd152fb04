"""What never joins a live run: it stands next in line, becomes a run when the live one ends, and sums up what its runs found."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec

from portal import clock, db
from portal.audit import service as audit
from portal.errors import NotFound
from portal.jobs import Jobs
from portal.marketplaces.contract import ScheduleTarget
from portal.runs.service.ending import request_cancel
from portal.runs.service.starting import Range, live, lock_account, queue, refuse_unless_open, refuse_unless_working
from portal.tables.accounts import AccountState
from portal.tables.audit import Action
from portal.tables.requests import RequestOutcome, RunRequest
from portal.tables.syncs import FINISHED, Purpose, RunState, SyncRun, Trigger

SLICE = timedelta(days=30)
"""A backfill's runs are no longer than this, so that a long one lets fresh data through in between."""

FIRST = (Purpose.INCREMENTAL, Purpose.BACKFILL, Purpose.RECONCILIATION)
"""Who goes first when several wait for the same target: what is fresh, what somebody waits for, what can wait."""


class Requested(msgspec.Struct, frozen=True, kw_only=True):
    """A request's id, and the run it became at once; None while it stands next in line."""

    request_id: UUID
    run_id: UUID | None


async def ask(
    seller_id: UUID,
    account_id: UUID,
    target: ScheduleTarget,
    purpose: Purpose,
    *,
    jobs: Jobs,
    by: str = "",
    first_day: datetime | None = None,
    until: datetime | None = None,
) -> Requested:
    """Put a request in line; it becomes a run at once when nothing else is live.

    Fresh data and a check stand in line once, however often they are asked for; every backfill is one of its own. Raises NotFound for an
    account that is not this seller's or cannot read this target, Conflict when the account is paused, disconnected or needs a reconnect.
    """
    async with db.transaction(seller_id) as held:
        account = await lock_account(account_id)
        await refuse_unless_open(account, target)
        refuse_unless_working(account)
        request_id = await held.fetchval(
            """INSERT INTO run_requests (id, seller_id, marketplace_account_id, target, purpose, requested_by, first_day, until, reached, created_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7, $9) ON CONFLICT DO NOTHING RETURNING id""",
            uuid4(),
            seller_id,
            account_id,
            target,
            purpose,
            by,
            first_day,
            until,
            clock.now(),
        ) or await held.fetchval(
            """SELECT id FROM run_requests WHERE marketplace_account_id = $1 AND target = $2 AND purpose = $3
               AND run_id IS NULL AND ended_at IS NULL""",
            account_id,
            target,
            purpose,
        )
        if purpose is Purpose.BACKFILL:
            await audit.write(seller_id, Action.DAYS_ASKED, _asked(target, first_day, until), actor=by, account_id=account_id)
        started = await _advance(seller_id, account)
        run_id = await held.fetchval("SELECT run_id FROM run_requests WHERE id = $1", request_id)
    await _enqueue(account, started, jobs)
    return Requested(request_id=request_id, run_id=run_id)


def _asked(target: ScheduleTarget, first_day: datetime | None, until: datetime | None) -> str:
    days = [f"{clock.in_ist(moment):%-d %b %Y}" for moment in (first_day, until) if moment]
    return f"{target}: {' to '.join(days)} read again" if days else f"{target} read again"


async def advance(seller_id: UUID, account_id: UUID, *, jobs: Jobs) -> int:
    """Sum up requests whose run has ended, and let the next ones become runs. Answers how many did. Any number of callers is harmless."""
    async with db.transaction(seller_id):
        account = await lock_account(account_id)
        started = await _advance(seller_id, account)
    await _enqueue(account, started, jobs)
    return len(started)


async def _enqueue(account: Any, started: Sequence[SyncRun], jobs: Jobs) -> None:
    for run in started:
        await jobs.sync(account["marketplace_code"], run.id, 0)


async def _advance(seller_id: UUID, account: Any) -> list[SyncRun]:
    """In the caller's transaction, which holds the account."""
    for row in await _ended(account["id"]):
        await _sum_up(row)
    if account["state"] != AccountState.ACTIVE or account["needs_reconnect"]:
        return []
    waiting = await RunRequest.objects().where(
        (RunRequest.marketplace_account_id == account["id"]) & RunRequest.run_id.is_null() & RunRequest.ended_at.is_null()
    )
    started: dict[str, SyncRun] = {}
    for request in sorted(waiting, key=_turn):
        target = ScheduleTarget(request.target)
        if target in started or await live(account["id"], target) is not None:
            continue
        run = await _become_run(seller_id, request, target)
        if run is not None:
            started[target] = run
    return list(started.values())


async def _ended(account_id: UUID) -> Sequence[Any]:
    rows: Sequence[Any] = await db.connection().fetch(
        """SELECT q.id, q.purpose, q.until, r.state, r.until AS read_until, r.new_count, r.changed_count, r.same_count
           FROM run_requests q JOIN sync_runs r ON r.id = q.run_id
           WHERE q.marketplace_account_id = $1 AND q.ended_at IS NULL AND r.state = ANY($2)""",
        account_id,
        list(FINISHED),
    )
    return rows


async def _sum_up(row: Any) -> None:
    """Add a run's counts to its request. A backfill with days left stands in line again; a run without an end ends the request."""
    done = row["state"] in (RunState.SUCCEEDED, RunState.PARTIAL)
    more = done and row["purpose"] == Purpose.BACKFILL and row["read_until"] < row["until"]
    outcome = RequestOutcome.OPEN if more else RequestOutcome.DONE if done else RequestOutcome.STOPPED
    await db.connection().execute(
        """UPDATE run_requests SET new_count = new_count + $2, changed_count = changed_count + $3, same_count = same_count + $4,
               troubled = troubled OR $5, reached = CASE WHEN $6 THEN $7 ELSE reached END, outcome = $8, ended_at = $9,
               run_id = CASE WHEN $10 THEN NULL ELSE run_id END
           WHERE id = $1""",
        row["id"],
        row["new_count"],
        row["changed_count"],
        row["same_count"],
        row["state"] == RunState.PARTIAL,
        done,
        row["read_until"],
        outcome,
        None if more else clock.now(),
        more,
    )


async def _become_run(seller_id: UUID, request: RunRequest, target: ScheduleTarget) -> SyncRun | None:
    """The request's next run. None for a check of what was never read in the first place: there is nothing to compare yet."""
    reads: Range | None = None
    trigger = Trigger.MANUAL if request.requested_by else Trigger.SCHEDULE
    if request.purpose == Purpose.BACKFILL:
        reads = Range(purpose=Purpose.BACKFILL, first_day=request.reached, until=min(request.reached + SLICE, request.until))
    elif request.purpose == Purpose.RECONCILIATION:
        until = await _read_up_to(request.marketplace_account_id, target)
        if until is None or until <= request.first_day:
            request.outcome, request.ended_at = RequestOutcome.STOPPED, clock.now()
            await request.save()
            return None
        reads = Range(purpose=Purpose.RECONCILIATION, first_day=request.first_day, until=until)
    run = await queue(seller_id, request.marketplace_account_id, target, trigger=trigger, by=request.requested_by, reads=reads)
    request.run_id, request.outcome = run.id, RequestOutcome.OPEN
    await request.save()
    return run


async def _read_up_to(account_id: UUID, target: ScheduleTarget) -> datetime | None:
    """When the last complete run that follows the watermark began: what the marketplace had then, we should have."""
    found: datetime | None = await db.connection().fetchval(
        """SELECT started_at FROM sync_runs WHERE marketplace_account_id = $1 AND target = $2 AND purpose = 'incremental' AND NOT reread
           AND state IN ('succeeded', 'partial') AND watermark IS NOT NULL ORDER BY finished_at DESC LIMIT 1""",
        account_id,
        target,
    )
    return found


async def requests_of(seller_id: UUID, account_id: UUID) -> Sequence[RunRequest]:
    """What stands in line or is under way, newest first, and behind it the last three backfills that ended."""
    own = RunRequest.marketplace_account_id == account_id
    async with db.transaction(seller_id):
        unended = await RunRequest.objects().where(own & RunRequest.ended_at.is_null()).order_by(RunRequest.created_at, ascending=False)
        ended = (
            await RunRequest.objects()
            .where(own & (RunRequest.purpose == Purpose.BACKFILL) & RunRequest.ended_at.is_not_null())
            .order_by(RunRequest.created_at, ascending=False)
            .limit(3)
        )
    return [*unended, *ended]


async def in_line(seller_id: UUID, run_id: UUID) -> Sequence[RunRequest]:
    """What waits behind a run of the same account and target, in its order; nothing once the run has ended."""
    async with db.transaction(seller_id):
        run = await SyncRun.objects().where(SyncRun.id == run_id).first()
        if run is None or run.state in FINISHED:
            return []
        waiting = await RunRequest.objects().where(
            (RunRequest.marketplace_account_id == run.marketplace_account_id)
            & (RunRequest.target == run.target)
            & RunRequest.run_id.is_null()
            & RunRequest.ended_at.is_null()
        )
    return sorted(waiting, key=_turn)


async def stock_in_line(seller_id: UUID, account_id: UUID) -> int:
    """How many approved quantities wait for the push that is at work to end: their draft was approved after it had begun."""
    async with db.transaction(seller_id) as held:
        return int(
            await held.fetchval(
                """SELECT count(*) FROM inventory_tasks t WHERE t.marketplace_account_id = $1 AND t.state = 'pending' AND EXISTS (
                       SELECT FROM sync_runs r WHERE r.marketplace_account_id = $1 AND r.target = 'INVENTORY'
                          AND r.state IN ('running', 'waiting', 'cancelling'))""",
                account_id,
            )
        )


def _turn(request: RunRequest) -> tuple[int, datetime]:
    return FIRST.index(Purpose(request.purpose)), request.created_at


async def last_check(seller_id: UUID, account_id: UUID) -> RunRequest | None:
    """The newest check that came to its end, with what it found."""
    async with db.transaction(seller_id):
        return (
            await RunRequest.objects()
            .where(
                (RunRequest.marketplace_account_id == account_id)
                & (RunRequest.purpose == Purpose.RECONCILIATION)
                & (RunRequest.outcome == RequestOutcome.DONE)
            )
            .order_by(RunRequest.ended_at, ascending=False)
            .first()
        )


async def withdraw(seller_id: UUID, request_id: UUID, *, by: str) -> UUID:
    """Take a request out of the line; a run it has become is cancelled. What was read is kept. Answers its account; NotFound otherwise."""
    async with db.transaction(seller_id):
        request = await RunRequest.objects().where(RunRequest.id == request_id).lock_rows("UPDATE").first()
        if request is None:
            raise NotFound("request")
        if request.ended_at is None:
            if request.run_id is not None:
                await request_cancel(seller_id, request.run_id, by=by)
            request.outcome, request.ended_at = RequestOutcome.WITHDRAWN, clock.now()
            await request.save()
    return UUID(str(request.marketplace_account_id))
