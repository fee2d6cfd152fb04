"""The life of a run: start or join one, record what it does, end it. The click side; `syncing` does the work itself.

The row is the truth. Every change adds a numbered event and nudges whoever watches, in one transaction.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec

from portal import clock, db, nudges
from portal.errors import Conflict, NotFound
from portal.jobs import Jobs
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.registry import marketplace
from portal.tables.accounts import AccountState, MarketplaceAccount
from portal.tables.syncs import FINISHED, LIVE, RunState, SyncEvent, SyncRun, Trigger

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

AT_WORK = (RunState.RUNNING, RunState.CANCELLING)
"""The states in which a worker holds a run. In every other state, and in another attempt, it writes nothing."""


class LeaseLost(Exception):
    """Another worker has taken the run over (or it has ended): whoever sees this stops and writes nothing more."""


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """The run a click led to. `joined` is true when it was already under way."""

    run_id: UUID
    joined: bool
    started_at: datetime


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A run as its worker holds it. `attempt` is the fencing token."""

    id: UUID
    seller_id: UUID
    account_id: UUID
    marketplace_code: str
    external_account_id: str
    account_name: str
    target: ScheduleTarget
    trigger: str
    attempt: int
    since: str | None
    cursor: str | None
    first_days: int


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    cancel_requested: bool


def topic(run_id: UUID) -> str:
    return f"run:{run_id}"


def diagnostic_id(prefix: str = "SYN") -> str:
    """An id people can read to each other on the telephone: SYN-8F3K-2Q7M, without O, I, L and U."""
    drawn = "".join(secrets.choice(CROCKFORD) for _ in range(8))
    return f"{prefix}-{drawn[:4]}-{drawn[4:]}"


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

    Raises NotFound for an account that is not this seller's, Conflict when the account is paused, disconnected or needs a reconnect.
    """
    async with db.transaction(seller_id):
        account = await _lock_account(account_id)
        if target not in marketplace(account["marketplace_code"]).supported_targets:
            raise NotFound("kind of sync")
        under_way = await live(account_id, target)
        if under_way is not None:
            return Started(run_id=under_way.id, joined=True, started_at=under_way.created_at)
        _refuse_unless_working(account)
        run = await queue(seller_id, account_id, target, trigger=trigger, by=by, retry_of=retry_of)
    await jobs.sync(account["marketplace_code"], run.id, 0)
    return Started(run_id=run.id, joined=False, started_at=run.created_at)


async def live(account_id: UUID, target: ScheduleTarget) -> SyncRun | None:
    """The run that works on this target now, or waits to. In the caller's transaction."""
    return (
        await SyncRun.objects()
        .where((SyncRun.marketplace_account_id == account_id) & (SyncRun.target == target) & SyncRun.state.is_in(list(LIVE)))
        .first()
    )


async def queue(
    seller_id: UUID, account_id: UUID, target: ScheduleTarget, *, trigger: Trigger, by: str = "", retry_of: UUID | None = None
) -> SyncRun:
    """A new queued run with its first event, in the caller's transaction. Who calls enqueues its job after the commit."""
    resumed = await _resumable(retry_of) if retry_of else None
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
        since=resumed["since"] if resumed else await _watermark(account_id, target),
        cursor=resumed["cursor"] if resumed else None,
    )
    await run.save()
    await tell(run.id, "queued", f"Asked for by {by}. Waiting for a worker." if by else "Waiting for a worker.")
    return run


async def _resumable(run_id: UUID) -> Any:
    row = await db.connection().fetchrow("SELECT since, cursor, state FROM sync_runs WHERE id = $1", run_id)
    if row is None:
        raise NotFound("sync")
    if row["state"] not in FINISHED:
        raise Conflict("This sync is still running.")
    return row


async def _watermark(account_id: UUID, target: ScheduleTarget) -> str | None:
    value = await db.connection().fetchval(
        "SELECT watermark FROM sync_cursors WHERE marketplace_account_id = $1 AND target = $2", account_id, target
    )
    return str(value) if value is not None else None


async def _lock_account(account_id: UUID) -> Any:
    row = await db.connection().fetchrow(
        "SELECT id, marketplace_code, state, needs_reconnect, name FROM marketplace_accounts WHERE id = $1 FOR NO KEY UPDATE", account_id
    )
    if row is None:
        raise NotFound("account")
    return row


