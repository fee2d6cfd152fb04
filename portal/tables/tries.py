"""Tries at a door, counted over all web processes. No seller's: most are by nobody we know."""

from piccolo.columns import Bytea, Integer, Timestamptz
from piccolo.table import Table


class Try(Table, tablename="tries"):
    """`key` is a hash of who tries at what, so the table names nobody. `failed` counts since `began_at`."""

    key = Bytea(primary_key=True, default=None)
    began_at = Timestamptz(default=None)
    failed = Integer(default=0)
