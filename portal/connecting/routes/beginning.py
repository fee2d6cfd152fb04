"""Where a setup begins, is picked up again, or is thrown away."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from portal.connecting import service
from portal.connecting.routes.showing import SECURE, ended
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.registry import MARKETPLACES, marketplace
from portal.settings import Settings
from portal.tables.wizards import ConnectWizard
from portal.web.forms import clean
from portal.web.pages import go, page


class Unfinished(msgspec.Struct, frozen=True, kw_only=True):
    """A setup that waits to be continued. `waiting`: for details somebody else has to send; `reminded`: it is time to ask again."""

    id: UUID
    name: str
    marketplace_name: str
    slug: str
    waiting: bool
    reminded: bool
    until: datetime


async def unfinished(seller_id: NamedDependency[UUID]) -> list[Unfinished]:
    """The seller's setups that are not finished, for whichever page shows them."""
    found = await service.unfinished(seller_id)
    due = await service.reminded(seller_id) if found else set()
    return [_unfinished(one, marketplace(one.marketplace_code), due) for one in found]


def _unfinished(wizard: ConnectWizard, place: Marketplace, due: set[UUID]) -> Unfinished:
    return Unfinished(
        id=wizard.id,
        name=wizard.name,
        marketplace_name=place.name,
        slug=place.slug,
        waiting=wizard.waiting_for_details,
        reminded=wizard.waiting_for_details and wizard.id in due,
        until=wizard.expires_at,
    )


@get("/accounts/new", opt=SECURE)
async def choose_marketplace(request: Request[Any, Any, Any], settings: NamedDependency[Settings]) -> Response[str]:
    places = [(place, bool(place.open and service.methods(place, settings))) for place in MARKETPLACES]
    return page(request, whole="connecting/new.html", places=places, secure=True, packed=True)


@post("/connect", opt=SECURE)
async def begin(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], settings: NamedDependency[Settings]) -> Redirect:
    form = await request.form()
    code, name = str(form.get("marketplace", "")), clean(str(form.get("name", ""))).value[: service.NAME_LIMIT]
    wizard = await service.begin(seller_id, request.state.viewer.user_id, code, settings=settings, name=name)
    return go(f"/connect/{wizard.id}/1")


@get("/connect/{wizard_id:uuid}", opt=SECURE)
async def resume(wizard_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Response[str] | Redirect:
    wizard = await service.get(seller_id, wizard_id)
    step = "waiting" if wizard.waiting_for_details and wizard.step <= service.ENTER else wizard.step
    return ended(request, wizard) or go(f"/connect/{wizard_id}/{step}")


@post("/connect/{wizard_id:uuid}/discard", opt=SECURE)
async def discard(wizard_id: FromPath[UUID], seller_id: NamedDependency[UUID]) -> Redirect:
    await service.discard(seller_id, wizard_id)
    return go("/accounts", notice="Discarded. Nothing was saved.")
