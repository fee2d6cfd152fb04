"""What the tax tables refer to, what they may hold, and how they are read.

Invoices and their series refer to no account: they have to be kept for years, whatever becomes of that.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T08:22:26:000000"
VERSION = "1.38.0"
DESCRIPTION = "Keys, checks and indexes of tax invoices"

STATEMENTS = (
    "ALTER TABLE tax_settings ADD CONSTRAINT tax_settings_account_fk"
    " FOREIGN KEY (marketplace_account_id) REFERENCES marketplace_accounts (id) ON DELETE CASCADE",
    "ALTER TABLE tax_invoices ADD CONSTRAINT tax_invoices_series_fk FOREIGN KEY (series_id) REFERENCES invoice_series (id)",
    "ALTER TABLE tax_settings ADD CONSTRAINT tax_settings_default_rate CHECK (default_rate BETWEEN 0 AND 10000)",
    "ALTER TABLE tax_articles ADD CONSTRAINT tax_articles_rate CHECK (rate BETWEEN 0 AND 10000)",
    "ALTER TABLE tax_invoices ADD CONSTRAINT tax_invoices_serial CHECK (serial > 0)",
    "CREATE INDEX tax_settings_seller ON tax_settings (seller_id, changed_at DESC)",
    "CREATE INDEX tax_invoices_seller ON tax_invoices (seller_id, issued_on DESC)",
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        engine = engine_finder()
        for statement in STATEMENTS:
            await engine.run_ddl(statement)

    manager.add_raw(run)
    return manager