def _refuse_unless_working(account: Any) -> None:
    if account["state"] == AccountState.PAUSED:
        raise Conflict(f"{account['name']} is paused. Resume it first.")
    if account["state"] == AccountState.DISCONNECTED:
        raise Conflict(f"{account['name']} is disconnected. Connect it again first.")
    if account["needs_reconnect"]:
        raise Conflict(f"{account['name']} needs reconnecting before it can sync.")


async def tell(run_id: UUID, kind: str, message: str, *, level: str = "info", detail: str = "") -> int:
    """Add the next numbered event and nudge, in the caller's transaction. For events that belong to no attempt."""
    seq = await db.connection().fetchval("UPDATE sync_runs SET seq = seq + 1 WHERE id = $1 RETURNING seq", run_id)
    if seq is None:
        raise NotFound("sync")
    await _event(run_id, int(seq), kind, message, level=level, detail=detail)
    return int(seq)


async def _event(run_id: UUID, seq: int, kind: str, message: str, *, level: str = "info", detail: str = "") -> None:
    await db.connection().execute(
        """INSERT INTO sync_events (seller_id, run_id, seq, occurred_at, kind, level, message, detail)
           VALUES (app_current_seller_id(), $1, $2, $3, $4, $5, $6, $7)""",
        run_id,
        seq,
        clock.now(),
        kind,
        level,
        message,
        detail,
    )
    await nudges.nudge(topic(run_id))


# The work side: every write names the attempt, so a worker that lost its lease writes nothing.


async def take(seller_id: UUID, run_id: UUID, *, lease: timedelta) -> Taken | None:
    """Become the run's worker. None when there is nothing to take: it ended, is not due, another worker has it, or another run of the same account is at work.

    A run whose worker died while it was being cancelled ends here, and so does one whose account needs a reconnect by now.
    """
    async with db.transaction(seller_id) as held:
        account_id = await held.fetchval("SELECT marketplace_account_id FROM sync_runs WHERE id = $1", run_id)
        if account_id is None:
            return None
        # NO KEY: rows that refer to the account may be written meanwhile, so a second delivery and a run that ends never wait for each other.
        account = await held.fetchrow(
            """SELECT id, marketplace_code, external_account_id, name, needs_reconnect, reconnect_reason FROM marketplace_accounts
               WHERE id = $1 FOR NO KEY UPDATE""",
            account_id,
        )
        run = await held.fetchrow("SELECT * FROM sync_runs WHERE id = $1 FOR UPDATE", run_id)
        now = clock.now()
        fresh = run["heartbeat_at"] is not None and run["heartbeat_at"] > now - lease
        if run["state"] in FINISHED or (run["state"] in (RunState.RUNNING, RunState.CANCELLING) and fresh):
            return None
        if run["state"] == RunState.WAITING and run["resume_at"] and run["resume_at"] > now:
            return None
        busy = await held.fetchval(
            "SELECT 1 FROM sync_runs WHERE marketplace_account_id = $1 AND id <> $2 AND state IN ('running', 'cancelling') AND heartbeat_at > $3",
            account_id,
            run_id,
            now - lease,
        )
        if busy:
            return None
        if run["state"] == RunState.CANCELLING:
            await _end(run_id, run["attempt"], RunState.CANCELLED, "Cancelled. Everything read so far is kept.", held_as=AT_WORK)
            return None
        if account["needs_reconnect"]:
            # These keys were refused for good; asking again with them would only tell the marketplace so.
            reason = account["reconnect_reason"] or f"{account['name']} needs reconnecting before it can sync."
            await _end(run_id, run["attempt"], RunState.FAILED, reason, held_as=LIVE, code="keys_rejected", level="problem")
            return None
        taken = await held.fetchrow(
            """UPDATE sync_runs SET state = 'running', attempt = attempt + 1, started_at = coalesce(started_at, $2), heartbeat_at = $2,
                   resume_at = NULL, error_code = '', error_message = '' WHERE id = $1 RETURNING attempt""",
            run_id,
            now,
        )
        first = run["attempt"] == 0
        await tell(run_id, "started" if first else "resumed", "Started." if first else "A worker goes on from the last saved page.")
        # What the seller chose when connecting holds until a first run has come to its end, whichever run that is.
        first_days = await held.fetchval(
            "SELECT first_days FROM connect_wizards WHERE account_id = $1 AND mode = 'new' AND state = 'done'", account_id
        )
        return Taken(
            id=run_id,
            seller_id=seller_id,
            account_id=account_id,
            marketplace_code=account["marketplace_code"],
            external_account_id=account["external_account_id"],
            account_name=account["name"],
            target=ScheduleTarget(run["target"]),
            trigger=run["trigger"],
            attempt=taken["attempt"],
            since=run["since"],
            cursor=run["cursor"],
            first_days=first_days or 30,
        )


