"""How a setup of a new account begins."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from portal import clock, db
from portal.connecting.service.reading import OPEN_FOR
from portal.errors import NotFound
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.methods import Method
from portal.marketplaces.registry import marketplace
from portal.settings import Settings
from portal.tables.wizards import ConnectWizard


def methods(place: Marketplace, settings: Settings) -> Sequence[Method]:
    """The ways to connect that this installation offers: those that send the seller away only where the operator has an application."""
    sends_away = place.handoff is not None and place.handoff.is_set_up(settings.of(place.code))
    return [one for one in place.methods if (sends_away if one.oauth else settings.self_hosted or not one.self_hosted_only)]


async def begin(seller_id: UUID, user_id: UUID, code: str, *, settings: Settings, name: str = "") -> ConnectWizard:
    """A new wizard with its account's id already allocated. NotFound for a marketplace that cannot be connected yet."""
    place = marketplace(code)
    offered = methods(place, settings)
    if place.open is None or not offered:
        raise NotFound("marketplace")
    wizard = ConnectWizard(
        id=uuid4(),
        seller_id=seller_id,
        user_id=user_id,
        marketplace_code=code,
        account_id=uuid4(),
        method=offered[0].code,
        name=name,
        expires_at=clock.now() + OPEN_FOR,
        touched_at=clock.now(),
    )
    async with db.transaction(seller_id):
        await wizard.save()
    return wizard
