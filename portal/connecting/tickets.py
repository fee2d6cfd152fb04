"""One-time tickets of a setup: drawn here, sent out, and looked at once when they come back.

Only a keyed hash is stored, so neither a stolen database nor a page tells a ticket that is still good.
"""

import hmac
from datetime import timedelta
from enum import Enum, auto
from uuid import UUID

import msgspec

from portal import clock, db
from portal.tables.tickets import ConnectWizardTicket, TicketKind
from portal.tables.wizards import ConnectWizard
from portal.vault import Vault

REMEMBERED = timedelta(days=1)
"""How long a ticket that is over is still told from one that never was."""


class Condition(Enum):
    """How a ticket came back."""

    GOOD = auto()
    USED = auto()
    LATE = auto()
    ELSEWHERE = auto()
    """In another session than it left in."""


class Burnt(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket that was just looked at. It is good for nothing any more, whatever its condition was."""

    wizard_id: UUID
    condition: Condition


def mark(vault: Vault, kind: TicketKind, ticket: str) -> bytes:
    """What is stored of a ticket."""
    return hmac.digest(vault.derived("tickets").encode(), f"{kind}\x00{ticket}".encode(), "sha256")


async def draw(
    wizard: ConnectWizard, kind: TicketKind, ticket: str, *, vault: Vault, lives: timedelta, session_id: UUID | None = None
) -> None:
    """Remember a ticket for this setup. In the caller's transaction; what is long over is forgotten on the way."""
    now = clock.now()
    await ConnectWizardTicket.delete().where(ConnectWizardTicket.expires_at < now - REMEMBERED)
    await ConnectWizardTicket.insert(
        ConnectWizardTicket(
            seller_id=wizard.seller_id,
            wizard_id=wizard.id,
            session_id=session_id,
            kind=kind,
            ticket_hash=mark(vault, kind, ticket),
            created_at=now,
            expires_at=now + lives,
        )
    )


async def burn(seller_id: UUID, kind: TicketKind, ticket_hash: bytes, *, session_id: UUID | None = None) -> Burnt | None:
    """Use a ticket up and tell in which condition it was; None where this seller has no such ticket.

    A transaction of its own: whatever goes wrong afterwards, nobody comes back with it again. Of several at once one is GOOD.
    """
    async with db.transaction(seller_id):
        row = (
            await ConnectWizardTicket.objects()
            .where((ConnectWizardTicket.ticket_hash == ticket_hash) & (ConnectWizardTicket.kind == kind))
            .lock_rows("UPDATE")
            .first()
        )
        if row is None:
            return None
        condition = _condition(row, session_id)
        row.used_at = row.used_at or clock.now()
        await row.save()
    return Burnt(wizard_id=row.wizard_id, condition=condition)


def _condition(row: ConnectWizardTicket, session_id: UUID | None) -> Condition:
    if row.session_id != session_id:
        return Condition.ELSEWHERE
    if row.used_at is not None:
        return Condition.USED
    return Condition.LATE if row.expires_at <= clock.now() else Condition.GOOD
