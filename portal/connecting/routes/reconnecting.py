"""Where a setup that replaces an account's keys begins."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from portal.connecting import service
from portal.connecting.routes.showing import SECURE
from portal.marketplaces.registry import marketplace
from portal.web.pages import go, page


@get("/accounts/{account_id:uuid}/reconnect", opt=SECURE)
async def explain_reconnect(account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Response[str]:
    """What reconnecting keeps and asks for; the wizard begins with the button's POST."""
    account = await service.account(seller_id, account_id)
    return page(request, whole="connecting/reconnect.html", account=account, place=marketplace(account.marketplace_code), secure=True)


@post("/accounts/{account_id:uuid}/reconnect", opt=SECURE)
async def reconnect(account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Redirect:
    wizard = await service.begin_reconnect(seller_id, request.state.viewer.user_id, account_id)
    return go(f"/connect/{wizard.id}/3")
