"""From the phone where a setup began to the computer where the extension runs: a link by mail, good once and for half an hour.

The link opens nothing by itself. Whoever follows it has to be signed in and allowed to connect, as on every page of the setup.
"""

from datetime import timedelta
from uuid import UUID, uuid4

from portal import db, mail
from portal.connecting import service, tickets
from portal.connecting.tickets import Condition
from portal.language import gettext
from portal.marketplaces.registry import marketplace
from portal.outbox import service as outbox
from portal.people.service import Viewer
from portal.tables.tickets import TicketKind
from portal.vault import Vault

WITHIN = timedelta(minutes=30)


def path_of(wizard_id: UUID, ticket: UUID) -> str:
    return f"/connect/{wizard_id}/computer/{ticket}"


async def send_link(viewer: Viewer, wizard_id: UUID, *, vault: Vault) -> None:
    """A mail to the seller herself with the link. Raises NotFound and Conflict as every change of a setup."""
    ticket = uuid4()
    async with db.transaction(viewer.seller_id):
        wizard = await service.locked(viewer.seller_id, wizard_id)
        name = marketplace(wizard.marketplace_code).name
        await tickets.draw(wizard, TicketKind.COMPUTER, str(ticket), vault=vault, lives=WITHIN)
        await outbox.post(
            viewer.seller_id,
            to=viewer.email,
            subject=gettext("Connect %(marketplace)s on your computer", marketplace=name),
            body=(
                gettext(
                    "You asked for this link on another device. Open it on the computer where you sign in to %(marketplace)s.",
                    marketplace=name,
                ),
                gettext("It works once, within 30 minutes, and only while you are signed in here:"),
            ),
            link=path_of(wizard_id, ticket),
            signed=True,
            lasts=WITHIN,
        )


async def arrived(seller_id: UUID, wizard_id: UUID, ticket: UUID, given: str, *, vault: Vault) -> bool:
    """Whether a link that was followed is ours, in time and not used before. It is used up now."""
    if not mail.fits(vault.derived(mail.LINKS), path_of(wizard_id, ticket), given):
        return False
    burnt = await tickets.burn(seller_id, TicketKind.COMPUTER, tickets.mark(vault, TicketKind.COMPUTER, str(ticket)))
    return burnt is not None and (burnt.wizard_id, burnt.condition) == (wizard_id, Condition.GOOD)
