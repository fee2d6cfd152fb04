"""Work that never joins a live run: it waits until that one ends, then becomes a run of its own."""

from enum import StrEnum

from piccolo.columns import UUID, Boolean, Integer, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table


class RequestOutcome(StrEnum):
    """How a request ended. `STOPPED`: its run failed or was cancelled; what was read is kept."""

    OPEN = ""
    DONE = "done"
    STOPPED = "stopped"
    WITHDRAWN = "withdrawn"


class RunRequest(Table, tablename="run_requests"):
    """What was asked for. Next in line while `run_id` is empty, under way while it names a live run.

    A backfill reads from `first_day` to `until` in slices, a run each, so that fresh data comes in between; `reached` is the end of the
    last slice that is done. The counts add up over the runs; `troubled` when one of them set rows aside or was cut short.
    """

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    target = Varchar(length=20, default=None)
    purpose = Varchar(length=20, default=None)
    requested_by = Varchar(length=120, default="")
    first_day = Timestamptz(null=True, default=None)
    until = Timestamptz(null=True, default=None)
    reached = Timestamptz(null=True, default=None)
    run_id = UUID(null=True, default=None)
    new_count = Integer(default=0)
    changed_count = Integer(default=0)
    same_count = Integer(default=0)
    troubled = Boolean(default=False)
    outcome = Varchar(length=20, default=RequestOutcome.OPEN)
    created_at = Timestamptz(default=TimestamptzNow())
    ended_at = Timestamptz(null=True, default=None)
