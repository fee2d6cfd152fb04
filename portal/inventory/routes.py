"""The stock pages: table with boxes, review of what changes, push, and another try for what was refused."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Redirect

from portal import paging
from portal.errors import BadInput, Conflict
from portal.inventory import finding, service
from portal.inventory.finding import Filters
from portal.jobs import Jobs
from portal.marketplaces.contract import ScheduleTarget
from portal.people.permissions import Permission, needs
from portal.people.service import Viewer
from portal.runs import freshness
from portal.runs import service as runs
from portal.web.narrowing import Query
from portal.web.pages import go, is_htmx, page

STATES = {"waiting": "Waiting to be pushed", "refused": "Refused"}
QUANTITY, SHOWN = "quantity-", "shown-"
LONGEST_NUMBER = 9


@get("/", opt=needs(Permission.READ))
async def index(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], viewer: NamedDependency[Viewer]) -> Response[str]:
    """The stock table; only the results when htmx asks."""
    return await _index(request, seller_id, viewer)


async def _index(
    request: Request[Any, Any, Any],
    seller_id: UUID,
    viewer: Viewer,
    *,
    mistake: BadInput | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    accounts = await freshness.of_accounts(seller_id, ScheduleTarget.LISTINGS)
    names = {str(account.account_id): account.account_name for account in accounts}
    query = Query("/inventory", request.query_params)
    filters = Filters(
        search=query.text("search"),
        state=query.choice("state", STATES),
        account_id=UUID(account) if (account := query.choice("account", names)) else None,
    )
    found = await finding.search(seller_id, filters, query.cursor())
    return page(
        request,
        whole="inventory/index.html",
        part="inventory/_results.html",
        status=422 if mistake else 200,
        query=query,
        found=found,
        restarted=bool(query.cursor()) and paging.decode(finding.BY_SKU, query.cursor()) is None,
        chips=query.chips({"search": ("Search", {}), "state": ("Push", STATES), "account": ("Account", names)}),
        accounts=accounts,
        account_names=names,
        states=STATES,
        refused=await finding.refused(seller_id),
        may_push=viewer.may(Permission.PUSH_STOCK),
        errors=mistake.fields if mistake else {},
        message=mistake.seller_message if mistake else "",
        typed=typed or {},
        is_part=is_htmx(request),
    )


@post("/push", opt=needs(Permission.PUSH_STOCK))
async def draft(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], viewer: NamedDependency[Viewer]) -> Response[Any]:
    """Put the quantities that were changed aside and go to their review."""
    form = {name: str(value) for name, value in (await request.form()).items()}
    try:
        draft_id = await service.draft(seller_id, _changed(form), by=viewer.email)
    except BadInput as mistake:
        return await _index(request, seller_id, viewer, mistake=mistake, typed=form)
    except Conflict as nothing:
        return go("/inventory", notice=nothing.seller_message, tone="info")
    return go(f"/inventory/push/{draft_id}")


def _changed(form: Mapping[str, str]) -> dict[int, int]:
    """Listing id to the quantity typed, where it differs from the one the page showed: what nobody touched is nobody's wish."""
    changed: dict[int, int] = {}
    wrong: dict[str, str] = {}
    for name, text in form.items():
        listing = name.removeprefix(QUANTITY)
        typed = text.strip()
        if not name.startswith(QUANTITY) or not _is_number(listing, 18) or typed == form.get(SHOWN + listing, ""):
            continue
        if _is_number(typed, LONGEST_NUMBER):
            changed[int(listing)] = int(typed)
        else:
            wrong[name] = f"Stock is a whole number from 0 to {service.LARGEST}."
    if wrong:
        raise BadInput("Some quantities cannot be.", fields=wrong)
    return changed


def _is_number(text: str, longest: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= longest


@get("/push/{draft_id:uuid}", opt=needs(Permission.PUSH_STOCK))
async def review(
    request: Request[Any, Any, Any],
    draft_id: FromPath[UUID],
    seller_id: NamedDependency[UUID],
    viewer: NamedDependency[Viewer],
) -> Response[str]:
    """Old and new of every line, with a word where much goes away."""
    return page(request, whole="inventory/review.html", draft=await service.review(seller_id, draft_id))


@post("/push/{draft_id:uuid}/approve", opt=needs(Permission.PUSH_STOCK))
async def approve(
    draft_id: FromPath[UUID],
    seller_id: NamedDependency[UUID],
    viewer: NamedDependency[Viewer],
    jobs: NamedDependency[SkipValidation[Jobs]],
) -> Redirect:
    """Push: one run per account."""
    accounts = await service.approve(seller_id, draft_id)
    return await _push(seller_id, accounts, jobs, by=viewer.name or viewer.email)


@post("/push/{draft_id:uuid}/discard", opt=needs(Permission.PUSH_STOCK))
async def discard(draft_id: FromPath[UUID], seller_id: NamedDependency[UUID], viewer: NamedDependency[Viewer]) -> Redirect:
    """Forget the changes."""
    await service.discard(seller_id, draft_id)
    return go("/inventory", notice="The changes were discarded. Nothing was pushed.")


@post("/accounts/{account_id:uuid}/retry", opt=needs(Permission.PUSH_STOCK))
async def retry(
    account_id: FromPath[UUID],
    seller_id: NamedDependency[UUID],
    viewer: NamedDependency[Viewer],
    jobs: NamedDependency[SkipValidation[Jobs]],
) -> Redirect:
    """Push refused lines once more."""
    if not await service.retry_refused(seller_id, account_id):
        return go("/inventory", notice="Nothing is left to retry.", tone="info")
    return await _push(seller_id, [account_id], jobs, by=viewer.name or viewer.email)


async def _push(seller_id: UUID, accounts: list[UUID], jobs: Jobs, *, by: str) -> Redirect:
    started = [await runs.start(seller_id, account, ScheduleTarget.INVENTORY, jobs=jobs, by=by) for account in accounts]
    if len(started) == 1:
        return go(f"/syncs/{started[0].run_id}")
    return go("/syncs", notice=f"Stock is being pushed to {len(started)} accounts.")


ROUTES = Router("/inventory", route_handlers=[index, draft, review, approve, discard, retry])
