"""Where a shop ships from, and which of several locations its stock goes to."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from portal import db, nudges
from portal.accounts.service.reading import locked, topic
from portal.audit import service as audit
from portal.errors import BadInput
from portal.marketplaces.contract import AccountRef, Location
from portal.marketplaces.registry import marketplace
from portal.tables.accounts import MarketplaceAccount
from portal.tables.audit import Action


def locations_of(account: MarketplaceAccount) -> list[Location]:
    """The places the shop ships from, as the last check met them; empty where its marketplace tells none."""
    return msgspec.json.decode(account.locations, type=list[Location])


def known_with(account: MarketplaceAccount, found: Sequence[Location]) -> list[Location]:
    """All known locations after some were met: those alone, or with the ones met before where the marketplace has no list of them."""
    if not found:
        return locations_of(account)
    if marketplace(account.marketplace_code).lists_locations:
        return list(found)
    met = {one.id for one in found}
    return sorted([*found, *(one for one in locations_of(account) if one.id not in met)], key=lambda one: one.id)


def meet(account: MarketplaceAccount, found: Sequence[Location]) -> None:
    """Note what a check met, on the row. One that met none knows no better than the one before; a choice that is gone is forgotten."""
    if not found:
        return
    known = known_with(account, found)
    account.locations = msgspec.json.encode(known).decode()
    if account.ships_from not in {one.id for one in known}:
        account.ships_from = ""


async def meet_on_the_way(account: AccountRef, found: Sequence[Location]) -> None:
    """Note locations that a reading met, beside those that are known. NotFound for an account that is gone."""
    async with db.transaction(account.seller_id):
        row = await locked(account.id)
        before = row.locations
        meet(row, found)
        if row.locations != before:
            await row.save([MarketplaceAccount.locations, MarketplaceAccount.ships_from])
            await nudges.nudge(topic(account.id))


async def ship_from(seller_id: UUID, account_id: UUID, location_id: str, *, by: str) -> str:
    """Stock goes to this location from now on. Answers its name. Raises BadInput for one that the shop does not have."""
    async with db.transaction(seller_id):
        account = await locked(account_id)
        chosen = next((one for one in locations_of(account) if one.id == location_id), None)
        if chosen is None:
            raise BadInput("Choose one of the locations of this shop.", fields={"ships_from": "Choose a location"})
        called = chosen.name or chosen.id
        if account.ships_from != chosen.id:
            before, account.ships_from = account.ships_from, chosen.id
            await account.save([MarketplaceAccount.ships_from])
            await audit.write(
                seller_id, Action.LOCATION_CHOSEN, f"Stock goes to {chosen.id}", before=before, actor=by, account_id=account_id
            )
            await nudges.nudge(topic(account_id))
    return called
