"""How a setup that replaces an account's keys begins."""

from uuid import UUID, uuid4

import msgspec

from portal import clock, db
from portal.connecting.service.reading import ENTER, OPEN_FOR
from portal.errors import NotFound
from portal.marketplaces import details
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.registry import marketplace
from portal.tables.accounts import MarketplaceAccount
from portal.tables.wizards import ConnectWizard, WizardMode


async def begin_reconnect(seller_id: UUID, user_id: UUID, account_id: UUID) -> ConnectWizard:
    """A wizard that replaces an account's keys: same id, name and ids prefilled, only secrets empty."""
    async with db.transaction(seller_id) as held:
        account = await MarketplaceAccount.objects().where(MarketplaceAccount.id == account_id).first()
        if account is None:
            raise NotFound("account")
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
