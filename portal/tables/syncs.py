"""Runs: one attempt to bring an account up to date, its numbered events, and the rows it could not read."""

from enum import StrEnum

from piccolo.columns import UUID, BigSerial, Boolean, Integer, Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.constraints import Unique
from piccolo.table import Table


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


LIVE = (RunState.QUEUED, RunState.RUNNING, RunState.WAITING, RunState.CANCELLING)
FINISHED = (RunState.SUCCEEDED, RunState.PARTIAL, RunState.FAILED, RunState.CANCELLED)

TRANSITIONS: dict[RunState, tuple[RunState, ...]] = {
    # The migration turns this into a trigger, so the database refuses every other step.
    RunState.QUEUED: (RunState.RUNNING, RunState.CANCELLED, RunState.FAILED),
    RunState.RUNNING: (RunState.WAITING, RunState.QUEUED, RunState.CANCELLING, *FINISHED),
    RunState.WAITING: (RunState.RUNNING, RunState.QUEUED, RunState.CANCELLED, RunState.FAILED),
    RunState.CANCELLING: (RunState.CANCELLED, RunState.SUCCEEDED, RunState.PARTIAL, RunState.FAILED),
}


class Trigger(StrEnum):
    MANUAL = "manual"
    SCHEDULE = "schedule"
    CONNECT = "connect"
    RETRY = "retry"
    CLI = "cli"


class Purpose(StrEnum):
    """Why a run reads what it reads. Only the first moves the watermark; the others have a range of their own."""

    INCREMENTAL = "incremental"
    BACKFILL = "backfill"
    RECONCILIATION = "reconciliation"


class SyncRun(Table, tablename="sync_runs"):
    """`attempt` is the fencing token: every write of a run names it, so a worker that was thought dead writes nothing.

    `seq` numbers the run's events under its row lock. `cursor` continues after the last committed page; `since` is the watermark
    the run began with and `watermark` what the next one gets; `first_day` and `until` bound a run that has a range of its own.
    `request_id` is the click's, so that the web's log, the worker's log and this row tell one story. `reread` runs read only the
    rows set aside that somebody asked for again. `log_cleared_at`: its events and calls were old enough to go; this row stays.
    `gap_from` is set on the run that makes up for a time without access: since when nothing had been read.
    """

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    target = Varchar(length=20, default=None)
    trigger = Varchar(length=20, default=None)
    purpose = Varchar(length=20, default=Purpose.INCREMENTAL)
    state = Varchar(length=20, default=RunState.QUEUED)
    diagnostic_id = Varchar(length=20, default=None, unique=True)
    requested_by = Varchar(length=120, default="")
    retry_of = UUID(null=True, default=None)
    attempt = Integer(default=0)
    faults = Integer(default=0)
    seq = Integer(default=0)
    pages = Integer(default=0)
    new_count = Integer(default=0)
    changed_count = Integer(default=0)
    same_count = Integer(default=0)
    set_aside_count = Integer(default=0)
    total = Integer(null=True, default=None)
    since = Text(null=True, default=None)
    first_day = Timestamptz(null=True, default=None)
    until = Timestamptz(null=True, default=None)
    cursor = Text(null=True, default=None)
    watermark = Text(null=True, default=None)
    cancel_requested = Boolean(default=False)
    error_code = Varchar(length=40, default="")
    error_message = Text(default="")
    partial_reason = Text(default="")
    partial_kind = Varchar(length=10, default="")
    reread = Boolean(default=False)
    request_id = Varchar(length=64, default="")
    created_at = Timestamptz(default=TimestamptzNow())
    started_at = Timestamptz(null=True, default=None)
    heartbeat_at = Timestamptz(null=True, default=None)
    progressed_at = Timestamptz(null=True, default=None)
    resume_at = Timestamptz(null=True, default=None)
    finished_at = Timestamptz(null=True, default=None)
    gap_from = Timestamptz(null=True, default=None)
    log_cleared_at = Timestamptz(null=True, default=None)


class PartialKind(StrEnum):
    """Why a run that came to its end is not whole: rows it could not read, or a marketplace or limit that cut it short."""

    SET_ASIDE = "set_aside"
    CUT = "cut"


class SyncEvent(Table, tablename="sync_events"):
    """One line of a run's story. `message` is for the seller, `detail` for whoever helps; neither holds a secret or a buyer."""

    id = BigSerial(primary_key=True)
    seller_id = UUID(default=None)
    run_id = UUID(default=None)
    seq = Integer(default=None)
    occurred_at = Timestamptz(default=TimestamptzNow())
    kind = Varchar(length=20, default=None)
    level = Varchar(length=10, default="info")
    message = Text(default="")
    detail = Text(default="")

    sync_events_run_seq = Unique(["run_id", "seq"])


class SetAside(Table, tablename="set_asides"):
    """A row that could not be read or was refused, without its secrets and buyer data. Kept until a later run reads it.

    `retry_asked_at`: somebody asked for it again, and no run has tried since.
    """

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    run_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    target = Varchar(length=20, default=None)
    external_id = Varchar(length=120, default="")
    reason = Text(default="")
    raw_form = Text(default="")
    created_at = Timestamptz(default=TimestamptzNow())
    retry_asked_at = Timestamptz(null=True, default=None)
    retry_asked_by = Varchar(length=120, default="")
    resolved_at = Timestamptz(null=True, default=None)
    resolved_by = Varchar(length=160, default="")

    set_asides_account_row = Unique(["marketplace_account_id", "target", "external_id", "reason"])


class SyncCursor(Table, tablename="sync_cursors"):
    """How far one account has been read for one target: moved only by the transaction that ends a complete run."""

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    target = Varchar(length=20, default=None)
    watermark = Text(default=None)
    moved_at = Timestamptz(default=TimestamptzNow())
    moved_by = UUID(default=None)

    sync_cursors_account_target = Unique(["marketplace_account_id", "target"])


class WorkerBeat(Table, tablename="worker_beats"):
    """When each worker process was last alive, and for which marketplace. Not a seller's: it has no row security."""

    worker_id = Varchar(length=80, primary_key=True, default=None)
    marketplaces = Text(default="")
    started_at = Timestamptz(default=TimestamptzNow())
    seen_at = Timestamptz(default=TimestamptzNow())
