"""Who asks, and whether they may: the session cookie becomes `request.state.viewer`, a route's declared permission is enforced.

A route declares `opt=needs(Permission.…)`. One that takes a fresh proof has `guards=[recently_authenticated]` besides, and a POST among
them `opt={**needs(…), **keeps("name", …)}`. Files and probes declare `opt={"public": True}`: they are the same for everybody, so nobody
is looked up for them.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.handlers.base import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send
from litestar.utils.scope.state import ScopeState

from portal import db, language
from portal.audit.asking import asks
from portal.errors import NotPermitted, PortalError
from portal.people import service
from portal.people.devices import device, masked
from portal.people.permissions import OPT, Permission
from portal.people.service import Viewer
from portal.web.mishaps import page_behind
from portal.web.pages import go, is_htmx
from portal.web.security import CSRF_COOKIE, SESSION_COOKIE

PUBLIC = "public"
KEEPS = "keeps"
REAUTHENTICATE = "/reauthenticate"
CSRF_FIELD = "_csrf_token"


class Recognise(ASGIMiddleware):
    """Puts `viewer` into the request's state. Signed-out people get no further than routes for anyone.

    A middleware rather than a guard, so that pages about mishaps know who reads them. `around` answers what the shell of every page
    shows to this person (see `portal.web.pages.shared`); it goes into the request's state as well.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, around: Callable[[Viewer], Awaitable[Mapping[str, object]]]) -> None:
        self._around = around

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        opt = scope["route_handler"].opt
        if opt.get(PUBLIC) is True:
            await next_app(scope, receive, send)
            return
        if not await self._recognise(scope) and opt.get(OPT) != Permission.ANYONE:
            raise NotAuthorizedException
        await next_app(scope, receive, send)

    async def lost(self, error: Exception, scope: Scope) -> None:
        """For `after_exception`: an address that leads nowhere has passed no middleware, yet its page keeps the reader's navigation."""
        routed = "route_handler" in scope
        if routed or not isinstance(error, HTTPException):
            return
        with suppress(OSError, *db.LOST_CONNECTION):
            await self._recognise(scope)
            # Signing out from there needs the form's token: without the check in between it is the cookie itself.
            ScopeState.from_scope(scope).csrf_token = _cookies(scope).get(CSRF_COOKIE, "")

    async def _recognise(self, scope: Scope) -> bool:
        token = _cookies(scope).get(SESSION_COOKIE)
        viewer = await service.current(token) if token else None
        connection = ASGIConnection[Any, Any, Any, Any](scope)
        asks(
            actor=viewer.called if viewer else "",
            device=device(connection.headers.get("user-agent", "")),
            masked_address=masked(connection.client.host if connection.client else ""),
        )
        if viewer is not None:
            language.speak(viewer.language)
            scope["state"] |= {"viewer": viewer, **await self._around(viewer)}
        return viewer is not None


def _cookies(scope: Scope) -> dict[str, str]:
    return ASGIConnection[Any, Any, Any, Any](scope).cookies


async def permitted(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """The guard of the whole application. Raises NotPermitted, also for a route that declares nothing."""
    if handler.opt.get(PUBLIC) is True or handler.opt.get(OPT) == Permission.ANYONE:
        return
    viewer = connection.state.get("viewer")
    if isinstance(viewer, Viewer) and viewer.may(handler.opt.get(OPT, "")):
        return
    if not isinstance(viewer, Viewer):
        raise NotAuthorizedException
    raise NotPermitted(
        f"Your role does not include this. Ask {await service.owner_of(viewer.seller_id)} for access.",
        detail=f"role {viewer.role}, needs {handler.opt.get(OPT, 'a declaration')}",
    )


class ReauthNeeded(PortalError):
    """The person is signed in, and is asked once more before this. `href` is where."""

    code = "reauth_needed"
    status = 403

    def __init__(self, href: str) -> None:
        super().__init__("Confirm that it is you.")
        self.href = href


def keeps(*fields: str) -> dict[str, Any]:
    """The `opt` of a POST route behind `recently_authenticated`: fields of its form that may wait in the database meanwhile.

    A field that is not named is taken for a secret. A form that carries one is not kept; its sender comes back to the page and types again.
    """
    return {KEEPS: fields}


async def recently_authenticated(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard for what takes a password or code not older than ten minutes. Raises ReauthNeeded.

    Give it to the GET of the form as well, so that nobody types before being asked. A POST is kept and goes on by itself afterwards.
    """
    viewer = connection.state.get("viewer")
    if not isinstance(viewer, Viewer):
        raise NotAuthorizedException
    if viewer.recently_proven:
        return
    assert isinstance(connection, Request)
    intended = await _kept(connection, viewer, handler.opt.get(KEEPS, ())) if connection.method != "GET" else None
    wanted = {"next": page_behind(connection), **({"then": str(intended)} if intended else {})}
    raise ReauthNeeded(f"{REAUTHENTICATE}?{urlencode(wanted, safe='/')}")


async def _kept(request: Request[Any, Any, Any], viewer: Viewer, names: Sequence[str]) -> UUID | None:
    """The id under which the form waits; None when it carries more than may be kept."""
    fields = [(name, value) for name, value in (await request.form()).multi_items() if name != CSRF_FIELD]
    sent = [(name, value) for name, value in fields if name in names or value != ""]
    if any(name not in names or not isinstance(value, str) for name, value in sent):
        return None
    query = request.url.query
    return await service.keep_intended(viewer, f"{request.url.path}?{query}" if query else request.url.path, sent)


def to_reauthenticate(request: Request[Any, Any, Any], error: ReauthNeeded) -> Response[Any]:
    """The answer to ReauthNeeded: the page that asks, for htmx as a whole page too."""
    if is_htmx(request):
        return Response("", status_code=401, media_type="text/html", headers={"HX-Redirect": error.href, "Cache-Control": "no-store"})
    return go(error.href)


def provide_viewer(request: Request[Any, Any, Any]) -> Viewer:
    """The dependency `viewer`. Only for routes that are not for anyone."""
    viewer = request.state.get("viewer")
    if not isinstance(viewer, Viewer):
        raise NotAuthorizedException
    return viewer


def provide_seller_id(request: Request[Any, Any, Any]) -> UUID:
    """The dependency `seller_id`: whose rows this request may touch."""
    return provide_viewer(request).seller_id


def signed_in(request: Request[Any, Any, Any]) -> bool:
    """For routes that anyone may ask for."""
    return isinstance(request.state.get("viewer"), Viewer)
