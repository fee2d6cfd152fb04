"""The doors: landing, sign-up, sign-in with its second step, sign-out."""

from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from portal.errors import BadInput, PortalError
from portal.people import service
from portal.people.guarding import signed_in
from portal.people.permissions import Permission, needs
from portal.people.routes.browsers import Form, Web, remembered, visit_of, with_half, with_session
from portal.people.service import HalfWay, TooManyTries, Viewer, WrongPassword, second_step
from portal.people.service.second_step import WrongCode
from portal.settings import Settings
from portal.vault import Vault
from portal.web.pages import go, page
from portal.web.security import SESSION_COOKIE, no_session_cookie, safe_next

HOME = "/home"
CODE = "/sign-in/code"


@get("/", opt=needs(Permission.ANYONE))
async def landing(request: Web) -> Response[Any]:
    """What the portal is, for people who are not signed in."""
    return go(HOME) if signed_in(request) else page(request, whole="people/landing.html")


@get("/sign-up", opt=needs(Permission.ANYONE))
async def sign_up_form(request: Web) -> Response[Any]:
    return go(HOME) if signed_in(request) else _sign_up_page(request, {})


@post("/sign-up", opt=needs(Permission.ANYONE))
async def sign_up(
    request: Web, data: URLEncodedBody[Form], settings: NamedDependency[Settings], vault: NamedDependency[Vault]
) -> Response[Any]:
    """A new business; its owner is signed in at once."""
    if signed_in(request):
        return go(HOME)
    try:
        made = await service.sign_up(
            business=data.get("business", ""), name=data.get("name", ""), email=data.get("email", ""), password=data.get("password", "")
        )
    except BadInput as error:
        return _sign_up_page(request, data, error)
    email = data.get("email", "")
    visit = visit_of(request, email, vault)
    token = await service.open_session(made.seller_id, made.user_id, device=visit.device, masked_address=visit.masked_address)
    return remembered(with_session(go(HOME), token, settings), email, vault, settings)


@get("/sign-in", opt=needs(Permission.ANYONE))
async def sign_in_form(request: Web) -> Response[Any]:
    target = safe_next(request.query_params.get("next"))
    return go(target) if signed_in(request) else _sign_in_page(request, target)


@post("/sign-in", opt=needs(Permission.ANYONE))
async def sign_in(
    request: Web, data: URLEncodedBody[Form], settings: NamedDependency[Settings], vault: NamedDependency[Vault]
) -> Response[Any]:
    """To where the person wanted to go; by way of the second step where that is on."""
    target = safe_next(data.get("next"))
    if signed_in(request):
        return go(target)
    email = data.get("email", "")
    try:
        made = await service.sign_in(email, data.get("password", ""), visit=visit_of(request, email, vault))
    except (WrongPassword, TooManyTries) as error:
        answer = _sign_in_page(request, target, email=email, error=error)
        # Tries beyond the limit are not looked at, and so not on record either: a flood of them is no way to fill the trail.
        answer.background = BackgroundTask(service.put_refusal_on_record, email) if isinstance(error, WrongPassword) else None
        return answer
    if made.half:
        return with_half(go(f"{CODE}?{urlencode({'next': target}, safe='/')}"), made.token, settings)
    return remembered(with_session(go(target), made.token, settings), email, vault, settings)


@get(CODE, opt=needs(Permission.ANYONE))
async def code_form(request: Web) -> Response[Any]:
    """Asks for the code of the app. Whoever has not given a password within ten minutes begins at the door."""
    target = safe_next(request.query_params.get("next"))
    if signed_in(request):
        return go(target)
    return _code_page(request, target) if await _half(request) else go("/sign-in")


@post(CODE, opt=needs(Permission.ANYONE))
async def code(
    request: Web, data: URLEncodedBody[Form], settings: NamedDependency[Settings], vault: NamedDependency[Vault]
) -> Response[Any]:
    target, half = safe_next(data.get("next")), await _half(request)
    if half is None:
        return go("/sign-in", notice="That took longer than ten minutes. Sign in again.", tone="info")
    visit = visit_of(request, half.email, vault)
    try:
        token = await second_step.finish_sign_in(half, data.get("code", ""), vault, known=visit.known)
    except (WrongCode, TooManyTries) as error:
        return _code_page(request, target, error)
    return remembered(with_session(go(target), token, settings), half.email, vault, settings)


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


async def _half(request: Web) -> HalfWay | None:
    token = request.cookies.get(SESSION_COOKIE)
    return await service.half_way(token) if token else None


def _code_page(request: Web, target: str, error: PortalError | None = None) -> Response[str]:
    return page(
        request,
        whole="people/code.html",
        secure=True,
        status=error.status if error else 200,
        errors=error.fields if isinstance(error, BadInput) else {},
        message=error.seller_message if error else "",
        next=target,
    )


HANDLERS = (landing, sign_up_form, sign_up, sign_in_form, sign_in, code_form, code, sign_out)
