"""Exports belong to their seller and are found by him, newest first, and by the end of their time."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T11:53:12:000000"
VERSION = "1.38.0"
DESCRIPTION = "Exports belong to their seller"

STATEMENTS = (
    "ALTER TABLE exports ADD CONSTRAINT exports_seller_id_fk FOREIGN KEY (seller_id) REFERENCES sellers (id) ON DELETE CASCADE",
    "ALTER TABLE exports ADD CONSTRAINT exports_state CHECK (state IN ('queued', 'making', 'done', 'failed'))",
    "CREATE INDEX exports_seller ON exports (seller_id, created_at DESC)",
    "CREATE INDEX exports_ended ON exports (expires_at)",
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await engine_finder().run_ddl(statement)

    manager.add_raw(run)
    return manager