_RECORD = """
WITH moved AS (
    UPDATE sync_runs SET seq = seq + 1, pages = pages + 1, new_count = new_count + $3, changed_count = changed_count + $4,
        same_count = same_count + $5, set_aside_count = set_aside_count + $6, cursor = coalesce($7, cursor), total = coalesce($8, total), faults = 0,
        progressed_at = $9, heartbeat_at = $9
    WHERE id = $1 AND attempt = $2 AND state IN ('running', 'cancelling')
    RETURNING id, seller_id, seq, pages, cancel_requested, new_count + changed_count + same_count AS read, total
), told AS (
    INSERT INTO sync_events (seller_id, run_id, seq, occurred_at, kind, message)
    SELECT seller_id, id, seq, $9, 'page',
        'Page ' || pages || ': ' || $3 || ' new, ' || $4 || ' changed, ' || $5 || ' same'
        || CASE WHEN $6 > 0 THEN ', ' || $6 || ' set aside' ELSE '' END
        || '. ' || read || CASE WHEN total IS NULL THEN ' read so far.' ELSE ' of about ' || total || '.' END
    FROM moved
)
SELECT seq, cancel_requested, pg_notify('portal_nudges', 'run:' || id) FROM moved
"""


async def record(run: Taken, *, new: int, changed: int, same: int, set_aside: int, cursor: str | None, total: int | None) -> Recorded:
    """Count a page, move the cursor, number its event and nudge: one statement in the transaction that keeps the page's facts.

    The last page brings no cursor and leaves the one before it: whoever goes on from there reads one page again, not all of them.
    Raises LeaseLost when the run is no longer this attempt's; the caller's transaction then rolls the page back.
    """
    row = await db.connection().fetchrow(_RECORD, run.id, run.attempt, new, changed, same, set_aside, cursor, total, clock.now())
    if row is None:
        raise LeaseLost
    return Recorded(seq=row["seq"], cancel_requested=row["cancel_requested"])


async def note(run: Taken, message: str, *, level: str = "info", detail: str = "", kind: str = "note") -> None:
    """A line in the run's log, in a transaction of its own."""
    async with db.transaction(run.seller_id):
        await _fenced(run, "seq = seq + 1, heartbeat_at = $3", clock.now())
        seq = await db.connection().fetchval("SELECT seq FROM sync_runs WHERE id = $1", run.id)
        await _event(run.id, int(seq), kind, message, level=level, detail=detail)


async def beat(run: Taken) -> bool:
    """Say that the worker lives. False when the run is no longer this attempt's. Answers cancels through the next page."""
    async with db.transaction(run.seller_id) as held:
        done = await held.fetchval(
            "UPDATE sync_runs SET heartbeat_at = $3 WHERE id = $1 AND attempt = $2 AND state IN ('running', 'cancelling') RETURNING 1",
            run.id,
            run.attempt,
            clock.now(),
        )
    return bool(done)


async def _fenced(run: Taken, assignment: str, *values: object) -> None:
    done = await db.connection().fetchval(
        f"UPDATE sync_runs SET {assignment} WHERE id = $1 AND attempt = $2 AND state IN ('running', 'cancelling') RETURNING 1",  # noqa: S608 (our own words)
        run.id,
        run.attempt,
        *values,
    )
    if not done:
        raise LeaseLost


async def _end(
    run_id: UUID,
    attempt: int,
    state: RunState,
    message: str,
    *,
    held_as: Sequence[RunState],
    code: str = "",
    reason: str = "",
    level: str = "info",
    detail: str = "",
) -> None:
    """End the run if it still is this attempt's and in one of the states `held_as`. Raises LeaseLost otherwise."""
    held = db.connection()
    seq = await held.fetchval(
        """UPDATE sync_runs SET state = $3, finished_at = $4, seq = seq + 1, error_code = $5, error_message = $6, partial_reason = $7
           WHERE id = $1 AND attempt = $2 AND state = ANY($8) RETURNING seq""",
        run_id,
        attempt,
        state,
        clock.now(),
        code,
        message if state == RunState.FAILED else "",
        reason,
        list(held_as),
    )
    if seq is None:
        raise LeaseLost
    await _event(run_id, int(seq), "finished", message, level=level, detail=detail)


