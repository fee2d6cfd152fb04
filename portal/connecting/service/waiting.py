"""Setups whose details somebody else has to send first: kept for a month, with a message to ask for them and two reminders."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import msgspec

from portal import clock, db
from portal.connecting.service.changing import forget_test, locked, save
from portal.connecting.service.reading import ENTER, PREPARE
from portal.errors import Conflict
from portal.language import gettext
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.methods import Method
from portal.marketplaces.registry import marketplace
from portal.notices import service as notices
from portal.notices.wording import Words
from portal.tables.wizards import ConnectReminder, ConnectWizard, ConnectWizardSecret

KEPT_FOR = timedelta(days=30)
REMIND_AFTER = (timedelta(days=2), timedelta(days=5))


class Reminder(msgspec.Struct, frozen=True, kw_only=True):
    """A reminder that is due and was not mailed yet: whose, and about which setup."""

    id: UUID
    seller_id: UUID
    wizard_id: UUID
    user_id: UUID
    name: str
    marketplace_name: str


def request_text(place: Marketplace, method: Method) -> str:
    """What a seller can send to whoever has the details: what we ask for and where it is found. Made of the typed keys.

    Empty where nobody could answer it.
    """
    if method.oauth or not method.sendable:
        return ""
    if place.request_message:
        asked = [f"- {one.label}" for one in method.fields().values() if one.required]
        return "\n".join([place.request_message, "", "What I need to enter:", *asked])
    asked = [f"- {one.label}: {one.where}" for one in method.fields().values() if one.required]
    opening = f"Hello, I am connecting our {place.name} shop to the order software we run ourselves. Could you look these up for me?"
    return "\n".join([opening, "", *asked, "", "Please do not post them in a group. Thank you."])


async def wait(seller_id: UUID, wizard_id: UUID) -> None:
    """Put a setup aside until its details are there. Secrets that were typed already are forgotten: they would lie for too long."""
    async with db.transaction(seller_id):
        wizard = await locked(seller_id, wizard_id)
        if wizard.step < PREPARE:
            raise Conflict("Name this account first.")
        await ConnectWizardSecret.delete().where(ConnectWizardSecret.wizard_id == wizard_id)
        forget_test(wizard)
        wizard.swaps, wizard.notes = "[]", "{}"
        wizard.step = min(wizard.step, ENTER)
        if not wizard.waiting_for_details:
            wizard.waiting_for_details, wizard.expires_at = True, clock.now() + KEPT_FOR
            await _remind(wizard, *(clock.now() + after for after in REMIND_AFTER))
        await save(wizard)


async def remind_in(seller_id: UUID, wizard_id: UUID, *, days: int) -> None:
    """One reminder, that many days from now, instead of the ones there are; at the latest a day before the setup ends."""
    async with db.transaction(seller_id):
        wizard = await locked(seller_id, wizard_id)
        if not wizard.waiting_for_details:
            raise Conflict("This setup waits for nothing.")
        await _remind(wizard, min(clock.now() + timedelta(days=days), wizard.expires_at - timedelta(days=1)))
        await save(wizard)


async def _remind(wizard: ConnectWizard, *days: datetime) -> None:
    await forget_reminders(wizard)
    for due in days:
        await ConnectReminder.insert(ConnectReminder(seller_id=wizard.seller_id, wizard_id=wizard.id, due_at=due))


async def forget_reminders(wizard: ConnectWizard) -> None:
    await ConnectReminder.delete().where(ConnectReminder.wizard_id == wizard.id)


async def reminders_of(wizard: ConnectWizard) -> list[datetime]:
    """When this setup reminds, soonest first."""
    async with db.transaction(wizard.seller_id):
        rows = (
            await ConnectReminder.select(ConnectReminder.due_at)
            .where(ConnectReminder.wizard_id == wizard.id)
            .order_by(ConnectReminder.due_at)
        )
    return [row["due_at"] for row in rows]


async def due_reminders() -> Sequence[Reminder]:
    """Reminders of all sellers that are due and were not mailed. For the sweep that sends mail; pages show them by themselves."""
    found = []
    for row in await db.door("door_due_reminders", clock.now()):
        async with db.transaction(row["seller_id"]) as held:
            told = await held.fetchrow(
                """SELECT r.id, r.seller_id, r.wizard_id, w.user_id, w.name, w.marketplace_code FROM connect_reminders r
                   JOIN connect_wizards w ON w.id = r.wizard_id WHERE r.id = $1 AND r.mailed_at IS NULL""",
                row["reminder_id"],
            )
        if told is not None:
            known = {name: told[name] for name in ("id", "seller_id", "wizard_id", "user_id", "name")}
            found.append(Reminder(**known, marketplace_name=marketplace(told["marketplace_code"]).name))
    return found


async def mail_reminders() -> int:
    """Write the mails of the reminders that are due, to whoever began the setup. Answers how many. May run in several workers at once."""
    due = await due_reminders()
    for one in due:
        async with db.transaction(one.seller_id):
            await notices.tell_person(one.seller_id, one.user_id, about=f"reminder {one.id}", words=partial(_reminding, one))
            await mark_mailed(one)
    return len(due)


def _reminding(one: Reminder) -> Words:
    name = one.name or gettext("your %(marketplace)s shop", marketplace=one.marketplace_name)
    return Words(
        subject=gettext("Do you have the details for %(name)s now?", name=name),
        body=(
            gettext(
                "You began to connect %(name)s and waited for details from %(marketplace)s, or from whoever has them.",
                name=name,
                marketplace=one.marketplace_name,
            ),
            gettext("The setup is as you left it. Go on here:"),
        ),
        link=f"/connect/{one.wizard_id}",
    )


async def mark_mailed(reminder: Reminder) -> None:
    """In the caller's transaction, beside the row of the mail itself."""
    await ConnectReminder.update({ConnectReminder.mailed_at: clock.now()}).where(ConnectReminder.id == reminder.id)
