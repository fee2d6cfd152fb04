"""The page that asks once more who sits there, and the POST that goes on afterwards."""

from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody
from litestar.types import ASGIApp, HTTPReceiveMessage, Message, Receive, Scope, Send

from portal.errors import BadInput, PortalError
from portal.people import service
from portal.people.guarding import CSRF_FIELD, REAUTHENTICATE
from portal.people.permissions import Permission, needs
from portal.people.routes.browsers import Form, Web, visit_of, with_session
from portal.people.service import Intended, NotYou, TooManyTries, Viewer
from portal.people.service.second_step import WrongCode
from portal.settings import Settings
from portal.vault import Vault
from portal.web.pages import csrf_token, go, page
from portal.web.security import SESSION_COOKIE, safe_next, session_cookie

NOT_FOR_THE_SECOND = {b"content-length", b"content-type", b"cookie", b"transfer-encoding"}


@get(REAUTHENTICATE, opt=needs(Permission.SELF))
async def ask(request: Web, viewer: NamedDependency[Viewer]) -> Response[Any]:
    """Asks for the password, and the code where the second step is on. Somebody who has just given it, and whose POST does not wait, goes straight on."""
    target, then = safe_next(request.query_params.get("next")), request.query_params.get("then", "")
    if viewer.recently_proven and not then:
        return go(target)
    return _page(request, target, then)


@post(REAUTHENTICATE, opt=needs(Permission.SELF))
async def confirm(
    request: Web,
    data: URLEncodedBody[Form],
    viewer: NamedDependency[Viewer],
    settings: NamedDependency[Settings],
    vault: NamedDependency[Vault],
) -> Response[Any]:
    """Goes on with what waits, or to the page the person came for. The session has a new token from here on."""
    target, then = safe_next(data.get("next")), data.get("then", "")
    try:
        token = await service.reauthenticate(
            viewer, data.get("password", ""), data.get("code", ""), vault=vault, visit=visit_of(request, viewer.email, vault)
        )
    except (NotYou, WrongCode, TooManyTries) as error:
        return _page(request, target, then, error)
    if not then:
        return with_session(go(target), token, settings)
    intended = await service.take_intended(viewer, UUID(then)) if _is_id(then) else None
    if intended is None:
        return with_session(go(target, notice="Confirmed. Now repeat your last step.", tone="info"), token, settings)
    return Onward(request, intended, session_cookie(token, settings, max_age=int(service.ABSOLUTE.total_seconds())))


def _page(request: Web, target: str, then: str, error: PortalError | None = None) -> Response[str]:
    return page(
        request,
        whole="people/reauthenticate.html",
        secure=True,
        status=error.status if error else 200,
        next=target,
        then=then,
        errors=error.fields if isinstance(error, BadInput) else {},
        message=error.seller_message if error else "",
    )


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


class Onward(Response[Any]):
    """Answers with what the application says to the kept POST, as if the browser had sent it now, and gives the browser its new token.

    Sent on by the browser itself (307), the POST would carry the password to another route.
    """

    def __init__(self, request: Web, intended: Intended, session: Cookie) -> None:
        super().__init__(None)
        self._app = request.app
        self._scope = _scope(request, intended.path, session)
        self._body = urlencode([(CSRF_FIELD, csrf_token(request)), *intended.fields]).encode()
        self._session = session

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIApp:  # type: ignore[override]  # any ASGI application may answer
        return self._answer

    async def _answer(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        async def receive() -> HTTPReceiveMessage:
            return {"type": "http.request", "body": self._body, "more_body": False}

        async def with_token(message: Message) -> None:
            if message["type"] == "http.response.start":
                # In front: a route that ends the session or gives it another token has the last word.
                message["headers"] = [self._session.to_encoded_header(), *message["headers"]]
            await send(message)

        await self._app(self._scope, receive, with_token)


def _scope(request: Web, path: str, session: Cookie) -> Scope:
    """A request of its own: the same browser and address, the new token, a form for `path`. htmx's headers go: a page is wanted."""
    cookies = SimpleCookie({**request.cookies, SESSION_COOKIE: session.value or ""})
    headers = [(name, value) for name, value in request.scope["headers"] if name not in NOT_FOR_THE_SECOND and not name.startswith(b"hx-")]
    headers += [
        (b"cookie", "; ".join(f"{one.key}={one.coded_value}" for one in cookies.values()).encode()),
        (b"content-type", b"application/x-www-form-urlencoded"),
    ]
    bare, _, query = path.partition("?")
    taken = ("type", "asgi", "http_version", "scheme", "root_path", "client", "server", "extensions")
    return {  # type: ignore[return-value]  # Litestar adds its own entries on the way in
        **{name: request.scope[name] for name in taken if name in request.scope},  # type: ignore[literal-required]
        "method": "POST",
        "path": bare,
        "raw_path": bare.encode(),
        "query_string": query.encode(),
        "headers": headers,
        "state": {},
    }


HANDLERS = (ask, confirm)
