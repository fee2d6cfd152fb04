"""A ticket ends with its setup, its seller, and the session it left in."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T02:01:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Tickets belong to their setup"

STATEMENTS = (
    "ALTER TABLE connect_wizard_tickets ADD CONSTRAINT connect_wizard_tickets_seller_id_fk"
    " FOREIGN KEY (seller_id) REFERENCES sellers (id) ON DELETE CASCADE",
    "ALTER TABLE connect_wizard_tickets ADD CONSTRAINT connect_wizard_tickets_wizard_id_fk"
    " FOREIGN KEY (wizard_id) REFERENCES connect_wizards (id) ON DELETE CASCADE",
    "ALTER TABLE connect_wizard_tickets ADD CONSTRAINT connect_wizard_tickets_session_id_fk"
    " FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE",
    "ALTER TABLE connect_wizard_tickets ADD CONSTRAINT connect_wizard_tickets_kind CHECK (kind IN ('handoff', 'pairing'))",
    "ALTER TABLE connect_wizard_tickets ADD CONSTRAINT connect_wizard_tickets_bound"
    " CHECK (kind <> 'handoff' OR session_id IS NOT NULL)",
    "ALTER TABLE operator_refusals ADD CONSTRAINT operator_refusals_marketplace_code_fk"
    " FOREIGN KEY (marketplace_code) REFERENCES marketplaces (code)",
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await engine_finder().run_ddl(statement)

    manager.add_raw(run)
    return manager
