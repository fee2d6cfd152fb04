"""Print files: many papers in one PDF, made on request, kept for some days and made anew whenever somebody asks."""

from enum import StrEnum

from piccolo.columns import UUID, BigInt, Integer, Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table


class PrintKind(StrEnum):
    """What is in it: everything of a batch in packing order, its pick list, our slips for it, or the papers of one order."""

    BATCH = "batch"
    PICKS = "picks"
    SLIPS = "slips"
    ORDER = "order"


class PrintState(StrEnum):
    QUEUED = "queued"
    PRINTING = "printing"
    DONE = "done"
    FAILED = "failed"


class PrintFile(Table, tablename="print_files"):
    """`parts_done` of `parts` are in place. `unreadable` names the orders whose paper is replaced by a page that says so.

    The bytes are under `key` until `expires_at`; then file and row go. `run_id` is the scheduled run whose report asked for it.
    """

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    batch_id = UUID(default=None)
    run_id = UUID(null=True, default=None)
    external_order_id = Varchar(length=80, default="")
    kind = Varchar(length=10, default=None)
    state = Varchar(length=10, default=PrintState.QUEUED)
    parts = Integer(default=0)
    parts_done = Integer(default=0)
    pages = Integer(default=0)
    unreadable = Text(default="")
    problem = Text(default="")
    asked_by = Varchar(length=120, default="")
    created_at = Timestamptz(default=TimestamptzNow())
    progressed_at = Timestamptz(default=TimestamptzNow())
    expires_at = Timestamptz(default=None)
    key = Varchar(length=300, default="")
    mime = Varchar(length=60, default="application/pdf")
    size = BigInt(default=0)
    sha256 = Varchar(length=64, default="")


class RunReport(Table, tablename="run_reports"):
    """The report of a scheduled run that was mailed, so that nobody gets it twice."""

    run_id = UUID(primary_key=True, default=None)
    seller_id = UUID(default=None)
    told_at = Timestamptz(default=TimestamptzNow())
