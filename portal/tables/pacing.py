"""What all workers share about a marketplace's patience: budgets of calls, circuits, and which account uses which of them."""

from piccolo.columns import UUID, DoublePrecision, Integer, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.constraints import Unique
from piccolo.table import Table


class CallBudget(Table, tablename="call_budgets"):
    """The virtual schedule of one credential's calls of one operation. Not a seller's: two sellers may share a credential.

    `id` and `credential` are hashes. `rate` is calls a second, `burst` calls at once. The next turn begins one step (1 / rate)
    after `due`; a `due` that lies burst steps back means a full bucket. `granted` and `wait_s` are the answer to the last claim.
    """

    id = Varchar(length=32, primary_key=True, default=None)
    credential = Varchar(length=32, default=None, index=True)
    operation = Varchar(length=60, default=None)
    rate = DoublePrecision(default=None)
    burst = DoublePrecision(default=None)
    due = Timestamptz(default=None)
    granted = Integer(default=0)
    wait_s = DoublePrecision(default=0.0)


class MarketplaceCircuit(Table, tablename="marketplace_circuits"):
    """Whether one host of a marketplace answers. Not a seller's: an outage is everybody's.

    `faults` in a row since `silent_since`, of `accounts` different accounts one after the other. While `opened_at` is set nobody
    calls; at `retry_at` one probe may, until `probe_until`. `pauses` counts the pauses so far, each longer than the one before.
    """

    id = Varchar(length=300, primary_key=True, default=None)
    marketplace_code = Varchar(length=20, default=None)
    host = Varchar(length=255, default=None)
    faults = Integer(default=0)
    accounts = Integer(default=0)
    last_account = UUID(null=True, default=None)
    silent_since = Timestamptz(null=True, default=None)
    opened_at = Timestamptz(null=True, default=None)
    retry_at = Timestamptz(null=True, default=None)
    probe_until = Timestamptz(null=True, default=None)
    pauses = Integer(default=0)


class CredentialUse(Table, tablename="credential_uses"):
    """Which host an account's calls go to, and whose budget they count against: so that pages show a seller what concerns it."""

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None, index=True)
    marketplace_account_id = UUID(default=None)
    host = Varchar(length=255, default=None)
    credential = Varchar(length=32, default=None)
    used_at = Timestamptz(default=TimestamptzNow())

    credential_uses_account_host = Unique(["marketplace_account_id", "host"])
