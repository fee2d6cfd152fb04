"""Real HTTP for tests: an ASGI application on a free loopback port, in the test's own event loop."""

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import uvicorn


def free_port() -> int:
    """A port for a process that is about to start.

    None of those the system gives away by itself: until the process listens there, any other test's call might have got it.
    """
    while True:
        port = random.randrange(15_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # Ctrl-C belongs to pytest


@cache
def _held(door: str) -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


@asynccontextmanager
async def served(app: Any, *, http: Any = "auto", door: str = "") -> AsyncIterator[str]:
    """The application's base address while it is being served, such as `http://127.0.0.1:40123`. `http` is uvicorn's protocol.

    Whatever is served at the same `door` has the same address, so that settings which name it are the same from test to test.
    """
    # The door stays this process's own: closed between two tests, its port could be anybody's.
    listening = _held(door).dup() if door else socket.create_server(("127.0.0.1", 0))
    # asyncio sets this only on sockets it makes itself; without it every answer waits 40 ms for an acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    port = listening.getsockname()[1]
    server = _Server(uvicorn.Config(app, http=http, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    ready = asyncio.create_task(server.ready.wait())
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield f"http://127.0.0.1:{port}"
    finally:
        ready.cancel()
        server.should_exit = True
        await task
        listening.close()