async def finish(run: Taken, *, watermark: str | None, cut: str = "", cursor: str | None = None) -> RunState:
    """End a run whose adapter has come to its end; moves the account's watermark when nothing is missing before it.

    Rows set aside make it partial: they are kept and listed. A run the marketplace cut short does not move the watermark; a retry
    goes on at `cursor`, where the adapter named one with the cut, and reads from `since` again where it did not.
    """
    async with db.transaction(run.seller_id) as held:
        row = await held.fetchrow(
            "SELECT new_count, changed_count, same_count, set_aside_count FROM sync_runs WHERE id = $1 FOR UPDATE", run.id
        )
        read = row["new_count"] + row["changed_count"] + row["same_count"]
        if cut:
            state, message, reason = RunState.PARTIAL, f"Ended early: {cut} {read} read and kept.", cut
        elif row["set_aside_count"]:
            state = RunState.PARTIAL
            reason = f"{row['set_aside_count']} set aside"
            message = f"Done with problems: {reason}, {read} read and kept."
        elif read == 0:
            state, message, reason = RunState.SUCCEEDED, "Done. Nothing to do: the marketplace has nothing newer.", ""
        else:
            state, reason = RunState.SUCCEEDED, ""
            message = f"Done: {row['new_count']} new, {row['changed_count']} changed, {row['same_count']} same."
        if watermark is not None and not cut:
            await held.execute(
                """INSERT INTO sync_cursors (id, seller_id, marketplace_account_id, target, watermark, moved_at, moved_by)
                   VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6)
                   ON CONFLICT (marketplace_account_id, target)
                   DO UPDATE SET watermark = excluded.watermark, moved_at = excluded.moved_at, moved_by = excluded.moved_by""",
                run.seller_id,
                run.account_id,
                run.target,
                watermark,
                clock.now(),
                run.id,
            )
        await held.execute("UPDATE sync_runs SET watermark = $2, cursor = $3 WHERE id = $1", run.id, None if cut else watermark, cursor)
        level = "warning" if state == RunState.PARTIAL else "info"
        await _end(run.id, run.attempt, state, message, held_as=AT_WORK, reason=reason, level=level)
    return state


async def cancelled(run: Taken) -> None:
    """End a run because the seller asked for it, at a page's border."""
    async with db.transaction(run.seller_id) as held:
        row = await held.fetchrow("SELECT new_count + changed_count + same_count AS read FROM sync_runs WHERE id = $1", run.id)
        await _end(run.id, run.attempt, RunState.CANCELLED, f"Cancelled. {row['read']} already read are kept.", held_as=AT_WORK)


async def fail(run: Taken, code: str, message: str, *, detail: str = "") -> None:
    async with db.transaction(run.seller_id):
        await _end(run.id, run.attempt, RunState.FAILED, message, held_as=AT_WORK, code=code, level="problem", detail=detail)


async def faults(run: Taken) -> int:
    """How many waits in a row the run has behind it, now: a page of this very attempt may have ended the row."""
    async with db.transaction(run.seller_id) as held:
        return int(await held.fetchval("SELECT faults FROM sync_runs WHERE id = $1", run.id) or 0)


async def wait_until(run: Taken, at: datetime, message: str, *, code: str, detail: str = "", fault: bool = True) -> None:
    """Give the run back with a clock time; a job or the sweep goes on then. A wait that is no `fault` costs no patience."""
    async with db.transaction(run.seller_id):
        if await _cancel_asked(run):
            message = "Cancelled while waiting. Everything read so far is kept."
            await _end(run.id, run.attempt, RunState.CANCELLED, message, held_as=AT_WORK)
            return
        change = "state = 'waiting', resume_at = $3, faults = faults + $4, error_code = $5, seq = seq + 1"
        await _fenced(run, change, at, int(fault), code)
        seq = await db.connection().fetchval("SELECT seq FROM sync_runs WHERE id = $1", run.id)
        await _event(run.id, int(seq), "waiting", message, level="warning", detail=detail)


