"""What a person does about a whole batch: close its manifests."""

from uuid import UUID

from portal import clock, db
from portal.audit import service as audit
from portal.errors import Conflict, NotFound
from portal.jobs import Jobs
from portal.marketplaces.contract import ScheduleTarget
from portal.runs import service as runs
from portal.tables.audit import Action


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
    started = await runs.start(seller_id, account_id, ScheduleTarget.FULL_PROCESSING, jobs=jobs, by=by)
    if started.joined:
        await _woken(seller_id, started.run_id)
    return started.run_id


async def _woken(seller_id: UUID, run_id: UUID) -> None:
    """A run that waits for the time to close need not wait any longer; the sweep takes it up within seconds."""
    async with db.transaction(seller_id) as held:
        await held.execute(
            "UPDATE sync_runs SET resume_at = $2 WHERE id = $1 AND state = 'waiting' AND error_code = 'stage_waits'", run_id, clock.now()
        )
