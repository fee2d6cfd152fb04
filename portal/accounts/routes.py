"""The list of connections, one connection, and what can be done with it."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from portal.accounts import service
from portal.jobs import Jobs
from portal.marketplaces.budgets import allowance
from portal.marketplaces.circuits import Outage
from portal.marketplaces.contract import mask
from portal.marketplaces.errors import resting
from portal.marketplaces.registry import MARKETPLACES, marketplace
from portal.people.permissions import Permission, needs
from portal.runs import painting
from portal.runs import service as runs
from portal.tables.accounts import AccountState, MarketplaceAccount
from portal.web.pages import Banner, go, is_htmx, page


async def card(account: MarketplaceAccount) -> dict[str, Any]:
    """What an account's card shows."""
    place = marketplace(account.marketplace_code)
    last = await runs.history(account.seller_id, account_id=account.id, limit=1)
    return {
        "account": account,
        "place": place,
        "badge": service.badge(account),
        "checking": service.checking(account),
        "capabilities": service.capabilities(account),
        "target_words": painting.TARGETS,
        "targets": [
            target for target in painting.TARGETS if target in place.supported_targets and target not in {"INVENTORY", "FULL_PROCESSING"}
        ],
        "shown_id": mask(account.external_account_id),
        "last": last[0] if last else None,
        "words": painting.words,
        "paused": account.state == AccountState.PAUSED,
        "allowance": await allowance(account.seller_id, account.id),
    }


async def banner(seller_id: UUID) -> Banner | None:
    """The one line on every page about accounts that need reconnecting; None when none does."""
    broken = [account for account in await service.all_of(seller_id) if account.needs_reconnect]
    if not broken:
        return None
    if len(broken) > 1:
        return Banner(
            text=f"{len(broken)} accounts need reconnecting.", detail="Their syncs are on hold.", href="/accounts", action="See which"
        )
    return Banner(
        text=f"{broken[0].name} needs reconnecting.",
        detail="Its syncs are on hold. Your data is safe.",
        href=f"/accounts/{broken[0].id}/reconnect",
        action="Reconnect",
    )


def outage_told(outage: Outage) -> str:
    """The line on every page of the sellers it concerns, once however many of their accounts it hits."""
    return resting(marketplace(outage.code).name, outage.since, outage.retry_at)


@get("/accounts", opt=needs(Permission.READ))
async def index(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], unfinished: NamedDependency[list[Any]]) -> Response[str]:
    """Every connection, and every marketplace that could be one."""
    accounts = [await card(account) for account in await service.all_of(seller_id)]
    return page(request, whole="accounts/index.html", cards=accounts, places=MARKETPLACES, unfinished=unfinished)


@get("/accounts/{account_id:uuid}", opt=needs(Permission.READ))
async def show(account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Response[str]:
    account = await service.get(seller_id, account_id)
    return page(
        request,
        whole="accounts/show.html",
        **await card(account),
        history=await runs.history(seller_id, account_id=account_id, limit=5),
        events=await service.timeline(seller_id, account_id),
    )


@get("/p/accounts/{account_id:uuid}/card", opt=needs(Permission.READ))
async def card_part(
    account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]
) -> Response[str] | Redirect:
    """The card alone, asked for every few seconds while a check is under way."""
    if not is_htmx(request):
        return go(f"/accounts/{account_id}")
    return page(request, whole="accounts/_card.html", **await card(await service.get(seller_id, account_id)))


@post(["/accounts/{account_id:uuid}/check", "/p/accounts/{account_id:uuid}/check"], status_code=200, opt=needs(Permission.SYNC))
async def check(
    account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], jobs: NamedDependency[Jobs]
) -> Response[str] | Redirect:
    """Ask the marketplace now whether it still accepts the saved keys."""
    account = await service.start_check(seller_id, account_id, jobs=jobs)
    if not is_htmx(request):
        return go(f"/accounts/{account_id}", notice="Checking now. Refresh the page in a moment.", tone="info")
    return page(request, whole="accounts/_card.html", **await card(account))


@post("/accounts/{account_id:uuid}/pause", opt=needs(Permission.CONNECT))
async def pause(account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Redirect:
    await service.pause(seller_id, account_id, by=request.state.viewer.called)
    return go(f"/accounts/{account_id}", notice="Paused. Nothing syncs until you resume.")


@post("/accounts/{account_id:uuid}/resume", opt=needs(Permission.CONNECT))
async def resume(account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Redirect:
    await service.resume(seller_id, account_id, by=request.state.viewer.called)
    return go(f"/accounts/{account_id}", notice="Resumed.")


ROUTES = (index, show, card_part, check, pause, resume)
