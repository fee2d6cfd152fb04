"""What people's new tables refer to and are read by: mails by due time, changes by when they happened."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T02:00:32:000000"
VERSION = "1.38.0"
DESCRIPTION = "References checks and indexes of mails notices and second steps"

REFERENCES = (
    # table, column, parent; all go with their parent
    ("mails", "seller_id", "sellers"),
    ("notices", "marketplace_account_id", "marketplace_accounts"),
    ("second_factors", "user_id", "seller_users"),
    ("recovery_codes", "user_id", "seller_users"),
    ("password_resets", "user_id", "seller_users"),
    ("invitations", "seller_id", "sellers"),
)

CHECKS = (
    ("mails", "state_known", "state IN ('waiting', 'sent', 'refused', 'lapsed')"),
    ("mails", "sent_has_time", "(state = 'sent') = (sent_at IS NOT NULL)"),
    ("mails", "link_is_ours", "link = '' OR (link LIKE '/%' AND link NOT LIKE '//%')"),
    ("notices", "kind_known", "kind IN ('reconnect', 'expiry', 'change')"),
    ("invitations", "role_known", "role IN ('OWNER', 'ADMIN', 'OPERATOR', 'FINANCE', 'VIEWER')"),
    ("invitations", "email_folded", "email = lower(email)"),
)

INDEXES = (
    "CREATE INDEX mails_waiting ON mails (due_at) WHERE state = 'waiting'",
    "CREATE INDEX mails_latest ON mails (created_at DESC)",
    "CREATE INDEX marketplace_accounts_refused ON marketplace_accounts (refused_at) WHERE needs_reconnect",
    "CREATE INDEX marketplace_accounts_expiring ON marketplace_accounts (credential_expires_at) WHERE credential_expires_at IS NOT NULL",
    "CREATE INDEX marketplace_credential_events_changes ON marketplace_credential_events (occurred_at)"
    " WHERE kind IN ('saved', 'replaced', 'reconnected', 'disconnected')",
    "CREATE INDEX recovery_codes_user ON recovery_codes (user_id)",
    "CREATE INDEX password_resets_user ON password_resets (user_id)",
    "CREATE UNIQUE INDEX invitations_one_open ON invitations (seller_id, email) WHERE accepted_at IS NULL",
    "CREATE INDEX tries_began ON tries (began_at)",
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        engine = engine_finder()
        for table, column, parent in REFERENCES:
            await engine.run_ddl(
                f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_fk FOREIGN KEY ({column}) REFERENCES {parent} (id) ON DELETE CASCADE"
            )
        for table, name, condition in CHECKS:
            await engine.run_ddl(f"ALTER TABLE {table} ADD CONSTRAINT {table}_{name} CHECK ({condition})")
        for statement in INDEXES:
            await engine.run_ddl(statement)

    manager.add_raw(run)
    return manager
