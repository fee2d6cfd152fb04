"""Pages and reports find a batch by the run that works on it; the list of tax invoices is in the order in which they were issued."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T11:40:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Batches are found by their run, invoices by their moment"

STATEMENTS = (
    "CREATE INDEX batches_run ON batches (seller_id, run_id)",
    "CREATE INDEX tax_invoices_issued ON tax_invoices (seller_id, created_at DESC, id DESC)",
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await engine_finder().run_ddl(statement)

    manager.add_raw(run)
    return manager
