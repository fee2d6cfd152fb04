"""A browser without a screen: some routes in a small application, asked in the test's own event loop."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
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

    def __init__(self, person: Viewer) -> None:
        self._person = person

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        scope["state"]["viewer"] = self._person
        await next_app(scope, receive, send)


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

    shell = WebShell(
        settings,
        templates=ROOT / "templates",
        static=ROOT / "static",
        csrf_secret="for these tests only",
        places=[Place("/orders", "Orders")],
        extra_hosts=("portal.test",),
    )
    provided = {"seller_id": person.seller_id, "viewer": person, "vault": vault, "jobs": jobs, "settings": settings}
    app = Litestar(
        route_handlers=[_token, *routes],
        plugins=[shell],
        dependencies={name: Provide(_giving(value), sync_to_thread=False) for name, value in provided.items()},
        guards=[guarding.permitted],
        middleware=[SignedIn(person)],
    )
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # the two spell ASGI differently
    async with Browser(transport=transport, base_url="http://portal.test") as browser:
        yield browser


@get("/token", media_type="text/html", opt=needs(Permission.ANYONE))
async def _token(request: Request[Any, Any, Any]) -> str:
    return f'<input type="hidden" name="_csrf_token" value="{csrf_token(request)}">'


def _giving(value: Any) -> Any:
    def give() -> Any:
        return value

    return give
