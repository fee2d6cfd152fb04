"""One-time tickets of a setup: something that left this portal and must come back once, soon, and to the same setup."""

from enum import StrEnum

from piccolo.columns import UUID, Bytea, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table


class TicketKind(StrEnum):
    HANDOFF = "handoff"
    """The `state` that goes to a marketplace with the seller and comes back with her; bound to the session it left in."""
    PAIRING = "pairing"
    """The code that a seller types into the browser extension."""
    COMPUTER = "computer"
    """A link that leads from the phone where a setup began to the computer where the extension runs."""


class ConnectWizardTicket(Table, tablename="connect_wizard_tickets"):
    """Only a keyed hash of the ticket is kept. `used_at` is set by whatever came with it, good or bad: it is looked at once."""

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None, index=True)
    wizard_id = UUID(default=None, index=True)
    session_id = UUID(null=True, default=None)
    kind = Varchar(length=20, default=None)
    ticket_hash = Bytea(default=None, unique=True)
    created_at = Timestamptz(default=TimestamptzNow())
    expires_at = Timestamptz(default=None)
    used_at = Timestamptz(null=True, default=None)
