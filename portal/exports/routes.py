"""`/settings/export`: everything of the business in one file, asked for and fetched on one page."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from litestar.response import Redirect

from portal.documents import links
from portal.exports import asking
from portal.exports.contents import SHEETS
from portal.jobs import Jobs
from portal.people.guarding import keeps, recently_authenticated
from portal.people.permissions import Permission, needs
from portal.vault import Vault
from portal.web.pages import go, is_htmx, page

PATH = "/settings/export"
OPT = needs(Permission.CLOSE_BUSINESS)


@get(PATH, opt=OPT, guards=[recently_authenticated])
async def show(
    request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], vault: NamedDependency[SkipValidation[Vault]]
) -> Response[str]:
    """What is in the file, how far it is, and the link to it; only that part when the page asks for itself again."""
    export = await asking.newest(seller_id)
    href = ""
    if export is not None and export.stored is not None:
        secret = vault.derived(links.SECRET)
        href = links.link(secret, seller_id, export.stored, permission=Permission.CLOSE_BUSINESS, until=export.expires_at)
    return page(
        request,
        whole="exports/show.html",
        part="exports/_export.html",
        secure=True,
        export=export,
        href=href,
        sheets=len(SHEETS),
        is_part=is_htmx(request),
    )


@post(PATH, opt={**OPT, **keeps()}, guards=[recently_authenticated])
async def ask(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID], jobs: NamedDependency[SkipValidation[Jobs]]) -> Redirect:
    """Have the file made; pressing twice makes one."""
    await asking.ask(seller_id, jobs=jobs, by=request.state.viewer.called)
    return go(PATH)


ROUTES = (show, ask)
