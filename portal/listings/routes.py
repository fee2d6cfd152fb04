"""The listings pages: list with filters, and one listing."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from portal import paging
from portal.listings import finding
from portal.listings.finding import Filters
from portal.marketplaces.contract import ScheduleTarget
from portal.people.permissions import Permission, needs
from portal.runs import freshness
from portal.tables.people import MOVES_STOCK, SEES_MONEY
from portal.web.narrowing import Query
from portal.web.pages import Viewer, is_htmx, page


@get("/", opt=needs(Permission.READ))
async def index(
    request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], viewer: NamedDependency[SkipValidation[Viewer]]
) -> Response[str]:
    """The list; only the results when htmx asks."""
    accounts = await freshness.of_accounts(seller_id, ScheduleTarget.LISTINGS)
    names = {str(account.account_id): account.account_name for account in accounts}
    statuses = await finding.statuses(seller_id)
    query = Query("/listings", request.query_params)
    filters = Filters(
        search=query.text("search"),
        status=query.choice("status", statuses),
        account_id=UUID(account) if (account := query.choice("account", names)) else None,
    )
    found = await finding.search(seller_id, filters, query.cursor())
    return page(
        request,
        whole="listings/index.html",
        part="listings/_results.html",
        query=query,
        found=found,
        restarted=bool(query.cursor()) and paging.decode(finding.BY_SKU, query.cursor()) is None,
        chips=query.chips({"search": ("Search", {}), "status": ("Status", statuses), "account": ("Account", names)}),
        accounts=accounts,
        account_names=names,
        statuses=statuses,
        money=viewer.role in SEES_MONEY,
        is_part=is_htmx(request),
    )


@get("/{listing_id:int}", opt=needs(Permission.READ))
async def show(
    request: Request[Any, Any, Any],
    listing_id: FromPath[int],
    seller_id: NamedDependency[UUID],
    viewer: NamedDependency[SkipValidation[Viewer]],
) -> Response[str]:
    """One listing."""
    return page(
        request,
        whole="listings/show.html",
        listing=await finding.show(seller_id, listing_id),
        money=viewer.role in SEES_MONEY,
        may_push=viewer.role in MOVES_STOCK,
    )


ROUTES = Router("/listings", route_handlers=[index, show])
