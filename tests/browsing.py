"""A browser without scripts for tests: it keeps cookies, sends forms with their hidden fields, and follows nothing by itself.

It calls the application in the test's own event loop, so what the test stops (the clock) is stopped in there too.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, cast

import httpx
from litestar import Litestar
from litestar.types import ControllerRouterHandler

from portal.app import HANDLERS, create_app
from portal.jobs import Jobs
from portal.people import passwords
from portal.people.service import open_session
from portal.settings import Settings
from portal.vault import Vault
from portal.web.security import SESSION_COOKIE
from tests.factories import PASSWORD, make_seller, make_user

LOOPBACK = "http://127.0.0.1:8000"
_CSRF = re.compile(r'name="_csrf_token" value="([^"]*)"')


@asynccontextmanager
async def opened(
    url: str,
    keys: Vault,
    *,
    jobs: Jobs | None = None,
    public_url: str = LOOPBACK,
    handlers: Sequence[ControllerRouterHandler] = HANDLERS,
    fresh: bool = False,
    **more: Any,
) -> AsyncIterator[Litestar]:
    """The application, connected to the database at `url`; `more` are further settings.

    What it holds from request to request begins anew with every opening, save its figures: `fresh` brings new ones too.
    """
    make = _made if fresh else application
    app = make(url, keys, public_url=public_url, handlers=tuple(handlers), **more)
    app.state["jobs"] = jobs
    async with app.lifespan():
        yield app


_apps: dict[tuple[object, ...], Litestar] = {}
KEPT = 6
"""A file opens one kind of application or two; the ones of files before may go."""


def application(
    url: str, keys: Vault, *, public_url: str = LOOPBACK, handlers: tuple[ControllerRouterHandler, ...] = HANDLERS, **more: Any
) -> Litestar:
    """The application for whoever serves it himself, not connected: the same one whenever somebody asks for the same."""
    # Three hundred routes take longer to register than most tests take to ask one of them.
    kind = (url, public_url, keys, handlers, repr(sorted(more.items())))
    if kind not in _apps:
        if len(_apps) == KEPT:
            del _apps[next(iter(_apps))]
        _apps[kind] = _made(url, keys, public_url=public_url, handlers=handlers, **more)
    app = _apps[kind]
    app.state["jobs"] = None  # those of the last lifespan are of no use in the next
    return app


def _made(url: str, keys: Vault, *, public_url: str, handlers: tuple[ControllerRouterHandler, ...], **more: Any) -> Litestar:
    return create_app(Settings(database_url=url, public_url=public_url, metrics_token="scrape me", **more), vault=keys, handlers=handlers)


class Browser:
    """One browser of one person."""

    def __init__(self, app: Litestar, *, base: str = LOOPBACK, address: str = "127.0.0.1", user_agent: str = "") -> None:
        transport = httpx.ASGITransport(cast("Any", app), client=(address, 40123))
        self.http = httpx.AsyncClient(transport=transport, base_url=base, headers={"user-agent": user_agent})
        self.csrf = ""

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """A page; its CSRF token is remembered for the next form."""
        answer = await self.http.get(path, headers=headers)
        if found := _CSRF.search(answer.text):
            self.csrf = found[1]
        return answer

    async def post(self, path: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Sends a form as the page it stands on would."""
        return await self.http.post(path, data={"_csrf_token": self.csrf, **(form or {})}, headers=headers)

    async def sign_in(self, email: str = "asha@example.in", password: str = PASSWORD, **more: str) -> httpx.Response:
        await self.get("/sign-in")
        return await self.post("/sign-in", {"email": email, "password": password, **more})

    @property
    def session(self) -> str:
        """The token in the session cookie; empty when there is none."""
        return self.http.cookies.get(SESSION_COOKIE) or ""


def without_token(html: str) -> str:
    """A page without the token of its forms, which is another one each time."""
    return _CSRF.sub("", html)


async def signed_up(app: Litestar, email: str = "asha@example.in", business: str = "Asha Textiles") -> Browser:
    """A new business and its owner's browser, signed in, with a token for the next form. PASSWORD fits."""
    seller_id = await make_seller(business)
    user_id = await make_user(seller_id, email, password_hash=_hash_of_password())
    browser = Browser(app)
    browser.http.cookies.set(SESSION_COOKIE, await open_session(seller_id, user_id), domain="127.0.0.1")
    await browser.get("/settings/security")
    return browser


@cache
def _hash_of_password() -> str:
    return passwords._hasher.hash(PASSWORD)
