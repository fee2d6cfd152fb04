"""What lost its worker, its job or its alarm clock goes on."""

from datetime import datetime
from typing import Any

from portal import clock, db
from portal.jobs import Jobs
from portal.runs.service.telling import tell
from portal.tables.syncs import FINISHED, RunState


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
