"""Capabilities get their references, take over what the accounts' rows said of them, and are what a sweep looks for."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T01:57:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Capabilities take over the permissions"

STATEMENTS = (
    "ALTER TABLE account_capabilities ADD CONSTRAINT account_capabilities_marketplace_account_id_fk"
    " FOREIGN KEY (marketplace_account_id) REFERENCES marketplace_accounts (id) ON DELETE CASCADE",
    "ALTER TABLE account_capabilities ADD CONSTRAINT account_capabilities_target_known"
    " CHECK (target IN ('ORDERS', 'RETURNS', 'PAYOUTS', 'LISTINGS', 'INVENTORY', 'FULL_PROCESSING'))",
    "CREATE INDEX account_capabilities_seller ON account_capabilities (seller_id, marketplace_account_id)",
    # The owner of a table with forced row security sees no row of it; what is granted is applied anew after the migrations.
    "ALTER TABLE marketplace_accounts NO FORCE ROW LEVEL SECURITY",
    """INSERT INTO account_capabilities (id, seller_id, marketplace_account_id, target, allowed, message, proven_at, tried_at)
       SELECT gen_random_uuid(), a.seller_id, a.id, one ->> 'target', (one ->> 'allowed')::boolean, coalesce(one ->> 'message', ''),
              CASE WHEN (one ->> 'allowed')::boolean THEN (one ->> 'at')::timestamptz END, coalesce((one ->> 'at')::timestamptz, now())
       FROM marketplace_accounts a, jsonb_array_elements(a.permissions::jsonb) AS one
       WHERE a.permissions LIKE '[%'""",
    "UPDATE marketplace_accounts SET next_check_at = now() + random() * interval '4 hours' WHERE state = 'active'",
    "ALTER TABLE marketplace_accounts FORCE ROW LEVEL SECURITY",
    # The sweep's two questions: who is due for a look, and whose credential ends soon.
    "CREATE INDEX marketplace_accounts_due ON marketplace_accounts (next_check_at) WHERE state = 'active'",
    "CREATE INDEX marketplace_accounts_warned ON marketplace_accounts (credential_warn_at) WHERE credential_warn_at IS NOT NULL",
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await engine_finder().run_ddl(statement)

    manager.add_raw(run)
    manager.drop_column(
        table_class_name="MarketplaceAccount",
        tablename="marketplace_accounts",
        column_name="permissions",
        db_column_name="permissions",
        schema=None,
    )
    return manager
