"""The list of connections, one connection, and what can be done with it."""

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from portal import db
from portal.accounts import closing_routes, service
from portal.accounts.painting import banner, card, gap_told, outage_told, story
from portal.errors import BadInput
from portal.jobs import Jobs
from portal.marketplaces import lasting
from portal.marketplaces.registry import MARKETPLACES, marketplace
from portal.people.guarding import keeps, recently_authenticated
from portal.people.permissions import Permission, needs
from portal.runs import painting
from portal.runs import service as runs
from portal.scheduling import painting as scheduling
from portal.tables.accounts import AccountState, MarketplaceAccount
from portal.web.pages import go, is_htmx, page

__all__ = ["ROUTES", "banner", "card", "outage_told"]

UNATTENDED = {"INVENTORY", "FULL_PROCESSING"}
"""Kinds of work that begin elsewhere: a push is reviewed first."""


@get("/accounts", opt=needs(Permission.READ))
async def index(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], unfinished: NamedDependency[list[Any]]) -> Response[str]:
    """Every connection, and every marketplace that could be one."""
    accounts = [await card(account) for account in await service.all_of(seller_id)]
    gone = [(one, marketplace(one.marketplace_code)) for one in await service.disconnected(seller_id)]
    return page(request, whole="accounts/index.html", cards=accounts, places=MARKETPLACES, unfinished=unfinished, gone=gone)


@get("/accounts/{account_id:uuid}", opt=needs(Permission.READ))
async def show(account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Response[str]:
    account = await service.get(seller_id, account_id)
    events = story(account, await service.timeline(seller_id, account_id, limit=5))
    if account.state == AccountState.DISCONNECTED:
        return page(request, whole="accounts/disconnected.html", **await _leaving(account), events=events)
    begun_here = await service.open_targets(account) - UNATTENDED
    return page(
        request,
        whole="accounts/show.html",
        **await card(account),
        capabilities=await service.capabilities_of(account),
        targets=[target for target in painting.TARGETS if target in begun_here],
        **await scheduling.of_account(account),
        history=await runs.history(seller_id, account_id=account_id, limit=5),
        events=events,
        gap=await gap_told(account),
        locations=service.locations_of(account),
        ends=service.what_ends(account) if account.credential_expires_at else None,
        problems=await runs.problems(seller_id, account_id=account_id),
        painting=painting,
    )


@get("/accounts/{account_id:uuid}/timeline", opt=needs(Permission.READ))
async def timeline(
    account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], before: FromQuery[UUID | None] = None
) -> Response[str]:
    """All that ever happened to the connection, newest first: by whom, in whose words, and what to do about it."""
    account = await service.get(seller_id, account_id)
    found = await service.timeline(seller_id, account_id, before=before, limit=service.TIMELINE_PAGE + 1)
    shown = found[: service.TIMELINE_PAGE]
    return page(
        request,
        whole="accounts/timeline.html",
        account=account,
        place=marketplace(account.marketplace_code),
        events=story(account, shown),
        newer=f"/accounts/{account_id}/timeline" if before else "",
        older=f"/accounts/{account_id}/timeline?before={shown[-1].id}" if len(found) > len(shown) else "",
    )


@get("/p/accounts/{account_id:uuid}/card", opt=needs(Permission.READ))
async def card_part(
    account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]
) -> Response[str] | Redirect:
    """The card alone, asked for every few seconds while a check is under way."""
    if not is_htmx(request):
        return go(f"/accounts/{account_id}")
    asked_from = urlsplit(request.headers.get("hx-current-url", "")).path
    shown = await card(await service.get(seller_id, account_id))
    return page(request, whole="accounts/_looked.html", on_its_page=asked_from == f"/accounts/{account_id}", **shown)


