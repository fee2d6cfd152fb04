"""Which language a browser is answered in, and the button that changes it."""

from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from portal import language
from portal.settings import Settings

COOKIE = "portal_language"
YEAR_S = 365 * 86_400


def understood(app: ASGIApp) -> ASGIApp:
    """The application, answering in the language of the browser's cookie, else of its header.

    Outermost, so that pages about mishaps on the way to a route speak it too. What a signed-in person has chosen is known further in
    and goes before both.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        asked: ASGIConnection[Any, Any, Any, Any] = ASGIConnection(scope)
        chosen = asked.cookies.get(COOKIE, "")
        known = chosen if chosen in language.LANGUAGES else language.preferred(asked.headers.get("accept-language", ""))
        # Whatever is chosen further in ends with the request: a server may answer the next one in the same context.
        with language.speaking(known):
            await app(scope, receive, send)

    return answer


def cookie(code: str, settings: Settings) -> Cookie:
    """Keeps the choice in this browser for a year, also while nobody is signed in."""
    return Cookie(key=COOKIE, value=code, path="/", max_age=YEAR_S, httponly=True, samesite="lax", secure=settings.secure_cookies)


def here(request: Request[Any, Any, Any], path: str) -> str:
    """Where the language button leads back to: this page, with what is in its address."""
    query = request.url.query
    return f"{path}?{query}" if query and request.method == "GET" and path == request.url.path else path
