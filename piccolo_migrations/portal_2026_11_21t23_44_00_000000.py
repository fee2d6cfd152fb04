"""A satellite fits its parent: its own code, checked, and a composite reference that lets it stand beside no other account."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-21T23:44:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Satellites of AJIO Flipkart and Meesho fit their parents"

SATELLITES = (
    ("ajio_account_details", "AJIO"),
    ("flipkart_account_details", "FLIPKART"),
    ("meesho_account_details", "MEESHO"),
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        for table, code in SATELLITES:
            await engine_finder().run_ddl(f"ALTER TABLE {table} ADD CONSTRAINT {table}_own_code CHECK (marketplace_code = '{code}')")
            await engine_finder().run_ddl(
                f"ALTER TABLE {table} ADD CONSTRAINT {table}_fits_parent FOREIGN KEY (marketplace_account_id, marketplace_code)"
                " REFERENCES marketplace_accounts (id, marketplace_code) ON DELETE CASCADE"
            )

    manager.add_raw(run)
    return manager
