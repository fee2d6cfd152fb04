"""A portal to measure: its own durable database, its real processes, one connected account on a sandbox shop of the wished size."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from portal import migrating
from portal.marketplaces.registry import MARKETPLACES, marketplace
from portal.postgres import Addresses, Embedded, let_in
from portal.up.child import ROOT, Child, command
from portal.up.environments import Environments
from portal.up.supervisor import answers
from tests.bench.shop import shop_of

PATIENCE_S = 120.0
EMAIL, PASSWORD = "asha@example.in", "correct horse battery"
CODE = "AMAZON_IN"
UNPACED = {f"PORTAL_{CODE}_RATE": "1000000"}
"""What is measured is the portal, not its patience with a marketplace's quota."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port


@dataclass(kw_only=True)
class Stage:
    """What is running. `owner` is a connection that sees every row."""

    data_dir: Path
    addresses: Addresses
    environments: Environments
    owner: "asyncpg.Connection[asyncpg.Record]"
    base: str
    orders: int
    lines: int
    closing: AsyncExitStack
    said: list[str] = field(default_factory=list)

    async def start(self, name: str) -> Child:
        """`web` or `worker`, ready for work. Its warnings are collected in `said`."""
        environment = self.environments.web(self.addresses) if name == "web" else self.environments.worker(self.addresses)
        child = await Child.started(name, environment, self.data_dir / "logs", self.said.append)
        self.closing.push_async_callback(child.stop, 4.0)
        if name == "web":
            await answers(f"{self.base}/readyz")
        else:
            await self.until("SELECT 1 FROM worker_beats")
        return child

    async def portal(self, *arguments: str) -> dict[str, Any]:
        """What a command of the portal answers with --json."""
        status, out, complaint = await command(*arguments, "--json", environment=self.environments.web(self.addresses))
        if status != 0:
            raise RuntimeError(f"portal {arguments[0]} failed: {complaint}")
        found: dict[str, Any] = json.loads(out)
        return found

    async def connected(self) -> str:
        """The id of a new account of a new seller; its first sync has ended. Needs a worker."""
        seller = await self.portal("seller", "add", "--name", "Asha Textiles", "--email", EMAIL, "--password", PASSWORD)
        keys = self.data_dir / "keys.json"
        sandbox_keys: Callable[[Any], dict[str, str]] | None = marketplace(CODE).sandbox_keys
        assert sandbox_keys is not None
        keys.write_text(json.dumps(sandbox_keys(shop_of(self.orders, self.lines))))
        shop = ("--marketplace", CODE, "--name", "Surat store", "--keys", str(keys))
        account: str = (await self.portal("connect", "--seller", seller["seller_id"], *shop))["account_id"]
        await self.idle()
        return account

    async def idle(self) -> None:
        """Wait until no run is under way, without taking the machine away from it."""
        await self.until("SELECT 1 WHERE NOT EXISTS (SELECT FROM sync_runs WHERE finished_at IS NULL)", every_s=0.25)

    async def until(self, question: str, *, every_s: float = 0.1) -> None:
        """Wait for the first row that `question` answers."""
        async with asyncio.timeout(PATIENCE_S):
            while await self.owner.fetchrow(question) is None:
                await asyncio.sleep(every_s)


@asynccontextmanager
async def staged(*, orders: int, lines: int = 0) -> AsyncIterator[Stage]:
    """A migrated database, keys, and a sandbox shop in its own process. Neither web nor worker runs yet."""
    web_port, shop_port = free_port(), free_port()
    async with AsyncExitStack() as closing:
        # A short path, because the database's socket lies below it.
        folder = closing.enter_context(tempfile.TemporaryDirectory(prefix="portal-", ignore_cleanup_errors=True))
        data_dir = Path(folder) / "data"
        addresses = await asyncio.to_thread(closing.enter_context, Embedded(data_dir))
        await migrating.migrate(addresses.owner, sandbox=True)
        let_in(addresses)
        environments = Environments(
            given={**_machine(), **UNPACED, "PORTAL_PORT": str(web_port), "PORTAL_LOG_LEVEL": "INFO"},
            data_dir=data_dir,
            places=MARKETPLACES,
            sandbox_base=f"http://127.0.0.1:{shop_port}",
        )
        status, _, complaint = await command("keys", "generate", environment=environments.bare())
        if status != 0:
            raise RuntimeError(f"No keys: {complaint}")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.shop", str(shop_port), str(orders), str(lines)), cwd=ROOT, stdout=subprocess.DEVNULL
        )
        closing.push_async_callback(process.wait)
        closing.callback(process.terminate)
        await answers(f"http://127.0.0.1:{shop_port}/")
        owner = await asyncpg.connect(addresses.owner)
        closing.push_async_callback(owner.close)
        yield Stage(
            data_dir=data_dir,
            addresses=addresses,
            environments=environments,
            owner=owner,
            base=f"http://127.0.0.1:{web_port}",
            orders=orders,
            lines=lines,
            closing=closing,
        )


def _machine() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
