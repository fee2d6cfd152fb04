"""The worker's side of a run: every write names the attempt, so a worker that lost its lease writes nothing."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec

from portal import clock, db
from portal.runs.service import calls
from portal.runs.service.calls import Made
from portal.runs.service.ending import AT_WORK, LeaseLost, end, outcome_of
from portal.runs.service.taking import Taken
from portal.runs.service.telling import add_event
from portal.tables.syncs import Purpose, RunState

STAGE_WAITS = "stage_waits"
"""The code of a run that waits for its time or for a person, and not because something failed."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    cancel_requested: bool


@asynccontextmanager
async def recording(run: Taken, settings: Mapping[str, str] = db.NO_SETTINGS) -> AsyncIterator[tuple[Any, Sequence[Made]]]:
    """A transaction of the run, and the calls it has to put on record. One that is rolled back leaves them to the next."""
    made = run.calls.claim()
    try:
        async with db.transaction(run.seller_id, settings) as held:
            yield held, made
    except BaseException:
        run.calls.give_back(made)
        raise


_RECORD = f"""
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
), asked AS (
    INSERT INTO sync_calls (seller_id, run_id, seq, {calls.COLUMNS})
    SELECT moved.seller_id, moved.id, moved.seq, made.* FROM moved, {calls.unnested(10)} AS made
)
SELECT seq, cancel_requested, pg_notify('portal_nudges', 'run:' || id) FROM moved
"""  # noqa: S608 (our own words)


async def record(
    run: Taken, *, new: int, changed: int, same: int, set_aside: int, cursor: str | None, total: int | None, made: Sequence[Made] = ()
) -> Recorded:
    """Count a page, move the cursor, number its event, put its calls on record and nudge: one statement in the transaction that keeps the page's facts.

    The last page brings no cursor and leaves the one before it: whoever goes on from there reads one page again, not all of them.
    Raises LeaseLost when the run is no longer this attempt's; the caller's transaction then rolls the page back.
    """
    row = await db.connection().fetchrow(
        _RECORD, run.id, run.attempt, new, changed, same, set_aside, cursor, total, clock.now(), *calls.columns(made)
    )
    if row is None:
        raise LeaseLost
    return Recorded(seq=row["seq"], cancel_requested=row["cancel_requested"])


async def note(run: Taken, message: str, *, level: str = "info", detail: str = "", kind: str = "note") -> None:
    """A line in the run's log, in a transaction of its own."""
    async with recording(run) as (_, made):
        seq = await _fenced(run, "seq = seq + 1, heartbeat_at = $3", clock.now())
        await add_event(run.id, seq, kind, run.scrub(message), level=level, detail=run.scrub(detail))
        await calls.keep(run.id, seq, made)


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


async def _fenced(run: Taken, assignment: str, *values: object) -> int:
    """Change the run's row and answer the number of its newest event."""
    seq = await db.connection().fetchval(
        f"UPDATE sync_runs SET {assignment} WHERE id = $1 AND attempt = $2 AND state IN ('running', 'cancelling') RETURNING seq",  # noqa: S608 (our own words)
        run.id,
        run.attempt,
        *values,
    )
    if seq is None:
        raise LeaseLost
    return int(seq)


async def finish(run: Taken, *, watermark: str | None, cut: str = "", cursor: str | None = None) -> RunState:
    """End a run whose adapter has come to its end; moves the account's watermark when nothing is missing before it.

    Rows set aside make it partial: they are kept and listed. A run the marketplace cut short does not move the watermark; a retry
    goes on at `cursor`, where the adapter named one with the cut, and reads from `since` again where it did not.
    """
    async with recording(run) as (held, made):
        row = await held.fetchrow(
            "SELECT new_count, changed_count, same_count, set_aside_count FROM sync_runs WHERE id = $1 FOR UPDATE", run.id
        )
        outcome = outcome_of(
            new=row["new_count"],
            changed=row["changed_count"],
            same=row["same_count"],
            set_aside=row["set_aside_count"],
            cut=run.scrub(cut),
            reread=run.reread,
            purpose=run.purpose,
            batch=run.target == "FULL_PROCESSING",
        )
        # A run with a range of its own says nothing about what is newer than that.
        if watermark is not None and not cut and run.purpose is Purpose.INCREMENTAL:
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
        await held.execute(
            "UPDATE sync_runs SET watermark = $2, cursor = $3, partial_kind = $4 WHERE id = $1",
            run.id,
            None if cut else watermark,
            cursor,
            outcome.kind,
        )
        level = "warning" if outcome.state is RunState.PARTIAL else "info"
        seq = await end(run.id, run.attempt, outcome.state, outcome.message, held_as=AT_WORK, reason=outcome.reason, level=level)
        await calls.keep(run.id, seq, made)
    return outcome.state


