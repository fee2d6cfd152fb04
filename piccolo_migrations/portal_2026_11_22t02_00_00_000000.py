"""What the classes of schedules and requests cannot say: references, checks, and the indexes sweeps and pages read by."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T02:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Schedules and requests fit their accounts"

TABLES = ("schedules", "nightly_checks", "run_requests")

STATEMENTS = (
    *(
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_marketplace_account_id_fk"
        " FOREIGN KEY (marketplace_account_id) REFERENCES marketplace_accounts (id) ON DELETE CASCADE"
        for table in TABLES
    ),
    "ALTER TABLE run_requests ADD CONSTRAINT run_requests_run_id_fk FOREIGN KEY (run_id) REFERENCES sync_runs (id) ON DELETE SET NULL",
    *(
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_target_known"
        " CHECK (target IN ('ORDERS', 'RETURNS', 'PAYOUTS', 'LISTINGS', 'INVENTORY', 'FULL_PROCESSING'))"
        for table in ("schedules", "run_requests")
    ),
    "ALTER TABLE schedules ADD CONSTRAINT schedules_slots_somewhere"
    " CHECK (CASE WHEN interval_minutes IS NULL THEN cardinality(set_times) BETWEEN 1 AND 6 ELSE interval_minutes BETWEEN 1 AND 1440 END)",
    "ALTER TABLE schedules ADD CONSTRAINT schedules_minutes_of_a_day"
    " CHECK (window_start BETWEEN 0 AND 1439 AND window_end BETWEEN 0 AND 1439 AND weekdays BETWEEN 1 AND 127)",
    "ALTER TABLE sync_runs ADD CONSTRAINT sync_runs_purpose_known"
    " CHECK (purpose = 'incremental' OR (purpose IN ('backfill', 'reconciliation') AND first_day < until))",
    "ALTER TABLE run_requests ADD CONSTRAINT run_requests_purpose_known CHECK (purpose IN ('incremental', 'backfill', 'reconciliation'))",
    "ALTER TABLE run_requests ADD CONSTRAINT run_requests_outcome_known"
    " CHECK ((outcome = '') = (ended_at IS NULL) AND outcome IN ('', 'done', 'stopped', 'withdrawn'))",
    "CREATE INDEX schedules_seller ON schedules (seller_id, marketplace_account_id)",
    "CREATE INDEX schedules_due ON schedules (next_run_at) WHERE enabled",
    "CREATE INDEX nightly_checks_seller ON nightly_checks (seller_id)",
    "CREATE INDEX nightly_checks_due ON nightly_checks (next_at)",
    "CREATE INDEX run_requests_seller ON run_requests (seller_id, marketplace_account_id, created_at DESC)",
    "CREATE INDEX run_requests_open ON run_requests (marketplace_account_id) WHERE ended_at IS NULL",
    "CREATE INDEX run_requests_run ON run_requests (run_id)",
    # Fresh data and a check stand in line once, however often they are asked for.
    "CREATE UNIQUE INDEX run_requests_in_line_once ON run_requests (marketplace_account_id, target, purpose)"
    " WHERE run_id IS NULL AND ended_at IS NULL AND purpose <> 'backfill'",
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await engine_finder().run_ddl(statement)

    manager.add_raw(run)
    return manager
