"""The returns pages: list with filters, and one return."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from portal import paging
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.facts import ReturnKind, ReturnStatus
from portal.people.permissions import Permission, needs
from portal.people.service import Viewer
from portal.returns import finding
from portal.returns.finding import Filters
from portal.runs import freshness
from portal.web.narrowing import Query
from portal.web.pages import is_htmx, page

KINDS = {ReturnKind.RTO.value: "RTO, never delivered", ReturnKind.CUSTOMER.value: "Sent back by the buyer"}
STATUSES = {status.value: status.replace("_", " ").capitalize() for status in ReturnStatus}
CLAIMS = {"open": "Window open"}


@get("/", opt=needs(Permission.READ))
async def index(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], viewer: NamedDependency[Viewer]) -> Response[str]:
    """The list; only the results when htmx asks."""
    accounts = await freshness.of_accounts(seller_id, ScheduleTarget.RETURNS)
    names = {str(account.account_id): account.account_name for account in accounts}
    query = Query("/returns", request.query_params)
    filters = Filters(
        search=query.text("search"),
        kind=query.choice("kind", KINDS),
        status=query.choice("status", STATUSES),
        claims=bool(query.choice("claim", CLAIMS)),
        account_id=UUID(account) if (account := query.choice("account", names)) else None,
    )
    found = await finding.search(seller_id, filters, query.cursor())
    labels = {
        "search": ("Search", {}),
        "kind": ("Kind", KINDS),
        "status": ("Status", STATUSES),
        "claim": ("Claim", CLAIMS),
        "account": ("Account", names),
    }
    return page(
        request,
        whole="returns/index.html",
        part="returns/_results.html",
        query=query,
        found=found,
        restarted=bool(query.cursor()) and paging.decode(finding.NEWEST_FIRST, query.cursor()) is None,
        chips=query.chips(labels),
        accounts=accounts,
        account_names=names,
        kinds=KINDS,
        statuses=STATUSES,
        claims=CLAIMS,
        money=viewer.may(Permission.SEE_MONEY),
        is_part=is_htmx(request),
    )


@get("/{return_id:int}", opt=needs(Permission.READ))
async def show(
    request: Request[Any, Any, Any],
    return_id: FromPath[int],
    seller_id: NamedDependency[UUID],
    viewer: NamedDependency[Viewer],
) -> Response[str]:
    """One return."""
    coming_back = await finding.show(seller_id, return_id)
    return page(
        request,
        whole="returns/show.html",
        coming_back=coming_back,
        kinds=KINDS,
        money=viewer.may(Permission.SEE_MONEY),
        accounts=await freshness.of_row(seller_id, coming_back.account_id, ScheduleTarget.RETURNS),
    )


ROUTES = Router("/returns", route_handlers=[index, show])
