"""A person's own profile and the browsers they are signed in with."""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from portal.people import service
from portal.people.permissions import Permission, needs
from portal.people.routes.browsers import Web
from portal.people.service import Viewer
from portal.web.pages import go, page

DEVICES = "/settings/security"


@get("/settings/profile", opt=needs(Permission.SELF))
async def profile(request: Web) -> Response[Any]:
    return page(request, whole="people/profile.html", secure=True)


@get(DEVICES, opt=needs(Permission.SELF))
async def security(request: Web, viewer: NamedDependency[Viewer]) -> Response[Any]:
    """Where this person is signed in."""
    return page(request, whole="people/security.html", secure=True, sessions=await service.sessions(viewer), mine=viewer.session_id)


@post("/settings/security/{session_id:uuid}/revoke", opt=needs(Permission.SELF))
async def revoke(viewer: NamedDependency[Viewer], session_id: FromPath[UUID]) -> Redirect:
    """Signs one of this person's browsers out."""
    await service.revoke(viewer, session_id)
    return go(DEVICES, notice="That device is signed out.")


HANDLERS = (profile, security, revoke)
