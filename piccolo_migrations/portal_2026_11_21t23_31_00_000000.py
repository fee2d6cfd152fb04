"""What pages of orders, returns and payouts search and sort by, and a payout's status in the marketplace's own word."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns.column_types import Text, Varchar
from piccolo.columns.indexes import IndexMethod
from piccolo.engine import engine_finder

ID = "2026-11-21T23:31:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "What the ledger pages read by"

INDEXES = (
    # `varchar_pattern_ops` compares bytes, so a prefix is a range whatever the database's collation.
    "CREATE INDEX orders_seller_external ON orders (seller_id, external_order_id varchar_pattern_ops)",
    "CREATE INDEX orders_account_placed ON orders (marketplace_account_id, placed_at DESC, id DESC)",
    "CREATE INDEX order_returns_seller_began ON order_returns (seller_id, (coalesce(created_at, 'epoch')) DESC, id DESC)",
    "CREATE INDEX order_returns_account_order ON order_returns (marketplace_account_id, external_order_id)",
    "CREATE INDEX payout_line_items_unmatched ON payout_line_items (marketplace_payout_id)"
    " WHERE order_id IS NULL AND external_order_id <> ''",
    "CREATE INDEX inventory_tasks_account_sku ON inventory_tasks (marketplace_account_id, sku, created_at DESC)",
    "CREATE INDEX sync_runs_account_succeeded ON sync_runs (marketplace_account_id, target, finished_at DESC) WHERE state = 'succeeded'",
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)
    manager.add_column(
        table_class_name="MarketplacePayout",
        tablename="marketplace_payouts",
        column_name="told_status",
        db_column_name="told_status",
        column_class_name="Varchar",
        column_class=Varchar,
        params={
            "length": 20,
            "default": "PENDING",
            "null": False,
            "primary_key": False,
            "unique": False,
            "index": False,
            "index_method": IndexMethod.btree,
            "choices": None,
            "db_column_name": None,
            "secret": False,
        },
        schema=None,
    )
    manager.add_column(
        table_class_name="PayoutUpload",
        tablename="payout_uploads",
        column_name="first_lines",
        db_column_name="first_lines",
        column_class_name="Text",
        column_class=Text,
        params={
            "default": "[]",
            "null": False,
            "primary_key": False,
            "unique": False,
            "index": False,
            "index_method": IndexMethod.btree,
            "choices": None,
            "db_column_name": None,
            "secret": False,
        },
        schema=None,
    )

    async def run() -> None:
        engine = engine_finder()
        for statement in INDEXES:
            await engine.run_ddl(statement)

    manager.add_raw(run)
    return manager
