"""Which problems a seller has seen and wants to see no more for a while. The problems themselves are read off the runs."""

from piccolo.columns import UUID, Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.constraints import Unique
from piccolo.table import Table


class ProblemMute(Table, tablename="problem_mutes"):
    """`until` None: until the problem changes, that is, says something else than `said` or comes back after it had gone."""

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    code = Varchar(length=40, default=None)
    said = Text(default="")
    muted_at = Timestamptz(default=TimestamptzNow())
    muted_by = Varchar(length=120, default="")
    until = Timestamptz(null=True, default=None)

    problem_mutes_account_code = Unique(["marketplace_account_id", "code"])
