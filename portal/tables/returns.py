"""Parcels on their way back."""

from piccolo.columns import UUID, BigInt, BigSerial, Integer, Numeric, Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.constraints import Unique
from piccolo.table import Table


class OrderReturn(Table, tablename="order_returns"):
    """`internal_status` is the seller's own work on it: empty, received, claim_pending. `claim_due_at` ends the claim window."""

    id = BigSerial(primary_key=True)
    seller_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    external_return_id = Varchar(length=120, default=None)
    external_order_id = Varchar(length=80, default="")
    kind = Varchar(length=20, default=None)
    status = Varchar(length=20, default=None)
    raw_status = Varchar(length=80, default="")
    internal_status = Varchar(length=20, default="")
    created_at = Timestamptz(null=True, default=None)
    marketplace_updated_at = Timestamptz(null=True, default=None)
    expected_at = Timestamptz(null=True, default=None)
    delivered_at = Timestamptz(null=True, default=None)
    claim_due_at = Timestamptz(null=True, default=None)
    reason = Text(default="")
    refund_amount = Numeric(digits=(14, 4), null=True, default=None)
    currency = Varchar(length=3, default="INR")
    carrier = Varchar(length=80, default="")
    awbs = Text(default="")
    changed_at = Timestamptz(default=TimestamptzNow())

    order_returns_account_external_id = Unique(["marketplace_account_id", "external_return_id"])


class OrderReturnItem(Table, tablename="order_return_items"):
    id = BigSerial(primary_key=True)
    seller_id = UUID(default=None)
    order_return_id = BigInt(default=None)
    external_item_id = Varchar(length=80, default=None)
    sku = Varchar(length=120, default="")
    title = Text(default="")
    quantity = Integer(default=None)
    reason = Text(default="")
    condition = Varchar(length=80, default="")

    order_return_items_return_external_id = Unique(["order_return_id", "external_item_id"])
