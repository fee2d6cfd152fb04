"""Print files and reports end with what they are about, and everything is found by seller first."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T05:13:08:000000"
VERSION = "1.38.0"
DESCRIPTION = "Print files belong to their batch"

STATEMENTS = (
    "ALTER TABLE print_files ADD CONSTRAINT print_files_batch_id_fk FOREIGN KEY (batch_id) REFERENCES batches (id) ON DELETE CASCADE",
    "ALTER TABLE print_files ADD CONSTRAINT print_files_kind CHECK (kind IN ('batch', 'picks', 'slips', 'order'))",
    "ALTER TABLE print_files ADD CONSTRAINT print_files_state CHECK (state IN ('queued', 'printing', 'done', 'failed'))",
    "ALTER TABLE run_reports ADD CONSTRAINT run_reports_run_id_fk FOREIGN KEY (run_id) REFERENCES sync_runs (id) ON DELETE CASCADE",
    "CREATE INDEX print_files_seller ON print_files (seller_id, batch_id, created_at DESC)",
    "CREATE INDEX print_files_run ON print_files (run_id) WHERE run_id IS NOT NULL",
    "CREATE INDEX print_files_ended ON print_files (expires_at)",
    "CREATE INDEX run_reports_seller ON run_reports (seller_id)",
    "CREATE INDEX sync_runs_to_report ON sync_runs (finished_at) WHERE target = 'FULL_PROCESSING' AND trigger = 'schedule'",
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await engine_finder().run_ddl(statement)

    manager.add_raw(run)
    return manager
