"""Who did what. Append-only by grant."""

from piccolo.columns import UUID, BigSerial, Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.table import Table


class AuditEntry(Table, tablename="audit_entries"):
    """`before` and `after` are sentences, counts or fingerprints; never values of secrets."""

    id = BigSerial(primary_key=True)
    seller_id = UUID(default=None)
    occurred_at = Timestamptz(default=TimestamptzNow())
    actor = Varchar(length=120, default="")
    action = Varchar(length=60, default=None)
    marketplace_account_id = UUID(null=True, default=None)
    before = Text(default="")
    after = Text(default="")
    masked_address = Varchar(length=60, default="")
