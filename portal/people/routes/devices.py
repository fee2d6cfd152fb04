"""A person's own profile, the browsers they are signed in with, and a new password."""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect

from portal.errors import BadInput
from portal.people import service
from portal.people.guarding import recently_authenticated
from portal.people.permissions import Permission, needs
from portal.people.routes.browsers import Form, Web, with_session
from portal.people.service import Viewer, resetting, second_step
from portal.settings import Settings
from portal.web.filters import plural
from portal.web.pages import go, page

DEVICES = "/settings/security"
PASSWORD = f"{DEVICES}/password"


@get("/settings/profile", opt=needs(Permission.SELF))
async def profile(request: Web) -> Response[Any]:
    return page(request, whole="people/profile.html", secure=True)


@get(DEVICES, opt=needs(Permission.SELF))
async def security(request: Web, viewer: NamedDependency[Viewer]) -> Response[Any]:
    """How this person signs in, and where they are signed in."""
    return page(
        request,
        whole="people/security.html",
        secure=True,
        sessions=await service.sessions(viewer),
        mine=viewer.session_id,
        codes_left=await second_step.codes_left(viewer) if viewer.second_step else 0,
    )


@post(f"{DEVICES}/{{session_id:uuid}}/revoke", opt=needs(Permission.SELF))
async def revoke(viewer: NamedDependency[Viewer], session_id: FromPath[UUID]) -> Redirect:
    """Signs one of this person's browsers out."""
    await service.revoke(viewer, session_id)
    return go(DEVICES, notice="That device is signed out.")


@post(f"{DEVICES}/revoke-others", opt=needs(Permission.SELF))
async def revoke_others(viewer: NamedDependency[Viewer]) -> Redirect:
    """Signs all of them out but this one."""
    gone = await service.revoke_others(viewer)
    return go(DEVICES, notice=f"{plural(gone, 'other device is', 'other devices are')} signed out.")


@get(PASSWORD, opt=needs(Permission.SELF), guards=[recently_authenticated])
async def password_form(request: Web) -> Response[Any]:
    return _password_page(request)


@post(PASSWORD, opt=needs(Permission.SELF), guards=[recently_authenticated])
async def change_password(
    request: Web, data: URLEncodedBody[Form], viewer: NamedDependency[Viewer], settings: NamedDependency[Settings]
) -> Response[Any]:
    """The other browsers of this person are signed out."""
    try:
        token = await resetting.change(viewer, data.get("password", ""))
    except BadInput as error:
        return _password_page(request, error)
    return with_session(go(DEVICES, notice="Your password is changed. Other devices are signed out."), token, settings)


def _password_page(request: Web, error: BadInput | None = None) -> Response[str]:
    return page(
        request,
        whole="people/password.html",
        secure=True,
        status=error.status if error else 200,
        errors=error.fields if error else {},
    )


HANDLERS = (profile, security, revoke, revoke_others, password_form, change_password)
