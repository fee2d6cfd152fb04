"""A whole portal for browsers: sandboxes, a web process, a worker process, a database; every part can be stopped and started again."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from portal.marketplaces.contract import Marketplace
from portal.marketplaces.registry import MARKETPLACES
from portal.marketplaces.sandbox import Fault, Shop, demo_shop
from portal.postgres import Addresses
from portal.sandboxes import Bazaar, bazaar
from portal.up.environments import Environments
from portal.up.supervisor import answers
from tests.serving import free_port, served
from tests.workers import PATIENCE_S

ROOT = Path(__file__).resolve().parent.parent.parent
ORDERS = 1000
PAGE = 100
"""Orders on one page of the sandbox used here."""


class Turnstile:
    """Stands before the sandboxes and, while closed, lets pages of orders through one by one: a sync goes exactly as far as a test says."""

    def __init__(self, app: Bazaar) -> None:
        self._app = app
        self._open = True
        self._tickets = 0
        self._changed = asyncio.Condition()
        self.waiting = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/orders") or "/_sandbox" in scope["path"]:
            await self._app(scope, receive, send)
            return
        asked = await receive()
        gone, passing = asyncio.ensure_future(receive()), asyncio.ensure_future(self._pass())
        await asyncio.wait({gone, passing}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        passing.cancel()
        await asyncio.gather(gone, passing, return_exceptions=True)
        if passing.cancelled():
            return  # whoever asked has gone, and takes no ticket along

        async def asked_again() -> Any:
            nonlocal asked
            first, asked = asked, None
            return first or await receive()

        await self._app(scope, asked_again, send)

    async def _pass(self) -> None:
        async with self._changed:
            self.waiting += 1
            self._changed.notify_all()
            try:
                await self._changed.wait_for(lambda: self._open or self._tickets > 0)
            finally:
                self.waiting -= 1
            if not self._open:
                self._tickets -= 1

    async def close(self) -> None:
        async with self._changed:
            self._open, self._tickets = False, 0

    async def let_through(self, pages: int = 1) -> None:
        async with self._changed:
            self._tickets += pages
            self._changed.notify_all()

    async def open(self) -> None:
        async with self._changed:
            self._open, self._tickets = True, 0
            self._changed.notify_all()

    def world(self, place: Marketplace) -> Any:
        """All that one sandbox knows, to be changed behind its back."""
        return self._app.stalls[place.slug].state["world"]

    async def somebody_waits(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self.waiting > 0)


@dataclass
class Part:
    """One process of the portal."""

    name: str
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    _process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "portal", self.name),
                cwd=ROOT,
                env=dict(self.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send it a signal and wait until it is gone; a second time does nothing."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 10)
            if process.returncode is None:
                process.kill()
                await process.wait()


@dataclass
class Stack:
    """The running portal."""

    base: str
    sandbox: str
    shop: Shop
    turnstile: Turnstile
    web: Part
    worker: Part
    addresses: Addresses

    async def start_web(self) -> None:
        await self.web.start()
        await answers(f"{self.base}/readyz")

    async def fault(self, place: Marketplace, fault: Fault, operation: str, times: int = 1) -> None:
        """Let one sandbox misbehave."""
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=PATIENCE_S) as client:
            ordered = [{"fault": fault, "operation": operation, "times": times}]
            (await client.post(f"{self.sandbox}/{place.slug}/_sandbox/faults", json=ordered)).raise_for_status()

    async def withdrawn(self, place: Marketplace) -> None:
        """The shop's seller takes back, at the marketplace itself, what she has allowed the portal."""
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=PATIENCE_S) as client:
            (await client.post(f"{self.sandbox}/{place.slug}/_sandbox/withdraw")).raise_for_status()

    async def well_again(self) -> None:
        """As it was: no sync is under way, no sandbox misbehaves, nobody is held up."""
        await self.turnstile.open()
        under_way = "state NOT IN ('succeeded', 'partial', 'failed', 'cancelled')"
        await self.sql(f"UPDATE sync_runs SET cancel_requested = true WHERE {under_way}")
        async with asyncio.timeout(PATIENCE_S):
            while (await self.sql(f"SELECT count(*) AS count FROM sync_runs WHERE {under_way}"))[0]["count"]:
                await asyncio.sleep(0.05)
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=PATIENCE_S) as client:
            for place in MARKETPLACES:
                if place.sandbox is not None:
                    await client.post(f"{self.sandbox}/{place.slug}/_sandbox/faults/clear")

    async def sql(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        """Something done to the database behind the portal's back, as its owner."""
        held = await asyncpg.connect(self.addresses.owner)
        try:
            return list(await held.fetch(statement, *values))
        finally:
            await held.close()

    def keys(self, place: Marketplace) -> dict[str, str]:
        """Keys that its sandbox accepts."""
        assert place.sandbox_keys is not None
        return place.sandbox_keys(self.shop)


@asynccontextmanager
async def running(addresses: Addresses, folder: Path) -> AsyncIterator[Stack]:
    """Everything, ready; ended with the block. `folder` takes keys and logs."""
    shop = Shop(orders=ORDERS, now=demo_shop().now)
    turnstile = Turnstile(bazaar(shop=shop))
    port = free_port()
    given = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    given |= {"PORTAL_PORT": str(port), "PORTAL_BEAT_S": "1", "PORTAL_LEASE_S": "6", "PORTAL_SWEEP_S": "2"}
    # A slot that falls into a test would start a sync that no test asked for.
    given |= {"PORTAL_SCHEDULES": "false"}
    async with served(turnstile) as sandbox:
        environments = Environments(given=given, data_dir=folder, places=MARKETPLACES, sandbox_base=sandbox)
        made = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "portal", "keys", "generate"), cwd=ROOT, env=environments.bare()
        )
        assert await made.wait() == 0
        web = Part("web", environments.web(addresses), folder / "web.log")
        worker = Part("worker", environments.worker(addresses), folder / "worker.log")
        stack = Stack(
            base=f"http://127.0.0.1:{port}", sandbox=sandbox, shop=shop, turnstile=turnstile, web=web, worker=worker, addresses=addresses
        )
        try:
            await worker.start()
            await stack.start_web()
            yield stack
        finally:
            await turnstile.open()
            await asyncio.gather(web.end(), worker.end())
