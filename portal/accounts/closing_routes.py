"""`/settings/close`: the end of a business on this portal, by its owner. Consequences first, then the name, then the proof of who asks."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody

from portal.accounts import service
from portal.errors import BadInput
from portal.jobs import Jobs
from portal.people.guarding import keeps, recently_authenticated
from portal.people.permissions import Permission, needs
from portal.people.service import Viewer
from portal.settings import Settings
from portal.web.pages import go, page
from portal.web.security import no_session_cookie

PATH = "/settings/close"


@get(PATH, opt=needs(Permission.CLOSE_BUSINESS))
async def explain(request: Request[Any, Any, Any], seller_id: NamedDependency[UUID]) -> Response[str]:
    """What ends, what stays, and what to take along before."""
    return await _page(request, seller_id)


@post(PATH, opt={**needs(Permission.CLOSE_BUSINESS), **keeps("name")}, guards=[recently_authenticated])
async def close(
    request: Request[Any, Any, Any],
    data: URLEncodedBody[dict[str, str]],
    viewer: NamedDependency[Viewer],
    jobs: NamedDependency[Jobs],
    settings: NamedDependency[Settings],
) -> Response[Any]:
    """Everybody is signed out, whoever asked too."""
    try:
        await service.close(viewer.seller_id, typed_name=data.get("name", ""), by=viewer.called, jobs=jobs)
    except BadInput as error:
        return await _page(request, viewer.seller_id, error)
    done = go("/sign-in", notice=f"{viewer.seller_name} is closed. Saved secrets are erased, and its buyers are unreadable for good.")
    done.cookies.append(no_session_cookie(settings))
    return done


async def _page(request: Request[Any, Any, Any], seller_id: UUID, error: BadInput | None = None) -> Response[str]:
    return page(
        request,
        whole="accounts/close_business.html",
        secure=True,
        status=error.status if error else 200,
        ahead=await service.ahead(seller_id),
        errors=error.fields if error else {},
        message=error.seller_message if error else "",
    )


ROUTES = (explain, close)
