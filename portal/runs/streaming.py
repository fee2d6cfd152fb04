"""The live stream of a run: subscribe, send what is new, wait, repeat. A reconnect is the same loop.

Every message carries only parts and the number of the newest event it shows; the last one replaces the panel, so the element that
holds the stream goes and the stream closes.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from litestar import Request
from litestar.response import ServerSentEventMessage
from markupsafe import Markup

from portal import clock
from portal.marketplaces.contract import ScheduleTarget
from portal.nudges import Ears, Full
from portal.runs import painting, service
from portal.tables.syncs import FINISHED, SyncRun
from portal.web import stream
from portal.web.pages import shared, shell_of

SILENCE_S = 15.0
LONGEST_S = 900.0
BREATH_S = 0.4
"""At most about two messages a second: nobody reads faster, and the row is the truth anyway."""


class Painter:
    """Draws the parts of one reader's page. Holds what the page's context needs, so that nothing is asked of the request later."""

    def __init__(self, request: Request[Any, Any, Any]) -> None:
        self._templates = shell_of(request).templates
        self._shared = shared(request)

    def draw(self, template: str, **context: object) -> Markup:
        return Markup(self._templates.get_template(template).render({**self._shared, **context}))  # noqa: S704 (the template has escaped it)


async def follow(painter: Painter, seller_id: UUID, run_id: UUID, after: int, ears: Ears) -> AsyncIterator[ServerSentEventMessage]:
    """Everything that happened in a run after event `after`, then what happens next, until it ends."""
    until = time.monotonic() + LONGEST_S
    try:
        async with ears.about(service.topic(run_id)) as nudged:
            while not nudged.closed and time.monotonic() < until:
                # The events before the row: a row older than the events it is painted with would stay on the screen until the next one.
                new = list(await service.events(seller_id, run_id, after))
                run = await service.get(seller_id, run_id)
                view = painting.panel(run)
                if view.finished:
                    yield stream.message(painter.draw("runs/_last.html", **await summary(seller_id, run_id)), seq=run.seq)
                    return
                if new:
                    after = new[-1].seq
                    parts = painter.draw("runs/_message.html", events=new, seq=after, said=painting.announced(new), **record(run))
                    yield stream.message(parts, seq=after)
                    await asyncio.sleep(BREATH_S)
                elif not await nudged.wait(silence_s=SILENCE_S):
                    yield stream.heartbeat()
    except Full:
        yield stream.message(painter.draw("runs/_full.html"))


def record(run: SyncRun) -> dict[str, Any]:
    """What is shown of the run's row alone."""
    return {"run": painting.panel(run), "row": run, "trigger": painting.TRIGGERS[run.trigger], "asked_at": clock.now()}


async def in_line(seller_id: UUID, run: SyncRun) -> list[str]:
    """What waits behind this run, in words."""
    waiting = [painting.in_line(request) for request in await service.in_line(seller_id, run.id)]
    stock = 0
    if run.target == ScheduleTarget.INVENTORY and run.state not in FINISHED:
        stock = await service.stock_in_line(seller_id, run.marketplace_account_id)
    return [*waiting, *([painting.stock_in_line(stock)] if stock else [])]


async def summary(seller_id: UUID, run_id: UUID, mode: str = "live") -> dict[str, Any]:
    """What the panel's template needs, read off the rows."""
    run = await service.get(seller_id, run_id)
    events = await service.last_events(seller_id, run_id)
    return {
        **record(run),
        "account": await service.account_of(seller_id, run_id),
        "events": events,
        "seq": events[-1].seq if events else 0,
        "first_seq": events[0].seq if events else 0,
        "mode": mode,
        "in_line": await in_line(seller_id, run),
        "asides": await service.set_asides(seller_id, run_id) if run.set_aside_count else [],
    }
