"""Orders and their lines, as a marketplace told them; never which marketplace."""

from piccolo.columns import UUID, BigInt, BigSerial, Bytea, Integer, Numeric, Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.constraints import Unique
from piccolo.table import Table


class Order(Table, tablename="orders"):
    """Buyer columns are sealed with the seller's buyer data key; `buyer_digest` tells whether they changed without opening them."""

    id = BigSerial(primary_key=True)
    seller_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    external_order_id = Varchar(length=80, default=None)
    status = Varchar(length=20, default=None)
    raw_status = Varchar(length=80, default="")
    placed_at = Timestamptz(default=None)
    marketplace_updated_at = Timestamptz(default=None)
    dispatch_by = Timestamptz(null=True, default=None)
    total_amount = Numeric(digits=(14, 4), null=True, default=None)
    currency = Varchar(length=3, default="INR")
    payment_method = Varchar(length=40, default="")
    fulfilment = Varchar(length=40, default="")
    ship_city = Varchar(length=80, default="")
    ship_state = Varchar(length=80, default="")
    ship_pincode = Varchar(length=12, default="")
    buyer_name = Bytea(null=True, default=None, secret=True)
    buyer_phone = Bytea(null=True, default=None, secret=True)
    buyer_email = Bytea(null=True, default=None, secret=True)
    buyer_address = Bytea(null=True, default=None, secret=True)
    buyer_digest = Bytea(null=True, default=None, secret=True)
    first_seen_at = Timestamptz(default=TimestamptzNow())
    changed_at = Timestamptz(default=TimestamptzNow())

    orders_account_external_id = Unique(["marketplace_account_id", "external_order_id"])


class OrderItem(Table, tablename="order_items"):
    id = BigSerial(primary_key=True)
    seller_id = UUID(default=None)
    order_id = BigInt(default=None)
    external_item_id = Varchar(length=80, default=None)
    sku = Varchar(length=120, default="")
    title = Text(default="")
    quantity = Integer(default=None)
    unit_amount = Numeric(digits=(14, 4), null=True, default=None)
    status = Varchar(length=40, default="")

    order_items_order_external_id = Unique(["order_id", "external_item_id"])
