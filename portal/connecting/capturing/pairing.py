"""A setup and an extension find each other: a short code, shown once, good once and for ten minutes."""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from portal import clock, db
from portal.connecting import service, tickets
from portal.errors import NotFound
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.methods import Method
from portal.tables.tickets import ConnectWizardTicket, TicketKind
from portal.tables.wizards import ConnectWizard
from portal.vault import Vault

PAIR_WITHIN = timedelta(minutes=10)
LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without those that are taken for one another when they are read from one screen and typed into another."""


class Pairing(msgspec.Struct, frozen=True, kw_only=True):
    """How a setup stands with its extension. `received_at` once a session has come in; `until` while a code is still good."""

    until: datetime | None = None
    received_at: datetime | None = None


def captured_by(place: Marketplace) -> Method:
    """The method whose values an extension brings. NotFound where the marketplace has none."""
    for method in place.methods:
        if method.capturing is not None:
            return method
    raise NotFound("extension")


async def pair(seller_id: UUID, wizard_id: UUID, place: Marketplace, *, vault: Vault) -> str:
    """A new code for this setup, such as `K7QM-24XR`; earlier ones are over. Shown now or never: only its hash is kept.

    Raises NotFound and Conflict as every change of a setup.
    """
    captured_by(place)
    code = "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(2))
    async with db.transaction(seller_id):
        wizard = await service.locked(seller_id, wizard_id)
        await ConnectWizardTicket.delete().where(
            (ConnectWizardTicket.wizard_id == wizard_id) & (ConnectWizardTicket.kind == TicketKind.PAIRING)
        )
        await tickets.draw(wizard, TicketKind.PAIRING, code, vault=vault, lives=PAIR_WITHIN)
    return code


async def standing(wizard: ConnectWizard) -> Pairing:
    """How it stands now."""
    async with db.transaction(wizard.seller_id):
        ticket = (
            await ConnectWizardTicket.objects()
            .where((ConnectWizardTicket.wizard_id == wizard.id) & (ConnectWizardTicket.kind == TicketKind.PAIRING))
            .first()
        )
    if ticket is None:
        return Pairing()
    if ticket.used_at is not None and ticket.used_at < ticket.expires_at:
        return Pairing(received_at=ticket.used_at)
    return Pairing(until=ticket.expires_at if ticket.expires_at > clock.now() else None)
