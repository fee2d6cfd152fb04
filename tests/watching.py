"""A browser's stream without the browser: raw HTTP, so that a thousand of them cost a test process little."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from time import perf_counter
from typing import Self
from urllib.parse import urlsplit
from uuid import UUID

from portal.web.security import SESSION_COOKIE

PATIENCE_S = 60
LINE = re.compile(rb'id="l-(\d+)"')
NUMBER = re.compile(rb"^id: (\d+)$", re.MULTILINE)
STATUS = re.compile(rb"^HTTP/1.1 (\d+)")
ENDING = re.compile(rb'<hx-partial id="run-[0-9a-f-]{36}"')


class Watcher(asyncio.Protocol):
    """One reader of one run's stream, over as many connections as it takes.

    `lines` are the numbers of the log's lines in the order they came to be painted; `at` when (perf_counter) each came first.
    `ending` is the last message's markup, empty before it came. `whole` says that the answer came to its own end.
    """

    def __init__(self, base: str, run_id: UUID, token: str, *, after: int = 0) -> None:
        parts = urlsplit(base)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._path = f"/syncs/{run_id}/events?after={after}"
        self._token = token
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._changed = asyncio.Event()
        self.last = 0
        self.status = 0
        self.lines: list[int] = []
        self.at: dict[int, float] = {}
        self.messages: list[bytes] = []
        self.heartbeats = 0
        self.ending = b""
        self.whole = False
        self.gone = False

    async def open(self) -> Self:
        """Connect; the head of the answer has come. Brings the last number back as a browser does."""
        self._buffer, self.status, self.gone, self.whole = b"", 0, False, False
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: self, self._host, self._port)
        self._transport = transport
        resumed = f"Last-Event-ID: {self.last}\r\n" if self.last else ""
        head = f"GET {self._path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nHX-Request: true\r\nAccept: text/event-stream\r\n"
        transport.write(f"{head}Cookie: {SESSION_COOKIE}={self._token}\r\n{resumed}\r\n".encode())
        await self.until(lambda one: one.status != 0 or one.gone)
        return self

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self.status:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            match = STATUS.match(head)
            assert match is not None, head
            self.status, self._buffer = int(match[1]), rest
        *messages, self._buffer = self._buffer.split(b"\n\n")
        for message in messages:
            self._take(message)
        self.whole = self._buffer.endswith(b"0\r\n\r\n")
        self._tell()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        self._tell()

    def drop(self) -> None:
        """Vanish, as a phone in a lift does."""
        assert self._transport is not None
        self._transport.abort()

    @contextmanager
    def not_reading(self) -> Iterator[None]:
        """The connection stays, and nothing is taken from it."""
        assert self._transport is not None
        self._transport.pause_reading()
        yield
        self._transport.resume_reading()

    async def until(self, reached: Callable[["Watcher"], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not reached(self):
                await self._changed.wait()

    async def sees(self, seq: int) -> None:
        """The line `seq` has come, or the end."""
        await self.until(lambda one: bool(one.lines and one.lines[-1] >= seq) or bool(one.ending) or one.whole or one.gone)
        assert self.ending or (self.lines and self.lines[-1] >= seq), f"the stream ended before line {seq}"

    async def ended(self) -> None:
        """The server has finished its answer."""
        await self.until(lambda one: one.whole or one.gone)

    def _take(self, message: bytes) -> None:
        if b": k" in message and b"data:" not in message:
            self.heartbeats += 1
            return
        self.messages.append(message)
        number = NUMBER.search(message)
        if number is not None:
            self.last = int(number[1])
        if ENDING.search(message):
            self.ending = message
            return
        now = perf_counter()
        for found in LINE.findall(message):
            self.lines.append(int(found))
            self.at.setdefault(int(found), now)

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


@asynccontextmanager
async def watching(base: str, run_id: UUID, token: str, *, after: int = 0) -> AsyncIterator[Watcher]:
    """An open stream, dropped at the end."""
    one = await Watcher(base, run_id, token, after=after).open()
    try:
        yield one
    finally:
        one.drop()
