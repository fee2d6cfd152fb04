"""Where a setup begins, is picked up again, or is thrown away."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from portal.connecting import service
from portal.connecting.routes.showing import SECURE, ended
from portal.marketplaces.registry import MARKETPLACES, marketplace
from portal.settings import Settings
from portal.web.pages import go, page


class Unfinished(msgspec.Struct, frozen=True, kw_only=True):
    """A setup that waits to be continued."""

    id: UUID
    name: str
    marketplace_name: str


async def unfinished(seller_id: NamedDependency[UUID]) -> list[Unfinished]:
    return [
        Unfinished(id=one.id, name=one.name, marketplace_name=marketplace(one.marketplace_code).name)
        for one in await service.unfinished(seller_id)
    ]


@get("/accounts/new", opt=SECURE)
async def choose_marketplace(request: Request[Any, Any, Any], settings: NamedDependency[Settings]) -> Response[str]:
    places = [(place, bool(place.open and service.methods(place, settings))) for place in MARKETPLACES]
    return page(request, whole="connecting/new.html", places=places, secure=True)


@post("/connect", opt=SECURE)
async def begin(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], settings: NamedDependency[Settings]) -> Redirect:
    form = await request.form()
    wizard = await service.begin(seller_id, request.state.viewer.user_id, str(form.get("marketplace", "")), settings=settings)
    return go(f"/connect/{wizard.id}/1")


@get("/connect/{wizard_id:uuid}", opt=SECURE)
async def resume(wizard_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Response[str] | Redirect:
    wizard = await service.get(seller_id, wizard_id)
    return ended(request, wizard) or go(f"/connect/{wizard_id}/{wizard.step}")


@post("/connect/{wizard_id:uuid}/discard", opt=SECURE)
async def discard(wizard_id: FromPath[UUID], seller_id: NamedDependency[UUID]) -> Redirect:
    await service.discard(seller_id, wizard_id)
    return go("/accounts", notice="Discarded. Nothing was saved.")
