"""Messages of a live page: what is swapped in travels unnamed, on one line, with the event's number."""

import re
from collections.abc import AsyncIterator

from litestar.response import ServerSentEvent
from litestar.response.sse import ServerSentEventMessage
from markupsafe import Markup, escape

# With the framework's CRLF, a network cut between the two characters reads as two line ends and splits a message.
LINE_END = "\n"
SWAPS = frozenset({"outerHTML", "innerHTML", "outerMorph", "innerMorph", "beforeend", "afterbegin", "beforebegin", "afterend", "delete"})
_ID = re.compile(r"[A-Za-z][\w-]*")
_BREAKS = re.compile(r"[\r\n]+")


def partial(target: str, html: str | Markup, *, swap: str = "outerHTML") -> Markup:
    """A piece for the element with id `target`. Plain text is escaped; only Markup passes as it is.

    ValueError for an id or a swap that htmx would misread: such a piece would silently land nowhere.
    """
    if not _ID.fullmatch(target):
        raise ValueError(f"not an id: {target!r}")
    if swap not in SWAPS:
        raise ValueError(f"not a swap: {swap!r}")
    return Markup('<hx-partial id="{}" hx-swap="{}">{}</hx-partial>').format(target, swap, html)


def announce(words: str) -> Markup:
    """Says a sentence to screen readers, without showing it again."""
    return partial("live", Markup('<p class="vh">{}</p>').format(words), swap="innerHTML")


def title(words: str) -> Markup:
    """A new title for the window; goes first in its message."""
    return Markup("<title>{}</title>").format(words)


def message(*pieces: str | Markup, seq: int | None = None) -> ServerSentEventMessage:
    """One message with all pieces. `seq` is the event's number: the browser brings it back as Last-Event-ID.

    There is no event name: htmx paints only what has none. Line ends inside the markup become spaces.
    """
    data = _BREAKS.sub(" ", "".join(escape(piece) for piece in pieces))
    return ServerSentEventMessage(data=data, id=seq, sep=LINE_END)


def heartbeat() -> ServerSentEventMessage:
    """A comment: proxies see life, browsers see nothing."""
    return ServerSentEventMessage(data=None, comment="k", sep=LINE_END)


def stream(messages: AsyncIterator[ServerSentEventMessage]) -> ServerSentEvent:
    """The response that carries them. Its address must be left out of response compression.

    The route has to be annotated `-> ServerSentEvent`: Litestar takes the content type from there, and htmx ignores any other.
    """
    return ServerSentEvent(messages, headers={"Cache-Control": "no-store"})


def resume_after(last_event_id: str | None, after: int | None) -> int:
    """The number of the last event this browser has painted: the larger of header and query, 0 when neither says one."""
    seen = int(last_event_id) if last_event_id and last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 19 else 0
    return max(seen, after or 0, 0)
