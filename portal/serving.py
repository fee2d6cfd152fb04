"""The web process: uvicorn around the application, until a signal ends it."""

import asyncio
import socket
import sys

import uvicorn
from litestar import Litestar
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from portal import db, logs, vault
from portal.app import create_app
from portal.keyring import canaries
from portal.settings import Settings
from portal.vault import Vault

PATIENCE_S = 3
HEAD_WITHIN_S, HEAD_LIMIT = 20.0, 64 * 1024
"""How long a connection may take to send the head of its next request, and of how many bytes."""


class Prompt(HttpToolsProtocol):
    """Lets a connection go on which no request begins in time, or one begins with a head that does not end.

    The parser itself waits for a head as long as it takes, and keeps however much of it has come.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the class above it has it
        self._due: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._due is not None:
            self._come += len(data)
            if self._come > HEAD_LIMIT:
                self._stop_waiting()
                self.send_400_response("The head of this request is too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self._due is None:
            self._come = 0
            self._due = self.loop.call_later(HEAD_WITHIN_S, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None


class Server(uvicorn.Server):
    """Lets the event streams go first: they end only when told to, and everything else waits for them."""

    def __init__(self, config: uvicorn.Config, portal: Litestar) -> None:
        super().__init__(config)
        self._portal = portal

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        ears = self._portal.state.get("ears")
        if ears is not None:
            ears.close()
        await super().shutdown(sockets)


def server(settings: Settings, app: Litestar) -> Server:
    """The server for an application, not yet running."""
    windows = sys.platform == "win32"
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="auto" if windows else "uvloop",
        http=Prompt,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=PATIENCE_S,
    )
    return Server(config, app)


def serve(settings: Settings) -> None:
    """Serve the portal on `settings.host:settings.port` until SIGINT or SIGTERM; open requests get three seconds.

    This process seals credentials and opens none: it loads no private ring but the buyers'.
    """
    logs.configure(settings, process="web")
    keys = vault.load(seal_keys=settings.seal_keys, buyer_open_keys=settings.buyer_open_keys)
    if settings.database_url:
        asyncio.run(_fits(keys, settings.database_url))
    server(settings, create_app(settings, vault=keys)).run()


async def _fits(keys: Vault, database_url: str) -> None:
    """Raises Misconfigured when the buyers' ring is not the one this database was sealed with: better now than on the first page."""
    await db.connect(database_url, max_size=1, name="portal-web")
    try:
        await canaries.check(keys, [vault.BUYERS])
    finally:
        await db.disconnect()
