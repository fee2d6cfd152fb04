"""What a run said to its marketplace, exchange by exchange: for whoever helps, one step below the run's log."""

from piccolo.columns import UUID, BigSerial, Integer, Real, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.table import Table


class SyncCall(Table, tablename="sync_calls"):
    """One exchange, kept with the event `seq` that it led to. No query string, no header, no body: nothing here can hold a secret.

    `status` is None where no answer came; `fault` then says why. `request_id` is the marketplace's own, for its support.
    """

    id = BigSerial(primary_key=True)
    seller_id = UUID(default=None)
    run_id = UUID(default=None)
    seq = Integer(default=None)
    occurred_at = Timestamptz(default=TimestamptzNow())
    operation = Varchar(length=60, default="")
    method = Varchar(length=10, default="")
    path = Varchar(length=200, default="")
    status = Integer(null=True, default=None)
    duration_ms = Real(default=0.0)
    attempt = Integer(default=1)
    request_id = Varchar(length=80, default="")
    fault = Varchar(length=40, default="")