async def hand_back(run: Taken) -> None:
    """The worker stops in good order: another one goes on from the last page."""
    async with db.transaction(run.seller_id):
        if await _cancel_asked(run):
            await _end(run.id, run.attempt, RunState.CANCELLED, "Cancelled. Everything read so far is kept.", held_as=AT_WORK)
            return
        await _fenced(run, "state = 'queued', heartbeat_at = NULL, seq = seq + 1")
        seq = await db.connection().fetchval("SELECT seq FROM sync_runs WHERE id = $1", run.id)
        await _event(run.id, int(seq), "queued", "The worker is being restarted. The sync goes on from the last saved page.")


async def _cancel_asked(run: Taken) -> bool:
    return bool(
        await db.connection().fetchval("SELECT cancel_requested FROM sync_runs WHERE id = $1 AND attempt = $2", run.id, run.attempt)
    )


async def next_in_line(run: Taken) -> tuple[UUID, int] | None:
    """The oldest queued run of the same account, which had to wait for this one's credential."""
    async with db.transaction(run.seller_id) as held:
        row = await held.fetchrow(
            "SELECT id, attempt FROM sync_runs WHERE marketplace_account_id = $1 AND state = 'queued' ORDER BY created_at LIMIT 1",
            run.account_id,
        )
    return (row["id"], row["attempt"]) if row else None


async def rescue(silent_since: datetime, *, jobs: Jobs) -> int:
    """Enqueue again what lost its worker, its job or its alarm clock. Answers how many. Safe with many sweepers at once."""
    rescued = 0
    for row in await db.door("door_lost_runs", silent_since, clock.now()):
        seller_id, run_id = row["seller_id"], row["run_id"]
        async with db.transaction(seller_id) as held:
            run = await held.fetchrow(
                """SELECT r.id, r.state, r.attempt, r.heartbeat_at, r.resume_at, r.created_at, a.marketplace_code FROM sync_runs r
                   JOIN marketplace_accounts a ON a.id = r.marketplace_account_id WHERE r.id = $1 FOR UPDATE OF r SKIP LOCKED""",
                run_id,
            )
            if run is None or not _lost(run, silent_since):
                continue
            if run["state"] == RunState.RUNNING:
                await held.execute("UPDATE sync_runs SET state = 'queued', heartbeat_at = $2 WHERE id = $1", run_id, clock.now())
                await tell(run_id, "queued", "The worker stopped answering. Another one goes on from the last saved page.", level="warning")
            elif run["state"] == RunState.QUEUED:
                # Touch it, so that the next sweep does not ask again at once.
                await held.execute("UPDATE sync_runs SET heartbeat_at = $2 WHERE id = $1", run_id, clock.now())
        # A job that still stands in the queue is left alone.
        await jobs.sync(run["marketplace_code"], run_id, run["attempt"])
        rescued += 1
    return rescued


def _lost(run: Any, silent_since: datetime) -> bool:
    """Still lost, now that its row is ours: another sweeper or a worker may have been quicker."""
    if run["state"] == RunState.WAITING:
        return bool(run["resume_at"] is not None and run["resume_at"] <= clock.now())
    return run["state"] not in FINISHED and (run["heartbeat_at"] or run["created_at"]) < silent_since


# What people ask for, and what pages show.


async def request_cancel(seller_id: UUID, run_id: UUID, *, by: str) -> RunState:
    """Stop a run at its next page. Answers the state it is in now. A run that nobody works on ends at once."""
    async with db.transaction(seller_id) as held:
        run = await held.fetchrow("SELECT state, attempt, cancel_requested, heartbeat_at FROM sync_runs WHERE id = $1 FOR UPDATE", run_id)
        if run is None:
            raise NotFound("sync")
        state = RunState(run["state"])
        if state in FINISHED or state is RunState.CANCELLING:
            return state
        await held.execute("UPDATE sync_runs SET cancel_requested = true WHERE id = $1", run_id)
        if state in (RunState.QUEUED, RunState.WAITING):
            message = f"Cancelled by {by}. Everything read so far is kept."
            await _end(run_id, run["attempt"], RunState.CANCELLED, message, held_as=(RunState.QUEUED, RunState.WAITING))
            return RunState.CANCELLED
        await held.execute("UPDATE sync_runs SET state = 'cancelling' WHERE id = $1", run_id)
        await tell(run_id, "cancelling", f"{by} asked to stop. The sync ends after the present page.")
        return RunState.CANCELLING


