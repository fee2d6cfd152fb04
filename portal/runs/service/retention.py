"""Old logs go; the run's own row, with its counts and its reason, stays."""

from datetime import timedelta

from portal import clock, db

AT_ONCE = 5_000
"""Rows of one log deleted in one statement: it ends soon, whatever the log's length."""

LEAST_DAYS = 7
"""The database itself keeps a week of logs, whatever it is asked."""


async def clear_old_logs(*, keep_days: int) -> int:
    """Delete events and calls of runs that ended more than `keep_days` ago. Answers how many runs. Safe with many sweepers at once."""
    before = clock.now() - timedelta(days=max(keep_days, LEAST_DAYS))
    rows = await db.door("door_old_logs", before)
    for row in rows:
        while (await db.door("sweep_old_log", row["run_id"], AT_ONCE))[0]["gone"]:
            continue
        async with db.transaction(row["seller_id"]) as held:
            await held.execute("DELETE FROM set_asides WHERE run_id = $1 AND resolved_at IS NOT NULL", row["run_id"])
            await held.execute("UPDATE sync_runs SET log_cleared_at = $2 WHERE id = $1", row["run_id"], clock.now())
    return len(rows)
