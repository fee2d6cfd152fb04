"""A known value sealed with each key, so that wrong key rings are noticed before they do harm."""

from piccolo.columns import Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.table import Table


class KeyCanary(Table, tablename="key_canaries"):
    """No seller's. `sealed` opens with the private key of that id, and is worth nothing."""

    key_id = Varchar(length=20, primary_key=True, default=None)
    ring = Varchar(length=20, default=None)
    sealed = Text(default=None)
    created_at = Timestamptz(default=TimestamptzNow())
