"""A browser without a screen: some routes in a small application, asked in the test's own event loop."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
from litestar import Litestar, Request, get
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, ControllerRouterHandler, Receive, Scope, Send

from portal.people import guarding
from portal.people.permissions import Permission, needs
from portal.people.service import Viewer
from portal.settings import Settings
from portal.tables.people import Role
from portal.vault import Vault
from portal.web.pages import Place, csrf_token
from portal.web.shell import WebShell

ROOT = Path(__file__).resolve().parent.parent
HTMX = {"HX-Request": "true"}


def Person(seller_id: UUID, role: str = Role.OWNER, *, name: str = "Asha") -> Viewer:  # noqa: N802 (reads as the person it is)
    """Somebody signed in."""
    return Viewer(
        session_id=uuid4(),
        user_id=uuid4(),
        seller_id=seller_id,
        seller_name="Asha Textiles",
        email="asha@example.in",
        name=name,
        role=role,
    )


class Browser(httpx.AsyncClient):
    """Posts forms the way a page does: with the token of the page it last read."""

    async def send_form(self, path: str, values: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
        found = re.search(r'name="_csrf_token" value="([^"]+)"', (await self.get("/token")).text)
        assert found is not None
        return await self.post(path, data={"_csrf_token": found[1], **(values or {})}, **more)


class SignedIn(ASGIMiddleware):
    """Says who it is, as the session's cookie does in the whole application."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        scope["state"]["viewer"] = _given(scope, "viewer")
        await next_app(scope, receive, send)


VISIT = "portal.visit"
PROVIDED = ("seller_id", "viewer", "vault", "jobs", "settings")
KEPT = 20
_apps: dict[object, Litestar] = {}


class Visits:
    """One application for all who visit the same routes; each request brings along who asks, and with what."""

    def __init__(self, app: Litestar, given: Mapping[str, Any]) -> None:
        self._app = app
        self._given = given

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(cast("Scope", {**scope, VISIT: self._given}), receive, send)


@asynccontextmanager
async def browsing(
    person: Viewer,
    routes: Sequence[ControllerRouterHandler],
    *,
    vault: Vault | None = None,
    jobs: object = None,
    data_dir: Path = Path(".portal"),
) -> AsyncIterator[Browser]:
    """A browser in which `person` is signed in, on an application that has only these routes."""
    settings = Settings(data_dir=data_dir)
    given = dict(zip(PROVIDED, (person.seller_id, person, vault, jobs, settings), strict=True))
    transport = httpx.ASGITransport(Visits(_kept(tuple(routes), settings), given))
    async with Browser(transport=transport, base_url="http://portal.test") as browser:
        yield browser


def _kept(routes: tuple[ControllerRouterHandler, ...], settings: Settings) -> Litestar:
    # Routes take longer to register than most tests take to ask one of them.
    kind = (routes, settings.data_dir)
    if kind not in _apps:
        if len(_apps) == KEPT:
            del _apps[next(iter(_apps))]
        _apps[kind] = _made(routes, settings)
    return _apps[kind]


def _made(routes: tuple[ControllerRouterHandler, ...], settings: Settings) -> Litestar:
    shell = WebShell(
        settings,
        templates=ROOT / "templates",
        static=ROOT / "static",
        csrf_secret="for these tests only",
        places=[Place("/orders", "Orders")],
        extra_hosts=("portal.test",),
    )
    return Litestar(
        route_handlers=[_token, *routes],
        plugins=[shell],
        dependencies={name: Provide(_giving(name), sync_to_thread=False) for name in PROVIDED},
        guards=[guarding.permitted],
        middleware=[SignedIn()],
    )


@get("/token", media_type="text/html", opt=needs(Permission.ANYONE))
async def _token(request: Request[Any, Any, Any]) -> str:
    return f'<input type="hidden" name="_csrf_token" value="{csrf_token(request)}">'


def _giving(name: str) -> Any:
    def give(scope: Scope) -> Any:
        return _given(scope, name)

    return give


def _given(scope: Scope, name: str) -> Any:
    return cast("Mapping[str, Mapping[str, Any]]", scope)[VISIT][name]
