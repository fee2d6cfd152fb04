"""The web process: uvicorn around the application, until a signal ends it."""

import asyncio
import socket
import sys

import uvicorn
from litestar import Litestar

from portal import db, logs, vault
from portal.app import create_app
from portal.keyring import canaries
from portal.settings import Settings
from portal.vault import Vault

PATIENCE_S = 3


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
        http="httptools",
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