@post(["/accounts/{account_id:uuid}/check", "/p/accounts/{account_id:uuid}/check"], status_code=200, opt=needs(Permission.SYNC))
async def check(
    account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], jobs: NamedDependency[Jobs]
) -> Response[str] | Redirect:
    """Ask the marketplace now whether it still accepts the saved keys."""
    account = await service.start_check(seller_id, account_id, jobs=jobs, by=request.state.viewer.called)
    if not is_htmx(request):
        return go(f"/accounts/{account_id}", notice="Checking now. Refresh the page in a moment.", tone="info")
    return page(request, whole="accounts/_card.html", **await card(account))


@post("/accounts/{account_id:uuid}/hide-expiry", opt=needs(Permission.CONNECT))
async def hide_expiry(account_id: FromPath[UUID], seller_id: NamedDependency[UUID]) -> Redirect:
    """Put the line about a credential that ends away for a week."""
    await service.hide(seller_id, account_id)
    return go("/accounts", notice="Hidden for 7 days. The account still says when it ends.")


@post("/accounts/{account_id:uuid}/location", opt=needs(Permission.CONNECT))
async def ship_from(account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Redirect:
    """Stock goes to another of the shop's locations."""
    chosen = str((await request.form()).get("ships_from", ""))
    called = await service.ship_from(seller_id, account_id, chosen, by=request.state.viewer.called)
    return go(f"/accounts/{account_id}", notice=f"Stock goes to {called} from now on.")


@post("/accounts/{account_id:uuid}/pause", opt=needs(Permission.CONNECT))
async def pause(account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Redirect:
    await service.pause(seller_id, account_id, by=request.state.viewer.called)
    return go(f"/accounts/{account_id}", notice="Paused. Nothing syncs until you resume.")


@post("/accounts/{account_id:uuid}/resume", opt=needs(Permission.CONNECT))
async def resume(account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Redirect:
    await service.resume(seller_id, account_id, by=request.state.viewer.called)
    return go(f"/accounts/{account_id}", notice="Resumed.")


@get("/accounts/{account_id:uuid}/disconnect", opt=needs(Permission.CONNECT))
async def explain_disconnect(
    account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]
) -> Response[str] | Redirect:
    """What disconnecting does and what it keeps, before anything happens."""
    account = await service.get(seller_id, account_id)
    if account.state == AccountState.DISCONNECTED:
        return go(f"/accounts/{account_id}")
    return page(request, whole="accounts/disconnect.html", secure=True, **await _leaving(account), errors={}, message="", history="keep")


@post(
    "/accounts/{account_id:uuid}/disconnect",
    opt={**needs(Permission.CONNECT), **keeps("name", "history")},
    guards=[recently_authenticated],
)
async def disconnect(
    account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], jobs: NamedDependency[Jobs]
) -> Response[str] | Redirect:
    """End the connection: the secrets go at once, the history stays or goes as chosen."""
    form = await request.form()
    history = "delete" if form.get("history") == "delete" else "keep"
    try:
        await service.disconnect(
            seller_id,
            account_id,
            typed_name=str(form.get("name", "")),
            delete_history=history == "delete",
            by=request.state.viewer.called,
            jobs=jobs,
        )
    except BadInput as error:
        shown = await _leaving(await service.get(seller_id, account_id))
        return page(
            request,
            whole="accounts/disconnect.html",
            status=422,
            secure=True,
            **shown,
            errors=error.fields,
            message=error.seller_message,
            history=history,
        )
    return go(f"/accounts/{account_id}", notice="Disconnected. Every saved secret of this account is erased.")


async def _leaving(account: MarketplaceAccount) -> dict[str, Any]:
    """What the pages about disconnecting show: the account, and how to take the access back at the marketplace."""
    place = marketplace(account.marketplace_code)
    async with db.transaction(account.seller_id):
        method = await lasting.method_of(place, account.id)
    return {"account": account, "place": place, "removal": method.removal if method else ()}


ROUTES = (
    index,
    show,
    timeline,
    card_part,
    check,
    hide_expiry,
    ship_from,
    pause,
    resume,
    explain_disconnect,
    disconnect,
    *closing_routes.ROUTES,
)
