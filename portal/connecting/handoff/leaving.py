"""Sending a seller away: a fresh state for her setup, and the address where she presses Allow."""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

import msgspec

from portal import clock, db
from portal.connecting import service, tickets
from portal.errors import NotFound
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.handoff import Arrival, Handoff
from portal.marketplaces.methods import Method
from portal.settings import Settings
from portal.tables.accounts import AccountState, MarketplaceAccount
from portal.tables.tickets import TicketKind
from portal.tables.wizards import ConnectWizard
from portal.vault import Vault

BACK_WITHIN = timedelta(minutes=15)


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """An account that an invitation of the marketplace may be meant for."""

    id: UUID
    name: str


def way(place: Marketplace, settings: Settings) -> tuple[Handoff, Method]:
    """How this marketplace's sellers are sent away. NotFound where this installation does not offer it."""
    for method in service.methods(place, settings):
        if method.oauth and place.handoff is not None:
            return place.handoff, method
    raise NotFound("way to connect")


def return_address(place: Marketplace, settings: Settings) -> str:
    """Where the marketplace sends her back to: what the operator registers there."""
    return f"{settings.public_url}/oauth/{place.slug}/return"


async def leave(
    seller_id: UUID,
    session_id: UUID,
    place: Marketplace,
    wizard_id: UUID,
    *,
    settings: Settings,
    vault: Vault,
    invited: Arrival | None = None,
) -> str:
    """The address to send her browser to. It holds a state that is good once, for a quarter of an hour, in this session.

    Raises NotFound (not her setup, or of another marketplace), Conflict (over), Misconfigured (no application).
    """
    handoff, method = way(place, settings)
    state = secrets.token_urlsafe(32)
    async with db.transaction(seller_id):
        wizard = await service.locked(seller_id, wizard_id)
        if wizard.marketplace_code != place.code:
            raise NotFound("setup")
        # The way she goes is the way she has chosen: the link may stand on a page that another tab has overtaken.
        if wizard.method != method.code:
            wizard.method = method.code
            wizard.touched_at = clock.now()
            await wizard.save()
        await tickets.draw(wizard, TicketKind.HANDOFF, state, vault=vault, lives=BACK_WITHIN, session_id=session_id)
    redirect_uri = return_address(place, settings)
    if invited is not None:
        return invited.onward(redirect_uri=redirect_uri, state=state)
    return handoff.consent_address(settings.of(place.code), redirect_uri=redirect_uri, state=state)


async def invited_to(seller_id: UUID, place: Marketplace, arrival: Arrival) -> Known | None:
    """The account that an invitation names; None when that shop is not connected here."""
    if not arrival.shop:
        return None
    async with db.transaction(seller_id):
        account = (
            await MarketplaceAccount.objects()
            .where(
                (MarketplaceAccount.marketplace_code == place.code)
                & (MarketplaceAccount.external_account_id == arrival.shop)
                & (MarketplaceAccount.state != AccountState.DISCONNECTED)
            )
            .first()
        )
    return Known(id=account.id, name=account.name) if account else None


async def begin_invited(
    seller_id: UUID, user_id: UUID, place: Marketplace, account_id: UUID | None, *, settings: Settings
) -> ConnectWizard:
    """A setup for a seller whom the marketplace sent: of a new account, or the reconnect of one. NotFound for anybody else's."""
    _, method = way(place, settings)
    if account_id is not None:
        account = await service.account(seller_id, account_id)
        if account.marketplace_code != place.code:
            raise NotFound("account")
        return await service.begin_reconnect(seller_id, user_id, account_id)
    wizard = await service.begin(seller_id, user_id, place.code, settings=settings, name=place.name)
    await service.choose(seller_id, wizard.id, name=place.name, method=method.code, version=None, settings=settings)
    await service.prepared(seller_id, wizard.id)
    return wizard


def invitation(place: Marketplace, settings: Settings, query: Mapping[str, str]) -> Arrival | None:
    """The marketplace's own invitation in an address; None where there is none."""
    handoff, _ = way(place, settings)
    return handoff.arrival(settings.of(place.code), query)
