"""One open batch per account, papers and stages end with their batch, and everything is found by seller first."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T03:14:14:000000"
VERSION = "1.38.0"
DESCRIPTION = "Batches belong to their account"

STATEMENTS = (
    "ALTER TABLE batches ADD CONSTRAINT batches_account_id_fk"
    " FOREIGN KEY (marketplace_account_id) REFERENCES marketplace_accounts (id) ON DELETE CASCADE",
    "ALTER TABLE processing_rules ADD CONSTRAINT processing_rules_account_id_fk"
    " FOREIGN KEY (marketplace_account_id) REFERENCES marketplace_accounts (id) ON DELETE CASCADE",
    "ALTER TABLE batch_orders ADD CONSTRAINT batch_orders_batch_id_fk FOREIGN KEY (batch_id) REFERENCES batches (id) ON DELETE CASCADE",
    "ALTER TABLE stage_runs ADD CONSTRAINT stage_runs_batch_id_fk FOREIGN KEY (batch_id) REFERENCES batches (id) ON DELETE CASCADE",
    "ALTER TABLE documents ADD CONSTRAINT documents_batch_id_fk FOREIGN KEY (batch_id) REFERENCES batches (id) ON DELETE CASCADE",
    "ALTER TABLE batches ADD CONSTRAINT batches_state CHECK (state IN ('open', 'closed'))",
    "ALTER TABLE batch_orders ADD CONSTRAINT batch_orders_state CHECK (state IN ('in', 'held', 'released', 'gone', 'done'))",
    "ALTER TABLE stage_runs ADD CONSTRAINT stage_runs_state CHECK (state IN ('running', 'waiting', 'done'))",
    "ALTER TABLE processing_rules ADD CONSTRAINT processing_rules_stock CHECK (stock_policy IN ('reduce', 'ask', 'zero'))",
    "ALTER TABLE processing_rules ADD CONSTRAINT processing_rules_close CHECK (close_policy IN ('immediate', 'delayed', 'manual'))",
    "CREATE UNIQUE INDEX batches_one_open ON batches (marketplace_account_id) WHERE state = 'open'",
    "CREATE INDEX batches_seller ON batches (seller_id, opened_at DESC)",
    "CREATE INDEX batch_orders_seller ON batch_orders (seller_id, batch_id)",
    "CREATE INDEX batch_orders_batch ON batch_orders (batch_id, state, passed)",
    "CREATE INDEX batch_orders_held ON batch_orders (seller_id, held_at) WHERE state = 'held'",
    "CREATE INDEX stage_runs_seller ON stage_runs (seller_id, batch_id)",
    "CREATE INDEX documents_seller ON documents (seller_id, batch_id)",
    "CREATE INDEX documents_order ON documents (marketplace_account_id, external_order_id)",
    "CREATE INDEX processing_rules_seller ON processing_rules (seller_id)",
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="portal", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await engine_finder().run_ddl(statement)

    manager.add_raw(run)
    return manager
