"""The rules every response and every request keeps: headers, hosts, cross-site posts, cookies, redirects."""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

from litestar.config.csrf import CSRFConfig
from litestar.datastructures import Cookie, Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.exceptions import ClientException, HTTPException, PermissionDeniedException
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, BeforeMessageSendHookHandler, HTTPReceiveMessage, Message, Receive, Scope, Send, WebSocketReceiveMessage

from portal.settings import Settings, is_loopback

SESSION_COOKIE = "portal_session"
CSRF_COOKIE = "portal_csrf"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FROM_ANYWHERE = "exclude_from_csrf"
"""`opt` of the few routes other origins may post to (an extension with a one-time code): no CSRF token, no same-origin check."""

BODY_LIMIT = 1024 * 1024
"""Bytes of a form. Routes that take files say their own `request_max_body_size`."""

SILENCE_S, BODY_WITHIN_S = 30.0, 600.0
"""How long a body may pause, and how long it may take in all: a file of twenty megabytes over a bad line, and no more."""
ANSWER_WITHIN_S = BODY_WITHIN_S + 60.0
"""How long a request may take until its answer begins, its body included. What waits for the database waits less."""

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types htmx"
)
ALWAYS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}
UNLESS_SET = {"Referrer-Policy": "same-origin", "Cache-Control": "private, no-cache"}
HSTS = "max-age=31536000; includeSubDomains"


def headers(settings: Settings) -> BeforeMessageSendHookHandler:
    """A hook that puts the security headers on every response, error pages and files included.

    A route may choose its own referrer policy and caching (the hand-off to a marketplace does); it cannot loosen the others.
    """
    always = {**ALWAYS, **({"Strict-Transport-Security": HSTS} if settings.public_url.startswith("https://") else {})}

    async def add(message: Message, _: Scope) -> None:
        if message["type"] != "http.response.start":
            return
        found = MutableScopeHeaders.from_message(message)
        for name, value in always.items():
            found[name] = value
        for name, value in UNLESS_SET.items():
            found.setdefault(name, value)

    return add


class Gate(ASGIMiddleware):
    """Refuses requests for a host that is not ours, and posts that another site made the browser send."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, hosts: Sequence[str]) -> None:
        self.hosts = frozenset(host.lower() for host in hosts)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        sent = Headers.from_scope(scope)
        if host_of(sent.get("host", "")) not in self.hosts:
            raise ClientException("unknown host")
        assert scope["type"] == ScopeType.HTTP
        if scope["method"] not in SAFE_METHODS and not scope["route_handler"].opt.get(FROM_ANYWHERE):
            site = sent.get("sec-fetch-site")
            if site is not None and site != "same-origin":
                raise PermissionDeniedException("cross-site request")
        await answered(next_app, scope, patient(receive), send)


async def answered(app: ASGIApp, scope: Scope, receive: Receive, send: Send, *, within_s: float = ANSWER_WITHIN_S) -> None:
    """Have `app` answer: raises 503 when it has not begun to within the time. A stream that has begun may go on."""
    late = HTTPException(status_code=503, detail="no answer was ready in time")
    try:
        async with asyncio.timeout(within_s) as limit:

            async def begun(message: Message) -> None:
                if message["type"] == "http.response.start":
                    limit.reschedule(None)
                await send(message)

            await app(scope, receive, begun)
    except TimeoutError:
        if limit.expired():
            raise late from None
        raise


def patient(receive: Receive, *, silence_s: float = SILENCE_S, within_s: float = BODY_WITHIN_S) -> Receive:
    """`receive` for a body that has to come: raises 408 when it pauses or takes too long, so that nobody holds a request open for ever.

    What comes after the body (the end of the connection) may take its time.
    """
    loop = asyncio.get_running_loop()
    until, whole = loop.time() + within_s, False

    async def received() -> HTTPReceiveMessage | WebSocketReceiveMessage:
        nonlocal whole
        if whole:
            return await receive()
        try:
            async with asyncio.timeout_at(min(until, loop.time() + silence_s)):
                message = await receive()
        except TimeoutError:
            raise HTTPException(status_code=408, detail="the body did not come") from None
        whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    return received


def gate(settings: Settings, extra_hosts: Sequence[str] = ()) -> Gate:
    """The gate for the portal's own address; on this very machine every loopback name is ours."""
    own = urlsplit(settings.public_url).hostname or ""
    local = ("localhost", "127.0.0.1", "::1") if is_loopback(own) else ()
    return Gate((own, *local, *extra_hosts))


def host_of(header: str) -> str:
    """The name in a Host header, without port; empty when it is malformed."""
    try:
        return (urlsplit(f"//{header}").hostname or "").lower()
    except ValueError:
        return ""


def csrf(settings: Settings, secret: str) -> CSRFConfig:
    """The settings of the double-submit check. Forms send the token in `_csrf_token`, masked, so they work without scripts.

    No script reads the cookie, so it is HttpOnly.
    """
    return CSRFConfig(
        secret=secret,
        cookie_name=CSRF_COOKIE,
        cookie_secure=settings.secure_cookies,
        cookie_httponly=True,
        cookie_samesite="lax",
        exclude_from_csrf_key=FROM_ANYWHERE,
    )


def session_cookie(token: str, settings: Settings, *, max_age: int) -> Cookie:
    """The cookie of a signed-in browser, for `max_age` seconds."""
    return Cookie(
        key=SESSION_COOKIE,
        value=token,
        path="/",
        max_age=max_age,
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies,
    )


def no_session_cookie(settings: Settings) -> Cookie:
    """Removes the session from the browser."""
    return session_cookie("", settings, max_age=0)


def safe_next(wanted: str | None, default: str = "/home") -> str:
    """Where to go after signing in: a path of ours, never another site.

    Browsers read a backslash as a slash and drop tabs and line breaks, so anything with either is refused.
    """
    if not wanted or not wanted.startswith("/") or wanted.startswith("//"):
        return default
    if "\\" in wanted or any(ord(letter) < 0x21 or ord(letter) == 0x7F for letter in wanted):
        return default
    return wanted
