"""How a setup that replaces an account's keys begins, and how a setup changes the account it is for."""

from uuid import UUID, uuid4

import msgspec

from portal import clock, db
from portal.connecting.service.changing import ask_for_test, forget_test, locked, save
from portal.connecting.service.reading import CHOOSE, ENTER, OPEN_FOR
from portal.errors import Conflict, NotFound
from portal.jobs import Jobs
from portal.marketplaces import details
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.registry import marketplace
from portal.tables.accounts import AccountState, MarketplaceAccount
from portal.tables.wizards import ConnectWizard, WizardMode


async def begin_reconnect(seller_id: UUID, user_id: UUID, account_id: UUID) -> ConnectWizard:
    """A wizard that replaces an account's keys: same id, name and ids prefilled, only secrets empty."""
    async with db.transaction(seller_id) as held:
        account = await MarketplaceAccount.objects().where(MarketplaceAccount.id == account_id).first()
        if account is None:
            raise NotFound("account")
        if account.state == AccountState.DISCONNECTED:
            raise Conflict(f"{account.name} is disconnected. Connect the shop anew: its history comes back with it.")
        place = marketplace(account.marketplace_code)
        columns = [place.method_column, *(name for name in _all_fields(place) if name not in details.sealed_columns(place))]
        row = await held.fetchrow(
            f"SELECT {', '.join(dict.fromkeys(columns))} FROM {details.table_of(place)} WHERE marketplace_account_id = $1",  # noqa: S608 (our own table)
            account_id,
        )
        saved = dict(row) if row else {}
        method = place.method(saved.get(place.method_column))
        plain = {name: saved.get(name) or "" for name in method.fields() if name in saved}
        wizard = ConnectWizard(
            id=uuid4(),
            seller_id=seller_id,
            user_id=user_id,
            marketplace_code=account.marketplace_code,
            mode=WizardMode.RECONNECT,
            account_id=account_id,
            step=ENTER,
            method=method.code,
            name=account.name,
            values=msgspec.json.encode(plain).decode(),
            expires_at=clock.now() + OPEN_FOR,
            touched_at=clock.now(),
        )
        await wizard.save()
    return wizard


async def account(seller_id: UUID, account_id: UUID) -> MarketplaceAccount:
    """The account a reconnect is for. NotFound when it is not this seller's."""
    async with db.transaction(seller_id):
        found = await MarketplaceAccount.objects().where(MarketplaceAccount.id == account_id).first()
    if found is None:
        raise NotFound("account")
    return found


def _all_fields(place: Marketplace) -> list[str]:
    return [name for method in place.methods for name in method.fields()]


async def connect_as_new(seller_id: UUID, wizard_id: UUID) -> None:
    """The details of a reconnect turned out to be another shop's: go on with them as a new account. The old one is left alone.

    What was typed goes along; what would have been kept of the other shop's details does not.
    """
    async with db.transaction(seller_id):
        wizard = await locked(seller_id, wizard_id)
        if wizard.mode != WizardMode.RECONNECT or wizard.error_code != "other_shop":
            raise Conflict("These details are not another shop's.")
        _move(wizard, uuid4(), WizardMode.NEW)
        wizard.name, wizard.step = "", CHOOSE
        await save(wizard)


async def reconnect_the_other(seller_id: UUID, wizard_id: UUID, *, jobs: Jobs) -> None:
    """The shop of a new setup is connected already: go on with what was typed as that account's reconnect, and test it as such."""
    async with db.transaction(seller_id):
        wizard = await locked(seller_id, wizard_id)
        other = await MarketplaceAccount.objects().where(MarketplaceAccount.id == wizard.duplicate_of).first()
        if wizard.mode != WizardMode.NEW or other is None:
            raise Conflict("This shop is not connected yet.")
        _move(wizard, other.id, WizardMode.RECONNECT)
        wizard.name = other.name
        ask_for_test(wizard)
        await save(wizard)
    await jobs.test_keys(wizard.marketplace_code, wizard_id, wizard.test_attempt)


def _move(wizard: ConnectWizard, account_id: UUID, mode: WizardMode) -> None:
    """Secrets stay sealed for the account they were typed for, until a worker seals them anew."""
    wizard.sealed_for, wizard.account_id, wizard.mode = wizard.sealed_for or wizard.account_id, account_id, mode
    forget_test(wizard)


async def comes_back(wizard: ConnectWizard) -> str:
    """The name under which the shop of a new setup was connected before it was disconnected; empty where it never was."""
    if wizard.mode != WizardMode.NEW or not wizard.found_account_id:
        return ""
    async with db.transaction(wizard.seller_id):
        before = await MarketplaceAccount.objects().where(MarketplaceAccount.id == wizard.account_id).first()
    return before.name if before is not None and before.state == AccountState.DISCONNECTED else ""
