"""What sellers have been told about their accounts, so that nobody is told twice."""

from enum import StrEnum

from piccolo.columns import UUID, Integer, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.constraints import Unique
from piccolo.table import Table


class NoticeKind(StrEnum):
    RECONNECT = "reconnect"
    EXPIRY = "expiry"
    CHANGE = "change"


class Notice(Table, tablename="notices"):
    """`occasion` is the moment it is about: when the refusals began, when the credential ends, when it was changed.

    `stage` counts within one occasion: hours since the first refusal, days before the end.
    """

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None, index=True)
    marketplace_account_id = UUID(default=None)
    kind = Varchar(length=20, default=None)
    occasion = Timestamptz(default=None)
    stage = Integer(default=0)
    told_at = Timestamptz(default=TimestamptzNow())

    notices_occasion = Unique(["marketplace_account_id", "kind", "occasion", "stage"])
