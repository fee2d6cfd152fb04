"""Where a setup that replaces an account's keys begins."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from portal.connecting import service
from portal.connecting.routes.showing import SECURE
from portal.jobs import Jobs
from portal.marketplaces.registry import marketplace
from portal.people.guarding import keeps, recently_authenticated
from portal.tables.accounts import AccountState
from portal.web.pages import go, page


@get("/accounts/{account_id:uuid}/reconnect", opt=SECURE)
async def explain_reconnect(
    account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]
) -> Response[str] | Redirect:
    """What reconnecting keeps and asks for; the wizard begins with the button's POST."""
    account = await service.account(seller_id, account_id)
    if account.state == AccountState.DISCONNECTED:
        return go(f"/accounts/{account_id}")
    place = marketplace(account.marketplace_code)
    return page(request, whole="connecting/reconnect.html", account=account, place=place, secure=True, packed=True)


@post("/accounts/{account_id:uuid}/reconnect", opt={**SECURE, **keeps()}, guards=[recently_authenticated])
async def reconnect(account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Redirect:
    wizard = await service.begin_reconnect(seller_id, request.state.viewer.user_id, account_id)
    return go(f"/connect/{wizard.id}/3")


@post("/connect/{wizard_id:uuid}/as-new", opt=SECURE)
async def connect_as_new(wizard_id: FromPath[UUID], seller_id: NamedDependency[UUID]) -> Redirect:
    """The details are another shop's: make that a new account, with what was typed."""
    await service.connect_as_new(seller_id, wizard_id)
    return go(f"/connect/{wizard_id}/1")


@post("/connect/{wizard_id:uuid}/as-reconnect", opt={**SECURE, **keeps()}, guards=[recently_authenticated])
async def reconnect_the_other(wizard_id: FromPath[UUID], seller_id: NamedDependency[UUID], jobs: NamedDependency[Jobs]) -> Redirect:
    """The shop is connected already: test what was typed as the reconnect of that account."""
    await service.reconnect_the_other(seller_id, wizard_id, jobs=jobs)
    return go(f"/connect/{wizard_id}/4")
