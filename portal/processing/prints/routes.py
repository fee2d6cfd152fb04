"""Printing a batch: the buttons' POST, and the page that shows how far it is and hands out the file."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Redirect

from portal.documents import links
from portal.errors import BadInput
from portal.jobs import Jobs
from portal.people.permissions import Permission, needs
from portal.processing import painting
from portal.processing.prints import asking
from portal.tables.printing import PrintKind
from portal.vault import Vault
from portal.web.pages import go, is_htmx, page

Web = Request[Any, Any, Any]


@post("/batches/{batch_id:uuid}/prints", opt=needs(Permission.SEE_BUYERS))
async def create(
    batch_id: FromPath[UUID], request: Web, seller_id: NamedDependency[UUID], jobs: NamedDependency[SkipValidation[Jobs]]
) -> Redirect:
    """Have a print file made: everything of the batch, its pick list, our slips for it, or the papers of one order."""
    form = await request.form()
    order = str(form.get("order", ""))
    try:
        kind = PrintKind(str(form.get("kind", "")))
    except ValueError:
        raise BadInput("We do not know what to print.") from None
    if (kind is PrintKind.ORDER) != bool(order):
        raise BadInput("We do not know what to print.")
    print_id = await asking.ask(seller_id, batch_id, kind, jobs=jobs, by=request.state.viewer.called, external_order_id=order)
    return go(f"/batches/{batch_id}/prints/{print_id}")


@get("/batches/{batch_id:uuid}/prints/{print_id:uuid}", opt=needs(Permission.SEE_BUYERS))
async def show(
    batch_id: FromPath[UUID],
    print_id: FromPath[UUID],
    request: Web,
    seller_id: NamedDependency[UUID],
    vault: NamedDependency[SkipValidation[Vault]],
) -> Response[str]:
    """How far the print file is, and the link to it; only that part when the page asks for itself again."""
    made = await asking.get(seller_id, batch_id, print_id)
    href = ""
    if made.stored is not None:
        href = links.link(vault.derived(links.SECRET), seller_id, made.stored, permission=Permission.SEE_BUYERS, until=made.expires_at)
    return page(
        request,
        whole="processing/print.html",
        part="processing/_print.html",
        made=made,
        href=href,
        is_part=is_htmx(request),
        painting=painting,
    )


ROUTES = (create, show)
"""What the application adds to the routes of batches."""
