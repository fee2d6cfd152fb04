"""The listings pages: list with filters, and one listing."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, Router, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromPath

from portal import paging
from portal.errors import BadInput, NotFound
from portal.listings import finding, tax_routes, uploads
from portal.listings.finding import Filters
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.registry import marketplace
from portal.people.permissions import Permission, needs
from portal.people.service import Viewer
from portal.runs import freshness
from portal.runs.refs import account_ref
from portal.web.narrowing import Query
from portal.web.pages import go, is_htmx, page

SMALL_PARTS = 64 * 1024  # the form around the file


@get("/", opt=needs(Permission.READ))
async def index(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], viewer: NamedDependency[Viewer]) -> Response[str]:
    """The list; only the results when htmx asks."""
    return await _index(request, seller_id, viewer)


async def _index(
    request: Request[Any, Any, Any],
    seller_id: UUID,
    viewer: Viewer,
    *,
    mistake: BadInput | None = None,
    taken: uploads.Taken | None = None,
    chosen: str = "",
) -> Response[str]:
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
    readable = [account for account in accounts if marketplace(account.marketplace_code).read_listing_file is not None]
    return page(
        request,
        whole="listings/index.html",
        part="listings/_results.html",
        status=422 if mistake else 200,
        query=query,
        found=found,
        restarted=bool(query.cursor()) and paging.decode(finding.BY_SKU, query.cursor()) is None,
        chips=query.chips({"search": ("Search", {}), "status": ("Status", statuses), "account": ("Account", names)}),
        accounts=accounts,
        account_names=names,
        statuses=statuses,
        money=viewer.may(Permission.SEE_MONEY),
        readable=readable if viewer.may(Permission.PUSH_STOCK) else [],
        hints={account.marketplace_name: marketplace(account.marketplace_code).listing_file_hint for account in readable},
        errors=mistake.fields if mistake else {},
        message=mistake.seller_message if mistake else "",
        taken=taken,
        chosen=chosen,
        is_part=is_htmx(request),
    )


@get("/{listing_id:int}", opt=needs(Permission.READ))
async def show(
    request: Request[Any, Any, Any],
    listing_id: FromPath[int],
    seller_id: NamedDependency[UUID],
    viewer: NamedDependency[Viewer],
) -> Response[str]:
    """One listing."""
    return await tax_routes.shown(request, await finding.show(seller_id, listing_id), viewer)


@post("/uploads", status_code=200, request_max_body_size=uploads.LARGEST + SMALL_PARTS, opt=needs(Permission.PUSH_STOCK))
async def upload(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], viewer: NamedDependency[Viewer]) -> Response[Any]:
    """Keep the listings of a file and say what became of it."""
    form = await request.form()
    chosen, file = str(form.get("account", "")), form.get("file")
    try:
        account = await account_ref(seller_id, _account_id(chosen))
        read = marketplace(account.code).read_listing_file
        if read is None:
            raise NotFound("kind of upload")
        if not isinstance(file, UploadFile) or not file.filename:
            raise BadInput("There is no file.", fields={"file": "Choose a file."})
        taken = await uploads.take(account, file.filename, file.file, read, by=viewer.email)  # type: ignore[arg-type]  # a spooled file is one
    except BadInput as mistake:
        return await _index(request, seller_id, viewer, mistake=mistake, chosen=chosen)
    if taken.unreadable:
        return await _index(request, seller_id, viewer, taken=taken, chosen=chosen)
    return go("/listings", notice=f"{taken.kept.new} listings are new, {taken.kept.changed} changed, {taken.kept.same} stayed the same.")


def _account_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise BadInput("We do not know whose file this is.", fields={"upload-account": "Choose an account."}) from None


ROUTES = Router("/listings", route_handlers=[index, show, upload, *tax_routes.ROUTES])
