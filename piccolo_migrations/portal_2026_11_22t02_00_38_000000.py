"""Reminders belong to their setup, and are found by seller and by the day they are due."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T02:00:38:000000"
VERSION = "1.38.0"
DESCRIPTION = "Reminders belong to their setup"

STATEMENTS = (
    "ALTER TABLE connect_reminders ADD CONSTRAINT connect_reminders_wizard_id_fk"
    " FOREIGN KEY (wizard_id) REFERENCES connect_wizards (id) ON DELETE CASCADE",
    "CREATE INDEX connect_reminders_seller ON connect_reminders (seller_id, wizard_id)",
    "CREATE INDEX connect_reminders_unmailed ON connect_reminders (due_at) WHERE mailed_at IS NULL",
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await engine_finder().run_ddl(statement)

    manager.add_raw(run)
    return manager
