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
    """One connection of one seller: what every order, return, payout, schedule and listing points to."""

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    marketplace_code = Varchar(length=20, default=None)
    external_account_id = Varchar(length=120, default=None)
    name = Varchar(length=40, default=None)
    external_name = Varchar(length=120, default="")
    fulfilment_model = Varchar(length=30, default="")
    state = Varchar(length=20, default=AccountState.ACTIVE)
    last_validated_at = Timestamptz(null=True, default=None)
    last_validation_status = Varchar(length=30, default=ValidationStatus.NEVER)
    last_validation_message = Text(default="")
    last_proven_at = Timestamptz(null=True, default=None)
    checking_since = Timestamptz(null=True, default=None)
    credential_expires_at = Timestamptz(null=True, default=None)
    needs_reconnect = Boolean(default=False)
    reconnect_reason = Text(default="")
    refused_at = Timestamptz(null=True, default=None)
    permissions = Text(default="")
    created_at = Timestamptz(default=TimestamptzNow())
    paused_at = Timestamptz(null=True, default=None)
    disconnected_at = Timestamptz(null=True, default=None)

    marketplace_accounts_shop = Unique(["seller_id", "marketplace_code", "external_account_id"])
    marketplace_accounts_id_code = Unique(["id", "marketplace_code"])


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
    """Append-only. Every saving, checking, opening and losing of a credential; never a secret value."""

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None)
    marketplace_account_id = UUID(default=None)
    occurred_at = Timestamptz(default=TimestamptzNow())
    kind = Varchar(length=20, default=None)
    code = Varchar(length=60, default="")
    message = Text(default="")
    http_status = Integer(null=True, default=None)
    request_id = Varchar(length=120, default="")
    actor = Varchar(length=120, default="")
    run_id = UUID(null=True, default=None)
