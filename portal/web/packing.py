"""Pages packed with gzip on their way out. What else leaves the portal goes as it is.

A packed page is shorter when what somebody typed (a search, an address) repeats what stands in it, and a stranger who can make a browser
ask may read lengths off the line. So nothing that opens a door is packed: the token of the forms is masked anew for every page
(`portal.web.tokens`), and a page that is stored nowhere goes unpacked unless it says that it holds no secret (`pages.page(packed=True)`).
Litestar's own middleware asks about neither, would hold streams back and packs what is packed already.
"""

import gzip
from collections.abc import Sequence

from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseBodyEvent, HTTPResponseStartEvent, Message, Receive, Scope, Send

LEAST = 600
"""Bytes below which packing saves less than one packet of the network."""

LEVEL = 6
PACKED = "packed"
"""In a request's state, true: the page holds no secret though it is stored nowhere."""

EMPTY: Sequence[tuple[bytes, bytes]] = ()


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
            if message["type"] == "http.response.start":
                started = message
                return
            if started is not None:
                first, started = started, None
                if message["type"] == "http.response.body" and _is_packable(first, message, scope):
                    _vary(first)
                    if unpacks:
                        _pack(first, message)
                await send(first)
            await send(message)

        await app(scope, receive, pack)

    return answer


def _is_packable(start: HTTPResponseStartEvent, body: HTTPResponseBodyEvent, scope: Scope) -> bool:
    """Whether this is a page, whole and worth it, that may be packed."""
    found = MutableScopeHeaders.from_message(start)
    if body.get("more_body", False) or len(body["body"]) < LEAST or "content-encoding" in found:
        return False
    stored = "no-store" not in found.get("cache-control", "")
    return found.get("content-type", "").startswith("text/html") and (stored or scope["state"].get(PACKED) is True)


def _vary(start: HTTPResponseStartEvent) -> None:
    MutableScopeHeaders.from_message(start).extend_header_value("vary", "Accept-Encoding")


def _pack(start: HTTPResponseStartEvent, body: HTTPResponseBodyEvent) -> None:
    body["body"] = gzip.compress(body["body"], LEVEL, mtime=0)
    found = MutableScopeHeaders.from_message(start)
    found["Content-Encoding"] = "gzip"
    found["Content-Length"] = str(len(body["body"]))
