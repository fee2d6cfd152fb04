"""`/invoices`: every tax invoice that was issued here, to find and to open for as long as the law asks for it."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from portal import paging
from portal.invoicing import finding
from portal.orders import invoices
from portal.people.permissions import Permission, needs
from portal.people.service import Viewer
from portal.runs import service as runs
from portal.vault import Vault
from portal.web.narrowing import Query
from portal.web.pages import page


@get("/", opt=needs(Permission.INVOICE))
async def index(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Response[str]:
    """The newest first, of all accounts or of one; no buyer is named."""
    names = {str(account_id): name for account_id, name in await runs.accounts_of(seller_id)}
    query = Query("/invoices", request.query_params)
    account = query.choice("account", names)
    found = await finding.issued(seller_id, UUID(account) if account else None, query.cursor())
    return page(
        request,
        whole="invoicing/index.html",
        query=query,
        found=found,
        restarted=bool(query.cursor()) and paging.decode(finding.NEWEST_FIRST, query.cursor()) is None,
        views=[(name, query.link(account=one), one == account) for one, name in names.items()],
        account=account,
    )


@get("/{invoice_id:uuid}/pdf", opt=needs(Permission.INVOICE))
async def print_invoice(
    invoice_id: FromPath[UUID],
    seller_id: NamedDependency[UUID],
    viewer: NamedDependency[Viewer],
    vault: NamedDependency[SkipValidation[Vault]],
) -> Response[bytes]:
    """A tax invoice as a PDF, also of an order that is not here any more."""
    return as_download(await invoices.printed_by_id(seller_id, invoice_id, vault, by=viewer.email))


def as_download(paper: invoices.Paper) -> Response[bytes]:
    """A file to keep; it may name a buyer, so it is stored nowhere on the way."""
    headers = {
        "Content-Disposition": f'attachment; filename="invoice-{paper.number.replace("/", "-")}.pdf"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(paper.content, media_type="application/pdf", headers=headers)


ROUTES = Router("/invoices", route_handlers=[index, print_invoice])
