"""How a run ends, and how a person asks for it."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from portal import clock, db
from portal.errors import NotFound
from portal.runs.service.telling import add_event, tell
from portal.tables.syncs import FINISHED, PartialKind, Purpose, RunState

AT_WORK = (RunState.RUNNING, RunState.CANCELLING)
"""The states in which a worker holds a run. In every other state, and in another attempt, it writes nothing."""


class LeaseLost(Exception):
    """Another worker has taken the run over (or it has ended): whoever sees this stops and writes nothing more."""


async def end(
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
) -> int:
    """End the run if it still is this attempt's and in one of the states `held_as`, and answer its last event's number. Raises LeaseLost otherwise."""
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
    await add_event(run_id, int(seq), "finished", message, level=level, detail=detail)
    return int(seq)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run that came to its end is told: `message` closes its log, `reason` stands wherever the run is listed."""

    state: RunState
    message: str
    reason: str = ""
    kind: str = ""


def outcome_of(
    *,
    new: int,
    changed: int,
    same: int,
    set_aside: int,
    cut: str,
    reread: bool = False,
    purpose: Purpose = Purpose.INCREMENTAL,
    batch: bool = False,
) -> Outcome:
    """Cut short, whole but for rows set aside, nothing to do, or whole: the first that is true.

    `batch`: it moved a batch of orders, whose cut is what it waits for; nothing was read and nothing ended early.
    """
    read = new + changed + same
    aside = f"{set_aside} set aside" if set_aside else ""
    if cut:
        reason = f"{cut} {aside}." if aside else cut
        if batch:
            return Outcome(state=RunState.PARTIAL, message=reason, reason=reason, kind=PartialKind.CUT)
        return Outcome(state=RunState.PARTIAL, message=f"Ended early: {reason} {read} read and kept.", reason=reason, kind=PartialKind.CUT)
    if aside:
        message = f"Done with problems: {aside}, {read} read and kept."
        return Outcome(state=RunState.PARTIAL, message=message, reason=aside, kind=PartialKind.SET_ASIDE)
    if purpose is Purpose.RECONCILIATION:
        message = f"Checked: {new} missing, {changed} had changed, {same} as we had them."
        return Outcome(state=RunState.SUCCEEDED, message=message)
    if read == 0 and purpose is Purpose.BACKFILL:
        return Outcome(state=RunState.SUCCEEDED, message="Done. The marketplace has nothing from these days.")
    if read == 0 and reread:
        return Outcome(state=RunState.SUCCEEDED, message="Done. The marketplace gave none of these rows, so they stay set aside.")
    if read == 0:
        return Outcome(state=RunState.SUCCEEDED, message="Done. Nothing to do: the marketplace has nothing newer.")
    if batch:
        return Outcome(state=RunState.SUCCEEDED, message="Done. Every order of the batch has come to its end.")
    return Outcome(state=RunState.SUCCEEDED, message=f"Done: {new} new, {changed} changed, {same} same.")


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
            await end(run_id, run["attempt"], RunState.CANCELLED, message, held_as=(RunState.QUEUED, RunState.WAITING))
            return RunState.CANCELLED
        await held.execute("UPDATE sync_runs SET state = 'cancelling' WHERE id = $1", run_id)
        await tell(run_id, "cancelling", f"{by} asked to stop. The sync ends after the present page.")
        return RunState.CANCELLING
