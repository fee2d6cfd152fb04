"""Calls and mutes belong to their run and account; what history, problems and the sweep of old logs read by."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T01:54:24:000000"
VERSION = "1.38.0"
DESCRIPTION = "References and indexes of calls mutes and old logs"

STATEMENTS = (
    "ALTER TABLE sync_calls ADD CONSTRAINT sync_calls_run_id_fk FOREIGN KEY (run_id) REFERENCES sync_runs (id) ON DELETE CASCADE",
    "ALTER TABLE problem_mutes ADD CONSTRAINT problem_mutes_marketplace_account_id_fk FOREIGN KEY (marketplace_account_id)"
    " REFERENCES marketplace_accounts (id) ON DELETE CASCADE",
    "ALTER TABLE sync_runs ADD CONSTRAINT sync_runs_partial_kind_known CHECK (partial_kind IN ('', 'set_aside', 'cut'))",
    "UPDATE sync_runs SET partial_kind = CASE WHEN partial_reason LIKE '% set aside' THEN 'set_aside' ELSE 'cut' END WHERE state = 'partial'",
    # One index per thing that asks: row security and counting by seller, a run's log and the end of a run by run.
    "CREATE INDEX sync_calls_seller ON sync_calls (seller_id)",
    "CREATE INDEX sync_calls_run ON sync_calls (run_id, seq)",
    "CREATE INDEX problem_mutes_seller ON problem_mutes (seller_id)",
    "CREATE INDEX sync_runs_account_ended ON sync_runs (marketplace_account_id, target, finished_at DESC) WHERE finished_at IS NOT NULL",
    "CREATE INDEX sync_runs_log_kept ON sync_runs (finished_at) WHERE finished_at IS NOT NULL AND log_cleared_at IS NULL",
    "CREATE INDEX set_asides_seller_listed ON set_asides (seller_id, created_at DESC, id DESC)",
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        engine = engine_finder()
        for statement in STATEMENTS:
            await engine.run_ddl(statement)

    manager.add_raw(run)
    return manager
