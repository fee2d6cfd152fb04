"""The live stream of a run: take what is new from the run's feed, send it, wait, repeat. A reconnect is the same loop.

Every message carries only parts and the number of the newest event it shows; the last one replaces the panel, so the element that
holds the stream goes and the stream closes.
"""

import time
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from uuid import UUID

from litestar import Request
from litestar.response import ServerSentEventMessage
from markupsafe import Markup

from portal import clock, db
from portal.marketplaces.contract import ScheduleTarget
from portal.nudges import Full
from portal.people import service as people
from portal.people.permissions import Permission, permissions
from portal.people.service import Viewer
from portal.runs import painting, service
from portal.runs.feeds import SILENCE_S, Feed, Feeds, Painted
from portal.runs.service import Attention
from portal.tables.syncs import FINISHED, SyncRun
from portal.web import stream
from portal.web.pages import csrf_token, shared, shell_of

LONGEST_S = 900.0

ENDED = -1
"""Where a reader stands who gets the last message, whatever it has seen."""

FORM_TOKEN = "{form token of the reader}"
"""Stands in what is painted for many where a form carries its reader's own token."""


class Rights(NamedTuple):
    """What templates may ask about the people of one role: `viewer.may("sync")`."""

    role: str

    def may(self, permission: Permission | str) -> bool:
        return permission in permissions(self.role)


class Reader:
    """Whoever holds a stream open. Keeps what painting needs, so that nothing is asked of the request later.

    What is painted for one reader is shown to every other one of the same `language` and, where it has buttons, the same role: nothing
    in it may be about a person. So the templates get a viewer with rights and no name, and of a form's token only the place.
    """

    def __init__(self, request: Request[Any, Any, Any], viewer: Viewer) -> None:
        around = shared(request)
        self.person = viewer.user_id
        self.session_id = viewer.session_id
        self.seller_id = viewer.seller_id
        self.language = str(around["lang"])
        self._templates = shell_of(request).templates
        self.role = viewer.role
        self._token = csrf_token(request)
        self._around = {name: around[name] for name in ("lang", "settings", "version", "help_href")} | {"csrf": FORM_TOKEN}
        self._around["viewer"] = Rights(viewer.role)

    def draw(self, template: str, **context: object) -> Markup:
        return Markup(self._templates.get_template(template).render({**self._around, **context}))  # noqa: S704 (the template has escaped it)

    def own(self, painted: Markup) -> Markup:
        """What was painted for many, with this reader's token in its forms."""
        return painted.replace(FORM_TOKEN, self._token)


async def follow(reader: Reader, feeds: Feeds, run_id: UUID, after: int) -> AsyncIterator[ServerSentEventMessage]:
    """Everything that happened in a run after event `after`, then what happens next, until it ends or the reader's session does."""
    until, unsure = time.monotonic() + LONGEST_S, True
    try:
        async with (
            feeds.read(reader.person, reader.seller_id, run_id, after) as feed,
            feeds.ears.about(people.topic(reader.session_id), wakes=feed.stir) as leaving,
        ):
            while time.monotonic() < until:
                if leaving.take() or unsure:
                    signed_in = await _signed_in(reader)
                    unsure = signed_in is None
                    if signed_in is False:
                        yield _sign_in_again(reader.draw("runs/_signed_out.html", run_id=run_id))
                        return
                if feed.ended:
                    last = await _last(reader, feed)
                    yield stream.message(reader.own(last.html), seq=last.seq)
                    return
                if feed.row is not None and feed.seq > after:
                    parts, after = await _next(reader, feed, after)
                    yield stream.message(parts, seq=after)
                elif feed.closed:
                    return
                elif not await feed.news(silence_s=SILENCE_S):
                    yield stream.heartbeat()
    except Full:
        yield stream.message(stream.partial("conn", reader.draw("runs/_full.html", run_id=run_id)))


async def signed_out(request: Request[Any, Any, Any], run_id: UUID) -> AsyncIterator[ServerSentEventMessage]:
    """For somebody who may not read on: a sentence in place of the stream, and its end. A refusal would be asked again for ever."""
    drawn = shell_of(request).templates.get_template("runs/_signed_out.html").render({**shared(request), "run_id": run_id})
    yield _sign_in_again(Markup(drawn))  # noqa: S704 (the template has escaped it)


def _sign_in_again(drawn: Markup) -> ServerSentEventMessage:
    return stream.message(stream.partial("conn", drawn), stream.announce("Sign in again to see live progress."))


async def _signed_in(reader: Reader) -> bool | None:
    """Whether the reader's session is still there; None when nobody can say now."""
    try:
        return await people.lives(reader.seller_id, reader.session_id)
    except (OSError, *db.LOST_CONNECTION):
        return None


def may_read(viewer: object) -> bool:
    return isinstance(viewer, Viewer) and viewer.may(Permission.READ)


async def _next(reader: Reader, feed: Feed, after: int) -> Painted:
    """The message for a reader who has seen everything up to `after`."""
    place, painted = (reader.language, "", after), feed.painted
    async with feed.painting:
        if place not in painted:
            row, newest = feed.row, feed.seq
            assert row is not None, "there is nothing to see before the first look"
            events = list(await feed.events(after))
            seq = events[-1].seq if events else newest
            parts = reader.draw("runs/_message.html", events=events, seq=seq, said=painting.announced(events), **record(row))
            painted[place] = Painted(parts, seq)
    return painted[place]


async def _last(reader: Reader, feed: Feed) -> Painted:
    """The message that ends the stream, with the place of the token where this reader's own belongs. Its buttons are those of a role."""
    place, painted = (reader.language, reader.role, ENDED), feed.painted
    async with feed.painting:
        if place not in painted:
            seen = await summary(feed.seller_id, feed.run_id)
            painted[place] = Painted(reader.draw("runs/_last.html", **seen), seen["row"].seq)
    return painted[place]


def record(run: SyncRun, attention: Attention = Attention.NONE) -> dict[str, Any]:
    """What is shown of the run's row, and of what it wants of a person."""
    return {"run": painting.panel(run, attention), "row": run, "trigger": painting.TRIGGERS[run.trigger], "asked_at": clock.now()}


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
        **record(run, await service.attention(seller_id, run_id)),
        "account": await service.account_of(seller_id, run_id),
        "events": events,
        "seq": events[-1].seq if events else 0,
        "first_seq": events[0].seq if events else 0,
        "mode": mode,
        "in_line": await in_line(seller_id, run),
        "asides": await service.set_asides(seller_id, run_id) if run.set_aside_count else [],
    }
