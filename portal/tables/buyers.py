"""Data keys for buyers' personal data."""

from piccolo.columns import UUID, Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.constraints import Unique
from piccolo.table import Table


class BuyerDataKey(Table, tablename="buyer_data_keys"):
    """One data key per seller and marketplace, wrapped twice: for that marketplace's workers, and for the buyer ring.

    Deleting the row forgets every buyer that was sealed with it.
    """

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    marketplace_code = Varchar(length=20, default=None)
    wrapped_for_marketplace = Text(default=None, secret=True)
    wrapped_for_buyers = Text(default=None, secret=True)
    created_at = Timestamptz(default=TimestamptzNow())

    buyer_data_keys_seller_code = Unique(["seller_id", "marketplace_code"])
