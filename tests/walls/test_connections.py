"""Connections that ask for nothing, or without end: let go, while whoever asks slowly for something is heard."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from portal import serving
from portal.postgres import Addresses
from portal.settings import Settings
from portal.vault import Vault
from tests.browsing import application
from tests.serving import served
from tests.workers import PATIENCE_S

pytestmark = pytest.mark.anyio

SOON_S = 0.5
HEAD = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"


class Line:
    """One raw connection, opened when something is first said or listened for: until then no time runs out."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def says(self, *pieces: bytes) -> None:
        _, writer = await self._opened()
        for piece in pieces:
            writer.write(piece)
        await writer.drain()

    async def hears(self) -> bytes:
        """Everything until the other side hangs up."""
        reader, _ = await self._opened()
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read()

    async def hears_an_answer(self) -> bytes:
        """The first line of the next answer, which is read to its end."""
        reader, _ = await self._opened()
        async with asyncio.timeout(PATIENCE_S):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(length)
        return head.partition(b"\r\n")[0]

    def close(self) -> None:
        if self._ends is not None:
            self._ends[1].close()

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._ends is None:
            self._ends = await asyncio.open_connection("127.0.0.1", self._port)
        return self._ends


@pytest.fixture
async def line(database: Addresses, keys: Vault, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    """As the portal is served, but less patiently."""
    monkeypatch.setattr(serving, "HEAD_WITHIN_S", SOON_S)
    settings = Settings(database_url=database.web)
    app = application(database.web, keys)
    async with served(app, http=serving.server(settings, app).config.http) as base:
        one = Line(int(base.rpartition(":")[2]))
        yield one
        one.close()


async def test_a_connection_that_asks_for_nothing_is_let_go(line: Line) -> None:
    assert await line.hears() == b""


@pytest.mark.parametrize("begun", [b"G", HEAD], ids=["a letter", "half a head"])
async def test_a_head_that_does_not_come_is_not_waited_for(line: Line, begun: bytes) -> None:
    await line.says(begun)
    assert await line.hears() == b""


async def test_the_next_head_on_a_connection_is_not_waited_for_either(line: Line) -> None:
    await line.says(HEAD + b"\r\n")
    assert await line.hears_an_answer() == b"HTTP/1.1 200 OK"
    await line.says(HEAD)
    assert await line.hears() == b""


async def test_a_head_without_end_is_refused(line: Line) -> None:
    """Nothing of it is kept beyond the limit, however patiently it comes."""
    await line.says(HEAD + b"X-Long: ", b"a" * serving.HEAD_LIMIT)
    assert (await line.hears()).startswith(b"HTTP/1.1 400 ")


async def test_a_body_may_take_longer_than_a_head(line: Line) -> None:
    """A photo over a bad line: the head is there, and what follows has a limit of its own."""
    await line.says(
        b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\n"
    )
    await asyncio.sleep(2 * SOON_S)  # what is shown here is that nothing happens meanwhile
    await line.says(b"email=a")
    assert await line.hears_an_answer() == b"HTTP/1.1 403 Forbidden"
