"""Details that open several shops: a connection is one of them, and its seller says which."""

from uuid import UUID

from portal import db
from portal.connecting.service.changing import ask_for_test, forget_test, locked, save, sent_before
from portal.connecting.service.reading import shops_of
from portal.errors import BadInput
from portal.jobs import Jobs
from portal.tables.accounts import AccountState, MarketplaceAccount
from portal.tables.wizards import ConnectWizard


async def choose_shop(
    seller_id: UUID, wizard_id: UUID, shop_id: str, *, version: int | None = None, jobs: Jobs, form_token: str = ""
) -> None:
    """This shop is to be connected: test the details for it. Raises BadInput for one that they do not open, Conflict as `locked`."""
    async with db.transaction(seller_id):
        if await sent_before(wizard_id, form_token):
            return
        wizard = await locked(seller_id, wizard_id, version=version)
        if shop_id not in {one.id for one in shops_of(wizard)}:
            raise BadInput("Choose which shop to connect.", fields={"shop": "Choose a shop"})
        forget_test(wizard, same_keys=True)
        wizard.shop, wizard.form_token = shop_id, form_token
        ask_for_test(wizard)
        await save(wizard)
    await jobs.test_keys(wizard.marketplace_code, wizard_id, wizard.test_attempt)


async def connected_as(wizard: ConnectWizard) -> dict[str, str]:
    """Which of the shops to choose from are connected already: id to the account's name."""
    async with db.transaction(wizard.seller_id):
        rows = await MarketplaceAccount.select(MarketplaceAccount.external_account_id, MarketplaceAccount.name).where(
            (MarketplaceAccount.marketplace_code == wizard.marketplace_code)
            & (MarketplaceAccount.state != AccountState.DISCONNECTED)
            & MarketplaceAccount.external_account_id.is_in([*(one.id for one in shops_of(wizard)), ""])
        )
    return {row["external_account_id"]: row["name"] for row in rows}
