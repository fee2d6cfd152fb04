"""Who makes out the invoices of an account: the page where it is settled."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from portal.documents.tax import percent
from portal.errors import BadInput
from portal.invoicing import articles, settings
from portal.invoicing.settings import Desk, TaxSettings
from portal.people.permissions import Permission, needs
from portal.people.service import Viewer
from portal.web.pages import go, page

RATES = [("", ""), *((percent(rate), percent(rate)) for rate in articles.RATES)]


@get("/accounts/{account_id:uuid}/tax", opt=needs(Permission.SET_TAX))
async def show(account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Response[str]:
    """The invoice settings of an account, filled in from another account's where they are new."""
    desk = await settings.desk(seller_id, account_id)
    return _page(request, desk, _written(desk.saved or desk.suggested))


@post("/accounts/{account_id:uuid}/tax", status_code=200, opt=needs(Permission.SET_TAX))
async def save(
    account_id: FromPath[UUID], request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], viewer: NamedDependency[Viewer]
) -> Response[str] | Redirect:
    """Keep the settings for invoices from now on."""
    typed = {name: str(value) for name, value in (await request.form()).items()}
    try:
        await settings.save(seller_id, account_id, typed, by=viewer.called)
    except BadInput as mistake:
        return _page(request, await settings.desk(seller_id, account_id), _written(None) | typed, mistake)
    return go(f"/accounts/{account_id}", notice="Saved. Tax invoices are made out like this from now on.")


def _written(one: TaxSettings | None) -> dict[str, str]:
    """The settings as their form has them; empty where there are none."""
    if one is None:
        return dict.fromkeys(TaxSettings.__struct_fields__, "")
    told = {name: str(getattr(one, name)) for name in TaxSettings.__struct_fields__}
    return told | {"default_rate": "" if one.default_rate is None else percent(one.default_rate)}


def _page(request: Request[Any, Any, Any], desk: Desk, typed: dict[str, str], mistake: BadInput | None = None) -> Response[str]:
    return page(
        request,
        whole="invoicing/settings.html",
        status=mistake.status if mistake else 200,
        desk=desk,
        typed=typed,
        rates=RATES,
        errors=mistake.fields if mistake else {},
        message=mistake.seller_message if mistake else "",
    )


ROUTES = (show, save)
