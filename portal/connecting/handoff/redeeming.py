"""The worker's half: a sealed code becomes keys, which lie sealed in its place before anything is tested with them."""

from typing import Any

import msgspec

from portal import clock, db
from portal.connecting import service
from portal.connecting.handoff.returning import CODE
from portal.connecting.keys import put_on_record
from portal.connecting.service.sealing import seal
from portal.errors import PortalError
from portal.marketplaces import details
from portal.marketplaces.contract import AccountRef, Marketplace
from portal.marketplaces.errors import Throttled, Unreachable
from portal.marketplaces.handoff import Granted
from portal.marketplaces.opening import CODE_LIFE, Doorway
from portal.tables.wizards import ConnectWizard, ConnectWizardSecret, TestState, WizardState
from portal.vault import Vault


class NotTakenUp(PortalError):
    """A permission that was given could not be used. The seller has to give it once more; what she chose is kept."""

    code = "handoff_failed"
    status = 422


async def redeem(wizard: ConnectWizard, place: Marketplace, account: AccountRef, *, doorway: Doorway, vault: Vault) -> ConnectWizard:
    """The setup with keys in place of its code, if it has one. The code is taken out first: it is tried at most once.

    Raises NotTakenUp (too old, or no usable answer), KeysRejected (refused; whose matter it is stands in `whose`), Misconfigured.
    """
    granted = await _taken(wizard, place, vault)
    if granted is None:
        return wizard
    try:
        keys = await doorway.keys_for(place, account, granted)
    except (Throttled, Unreachable) as error:
        raise NotTakenUp(
            f"{place.name} did not answer while we took up your permission. Nothing was saved. "
            f"Go back and continue to {place.name} once more.",
            detail=str(error),
        ) from error
    return await _kept(wizard, place, keys, vault)


async def _taken(wizard: ConnectWizard, place: Marketplace, vault: Vault) -> Granted | None:
    """The code, removed from where it lay; None where there is none or another test is under way by now."""
    async with db.transaction(wizard.seller_id):
        if await _current(wizard) is None:
            return None
        async with db.acting_as(place.role) as held:
            row = await held.fetchrow(
                "SELECT sealed, saved_at FROM connect_wizard_secrets WHERE wizard_id = $1 AND column_name = $2", wizard.id, CODE
            )
        if row is None:
            return None
        await ConnectWizardSecret.delete().where((ConnectWizardSecret.wizard_id == wizard.id) & (ConnectWizardSecret.column_name == CODE))
        late = clock.now() - row["saved_at"] >= CODE_LIFE
        if not late:
            await put_on_record(wizard, place, "exchange of a permission for keys")
    if late:
        raise NotTakenUp(
            f"The permission from {place.name} lay here for more than five minutes and is over. Nothing was saved. "
            f"Go back and continue to {place.name} once more."
        )
    return msgspec.json.decode(vault.open(place.code, details.place_of(place, CODE, wizard.account_id), row["sealed"]), type=Granted)


async def _kept(wizard: ConnectWizard, place: Marketplace, keys: Any, vault: Vault) -> ConnectWizard:
    """The setup with these keys: secrets sealed for their final place, the others beside what was typed."""
    async with db.transaction(wizard.seller_id):
        fresh = await _current(wizard)
        if fresh is None:
            return wizard
        values = service.values_of(fresh)
        for name, field in place.method(fresh.method).fields().items():
            if field.secret:
                await seal(fresh, place, name, getattr(keys, name), vault)
            else:
                values[name] = getattr(keys, name)
        fresh.values = msgspec.json.encode(values).decode()
        await fresh.save()
    return fresh


async def _current(wizard: ConnectWizard) -> ConnectWizard | None:
    """The setup, locked, while this very test is the one that counts."""
    fresh = await ConnectWizard.objects().where(ConnectWizard.id == wizard.id).lock_rows("UPDATE").first()
    if fresh is None or fresh.state != WizardState.OPEN:
        return None
    return fresh if (fresh.test_state, fresh.test_attempt) == (TestState.RUNNING, wizard.test_attempt) else None