async def retry(seller_id: UUID, run_id: UUID, *, jobs: Jobs, by: str, trigger: Trigger = Trigger.RETRY) -> Started:
    """A new run that goes on where an ended one stopped."""
    async with db.transaction(seller_id):
        run = await get(seller_id, run_id)
    return await start(
        seller_id, run.marketplace_account_id, ScheduleTarget(run.target), jobs=jobs, trigger=trigger, by=by, retry_of=run_id
    )


async def get(seller_id: UUID, run_id: UUID) -> SyncRun:
    """The run's row. NotFound when it is not this seller's."""
    async with db.transaction(seller_id):
        run = await SyncRun.objects().where(SyncRun.id == run_id).first()
    if run is None:
        raise NotFound("sync")
    return run


async def events(seller_id: UUID, run_id: UUID, after: int = 0, *, limit: int = 500) -> Sequence[SyncEvent]:
    """Numbered events after `after`, oldest first."""
    async with db.transaction(seller_id):
        return await SyncEvent.objects().where((SyncEvent.run_id == run_id) & (SyncEvent.seq > after)).order_by(SyncEvent.seq).limit(limit)


async def last_events(seller_id: UUID, run_id: UUID, *, before: int | None = None, limit: int = 50) -> Sequence[SyncEvent]:
    """The newest events (before `before`), oldest of them first."""
    async with db.transaction(seller_id):
        query = SyncEvent.objects().where(SyncEvent.run_id == run_id)
        if before is not None:
            query = query.where(SyncEvent.seq < before)
        found = await query.order_by(SyncEvent.seq, ascending=False).limit(limit)
    return list(reversed(found))


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the sync history."""

    id: UUID
    account_id: UUID
    account_name: str
    marketplace_name: str
    target: str
    trigger: str
    requested_by: str
    state: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    new: int
    changed: int
    same: int
    set_aside: int
    reason: str
    diagnostic_id: str


async def history(
    seller_id: UUID, *, account_id: UUID | None = None, state: str = "", before: tuple[datetime, UUID] | None = None, limit: int = 50
) -> list[Listed]:
    """Runs, newest first; `before` is the last line of the page above."""
    async with db.transaction(seller_id) as held:
        rows = await held.fetch(
            """SELECT r.*, a.name AS account_name, a.marketplace_code FROM sync_runs r JOIN marketplace_accounts a ON a.id = r.marketplace_account_id
               WHERE ($1::uuid IS NULL OR r.marketplace_account_id = $1) AND ($2 = '' OR r.state = $2)
                 AND ($3::timestamptz IS NULL OR (r.created_at, r.id) < ($3, $4))
               ORDER BY r.created_at DESC, r.id DESC LIMIT $5""",
            account_id,
            state,
            before[0] if before else None,
            before[1] if before else None,
            limit,
        )
    return [
        Listed(
            id=row["id"],
            account_id=row["marketplace_account_id"],
            account_name=row["account_name"],
            marketplace_name=marketplace(row["marketplace_code"]).name,
            target=row["target"],
            trigger=row["trigger"],
            requested_by=row["requested_by"],
            state=row["state"],
            created_at=row["created_at"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            new=row["new_count"],
            changed=row["changed_count"],
            same=row["same_count"],
            set_aside=row["set_aside_count"],
            reason=row["error_message"] or row["partial_reason"],
            diagnostic_id=row["diagnostic_id"],
        )
        for row in rows
    ]


async def account_of(seller_id: UUID, run_id: UUID) -> MarketplaceAccount:
    run = await get(seller_id, run_id)
    async with db.transaction(seller_id):
        account = await MarketplaceAccount.objects().where(MarketplaceAccount.id == run.marketplace_account_id).first()
    if account is None:
        raise NotFound("account")
    return account


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one run that could not be read for one reason: how many, and a few of their ids."""

    reason: str
    count: int
    examples: tuple[str, ...]


async def set_asides(seller_id: UUID, run_id: UUID) -> list[Aside]:
    """What a run set aside, gathered by reason, most frequent first."""
    async with db.transaction(seller_id) as held:
        rows = await held.fetch(
            """SELECT reason, count(*) AS count, (array_agg(external_id ORDER BY external_id))[1:5] AS examples FROM set_asides
               WHERE run_id = $1 AND resolved_at IS NULL GROUP BY reason ORDER BY count(*) DESC, reason LIMIT 20""",
            run_id,
        )
    return [Aside(reason=row["reason"], count=row["count"], examples=tuple(row["examples"])) for row in rows]
