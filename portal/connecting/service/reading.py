"""What a half-done setup holds, as a page may show it."""

from datetime import timedelta
from uuid import UUID

import msgspec

from portal import clock, db
from portal.errors import NotFound
from portal.marketplaces.contract import Permission
from portal.tables.wizards import ConnectWizard, WizardState

OPEN_FOR = timedelta(hours=24)
CHOOSE, PREPARE, ENTER, TEST, CONFIRM = 1, 2, 3, 4, 5


class KeptSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A typed secret as a page may show it: never the value."""

    fingerprint: str
    length: int


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
    async with db.transaction(wizard.seller_id) as held:
        rows = await held.fetch("SELECT column_name, fingerprint, length FROM connect_wizard_secrets WHERE wizard_id = $1", wizard.id)
    return {row["column_name"]: KeptSecret(fingerprint=row["fingerprint"], length=row["length"]) for row in rows}


def values_of(wizard: ConnectWizard) -> dict[str, str]:
    """What was typed and is not secret."""
    return msgspec.json.decode(wizard.values, type=dict[str, str])


def permissions_of(wizard: ConnectWizard) -> list[Permission]:
    return msgspec.json.decode(wizard.permissions, type=list[Permission])


def checks_of(wizard: ConnectWizard) -> dict[str, str]:
    """The lines of the live test: check to waiting, checking, ok or problem."""
    return msgspec.json.decode(wizard.checks, type=dict[str, str])
