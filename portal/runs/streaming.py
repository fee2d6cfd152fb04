"""The live stream of a run: subscribe, send what is new, wait, repeat. A reconnect is the same loop.

Every message carries only `<hx-partial>` elements and the number of the newest event it shows; the last one replaces the panel, so
the element that holds the stream goes and the stream closes.
"""

import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from litestar import Request
from litestar.response import ServerSentEventMessage, Stream

from portal import nudges
from portal.nudges import Ears
from portal.runs import painting, service
from portal.tables.syncs import SyncEvent
from portal.web.pages import shared, shell_of

HEARTBEAT_S = 15.0
LONGEST_S = 900.0
BREATH_S = 0.4
"""At most about two messages a second: a page cannot be read faster, and the row is the truth anyway."""

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Painter:
    """Draws the parts of one reader's page. Holds what the page's context needs, so that nothing is asked of the request later."""

    def __init__(self, request: Request[Any, Any, Any]) -> None:
        self._templates = shell_of(request).templates
        self._shared = shared(request)

    def draw(self, template: str, **context: object) -> str:
        html = self._templates.get_template(template).render({**self._shared, **context})
        # One line per message: with several, a cut between CR and LF would break the message in two.
        return " ".join(line.strip() for line in html.splitlines() if line.strip())


def response(content: AsyncIterator[bytes]) -> Stream:
    return Stream(content, media_type="text/event-stream", headers=HEADERS)


async def follow(painter: Painter, seller_id: UUID, run_id: UUID, after: int, ears: Ears) -> AsyncIterator[bytes]:
    """Everything that happened in a run after event `after`, then what happens next, until it ends."""
    until = time.monotonic() + LONGEST_S
    try:
        async with ears.about(service.topic(run_id)) as nudged:
            while not nudged.closed and time.monotonic() < until:
                # The row before the events: a "finished" seen here has all of them.
                run = await service.get(seller_id, run_id)
                new = list(await service.events(seller_id, run_id, after))
                view = painting.panel(run)
                if view.finished:
                    account = await service.account_of(seller_id, run_id)
                    last = await service.last_events(seller_id, run_id)
                    yield _message(run.seq, painter.draw("runs/_last.html", run=view, row=run, account=account, **_summary(last)))
                    return
                if new:
                    after = new[-1].seq
                    yield _message(after, painter.draw("runs/_message.html", run=view, events=new, said=painting.announced(new)))
                    await _breathe(nudged)
                elif not await nudged.wait(silence_s=HEARTBEAT_S):
                    yield ServerSentEventMessage(comment="still here", data=None, sep="\n").encode()
    except nudges.Full:
        yield _message(after, painter.draw("runs/_full.html", run_id=run_id))


async def _breathe(nudged: nudges.Nudged) -> None:
    """Let events gather for a moment; a shutdown ends the pause."""
    import asyncio

    if not nudged.closed:
        await asyncio.sleep(BREATH_S)


def _summary(events: Any) -> dict[str, Any]:
    shown: list[SyncEvent] = list(events)
    return {"events": shown, "seq": shown[-1].seq if shown else 0, "first_seq": shown[0].seq if shown else 0, "mode": "live", "asides": []}


def _message(number: int, html: str) -> bytes:
    return ServerSentEventMessage(data=html, id=number, sep="\n").encode()
