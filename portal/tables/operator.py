"""What only the operator can put right: kept for /metrics, belongs to no seller."""

from piccolo.columns import BigInt, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.table import Table


class OperatorRefusal(Table, tablename="operator_refusals"):
    """How often a marketplace has refused the portal's own application, and why the last time."""

    marketplace_code = Varchar(length=20, primary_key=True, default=None)
    refusals = BigInt(default=0)
    reason = Varchar(length=60, default="")
    last_at = Timestamptz(default=TimestamptzNow())
