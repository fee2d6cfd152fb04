"""All marketplaces' sandboxes behind one port: `python -m portal sandbox`. Each answers under its slug: `/<slug>/...`."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import AsyncExitStack
from typing import Any

import uvicorn
from litestar import Litestar

from portal.marketplaces.contract import Marketplace
from portal.marketplaces.registry import MARKETPLACES
from portal.marketplaces.sandbox import Shop, demo_shop
from portal.settings import Settings

# Litestar's own names for these leave the lifespan out.
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Bazaar:
    """An ASGI application that hands `/<slug>/...` to the application of that slug, which sees its own paths only.

    Litestar could mount them too, but then they would not get their own start and end.
    """

    def __init__(self, stalls: dict[str, Litestar]) -> None:
        self.stalls = stalls

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        slug = scope["path"].split("/")[1]
        if slug in self.stalls:
            # By ASGI's rule `path` keeps the prefix; the application takes `root_path` off it.
            scope["root_path"] = f"{scope.get('root_path', '')}/{slug}"
            stall: Any = self.stalls[slug]
            await stall(scope, receive, send)
        else:
            await self._direct(scope, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as open_stalls:
            await receive()
            for stall in self.stalls.values():
                await open_stalls.enter_async_context(stall.lifespan())
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _direct(self, scope: Message, send: Send) -> None:
        """`GET /` lists the slugs, which also tells that the sandboxes are up; everything else is not here."""
        found = scope["path"] == "/"
        body = "".join(f"{slug}\n" for slug in self.stalls) if found else "No sandbox has this address.\n"
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200 if found else 404, "headers": headers})
        await send({"type": "http.response.body", "body": body.encode(), "more_body": False})


def bazaar(places: Iterable[Marketplace] = MARKETPLACES, *, shop: Shop | None = None) -> Bazaar:
    """The sandboxes of `places`, all of one shop: the demonstration's unless another is given."""
    return Bazaar({place.slug: place.sandbox(shop or demo_shop(place.demo_locations)) for place in places if place.sandbox is not None})


def serve(settings: Settings) -> None:
    """Serve the sandboxes on `settings.sandbox_port` until a signal ends it. On this machine only: they know no secrets and keep none."""
    uvicorn.run(
        bazaar(),
        host="127.0.0.1",
        port=settings.sandbox_port,
        lifespan="on",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
