"""When an account is read by itself: a rule per target, and the nightly check."""

from enum import StrEnum

from piccolo.columns import UUID, Array, Boolean, Integer, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.constraints import Unique
from piccolo.table import Table


class SlotOutcome(StrEnum):
    """What became of a schedule's last slot. `STARTED` is a run of its own, `JOINED` a run that was under way already."""

    NONE = ""
    STARTED = "started"
    JOINED = "joined"
    NEXT = "next_in_line"
    MISSED = "missed"


class Schedule(Table, tablename="schedules"):
    """A rule in typed columns. Times of day are minutes after midnight in `time_zone`; moments are stored in UTC.

    With `interval_minutes`, slots lie in the window from `window_start` to `window_end` (past midnight when that is smaller); without,
    at `set_times`. `weekdays` has a bit for each day on which a window may begin, Monday the lowest.
    `next_run_at` is the slot itself, empty while turned off; the run starts up to `spread_s` seconds after it, so accounts spread.
    `held_since` and `held_slots` say since when and how many slots passed while the account was on hold.
    """

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    target = Varchar(length=20, default=None)
    enabled = Boolean(default=True)
    interval_minutes = Integer(null=True, default=None)
    window_start = Integer(default=0)
    window_end = Integer(default=0)
    weekdays = Integer(default=127)
    set_times = Array(base_column=Integer(), default=list)
    time_zone = Varchar(length=40, default="Asia/Kolkata")
    paused_until = Timestamptz(null=True, default=None)
    next_run_at = Timestamptz(null=True, default=None)
    spread_s = Integer(default=0)
    last_slot_at = Timestamptz(null=True, default=None)
    last_outcome = Varchar(length=20, default=SlotOutcome.NONE)
    held_since = Timestamptz(null=True, default=None)
    held_slots = Integer(default=0)
    changed_at = Timestamptz(default=TimestamptzNow())

    schedules_account_target = Unique(["marketplace_account_id", "target"])


class NightlyCheck(Table, tablename="nightly_checks"):
    """When an account's orders are next compared with the marketplace's. What a check found stands with its request."""

    marketplace_account_id = UUID(primary_key=True, default=None)
    seller_id = UUID(default=None)
    next_at = Timestamptz(default=None)
