"""Runs of the last hour are found without looking at all runs there ever were."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T01:58:10:000000"
VERSION = "1.38.0"
DESCRIPTION = "What the figures read by"


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        await engine_finder().run_ddl("CREATE INDEX sync_runs_finished ON sync_runs (finished_at) WHERE finished_at IS NOT NULL")

    manager.add_raw(run)
    return manager
