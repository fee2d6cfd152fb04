""" "Look again": a NOTIFY that leaves with the caller's commit, and one LISTEN per process that hears all of them.

A nudge carries no news, only the topic; the row is the truth. Silence counts as a nudge too, so a lost connection heals by itself.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import structlog

from portal import db

CHANNEL = "portal_nudges"
ANSWER_WITHIN_S = 10.0

log = structlog.get_logger()


async def nudge(topic: str) -> None:
    """Tell whoever watches `topic`, when and only if the present transaction commits."""
    await db.connection().execute("SELECT pg_notify($1, $2)", CHANNEL, topic)


class Nudged:
    """One watcher's place: `wait` ends at the next nudge, or after a silence. A nudge calls `wakes` as well, for whoever waits elsewhere."""

    def __init__(self, wakes: Callable[[], None] | None = None) -> None:
        self._event = asyncio.Event()
        self._wakes = wakes
        self.closed = False

    def wake(self) -> None:
        self._event.set()
        if self._wakes is not None:
            self._wakes()

    def take(self) -> bool:
        """Whether there was a nudge since the last time somebody waited or took one."""
        nudged = self._event.is_set()
        self._event.clear()
        return nudged

    async def wait(self, *, silence_s: float) -> bool:
        """True after a nudge, False after `silence_s` seconds without one. Nudges in between collapse into one."""
        try:
            # Not wait_for, which in Python 3.11 swallows a cancellation that comes together with a nudge.
            async with asyncio.timeout(silence_s):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class Ears:
    """The process's one LISTEN connection, fanned out to watchers. Use as an async context manager.

    `limit` is how many watchers it takes in all; `about` raises Full beyond that. A connection that is lost is made again every
    `retry_s` seconds; one that has said nothing for `ask_every_s` is asked whether it lives.
    """

    def __init__(self, url: str, *, limit: int = 5000, retry_s: float = 1.0, ask_every_s: float = 30.0) -> None:
        self._url = url
        self._limit = limit
        self._retry_s = retry_s
        self._ask_every_s = ask_every_s
        self._watchers: dict[str, set[Nudged]] = defaultdict(set)
        self._count = 0
        self._task: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self.listening = asyncio.Event()
        self.closing = False

    async def __aenter__(self) -> "Ears":
        self._task = asyncio.create_task(self._listen(), name="nudges")
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @property
    def open(self) -> int:
        """How many watch now."""
        return self._count

    def close(self) -> None:
        """Let every watcher go: the process is about to stop."""
        self.closing = True
        for watchers in list(self._watchers.values()):
            for one in list(watchers):
                one.closed = True
                one.wake()

    @asynccontextmanager
    async def about(self, *topics: str, wakes: Callable[[], None] | None = None) -> AsyncIterator[Nudged]:
        """Watch some topics; leaving the block forgets the watcher."""
        if self._count >= self._limit:
            raise Full
        mine = Nudged(wakes)
        mine.closed = self.closing
        self._count += 1
        for topic in topics:
            self._watchers[topic].add(mine)
        try:
            yield mine
        finally:
            self._count -= 1
            for topic in topics:
                self._watchers[topic].discard(mine)
                if not self._watchers[topic]:
                    del self._watchers[topic]

    async def _listen(self) -> None:
        while True:
            try:
                held = await asyncpg.connect(self._url, server_settings={"application_name": "portal-nudges"})
            except (OSError, asyncpg.PostgresError, *db.LOST_CONNECTION):
                await asyncio.sleep(self._retry_s)
                continue
            try:
                self._lost.clear()
                held.add_termination_listener(lambda _: self._lost.set())
                await held.add_listener(CHANNEL, self._heard)
                self.listening.set()
                # What was said while nobody listened is not lost: everybody looks once.
                self._wake_all()
                await self._until_lost(held)
                log.warning("nudges_connection_lost")
            except (OSError, asyncpg.PostgresError, *db.LOST_CONNECTION):
                log.warning("nudges_connection_lost")
            finally:
                self.listening.clear()
                held.terminate()

    async def _until_lost(self, held: "asyncpg.Connection[Any]") -> None:
        """Return when the server ended the connection. Raises when it does not answer: a path that drops packets looks alive for hours."""
        while not self._lost.is_set():
            try:
                async with asyncio.timeout(self._ask_every_s):
                    await self._lost.wait()
            except TimeoutError:
                await held.fetchval("SELECT 1", timeout=ANSWER_WITHIN_S)

    def _heard(self, _connection: Any, _pid: int, _channel: str, topic: object) -> None:
        for one in self._watchers.get(str(topic), ()):
            one.wake()

    def _wake_all(self) -> None:
        for watchers in self._watchers.values():
            for one in watchers:
                one.wake()


class Full(Exception):
    """No room for another watcher."""
