"""A use of a credential goes with its account."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T01:59:30:000000"
VERSION = "1.38.0"
DESCRIPTION = "Pacing refers to accounts"

REFERENCES = (
    # column, table it refers to
    ("seller_id", "sellers"),
    ("marketplace_account_id", "marketplace_accounts"),
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        for column, parent in REFERENCES:
            await engine_finder().run_ddl(
                f"ALTER TABLE credential_uses ADD CONSTRAINT credential_uses_{column}_fk FOREIGN KEY ({column})"
                f" REFERENCES {parent} (id) ON DELETE CASCADE"
            )

    manager.add_raw(run)
    return manager