async def cancelled(run: Taken) -> None:
    """End a run because the seller asked for it, at a page's border."""
    async with recording(run) as (held, made):
        read = await held.fetchval("SELECT new_count + changed_count + same_count FROM sync_runs WHERE id = $1", run.id)
        seq = await end(run.id, run.attempt, RunState.CANCELLED, f"Cancelled. {read} already read are kept.", held_as=AT_WORK)
        await calls.keep(run.id, seq, made)


async def fail(run: Taken, code: str, message: str, *, detail: str = "") -> None:
    async with recording(run) as (_, made):
        said, more = run.scrub(message), run.scrub(detail)
        seq = await end(run.id, run.attempt, RunState.FAILED, said, held_as=AT_WORK, code=code, level="problem", detail=more)
        await calls.keep(run.id, seq, made)


async def faults(run: Taken) -> int:
    """How many waits in a row the run has behind it, now: a page of this very attempt may have ended the row."""
    async with db.transaction(run.seller_id) as held:
        return int(await held.fetchval("SELECT faults FROM sync_runs WHERE id = $1", run.id) or 0)


async def wait_until(run: Taken, at: datetime, message: str, *, code: str, detail: str = "", fault: bool = True) -> datetime:
    """Give the run back with a clock time; a job or the sweep goes on then. A wait that is no `fault` costs no patience.

    `message` is shown wherever the run is, for as long as it waits. Answers when it goes on: at once, where it waits for somebody who
    has come while it was still at work.
    """
    async with recording(run) as (_, made):
        if await _cancel_asked(run):
            message = "Cancelled while waiting. Everything read so far is kept."
            seq = await end(run.id, run.attempt, RunState.CANCELLED, message, held_as=AT_WORK)
        else:
            said = run.scrub(message)
            if code == STAGE_WAITS:
                at = await _called_for(run) or at
            change = "state = 'waiting', resume_at = $3, faults = faults + $4, error_code = $5, error_message = $6, seq = seq + 1"
            seq = await _fenced(run, change, at, int(fault), code, said)
            await add_event(run.id, seq, "waiting", said, level="warning", detail=run.scrub(detail))
        await calls.keep(run.id, seq, made)
    return at


async def _called_for(run: Taken) -> datetime | None:
    """When somebody called for a run that was at work. The row is locked, so whoever calls from now on finds a run that waits."""
    return cast(
        "datetime | None",
        await db.connection().fetchval("SELECT resume_at FROM sync_runs WHERE id = $1 AND attempt = $2 FOR UPDATE", run.id, run.attempt),
    )


async def hand_back(run: Taken) -> None:
    """The worker stops in good order: another one goes on from the last page."""
    await _queue_again(run, "The worker is being restarted. The sync goes on from the last saved page.", seen_at=None)


async def step_back(run: Taken) -> None:
    """Others wait for the place of a run that has had it for long: it queues again, behind them. Who calls enqueues its job."""
    await _queue_again(run, "Other accounts wait for their turn. This sync goes on right after them.", seen_at=clock.now())


async def _queue_again(run: Taken, message: str, *, seen_at: datetime | None) -> None:
    async with recording(run) as (_, made):
        if await _cancel_asked(run):
            seq = await end(run.id, run.attempt, RunState.CANCELLED, "Cancelled. Everything read so far is kept.", held_as=AT_WORK)
        else:
            seq = await _fenced(run, "state = 'queued', heartbeat_at = $3, seq = seq + 1", seen_at)
            await add_event(run.id, seq, "queued", message)
        await calls.keep(run.id, seq, made)


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
