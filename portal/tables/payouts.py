"""Settlements and their lines, to the paisa."""

from decimal import Decimal

from piccolo.columns import UUID, BigInt, BigSerial, Integer, Numeric, Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.constraints import Unique
from piccolo.table import Table


class MarketplacePayout(Table, tablename="marketplace_payouts"):
    """`difference_amount` is net minus the sum of the lines: kept and shown, never smoothed away.

    `told_status` is the marketplace's word; `status` is what we conclude from it and from the lines.
    """

    id = BigSerial(primary_key=True)
    seller_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    external_payout_id = Varchar(length=120, default=None)
    net_amount = Numeric(digits=(14, 4), null=True, default=None)
    lines_amount = Numeric(digits=(14, 4), default=Decimal("0"))
    difference_amount = Numeric(digits=(14, 4), null=True, default=None)
    currency = Varchar(length=3, default="INR")
    paid_at = Timestamptz(null=True, default=None)
    period_start = Timestamptz(null=True, default=None)
    period_end = Timestamptz(null=True, default=None)
    status = Varchar(length=20, default="PENDING")
    told_status = Varchar(length=20, default="PENDING")
    source = Varchar(length=20, default="sync")
    changed_at = Timestamptz(default=TimestamptzNow())

    marketplace_payouts_account_external_id = Unique(["marketplace_account_id", "external_payout_id"])


class PayoutLineItem(Table, tablename="payout_line_items"):
    """`order_id` is set when the line's order is known here; lines without one stay visible."""

    id = BigSerial(primary_key=True)
    seller_id = UUID(default=None)
    marketplace_payout_id = BigInt(default=None)
    line_key = Varchar(length=160, default=None)
    kind = Varchar(length=20, default=None)
    description = Text(default="")
    amount = Numeric(digits=(14, 4), default=None)
    external_order_id = Varchar(length=80, default="")
    external_item_id = Varchar(length=80, default="")
    sku = Varchar(length=120, default="")
    quantity = Integer(null=True, default=None)
    posted_at = Timestamptz(null=True, default=None)
    order_id = BigInt(null=True, default=None, index=True)

    payout_line_items_payout_line_key = Unique(["marketplace_payout_id", "line_key"])


class PayoutUpload(Table, tablename="payout_uploads"):
    """A payout file a seller handed in: previewed first, kept on confirmation.

    The file itself lies in the data directory until then, for an hour at most. `problems` and `first_lines` are JSON lists for the
    preview. `state`: preview, kept, discarded.
    """

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    file_name = Varchar(length=200, default="")
    sha256 = Varchar(length=64, default=None)
    state = Varchar(length=20, default="preview")
    payouts = Integer(default=0)
    lines = Integer(default=0)
    unreadable = Integer(default=0)
    net_amount = Numeric(digits=(14, 4), default=Decimal("0"))
    problems = Text(default="[]")
    first_lines = Text(default="[]")
    uploaded_by = Varchar(length=120, default="")
    uploaded_at = Timestamptz(default=TimestamptzNow())
    kept_at = Timestamptz(null=True, default=None)
