"""The doors: landing, sign-up, sign-in, sign-out."""

from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from portal.errors import BadInput, PortalError
from portal.people import service
from portal.people.devices import masked
from portal.people.guarding import signed_in
from portal.people.permissions import Permission, needs
from portal.people.routes.browsers import Form, Web, address_of, device_of, with_session
from portal.people.service import Doorman, TooManyTries, Viewer, WrongPassword
from portal.settings import Settings
from portal.web.pages import go, page
from portal.web.security import no_session_cookie, safe_next

HOME = "/home"


@get("/", opt=needs(Permission.ANYONE))
async def landing(request: Web) -> Response[Any]:
    """What the portal is, for people who are not signed in."""
    return go(HOME) if signed_in(request) else page(request, whole="people/landing.html")


@get("/sign-up", opt=needs(Permission.ANYONE))
async def sign_up_form(request: Web) -> Response[Any]:
    return go(HOME) if signed_in(request) else _sign_up_page(request, {})


@post("/sign-up", opt=needs(Permission.ANYONE))
async def sign_up(request: Web, data: URLEncodedBody[Form], settings: NamedDependency[Settings]) -> Response[Any]:
    """A new business; its owner is signed in at once."""
    if signed_in(request):
        return go(HOME)
    try:
        made = await service.sign_up(
            business=data.get("business", ""), name=data.get("name", ""), email=data.get("email", ""), password=data.get("password", "")
        )
    except BadInput as error:
        return _sign_up_page(request, data, error)
    token = await service.open_session(made.seller_id, made.user_id, device=device_of(request), masked_address=masked(address_of(request)))
    return with_session(go(HOME), token, settings)


@get("/sign-in", opt=needs(Permission.ANYONE))
async def sign_in_form(request: Web) -> Response[Any]:
    target = safe_next(request.query_params.get("next"))
    return go(target) if signed_in(request) else _sign_in_page(request, target)


@post("/sign-in", opt=needs(Permission.ANYONE))
async def sign_in(
    request: Web, data: URLEncodedBody[Form], settings: NamedDependency[Settings], doorman: NamedDependency[Doorman]
) -> Response[Any]:
    target = safe_next(data.get("next"))
    if signed_in(request):
        return go(target)
    email, address = data.get("email", ""), address_of(request)
    try:
        token = await service.sign_in(
            email, data.get("password", ""), doorman=doorman, device=device_of(request), address=address, masked_address=masked(address)
        )
    except (WrongPassword, TooManyTries) as error:
        return _sign_in_page(request, target, email=email, error=error)
    return with_session(go(target), token, settings)


@post("/sign-out", opt=needs(Permission.SELF))
async def sign_out(viewer: NamedDependency[Viewer], settings: NamedDependency[Settings]) -> Redirect:
    """The session ends here and in the browser."""
    await service.sign_out(viewer)
    response = go("/sign-in", notice="You are signed out.")
    response.cookies.append(no_session_cookie(settings))
    return response


def _sign_up_page(request: Web, form: Form, error: BadInput | None = None) -> Response[str]:
    values = {name: form.get(name, "") for name in ("business", "name", "email")}
    return page(
        request,
        whole="people/sign_up.html",
        secure=True,
        status=error.status if error else 200,
        values=values,
        errors=error.fields if error else {},
        message="",
    )


def _sign_in_page(request: Web, target: str, *, email: str = "", error: PortalError | None = None) -> Response[str]:
    return page(
        request,
        whole="people/sign_in.html",
        secure=True,
        status=error.status if error else 200,
        values={"email": email},
        errors={},
        message=error.seller_message if error else "",
        next=target,
    )


HANDLERS = (landing, sign_up_form, sign_up, sign_in_form, sign_in, sign_out)
