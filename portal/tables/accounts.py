"""Marketplaces, the accounts sellers have there, and what happened to their credentials."""

from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from piccolo.columns import UUID, Boolean, Integer, Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.columns.indexes import IndexMethod
from piccolo.constraints import Unique
from piccolo.table import Table, TableMeta


class AccountState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    DISCONNECTED = "disconnected"


class ValidationStatus(StrEnum):
    """What the last check found. Only `rejected`, twice and with a fresh token, leads to a reconnect."""

    NEVER = "never"
    VALID = "valid"
    EXPIRING = "expiring"
    REJECTED = "rejected"
    BLOCKED = "blocked"
    UNREACHABLE = "unreachable"
    MISSING_PERMISSION = "missing_permission"


class EventKind(StrEnum):
    SAVED = "saved"
    VALIDATED = "validated"
    REJECTED = "rejected"
    REFRESHED = "refreshed"
    OPENED = "opened"
    OPEN_FAILED = "open_failed"
    RESEALED = "resealed"
    EXPIRING = "expiring"
    REPLACED = "replaced"
    RECONNECTED = "reconnected"
    PAUSED = "paused"
    RESUMED = "resumed"
    DISCONNECTED = "disconnected"
    ERASED = "erased"


class Marketplace(Table, tablename="marketplaces"):
    """The catalogue, written from the manifests by `migrate`. `status`: live, sandbox, scaffolded, paused."""

    code = Varchar(length=20, primary_key=True, default=None)
    name = Varchar(length=60, default=None)
    status = Varchar(length=20, default=None)
    home_country = Varchar(length=2, default="IN")
    currency = Varchar(length=3, default="INR")


class MarketplaceAccount(Table, tablename="marketplace_accounts"):
    """One connection of one seller: what every order, return, payout, schedule and listing points to.

    `credential_version` rises with every change of the saved credential, so that whoever worked with an older one knows it.
    The three `credential_*` columns beside it are the countdown: which part ends (a sealed column's name), when, and from when on
    that is worth a warning; `expiry_told` is the lowest number of days that is on record as told.
    `next_check_at`: when a worker asks the marketplace by itself; null for never.
    `locations` are the places the shop ships from, as last met (JSON), `ships_from` the id of the one that stock goes to.
    `history_erasing` is set from the moment a seller asks for his history to go until the last row of it is gone.
    """

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    marketplace_code = Varchar(length=20, default=None)
    external_account_id = Varchar(length=120, default=None)
    name = Varchar(length=40, default=None)
    external_name = Varchar(length=120, default="")
    fulfilment_model = Varchar(length=30, default="")
    locations = Text(default="[]")
    ships_from = Varchar(length=80, default="")
    state = Varchar(length=20, default=AccountState.ACTIVE)
    last_validated_at = Timestamptz(null=True, default=None)
    last_validation_status = Varchar(length=30, default=ValidationStatus.NEVER)
    last_validation_message = Text(default="")
    last_proven_at = Timestamptz(null=True, default=None)
    checking_since = Timestamptz(null=True, default=None)
    next_check_at = Timestamptz(null=True, default=None)
    credential_version = Integer(default=1)
    credential_expiring = Varchar(length=60, default="")
    credential_expires_at = Timestamptz(null=True, default=None)
    credential_warn_at = Timestamptz(null=True, default=None)
    expiry_told = Integer(null=True, default=None)
    expiry_hidden_until = Timestamptz(null=True, default=None)
    needs_reconnect = Boolean(default=False)
    reconnect_reason = Text(default="")
    reconnect_code = Varchar(length=60, default="")
    refused_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=TimestamptzNow())
    paused_at = Timestamptz(null=True, default=None)
    disconnected_at = Timestamptz(null=True, default=None)
    history_erasing = Boolean(default=False)

    marketplace_accounts_shop = Unique(["seller_id", "marketplace_code", "external_account_id"])
    marketplace_accounts_id_code = Unique(["id", "marketplace_code"])


class AccountCapability(Table, tablename="account_capabilities"):
    """Whether one kind of work is open to an account's saved keys, and when that was last proven.

    `allowed` null: not tried yet. `message` says what was proven, or why it is refused.
    """

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    target = Varchar(length=20, default=None)
    allowed = Boolean(null=True, default=None)
    message = Text(default="")
    proven_at = Timestamptz(null=True, default=None)
    tried_at = Timestamptz(default=TimestamptzNow())

    account_capabilities_account_target = Unique(["marketplace_account_id", "target"])


class AccountDetails:
    """The 1:1 mixin of every satellite: its key, its tenant, and which marketplace it belongs to.

    The migration adds what a class cannot say: a check that `marketplace_code` is the satellite's own, and a composite foreign
    key (marketplace_account_id, marketplace_code) to the parent, so a satellite on another marketplace's account cannot exist.
    """

    if TYPE_CHECKING:
        _meta: ClassVar[TableMeta]  # every satellite is a Table besides

    marketplace_account_id = UUID(primary_key=True, default=None)
    seller_id = UUID(default=None, index=True, index_method=IndexMethod.btree)
    marketplace_code = Varchar(length=20, default=None)


class CredentialEvent(Table, tablename="marketplace_credential_events"):
    """Append-only. Every saving, checking, opening and losing of a credential; never a secret value.

    `message` is our sentence, `words` are the marketplace's own. `actor` is a person's name or id, `worker`, or `marketplace`.
    """

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    occurred_at = Timestamptz(default=TimestamptzNow())
    kind = Varchar(length=20, default=None)
    code = Varchar(length=60, default="")
    message = Text(default="")
    words = Text(default="")
    http_status = Integer(null=True, default=None)
    request_id = Varchar(length=120, default="")
    actor = Varchar(length=120, default="")
    run_id = UUID(null=True, default=None)
