"""Errands end with their batch, a stage has one under way at most, and everything is found by seller first."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T08:25:37:000000"
VERSION = "1.38.0"
DESCRIPTION = "Errands belong to their batch"

STATEMENTS = (
    "ALTER TABLE batch_errands ADD CONSTRAINT batch_errands_batch_id_fk FOREIGN KEY (batch_id) REFERENCES batches (id) ON DELETE CASCADE",
    "ALTER TABLE batch_errands ADD CONSTRAINT batch_errands_state CHECK (state IN ('open', 'brought', 'done'))",
    "CREATE UNIQUE INDEX batch_errands_one_open ON batch_errands (batch_id, position) WHERE state <> 'done'",
    "CREATE INDEX batch_errands_seller ON batch_errands (seller_id, batch_id)",
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await engine_finder().run_ddl(statement)

    manager.add_raw(run)
    return manager
