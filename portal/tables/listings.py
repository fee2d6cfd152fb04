"""What is on sale where."""

from piccolo.columns import UUID, BigSerial, Boolean, Integer, Numeric, Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.constraints import Unique
from piccolo.table import Table


class Listing(Table, tablename="listings"):
    """`own_sku` maps to the seller's own stock pool; it starts as the marketplace's SKU. `attributes` go back with a push."""

    id = BigSerial(primary_key=True)
    seller_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    sku = Varchar(length=120, default=None)
    own_sku = Varchar(length=120, default="")
    external_listing_id = Varchar(length=120, default="")
    title = Text(default="")
    status = Varchar(length=40, default="")
    raw_status = Varchar(length=80, default="")
    price = Numeric(digits=(14, 4), null=True, default=None)
    currency = Varchar(length=3, default="INR")
    quantity_seen = Integer(null=True, default=None)
    quantity_seen_at = Timestamptz(null=True, default=None)
    quantity_pushed = Integer(null=True, default=None)
    quantity_pushed_at = Timestamptz(null=True, default=None)
    pushable = Boolean(default=True)
    attributes = Text(default="[]")
    changed_at = Timestamptz(default=TimestamptzNow())

    listings_account_sku = Unique(["marketplace_account_id", "sku"])
