"""A third kind of ticket: the link from a phone to a computer."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T05:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Tickets that lead to a computer"

STATEMENTS = (
    "ALTER TABLE connect_wizard_tickets DROP CONSTRAINT connect_wizard_tickets_kind",
    "ALTER TABLE connect_wizard_tickets ADD CONSTRAINT connect_wizard_tickets_kind CHECK (kind IN ('handoff', 'pairing', 'computer'))",
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await engine_finder().run_ddl(statement)

    manager.add_raw(run)
    return manager
