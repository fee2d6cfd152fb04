"""Pages packed with gzip on their way out. What else leaves the portal goes as it is.

A packed page is shorter when what somebody typed (a search, an address) repeats what stands in it, and a stranger who can make a browser
ask may read lengths off the line. So nothing that opens a door is packed: the token of the forms is masked anew for every page
(`portal.web.tokens`), and a page that is stored nowhere goes unpacked unless it says that it holds no secret (`pages.page(packed=True)`).
Litestar's own middleware asks about neither, would hold streams back and packs what is packed already.
"""

import gzip

from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseBodyEvent, HTTPResponseStartEvent, Message, Receive, Scope, Send

LEAST = 600
"""Bytes below which packing saves less than one packet of the network."""

LEVEL = 6
PACKED = "packed"
"""In a request's state, true: the page holds no secret though it is stored nowhere."""


def packed(app: ASGIApp) -> ASGIApp:
    """The application, its pages packed for browsers that unpack."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        unpacks = "gzip" in Headers.from_scope(scope).get("accept-encoding", "")
        started: HTTPResponseStartEvent | None = None

        async def pack(message: Message) -> None:
            nonlocal started
            # Held back for pages alone: a stream's first byte may be a long time coming, and its reader waits for the start.
            if message["type"] == "http.response.start" and _is_page(message, scope):
                started = message
                return
            if started is not None:
                first, started = started, None
                if message["type"] == "http.response.body" and _is_worth_it(message):
                    _vary(first)
                    if unpacks:
                        _pack(first, message)
                await send(first)
            await send(message)

        await app(scope, receive, pack)

    return answer


def _is_page(start: HTTPResponseStartEvent, scope: Scope) -> bool:
    """Whether this begins a page that may be packed."""
    found = MutableScopeHeaders.from_message(start)
    stored = "no-store" not in found.get("cache-control", "")
    is_html = found.get("content-type", "").startswith("text/html") and "content-encoding" not in found
    return is_html and (stored or scope["state"].get(PACKED) is True)


def _is_worth_it(body: HTTPResponseBodyEvent) -> bool:
    """Whether it came whole and is long enough."""
    return not body.get("more_body", False) and len(body["body"]) >= LEAST


def _vary(start: HTTPResponseStartEvent) -> None:
    MutableScopeHeaders.from_message(start).extend_header_value("vary", "Accept-Encoding")


def _pack(start: HTTPResponseStartEvent, body: HTTPResponseBodyEvent) -> None:
    body["body"] = gzip.compress(body["body"], LEVEL, mtime=0)
    found = MutableScopeHeaders.from_message(start)
    found["Content-Encoding"] = "gzip"
    found["Content-Length"] = str(len(body["body"]))
