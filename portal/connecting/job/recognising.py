"""A shop that we know already: the same one twice, or one that comes back."""

from uuid import UUID, uuid4

from portal.connecting import keys
from portal.marketplaces.contract import Marketplace, mask
from portal.tables.accounts import AccountState, MarketplaceAccount
from portal.tables.wizards import ConnectWizard
from portal.vault import Vault


async def name_other(wizard: ConnectWizard, place: Marketplace, vault: Vault) -> None:
    """A new setup has found a shop that we know: it is named as a duplicate, or takes up its disconnected account with all its history.

    A setup that took up an account and now finds another shop leaves that account alone.
    """
    other = (
        await MarketplaceAccount.objects()
        .where(
            (MarketplaceAccount.marketplace_code == wizard.marketplace_code)
            & (MarketplaceAccount.external_account_id == wizard.found_account_id)
        )
        .first()
    )
    if other is None:
        if await MarketplaceAccount.exists().where(MarketplaceAccount.id == wizard.account_id):
            await _take_up(wizard, uuid4(), place, vault)
        return
    if other.state == AccountState.DISCONNECTED:
        if other.id != wizard.account_id:
            await _take_up(wizard, other.id, place, vault)
        return
    wizard.duplicate_of = other.id
    wizard.error_code = "duplicate"
    wizard.error_message = f"This shop is already connected. {mask(wizard.found_account_id)} is connected as “{other.name}”."


async def _take_up(wizard: ConnectWizard, account_id: UUID, place: Marketplace, vault: Vault) -> None:
    """From here on the setup is this account's, and what was typed is sealed for it."""
    before, wizard.account_id = wizard.account_id, account_id
    await keys.reseal(wizard, place, vault, before=before)
