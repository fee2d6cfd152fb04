"""Stock to tell the marketplaces."""

from enum import StrEnum

from piccolo.columns import UUID, Integer, Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table


class TaskState(StrEnum):
    DRAFT = "draft"
    PENDING = "pending"
    SENT = "sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    REPLACED = "replaced"


class InventoryTask(Table, tablename="inventory_tasks"):
    """One absolute quantity for one listing. A newer task for the same SKU replaces one that has not been sent."""

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    draft_id = UUID(null=True, default=None, index=True)
    run_id = UUID(null=True, default=None)
    sku = Varchar(length=120, default=None)
    reason = Varchar(length=40, default="manual")
    quantity_before = Integer(null=True, default=None)
    quantity = Integer(default=None)
    state = Varchar(length=20, default=TaskState.DRAFT)
    message = Text(default="")
    code = Varchar(length=60, default="")
    requested_by = Varchar(length=120, default="")
    created_at = Timestamptz(default=TimestamptzNow())
    settled_at = Timestamptz(null=True, default=None)
