"""HSN codes and GST rates: of one listing, and of many SKUs from a file."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from portal.documents.tax import percent
from portal.errors import BadInput
from portal.invoicing import articles, sheets
from portal.listings import finding
from portal.people.permissions import Permission, needs
from portal.people.service import Viewer
from portal.web.pages import go, page

SMALL_PARTS = 64 * 1024  # the form around the file


@get("/tax", opt=needs(Permission.SET_TAX))
async def index(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Response[str]:
    """What articles are taxed at, and the form for a file of them."""
    return await _index(request, seller_id)


async def _index(
    request: Request[Any, Any, Any], seller_id: UUID, *, mistake: BadInput | None = None, taken: articles.Taken | None = None
) -> Response[str]:
    found, many = await articles.listed(seller_id)
    return page(
        request,
        whole="listings/tax.html",
        status=mistake.status if mistake else 200,
        articles=found,
        many=many,
        percent=percent,
        taken=taken,
        errors=mistake.fields if mistake else {},
        message=mistake.seller_message if mistake else "",
    )


@post("/tax", status_code=200, request_max_body_size=sheets.LARGEST + SMALL_PARTS, opt=needs(Permission.SET_TAX))
async def upload(
    request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], viewer: NamedDependency[Viewer]
) -> Response[str] | Redirect:
    """Keep the codes and rates of a file and say what became of it."""
    file = (await request.form()).get("file")
    try:
        if not isinstance(file, UploadFile) or not file.filename:
            raise BadInput("There is no file.", fields={"file": "Choose a file."})
        taken = await articles.take(seller_id, file.filename, file.file, by=viewer.called)  # type: ignore[arg-type]  # a spooled file is one
    except BadInput as mistake:
        return await _index(request, seller_id, mistake=mistake)
    if taken.unreadable:
        return await _index(request, seller_id, taken=taken)
    return go("/listings/tax", notice=f"Rows kept: {taken.kept}.")


@post("/{listing_id:int}/tax", status_code=200, opt=needs(Permission.SET_TAX))
async def save(
    request: Request[Any, Any, Any], listing_id: FromPath[int], seller_id: NamedDependency[UUID], viewer: NamedDependency[Viewer]
) -> Response[str] | Redirect:
    """Keep the code and rate of one listing's own SKU."""
    listing = await finding.show(seller_id, listing_id)
    form = await request.form()
    typed = {name: str(form.get(name, "")) for name in ("hsn", "rate")}
    try:
        await articles.save(seller_id, articles.read(listing.own_sku or listing.sku, typed["hsn"], typed["rate"]), by=viewer.called)
    except BadInput as mistake:
        return await shown(request, listing, viewer, typed=typed, mistake=mistake)
    return go(f"/listings/{listing_id}", notice="Saved. Invoices carry this code and rate from now on.")


async def shown(
    request: Request[Any, Any, Any],
    listing: finding.Listed,
    viewer: Viewer,
    *,
    typed: dict[str, str] | None = None,
    mistake: BadInput | None = None,
) -> Response[str]:
    """The page of one listing, with the form for its code and rate where the role may change them."""
    if typed is None and viewer.may(Permission.SET_TAX):
        article = await articles.of_own_sku(viewer.seller_id, listing.own_sku or listing.sku)
        typed = {"hsn": article.hsn, "rate": percent(article.rate)} if article else {"hsn": "", "rate": ""}
    return page(
        request,
        whole="listings/show.html",
        status=mistake.status if mistake else 200,
        listing=listing,
        money=viewer.may(Permission.SEE_MONEY),
        may_push=viewer.may(Permission.PUSH_STOCK),
        typed=typed if viewer.may(Permission.SET_TAX) else None,
        rates=RATES,
        errors=mistake.fields if mistake else {},
        message=mistake.seller_message if mistake else "",
    )


RATES = [(percent(rate), percent(rate)) for rate in articles.RATES]
ROUTES = (index, upload, save)
