"""Who did what. Append-only by grant, and chained by the database: a row that was altered or removed shows."""

from enum import StrEnum

from piccolo.columns import UUID, BigInt, BigSerial, Bytea, Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.constraints import Unique
from piccolo.table import Table


class Action(StrEnum):
    """What can be on the audit trail: the noun it happened to, then what happened."""

    SIGNED_UP = "business.added"
    CLOSED = "business.closed"
    SIGNED_IN = "person.signed_in"
    SIGN_IN_REFUSED = "person.sign_in_refused"
    SIGNED_OUT = "person.signed_out"
    PROOF_REFUSED = "person.proof_refused"
    SESSIONS_ENDED = "person.sessions_ended"
    PASSWORD_CHANGED = "person.password_changed"
    RESET_ASKED = "person.reset_asked"
    SECOND_STEP_ON = "person.second_step_on"
    SECOND_STEP_OFF = "person.second_step_off"
    CODES_RENEWED = "person.codes_renewed"
    CODE_USED_UP = "person.recovery_code_used"
    INVITED = "team.invited"
    INVITATION_WITHDRAWN = "team.invitation_withdrawn"
    JOINED = "team.joined"
    ROLE_CHANGED = "team.role_changed"
    MEMBER_REMOVED = "team.removed"
    CONNECTED = "account.connected"
    RECONNECTED = "account.reconnected"
    SECRET_REPLACED = "account.secret_replaced"
    PAUSED = "account.paused"
    RESUMED = "account.resumed"
    DISCONNECTED = "account.disconnected"
    ERASED = "account.erased"
    EXPIRY_HIDDEN = "account.expiry_hidden"
    LOCATION_CHOSEN = "account.location_chosen"
    SECRET_OPENED = "secret.opened"
    SECRET_UNREADABLE = "secret.open_failed"
    SECRET_RESEALED = "secret.resealed"
    SCHEDULE_SAVED = "schedule.saved"
    SCHEDULE_PAUSED = "schedule.paused"
    SCHEDULE_RESUMED = "schedule.resumed"
    SCHEDULE_ENDED = "schedule.ended"
    DAYS_ASKED = "sync.days_asked"
    ASIDES_RETRIED = "sync.set_asides_retried"
    STOCK_APPROVED = "stock.approved"
    STOCK_RETRIED = "stock.retried"
    PAYOUTS_UPLOADED = "payouts.uploaded"
    LISTINGS_UPLOADED = "listings.uploaded"
    HELD_DECIDED = "batch.held_order_decided"
    TAKEN_OUT = "batch.order_taken_out"
    MANIFESTS_CLOSED = "batch.manifests_closed"
    ERRAND_DONE = "batch.errand_done"
    RULES_SAVED = "batch.rules_saved"
    TAX_SAVED = "tax.settings_saved"
    ARTICLES_SAVED = "tax.articles_saved"
    INVOICE_ISSUED = "tax.invoice_issued"
    BUYER_SHOWN = "buyer.shown"
    BUYERS_PRINTED = "buyer.printed"
    PAPERS_PRINTED = "papers.printed"
    LOG_DOWNLOADED = "log.downloaded"
    TRAIL_EXPORTED = "audit.exported"
    EVERYTHING_EXPORTED = "business.exported"
    SUPPORT_BUNDLED = "support.bundled"


class Result(StrEnum):
    DONE = "done"
    REFUSED = "refused"


class AuditEntry(Table, tablename="audit_entries"):
    """`before` and `after` are sentences, counts or fingerprints; never values of secrets.

    The last three columns are the database's: a trigger fills them when the transaction commits, so that entries of one seller stand
    in one order. `hash` covers the row's content and `previous_hash`; see `portal.audit.chain` for how.
    """

    id = BigSerial(primary_key=True)
    seller_id = UUID(default=None)
    occurred_at = Timestamptz(default=TimestamptzNow())
    actor = Varchar(length=120, default="")
    action = Varchar(length=60, default=None)
    marketplace_account_id = UUID(null=True, default=None)
    before = Text(default="")
    after = Text(default="")
    device = Varchar(length=120, default="")
    masked_address = Varchar(length=60, default="")
    result = Varchar(length=20, default=Result.DONE)
    position = BigInt(null=True, default=None)
    previous_hash = Bytea(null=True, default=None)
    hash = Bytea(null=True, default=None)

    audit_entries_seller_position = Unique(["seller_id", "position"])


class AuditHead(Table, tablename="audit_heads"):
    """The end of each seller's chain, so that a missing end shows as well. Written by the same trigger only."""

    seller_id = UUID(primary_key=True, default=None)
    entries = BigInt(default=0)
    hash = Bytea(default=b"")
