"""Runs as the readers of this process see them: looked up once per nudge, however many read, and painted once for all alike.

Nobody has a queue. A reader knows the number of the last event it showed and takes what came after it, so one that is slow takes
more at a time and less often, and one that has vanished takes nothing.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import UUID

import structlog
from markupsafe import Markup

from portal import db
from portal.errors import NotFound
from portal.nudges import Ears, Full
from portal.runs import service
from portal.tables.syncs import FINISHED, SyncRun

SILENCE_S = 15.0
"""How long nothing is heard before everybody looks all the same."""

BREATH_S = 0.4
"""At most about two looks a second: nobody reads faster, and the row is the truth anyway."""

KEPT = 500
GONE_WITHIN_S = 2.0

log = structlog.get_logger()


class Painted(NamedTuple):
    """A message's markup and the number of the newest event that it shows."""

    html: Markup
    seq: int


class Feed:
    """One run: its row, its newest events, and the turn that its readers wait for.

    `seq` is the newest event known here; `row` None until the first look. `ended` says that the run has; `closed` that nothing
    more will come from here, though the run may go on.
    """

    def __init__(self, seller_id: UUID, run_id: UUID, after: int) -> None:
        self.seller_id = seller_id
        self.run_id = run_id
        self.seq = after
        self.row: SyncRun | None = None
        self.ended = False
        self.closed = False
        self.readers = 0
        self.painted: dict[tuple[str, str, int], Painted] = {}
        """What readers of one language who have seen the same share, until the next look."""
        self.painting = asyncio.Lock()
        self._events: deque[service.Line] = deque()
        self._floor = after
        self._turn = asyncio.Event()

    async def events(self, after: int) -> Sequence[service.Line]:
        """Those after `after` up to `seq`, oldest first; for a reader too far behind a first part of them."""
        if after >= self._floor:
            return [event for event in self._events if event.seq > after]
        newest = self.seq
        return [event for event in await service.events(self.seller_id, self.run_id, after) if event.seq <= newest]

    async def news(self, *, silence_s: float) -> bool:
        """True when there was a look that found something (or the end, or a stir), False after a silence."""
        turn = self._turn
        try:
            async with asyncio.timeout(silence_s):
                await turn.wait()
        except TimeoutError:
            return False
        return True

    async def follow(self, ears: Ears) -> None:
        """Keep up with the run until it ends or the ears close."""
        try:
            async with ears.about(service.topic(self.run_id)) as nudged:
                while not nudged.closed and not self.ended:
                    whole = await self._look()
                    await asyncio.sleep(BREATH_S)
                    if whole:
                        await nudged.wait(silence_s=SILENCE_S)
        except (NotFound, Full) as error:
            log.warning("feed_ended", run=str(self.run_id), reason=type(error).__name__)
        finally:
            self.closed = True
            self.stir()

    async def _look(self) -> bool:
        """True when there is nothing more to read now."""
        try:
            row, new = await service.since(self.seller_id, self.run_id, self.seq, limit=KEPT)
        except (OSError, *db.LOST_CONNECTION) as error:
            # Its readers go on hearing heartbeats; the next look tells them everything.
            log.warning("feed_postponed", run=str(self.run_id), reason=type(error).__name__)
            return False
        known, self.row = self.row, row
        self._events.extend(new)
        while len(self._events) > KEPT:
            self._floor = self._events.popleft().seq
        self.seq = new[-1].seq if new else self.seq
        self.ended = row.state in FINISHED and len(new) < KEPT
        if new or known is None or self.ended:
            self.painted = {}
            self.stir()
        return len(new) < KEPT

    def stir(self) -> None:
        """Have every reader look, for whatever reason of its own."""
        self._turn.set()
        self._turn = asyncio.Event()


class Feeds:
    """Every feed of this process, and how many streams may read them: `most` in all, `most_per_person` by one user.

    Use as an async context manager.
    """

    def __init__(self, ears: Ears, *, most: int, most_per_person: int) -> None:
        self.ears = ears
        self._most = most
        self._most_per_person = most_per_person
        self._feeds: dict[tuple[UUID, UUID], Feed] = {}
        self._following: dict[Feed, asyncio.Task[None]] = {}
        self._by_person: Counter[UUID] = Counter()

    @property
    def open(self) -> int:
        """How many streams read now."""
        return self._by_person.total()

    async def __aenter__(self) -> "Feeds":
        return self

    async def __aexit__(self, *exc: object) -> None:
        left = list(self._following.values())
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=GONE_WITHIN_S)

    @asynccontextmanager
    async def read(self, person: UUID, seller_id: UUID, run_id: UUID, after: int) -> AsyncIterator[Feed]:
        """Read a run's feed; with the last reader the feed goes. Raises Full at a ceiling."""
        if self.open >= self._most or self._by_person[person] >= self._most_per_person:
            raise Full
        feed = self._feeds.get((seller_id, run_id))
        if feed is None or feed.closed:
            feed = self._begin(Feed(seller_id, run_id, after))
        self._by_person[person] += 1
        feed.readers += 1
        try:
            yield feed
        finally:
            feed.readers -= 1
            self._by_person[person] -= 1
            if not self._by_person[person]:
                del self._by_person[person]
            if not feed.readers:
                self._end(feed)

    def _begin(self, feed: Feed) -> Feed:
        self._feeds[feed.seller_id, feed.run_id] = feed
        task = asyncio.create_task(feed.follow(self.ears), name=f"feed-{feed.run_id}")
        self._following[feed] = task
        task.add_done_callback(lambda _: self._following.pop(feed, None))
        return feed

    def _end(self, feed: Feed) -> None:
        if self._feeds.get((feed.seller_id, feed.run_id)) is feed:
            del self._feeds[feed.seller_id, feed.run_id]
        if feed in self._following:
            self._following[feed].cancel()
