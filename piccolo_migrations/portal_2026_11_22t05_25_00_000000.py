"""The unique key of orders, made last of its table's indexes.

To a planner that knows nothing about a table yet, every index that begins with the account costs the same, and among equals the
youngest is taken. A page of orders finds its rows by this key; any other reads all orders of the account for each of them.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T05:25:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Orders are found by their unique key, with statistics or without"

STATEMENTS = (
    "ALTER TABLE orders DROP CONSTRAINT orders_account_external_id",
    "ALTER TABLE orders ADD CONSTRAINT orders_account_external_id UNIQUE (marketplace_account_id, external_order_id)",
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        engine = engine_finder()
        for statement in STATEMENTS:
            await engine.run_ddl(statement)

    manager.add_raw(run)
    return manager
