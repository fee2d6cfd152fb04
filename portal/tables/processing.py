"""Full processing: orders moved together, stage by stage, from the marketplace's list of new ones to a closed manifest."""

from enum import StrEnum

from piccolo.columns import JSONB, UUID, Array, BigInt, BigSerial, Date, Integer, Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.constraints import Unique
from piccolo.table import Table


class BatchState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class OrderState(StrEnum):
    """Where an order of a batch stands. `RELEASED` is decided and waits for the next batch, `GONE` left for good."""

    IN = "in"
    HELD = "held"
    RELEASED = "released"
    GONE = "gone"
    DONE = "done"


class StageState(StrEnum):
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"


class StockPolicy(StrEnum):
    """What happens to a line that asks for more than there is."""

    REDUCE = "reduce"
    ASK = "ask"
    ZERO = "zero"


class ClosePolicy(StrEnum):
    """When the last stage begins: at once, shortly before the courier's cut-off, or when a person says so."""

    IMMEDIATE = "immediate"
    DELAYED = "delayed"
    MANUAL = "manual"


class Batch(Table, tablename="batches"):
    """One open batch per account at most. `number` counts an account's batches; `run_id` is the run that moved it last.

    While it waits, `waiting_until` says until when (empty: for a person) and `waiting_for` why. `next_warning_at` is when somebody has
    to look whether its people are to be warned of the cut-off, empty for at once.
    """

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    number = Integer(default=None)
    state = Varchar(length=10, default=BatchState.OPEN)
    run_id = UUID(null=True, default=None)
    opened_at = Timestamptz(default=TimestamptzNow())
    closed_at = Timestamptz(null=True, default=None)
    waiting_until = Timestamptz(null=True, default=None)
    waiting_for = Text(default="")
    close_asked_at = Timestamptz(null=True, default=None)
    close_asked_by = Varchar(length=120, default="")
    next_warning_at = Timestamptz(null=True, default=None)

    batches_account_number = Unique(["marketplace_account_id", "number"])


class BatchOrder(Table, tablename="batch_orders"):
    """An order on its way; it is in one batch at a time, and takes `passed`, the stages behind it, along into the next.

    `lines` are what the buyer ordered, `confirmed` the pieces promised of each, by item. `marks` is what earlier stages found out.
    """

    id = BigSerial(primary_key=True)
    seller_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    batch_id = UUID(default=None)
    external_order_id = Varchar(length=80, default=None)
    state = Varchar(length=10, default=OrderState.IN)
    passed = Integer(default=0)
    lines = JSONB(default="[]")
    confirmed = JSONB(default="{}")
    marks = JSONB(default="{}")
    decision = Varchar(length=20, default="")
    held_stage = Varchar(length=40, default="")
    held_code = Varchar(length=40, default="")
    held_reason = Text(default="")
    decisions = JSONB(default="[]")
    corrects = JSONB(default="[]")
    held_at = Timestamptz(null=True, default=None)
    decided_at = Timestamptz(null=True, default=None)
    decided_by = Varchar(length=120, default="")

    batch_orders_account_order = Unique(["marketplace_account_id", "external_order_id"])


class StageRun(Table, tablename="stage_runs"):
    """A stage of a batch, from the moment it first began. The counts are of orders."""

    id = BigSerial(primary_key=True)
    seller_id = UUID(default=None)
    batch_id = UUID(default=None)
    position = Integer(default=None)
    stage = Varchar(length=40, default=None)
    state = Varchar(length=10, default=StageState.RUNNING)
    passed_count = Integer(default=0)
    held_count = Integer(default=0)
    times = Integer(default=1)
    started_at = Timestamptz(default=TimestamptzNow())
    ended_at = Timestamptz(null=True, default=None)

    stage_runs_batch_position = Unique(["batch_id", "position"])


class ErrandState(StrEnum):
    """`OPEN` waits for the seller, `BROUGHT` for a worker to look at what he brought."""

    OPEN = "open"
    BROUGHT = "brought"
    DONE = "done"


class BatchErrand(Table, tablename="batch_errands"):
    """What a stage asked the seller to do in the marketplace's own panel, and what he brought back.

    Bytes are kept under `file_key` (what he takes along, empty for nothing) and `brought_key` (empty where he only said that it is
    done). `endings` are what the file he brings may end in; `done` is what the button says that reports it without a file.
    """

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    batch_id = UUID(default=None)
    position = Integer(default=None)
    state = Varchar(length=10, default=ErrandState.OPEN)
    words = Text(default="")
    problems = JSONB(default="[]")
    file_name = Varchar(length=120, default="")
    file_key = Varchar(length=300, default="")
    file_mime = Varchar(length=100, default="")
    file_sha256 = Varchar(length=64, default="")
    returns = Varchar(length=200, default="")
    endings = JSONB(default="[]")
    done = Varchar(length=200, default="")
    asked_at = Timestamptz(default=TimestamptzNow())
    brought_key = Varchar(length=300, default="")
    brought_name = Varchar(length=200, default="")
    brought_sha256 = Varchar(length=64, default="")
    brought_at = Timestamptz(null=True, default=None)
    brought_by = Varchar(length=120, default="")


class Document(Table, tablename="documents"):
    """A paper of an order, or of the whole batch where `external_order_id` is empty. The bytes are kept under `key`."""

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    batch_id = UUID(default=None)
    external_order_id = Varchar(length=80, default="")
    kind = Varchar(length=30, default=None)
    number = Varchar(length=80, default="")
    key = Varchar(length=300, default=None)
    mime = Varchar(length=60, default="application/pdf")
    size = BigInt(default=None)
    sha256 = Varchar(length=64, default=None)
    created_at = Timestamptz(default=TimestamptzNow())

    documents_batch_paper = Unique(["batch_id", "kind", "external_order_id", "number"])


class ProcessingRule(Table, tablename="processing_rules"):
    """What an account's owner has settled once. `cutoff` is minutes after midnight in India; a delayed close comes `close_before` earlier."""

    marketplace_account_id = UUID(primary_key=True, default=None)
    seller_id = UUID(default=None)
    stock_policy = Varchar(length=10, default=StockPolicy.ASK)
    close_policy = Varchar(length=10, default=ClosePolicy.MANUAL)
    cutoff = Integer(default=1050)
    close_before = Integer(default=30)
    holidays = Array(base_column=Date(), default=list)
    tax_number = Varchar(length=20, default="")
    changed_at = Timestamptz(default=TimestamptzNow())
