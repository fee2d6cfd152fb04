"""What a person does about a batch that is to be handed over: take an order out, close the manifests."""

from uuid import UUID

import msgspec

from portal import clock, db
from portal.audit import service as audit
from portal.errors import Conflict, NotFound
from portal.jobs import Jobs
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.facts import Decision
from portal.marketplaces.registry import marketplace
from portal.processing import batches
from portal.runs import service as runs
from portal.tables.audit import Action
from portal.tables.processing import BatchState
from portal.tables.syncs import RunState

OUT = "You took it out of its manifest."


async def take_out(seller_id: UUID, batch_id: UUID, order_id: str, *, by: str) -> None:
    """Hold an order whose parcel stands on a manifest that is not closed yet; it is put back or dropped like every held order.

    Raises NotFound for a batch or an order that is not this seller's, Conflict once its manifests are being closed.
    """
    async with db.transaction(seller_id) as held:
        batch = await held.fetchrow(
            """SELECT b.state, b.marketplace_account_id AS account_id, a.marketplace_code FROM batches b
               JOIN marketplace_accounts a ON a.id = b.marketplace_account_id WHERE b.id = $1 FOR NO KEY UPDATE OF b""",
            batch_id,
        )
        if batch is None:
            raise NotFound("batch")
        stages = marketplace(batch["marketplace_code"]).stages
        position = await batches.standing(batch_id, len(stages)) if batch["state"] == BatchState.OPEN else None
        if position is None or not stages[position - 1].closes or await batches.begun(batch_id, position):
            raise Conflict("Orders can be taken out while the manifests are open. These are not open, or are being closed just now.")
        taken = await held.fetchval(
            """UPDATE batch_orders SET state = 'held', held_stage = $3, held_code = 'taken_out', held_reason = $4, held_at = $5,
                   decisions = $6::jsonb, corrects = '[]', decision = '', decided_at = NULL
               WHERE batch_id = $1 AND external_order_id = $2 AND state = 'in' AND passed = $7 - 1 RETURNING 1""",
            batch_id,
            order_id,
            stages[position - 1].code,
            OUT,
            clock.now(),
            msgspec.json.encode((Decision.RETRY, Decision.DROP)).decode(),
            position,
        )
        if not taken:
            raise NotFound("order")
        await audit.write(seller_id, Action.TAKEN_OUT, order_id, actor=by, account_id=batch["account_id"])


async def close_now(seller_id: UUID, batch_id: UUID, *, jobs: Jobs, by: str) -> UUID:
    """Close the manifests as soon as everything before is done, whatever the account's rule. Answers the run that does it."""
    async with db.transaction(seller_id) as held:
        account_id = await held.fetchval(
            """UPDATE batches SET close_asked_at = coalesce(close_asked_at, $2), close_asked_by = $3 WHERE id = $1 AND state = 'open'
               RETURNING marketplace_account_id""",
            batch_id,
            clock.now(),
            by,
        )
        if account_id is None:
            if await held.fetchval("SELECT 1 FROM batches WHERE id = $1", batch_id):
                raise Conflict("This batch is closed already.")
            raise NotFound("batch")
        await audit.write(seller_id, Action.MANIFESTS_CLOSED, "Asked to close the manifests", actor=by, account_id=account_id)
    return await go_on(seller_id, account_id, jobs=jobs, by=by)


async def go_on(seller_id: UUID, account_id: UUID, *, jobs: Jobs, by: str) -> UUID:
    """Let an account's batch go on at once: its run is woken where it waits, else begun. Answers the run."""
    started = await runs.start(seller_id, account_id, ScheduleTarget.FULL_PROCESSING, jobs=jobs, by=by)
    if started.joined:
        await _wake(seller_id, started.run_id, jobs)
    return started.run_id


async def _wake(seller_id: UUID, run_id: UUID, jobs: Jobs) -> None:
    """A run that waits for its time, or for a person, need not wait any longer; nor need one that is at work and about to."""
    async with db.transaction(seller_id) as held:
        woken = await held.fetchrow(
            """UPDATE sync_runs r SET resume_at = $2 FROM marketplace_accounts a
               WHERE r.id = $1 AND a.id = r.marketplace_account_id
                 AND (r.state = 'running' OR r.state = 'waiting' AND r.error_code = $3)
               RETURNING r.state, r.attempt, a.marketplace_code""",
            run_id,
            clock.now(),
            runs.STAGE_WAITS,
        )
    if woken is not None and woken["state"] == RunState.WAITING:
        await jobs.wake(woken["marketplace_code"], run_id, woken["attempt"])
