"""What a half-done setup holds, as a page may show it."""

from datetime import timedelta
from uuid import UUID

import msgspec

from portal import clock, db
from portal.connecting.service.sealing import OFFERED
from portal.errors import NotFound
from portal.marketplaces import lasting
from portal.marketplaces.contract import FoundShop, Location, Permission
from portal.marketplaces.proving import FirstProof
from portal.marketplaces.registry import marketplace
from portal.tables.wizards import ConnectReminder, ConnectWizard, WizardMode, WizardState

OPEN_FOR = timedelta(hours=24)
CHOOSE, PREPARE, ENTER, TEST, CONFIRM = 1, 2, 3, 4, 5


class KeptSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A typed secret as a page may show it: never the value."""

    fingerprint: str
    length: int


class Swap(msgspec.Struct, frozen=True, kw_only=True):
    """An offer to exchange the values of two fields. `plain` holds those that are no secret, by the field they would go to."""

    one: str
    other: str
    plain: dict[str, str] = {}


def topic(wizard_id: UUID) -> str:
    return f"wizard:{wizard_id}"


async def get(seller_id: UUID, wizard_id: UUID) -> ConnectWizard:
    """NotFound when it is not this seller's."""
    async with db.transaction(seller_id):
        wizard = await ConnectWizard.objects().where(ConnectWizard.id == wizard_id).first()
    if wizard is None:
        raise NotFound("setup")
    return wizard


def expired(wizard: ConnectWizard) -> bool:
    return wizard.state == WizardState.OPEN and wizard.expires_at <= clock.now()


def timed_out(wizard: ConnectWizard) -> bool:
    """Whether its day is over, the sweep been there or not."""
    return expired(wizard) or wizard.state == WizardState.EXPIRED


async def unfinished(seller_id: UUID) -> list[ConnectWizard]:
    """Setups a seller may continue or discard, newest first."""
    async with db.transaction(seller_id):
        return (
            await ConnectWizard.objects()
            .where((ConnectWizard.state == WizardState.OPEN) & (ConnectWizard.expires_at > clock.now()) & (ConnectWizard.step > CHOOSE))
            .order_by(ConnectWizard.created_at, ascending=False)
            .limit(10)
        )


async def secrets_of(wizard: ConnectWizard) -> dict[str, KeptSecret]:
    """What is kept of each typed secret, by field; offers to swap are left out."""
    async with db.transaction(wizard.seller_id) as held:
        rows = await held.fetch("SELECT column_name, fingerprint, length FROM connect_wizard_secrets WHERE wizard_id = $1", wizard.id)
    return {
        row["column_name"]: KeptSecret(fingerprint=row["fingerprint"], length=row["length"])
        for row in rows
        if not row["column_name"].startswith(OFFERED)
    }


async def saved_secrets(wizard: ConnectWizard) -> dict[str, lasting.Fingerprinted]:
    """In a reconnect, what is saved already and need not be typed again: by column, never a value."""
    async with db.transaction(wizard.seller_id):
        return await saved_in(wizard)


async def saved_in(wizard: ConnectWizard) -> dict[str, lasting.Fingerprinted]:
    """As `saved_secrets`, in the caller's transaction."""
    if wizard.mode != WizardMode.RECONNECT:
        return {}
    place = marketplace(wizard.marketplace_code)
    return await lasting.saved_secrets(place, wizard.account_id, place.method(wizard.method))


def values_of(wizard: ConnectWizard) -> dict[str, str]:
    """What was typed and is not secret."""
    return msgspec.json.decode(wizard.values, type=dict[str, str])


def swaps_of(wizard: ConnectWizard) -> list[Swap]:
    """Pairs of values that look swapped."""
    return msgspec.json.decode(wizard.swaps, type=list[Swap])


def notes_of(wizard: ConnectWizard) -> dict[str, str]:
    """What was remarked about a value, by field; never the value."""
    return msgspec.json.decode(wizard.notes, type=dict[str, str])


def first_proof_of(wizard: ConnectWizard) -> FirstProof | None:
    """What the live test brought along; None while it has not passed, or where the marketplace shows nothing."""
    return msgspec.json.decode(wizard.first_proof, type=FirstProof) if wizard.first_proof else None


async def reminded(seller_id: UUID) -> set[UUID]:
    """The setups whose reminder is due."""
    async with db.transaction(seller_id):
        rows = await ConnectReminder.select(ConnectReminder.wizard_id).where(ConnectReminder.due_at <= clock.now())
    return {row["wizard_id"] for row in rows}


def permissions_of(wizard: ConnectWizard) -> list[Permission]:
    return msgspec.json.decode(wizard.permissions, type=list[Permission])


def locations_of(wizard: ConnectWizard) -> list[Location]:
    """Where the shop ships from, as far as the test met it."""
    return msgspec.json.decode(wizard.locations, type=list[Location])


def shops_of(wizard: ConnectWizard) -> list[FoundShop]:
    """The shops to choose from; empty unless these details open several."""
    return msgspec.json.decode(wizard.shops, type=list[FoundShop])


def checks_of(wizard: ConnectWizard) -> dict[str, str]:
    """The lines of the live test: check to waiting, checking, ok or problem."""
    return msgspec.json.decode(wizard.checks, type=dict[str, str])
