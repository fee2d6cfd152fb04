"""Everything of a seller in one file, made on request and kept for some days."""

from enum import StrEnum

from piccolo.columns import UUID, BigInt, Integer, Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table


class ExportState(StrEnum):
    QUEUED = "queued"
    MAKING = "making"
    DONE = "done"
    FAILED = "failed"


class Export(Table, tablename="exports"):
    """`sheets_done` of its sheets are written, `rows` in them so far. The bytes go to `key`, which is of the worker that took it
    last, and are there until `expires_at`; then file and row go.
    """

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    state = Varchar(length=10, default=ExportState.QUEUED)
    sheets_done = Integer(default=0)
    rows = BigInt(default=0)
    problem = Text(default="")
    asked_by = Varchar(length=120, default="")
    created_at = Timestamptz(default=TimestamptzNow())
    progressed_at = Timestamptz(default=TimestamptzNow())
    expires_at = Timestamptz(default=None)
    key = Varchar(length=300, default="")
    size = BigInt(default=0)
    sha256 = Varchar(length=64, default="")
