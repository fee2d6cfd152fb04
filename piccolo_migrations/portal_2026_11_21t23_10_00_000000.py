"""What a table class cannot say: references, checks, the indexes pages and sweeps read by, and the life of a run."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-21T23:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "References checks indexes and the life of a run"

REFERENCES = (
    # table, column, parent, what happens when the parent goes
    ("seller_users", "seller_id", "sellers", "CASCADE"),
    ("sessions", "user_id", "seller_users", "CASCADE"),
    ("marketplace_accounts", "seller_id", "sellers", "CASCADE"),
    ("buyer_data_keys", "seller_id", "sellers", "CASCADE"),
    ("marketplace_credential_events", "marketplace_account_id", "marketplace_accounts", "CASCADE"),
    ("orders", "marketplace_account_id", "marketplace_accounts", "CASCADE"),
    ("order_items", "order_id", "orders", "CASCADE"),
    ("shipments", "order_id", "orders", "CASCADE"),
    ("shipment_items", "shipment_id", "shipments", "CASCADE"),
    ("order_returns", "marketplace_account_id", "marketplace_accounts", "CASCADE"),
    ("order_return_items", "order_return_id", "order_returns", "CASCADE"),
    ("marketplace_payouts", "marketplace_account_id", "marketplace_accounts", "CASCADE"),
    ("payout_line_items", "marketplace_payout_id", "marketplace_payouts", "CASCADE"),
    ("payout_line_items", "order_id", "orders", "SET NULL"),
    ("payout_uploads", "marketplace_account_id", "marketplace_accounts", "CASCADE"),
    ("listings", "marketplace_account_id", "marketplace_accounts", "CASCADE"),
    ("inventory_tasks", "marketplace_account_id", "marketplace_accounts", "CASCADE"),
    ("sync_runs", "marketplace_account_id", "marketplace_accounts", "CASCADE"),
    ("sync_events", "run_id", "sync_runs", "CASCADE"),
    ("set_asides", "marketplace_account_id", "marketplace_accounts", "CASCADE"),
    ("sync_cursors", "marketplace_account_id", "marketplace_accounts", "CASCADE"),
    ("connect_wizards", "user_id", "seller_users", "CASCADE"),
    ("connect_wizard_secrets", "wizard_id", "connect_wizards", "CASCADE"),
)

CHECKS = (
    ("marketplaces", "status_known", "status IN ('live', 'sandbox', 'scaffolded', 'paused')"),
    ("marketplace_accounts", "state_known", "state IN ('active', 'paused', 'disconnected')"),
    ("marketplace_accounts", "name_there", "name <> '' AND external_account_id <> ''"),
    ("seller_users", "email_folded", "email = lower(email) AND email LIKE '%_@_%'"),
    ("seller_users", "role_known", "role IN ('OWNER', 'ADMIN', 'OPERATOR', 'FINANCE', 'VIEWER')"),
    ("sync_runs", "state_known", "state IN ('queued', 'running', 'waiting', 'cancelling', 'succeeded', 'partial', 'failed', 'cancelled')"),
    ("sync_runs", "target_known", "target IN ('ORDERS', 'RETURNS', 'PAYOUTS', 'LISTINGS', 'INVENTORY', 'FULL_PROCESSING')"),
    ("sync_runs", "trigger_known", "trigger IN ('manual', 'schedule', 'connect', 'retry', 'cli')"),
    ("sync_runs", "finished_has_time", "(state IN ('succeeded', 'partial', 'failed', 'cancelled')) = (finished_at IS NOT NULL)"),
    ("order_returns", "kind_known", "kind IN ('RTO', 'CUSTOMER')"),
    ("inventory_tasks", "quantity_not_negative", "quantity >= 0"),
)

INDEXES = (
    # What row security asks first comes first: the seller, then what the page sorts by.
    "CREATE INDEX orders_seller_placed ON orders (seller_id, placed_at DESC, id DESC)",
    "CREATE INDEX orders_seller_status_placed ON orders (seller_id, status, placed_at DESC, id DESC)",
    "CREATE INDEX orders_account_open ON orders (marketplace_account_id) WHERE status NOT IN ('delivered', 'cancelled')",
    "CREATE INDEX order_items_seller_sku ON order_items (seller_id, sku)",
    "CREATE INDEX shipments_seller_awb ON shipments (seller_id, awb)",
    "CREATE INDEX shipment_items_seller ON shipment_items (seller_id)",
    "CREATE INDEX order_returns_seller_created ON order_returns (seller_id, created_at DESC, id DESC)",
    "CREATE INDEX order_return_items_seller ON order_return_items (seller_id)",
    "CREATE INDEX marketplace_payouts_seller_paid ON marketplace_payouts (seller_id, paid_at DESC, id DESC)",
    "CREATE INDEX payout_line_items_seller_order ON payout_line_items (seller_id, external_order_id)",
    "CREATE INDEX payout_uploads_seller ON payout_uploads (seller_id, uploaded_at DESC)",
    "CREATE INDEX listings_seller_sku ON listings (seller_id, sku, id)",
    "CREATE INDEX inventory_tasks_seller ON inventory_tasks (seller_id, marketplace_account_id, sku)",
    "CREATE UNIQUE INDEX inventory_tasks_one_pending ON inventory_tasks (marketplace_account_id, sku) WHERE state = 'pending'",
    "CREATE INDEX sync_runs_seller_created ON sync_runs (seller_id, created_at DESC, id DESC)",
    "CREATE UNIQUE INDEX sync_runs_one_live ON sync_runs (marketplace_account_id, target)"
    " WHERE state IN ('queued', 'running', 'waiting', 'cancelling')",
    "CREATE INDEX sync_runs_live ON sync_runs (state, heartbeat_at) WHERE state IN ('queued', 'running', 'waiting', 'cancelling')",
    "CREATE INDEX sync_events_seller ON sync_events (seller_id)",
    "CREATE INDEX set_asides_seller_open ON set_asides (seller_id, marketplace_account_id) WHERE resolved_at IS NULL",
    "CREATE INDEX sync_cursors_seller ON sync_cursors (seller_id)",
    "CREATE INDEX credential_events_seller_account ON marketplace_credential_events (seller_id, marketplace_account_id, occurred_at DESC)",
    "CREATE INDEX audit_entries_seller ON audit_entries (seller_id, occurred_at DESC)",
    "CREATE INDEX connect_wizards_seller ON connect_wizards (seller_id, state)",
    "CREATE INDEX connect_wizard_secrets_seller ON connect_wizard_secrets (seller_id)",
)

STEPS = {
    # From each state, the states a run may go to. Everything else is refused by the database.
    "queued": ("running", "cancelled", "failed"),
    "running": ("waiting", "queued", "cancelling", "succeeded", "partial", "failed", "cancelled"),
    "waiting": ("running", "queued", "cancelled", "failed"),
    "cancelling": ("cancelled", "succeeded", "partial", "failed"),
}

SATELLITES = (("amazon_account_details", "AMAZON_IN"),)


def steps_function() -> str:
    allowed = " OR ".join(
        f"(OLD.state = '{before}' AND NEW.state IN ({', '.join(repr(after) for after in afters)}))" for before, afters in STEPS.items()
    )
    return f"""
        CREATE OR REPLACE FUNCTION sync_runs_step() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.state <> OLD.state AND NOT ({allowed}) THEN
                RAISE EXCEPTION 'a run cannot go from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END $$
    """


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        engine = engine_finder()
        statements = [
            *(
                f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_fk FOREIGN KEY ({column}) REFERENCES {parent} (id) ON DELETE {gone}"
                for table, column, parent, gone in REFERENCES
            ),
            "ALTER TABLE marketplace_accounts ADD CONSTRAINT marketplace_accounts_marketplace_code_fk"
            " FOREIGN KEY (marketplace_code) REFERENCES marketplaces (code)",
            *(f"ALTER TABLE {table} ADD CONSTRAINT {table}_{name} CHECK ({condition})" for table, name, condition in CHECKS),
            *(
                statement
                for table, code in SATELLITES
                for statement in (
                    f"ALTER TABLE {table} ADD CONSTRAINT {table}_own_code CHECK (marketplace_code = '{code}')",
                    f"ALTER TABLE {table} ADD CONSTRAINT {table}_fits_parent FOREIGN KEY (marketplace_account_id, marketplace_code)"
                    " REFERENCES marketplace_accounts (id, marketplace_code) ON DELETE CASCADE",
                )
            ),
            *INDEXES,
            steps_function(),
            "CREATE TRIGGER sync_runs_step BEFORE UPDATE OF state ON sync_runs FOR EACH ROW EXECUTE FUNCTION sync_runs_step()",
        ]
        for statement in statements:
            await engine.run_ddl(statement)

    manager.add_raw(run)
    return manager
