"""Half-done connections: what a seller has chosen and typed before there is an account."""

from enum import StrEnum

from piccolo.columns import UUID, Boolean, Integer, Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.constraints import Unique
from piccolo.table import Table


class WizardMode(StrEnum):
    NEW = "new"
    RECONNECT = "reconnect"


class TestState(StrEnum):
    __test__ = False  # not a test class, whatever its name suggests to a collector

    NONE = "none"
    RUNNING = "running"
    CHOOSING = "choosing"
    PASSED = "passed"
    FAILED = "failed"


class WizardState(StrEnum):
    OPEN = "open"
    CONFIRMING = "confirming"
    DONE = "done"
    DISCARDED = "discarded"
    EXPIRED = "expired"


class ConnectWizard(Table, tablename="connect_wizards"):
    """`account_id` is allocated when the wizard begins, because secrets are sealed for their final place from the first moment.

    `sealed_for` names the account that the typed secrets were sealed for when that is not `account_id`: a worker seals them anew.
    `version` rises with every change, so a second tab notices. `form_token` results make a repeated POST harmless.
    The `found_*`, `checks`, `permissions` and `first_proof` columns are the live test's result, written by the worker.
    `swaps` are offers to exchange two values, `notes` what was remarked about a value, by field; both JSON, neither holds a secret.
    `locations` are those the test met (JSON), `ships_from` the id of the one that stock goes to.
    `shops` are those to choose from where the details open several (JSON), `shop` the id of the chosen one, which the next test is about.
    `wiped_at` says since when typed secrets are gone; `first_targets` are the kinds of data the first sync reads, by commas.
    """

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    user_id = UUID(default=None)
    marketplace_code = Varchar(length=20, default=None)
    mode = Varchar(length=20, default=WizardMode.NEW)
    account_id = UUID(default=UUID4())
    sealed_for = UUID(null=True, default=None)
    state = Varchar(length=20, default=WizardState.OPEN)
    step = Integer(default=1)
    version = Integer(default=1)
    form_token = Varchar(length=64, default="")
    method = Varchar(length=30, default="")
    name = Varchar(length=40, default="")
    values = Text(default="{}")
    waiting_for_details = Boolean(default=False)
    swaps = Text(default="[]")
    notes = Text(default="{}")
    wiped_at = Timestamptz(null=True, default=None)
    test_state = Varchar(length=20, default=TestState.NONE)
    test_attempt = Integer(default=0)
    checks = Text(default="{}")
    found_account_id = Varchar(length=120, default="")
    found_name = Varchar(length=120, default="")
    found_note = Text(default="")
    permissions = Text(default="[]")
    locations = Text(default="[]")
    ships_from = Varchar(length=80, default="")
    shops = Text(default="[]")
    shop = Varchar(length=120, default="")
    first_proof = Text(default="")
    error_code = Varchar(length=40, default="")
    error_message = Text(default="")
    error_field = Varchar(length=60, default="")
    duplicate_of = UUID(null=True, default=None)
    first_days = Integer(default=30)
    first_targets = Varchar(length=120, default="")
    first_run_id = UUID(null=True, default=None)
    created_at = Timestamptz(default=TimestamptzNow())
    touched_at = Timestamptz(default=TimestamptzNow())
    expires_at = Timestamptz(default=None)


class ConnectWizardSecret(Table, tablename="connect_wizard_secrets"):
    """One typed secret, sealed for its final table, column and account. Only that marketplace's worker role may read `sealed`.

    `swap:` before a column's name marks an offer: a value that was typed into another box, sealed for this column as well.
    """

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    wizard_id = UUID(default=None)
    marketplace_code = Varchar(length=20, default=None)
    column_name = Varchar(length=60, default=None)
    sealed = Text(default=None, secret=True)
    fingerprint = Varchar(length=20, default=None)
    length = Integer(default=None)
    saved_at = Timestamptz(default=TimestamptzNow())

    connect_wizard_secrets_wizard_column = Unique(["wizard_id", "column_name"])


class ConnectReminder(Table, tablename="connect_reminders"):
    """When to remind of a setup that waits for details. Shown on pages from `due_at` on; `mailed_at` is for whoever sends mail."""

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    wizard_id = UUID(default=None)
    due_at = Timestamptz(default=None)
    mailed_at = Timestamptz(null=True, default=None)
