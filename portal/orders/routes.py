"""The orders pages: list with filters, one order, and its buyer on request."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Redirect

from portal import paging
from portal.errors import BadInput
from portal.invoicing import finding as invoices_found
from portal.invoicing.issuing import CannotInvoice
from portal.invoicing.series import SeriesFull
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.facts import OrderStatus
from portal.orders import finding, invoices
from portal.orders.finding import Filters, OrderShown
from portal.orders.invoice_routes import as_download
from portal.people.permissions import Permission, needs
from portal.people.service import Viewer
from portal.runs import freshness, painting
from portal.runs import service as runs
from portal.vault import Vault
from portal.web.narrowing import Query
from portal.web.pages import go, is_htmx, page

STATUSES = {status.value: status.replace("_", " ").capitalize() for status in OrderStatus}


@get("/", opt=needs(Permission.READ))
async def index(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], viewer: NamedDependency[Viewer]) -> Response[str]:
    """The list; only the results when htmx asks."""
    accounts = await freshness.of_accounts(seller_id, ScheduleTarget.ORDERS)
    marketplaces = {account.marketplace_code: account.marketplace_name for account in accounts}
    names = {str(account.account_id): account.account_name for account in accounts}
    query = Query("/orders", request.query_params)
    filters = Filters(
        search=query.text("search"),
        marketplace=query.choice("marketplace", marketplaces),
        status=query.choice("status", STATUSES),
        account_id=UUID(account) if (account := query.choice("account", names)) else None,
        placed_from=query.first_moment("from"),
        placed_to=query.last_moment("to"),
    )
    found = await finding.search(seller_id, filters, query.cursor())
    labels = {
        "search": ("Search", {}),
        "marketplace": ("Marketplace", marketplaces),
        "status": ("Status", STATUSES),
        "account": ("Account", names),
    }
    return page(
        request,
        whole="orders/index.html",
        part="orders/_results.html",
        query=query,
        found=found,
        restarted=bool(query.cursor()) and paging.decode(finding.NEWEST_FIRST, query.cursor()) is None,
        chips=query.chips({**labels, **query.day_chips()}),
        accounts=accounts,
        account_names=names,
        marketplaces=marketplaces,
        statuses=STATUSES,
        money=viewer.may(Permission.SEE_MONEY),
        is_part=is_htmx(request),
    )


@get("/{order_id:int}", opt=needs(Permission.READ))
async def show(
    request: Request[Any, Any, Any],
    order_id: FromPath[int],
    seller_id: NamedDependency[UUID],
    viewer: NamedDependency[Viewer],
) -> Response[str]:
    """One order, its buyer hidden."""
    return await _shown(request, await finding.show(seller_id, order_id), viewer)


@post("/{order_id:int}/buyer", status_code=200, opt=needs(Permission.SEE_BUYERS))
async def show_buyer(
    request: Request[Any, Any, Any],
    order_id: FromPath[int],
    seller_id: NamedDependency[UUID],
    viewer: NamedDependency[Viewer],
    vault: NamedDependency[SkipValidation[Vault]],
) -> Response[str]:
    """The order with its buyer in clear: a POST, because looking is written down; stored nowhere."""
    order = await finding.show(seller_id, order_id)
    buyer = await finding.show_buyer(seller_id, order_id, vault, by=viewer.email)
    return await _shown(request, order, viewer, buyer=buyer)


@post("/{order_id:int}/invoice", status_code=200, opt=needs(Permission.INVOICE))
async def make_invoice(
    request: Request[Any, Any, Any],
    order_id: FromPath[int],
    seller_id: NamedDependency[UUID],
    viewer: NamedDependency[Viewer],
    vault: NamedDependency[SkipValidation[Vault]],
) -> Response[str] | Redirect:
    """Issue the order's tax invoice; asking twice issues one."""
    order = await finding.show(seller_id, order_id)
    place = str((await request.form()).get("place_of_supply", ""))
    try:
        await invoices.issue(seller_id, order_id, vault, by=viewer.email, place_of_supply=place)
    except (BadInput, CannotInvoice, SeriesFull) as mistake:
        return await _shown(request, order, viewer, mistake=mistake)
    return go(f"/orders/{order_id}", notice="The tax invoice is issued.")


@get("/{order_id:int}/invoice.pdf", opt=needs(Permission.INVOICE))
async def print_invoice(
    order_id: FromPath[int],
    seller_id: NamedDependency[UUID],
    viewer: NamedDependency[Viewer],
    vault: NamedDependency[SkipValidation[Vault]],
) -> Response[bytes]:
    """The order's tax invoice as a PDF."""
    return as_download(await invoices.printed(seller_id, order_id, vault, by=viewer.email))


async def _shown(
    request: Request[Any, Any, Any],
    order: OrderShown,
    viewer: Viewer,
    *,
    buyer: finding.BuyerShown | None = None,
    mistake: BadInput | CannotInvoice | SeriesFull | None = None,
) -> Response[str]:
    named = (order.external_order_id, *(parcel.external_shipment_id for parcel in order.shipments))
    asides = await runs.listed(
        viewer.seller_id, runs.AsideFilters(account_id=order.account_id, target=ScheduleTarget.ORDERS, external_ids=named)
    )
    return page(
        request,
        whole="orders/show.html",
        part="orders/_buyer.html" if buyer else None,
        status=mistake.status if mistake else 200,
        errors=mistake.fields if isinstance(mistake, BadInput) else {},
        message=mistake.seller_message if mistake else "",
        invoice=await invoices_found.offer(viewer.seller_id, order.id) if viewer.may(Permission.INVOICE) else None,
        secure=buyer is not None,
        order=order,
        buyer=buyer,
        may_see_buyer=viewer.may(Permission.SEE_BUYERS),
        money=viewer.may(Permission.SEE_MONEY),
        painting=painting,
        asides=asides.rows,
        accounts=await freshness.of_row(viewer.seller_id, order.account_id, ScheduleTarget.ORDERS),
    )


ROUTES = Router("/orders", route_handlers=[index, show, show_buyer, make_invoice, print_invoice])
