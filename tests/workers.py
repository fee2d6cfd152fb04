"""Real worker processes for tests: started, killed and stopped like an operator's."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID

from portal.marketplaces.amazon_in.sandbox import sandbox_settings
from portal.nudges import Ears
from portal.postgres import Addresses
from portal.runs import service as runs
from portal.tables.syncs import SyncRun

TOP = Path(__file__).resolve().parent.parent
PATIENCE_S = 60
"""How long a test waits for an event before it gives up; nothing is claimed about how long it takes."""

Rings = tuple[str, str]


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with these PORTAL_* settings and no others."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")} | dict(settings)


def worker_settings(addresses: Addresses, rings: Rings, sandbox: str) -> dict[str, str]:
    """What a worker is told, with a short lease; `sandbox` is the base address of its marketplace."""
    public, private = rings
    return {
        "PORTAL_DATABASE_URL": addresses.worker,
        "PORTAL_SEAL_KEYS": public,
        "PORTAL_OPEN_KEYS": private,
        "PORTAL_ALLOW_PRIVATE_MARKETPLACES": "true",
        "PORTAL_LOG_JSON": "true",
        "PORTAL_LEASE_S": "2",
        "PORTAL_BEAT_S": "0.5",
        "PORTAL_SWEEP_S": "0.5",
        "PORTAL_SCHEDULES": "false",
        **sandbox_settings(sandbox),
    }


class Worker:
    """A worker process and what it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""
        self.ready = asyncio.Event()
        self._heard = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.said += line.decode()
            if "worker_ready" in self.said:
                self.ready.set()
            self._tell()
        self.ready.set()
        self._tell()

    def _tell(self) -> None:
        heard, self._heard = self._heard, asyncio.Event()
        heard.set()

    async def says(self, word: str, within: float = PATIENCE_S) -> None:
        """Its log has the word."""
        async with asyncio.timeout(within):
            while word not in self.said:
                assert not self._listening.done(), self.said
                await self._heard.wait()

    async def gone(self, within: float = PATIENCE_S) -> int:
        """The exit status."""
        async with asyncio.timeout(within):
            status = await self.process.wait()
            await self._listening
        return status


@asynccontextmanager
async def worker(settings: Mapping[str, str]) -> AsyncIterator[Worker]:
    """A worker that has said it is ready; killed at the end if it still lives."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "portal", "worker"), cwd=TOP, env=environment(settings), stderr=subprocess.PIPE
    )
    one = Worker(process)
    try:
        await asyncio.wait_for(one.ready.wait(), PATIENCE_S)
        assert "worker_ready" in one.said, one.said
        yield one
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await one.gone()


async def seen_as(ears: Ears, seller: UUID, run_id: UUID, wanted: Callable[[SyncRun], bool], within: float = PATIENCE_S) -> SyncRun:
    """The run as soon as it is as wanted, by looking at it whenever it nudges."""
    async with asyncio.timeout(within), ears.about(runs.topic(run_id)) as nudged:
        while True:
            run = await runs.get(seller, run_id)
            if wanted(run):
                return run
            await nudged.wait(silence_s=within)
