"""Real workers, really killed: whatever the moment, each order is taken by the marketplace once at every step."""

import asyncio
import random
import signal
from pathlib import Path

import pytest

from portal.postgres import Addresses
from portal.vault import Vault
from tests.processing.floor import Floor, Pipeline, floor
from tests.processing.pipelines import every_pipeline
from tests.processing.pipelines.ajio import PIPELINE as LONGEST
from tests.workers import Rings, worker

pytestmark = pytest.mark.anyio

ENDS_WITHIN_S = 240


def environment(works: Floor, rings: Rings) -> dict[str, str]:
    """A worker's, with a lease short enough that the next one need not wait long."""
    code = works.pipeline.code
    return {
        "PORTAL_DATABASE_URL": works.addresses.worker,
        "PORTAL_DATA_DIR": str(works.settings.data_dir),
        "PORTAL_SEAL_KEYS": rings[0],
        "PORTAL_OPEN_KEYS": rings[1],
        "PORTAL_ALLOW_PRIVATE_MARKETPLACES": "true",
        "PORTAL_LEASE_S": "1",
        "PORTAL_BEAT_S": "0.25",
        "PORTAL_SWEEP_S": "0.5",
        **{f"PORTAL_{code}_{name}": value for name, value in works.settings.of(code).items()},
    }


async def ended(works: Floor) -> bool:
    """Nothing is under way. What waits for a moment that is to come need not be waited for here, and nobody keeps a batch waiting."""
    await works.pipeline.hands(works)
    for run in await works.rows(
        "UPDATE sync_runs SET resume_at = now() WHERE state = 'waiting' AND resume_at > now() RETURNING id, attempt"
    ):
        await works.jobs.wake(works.pipeline.code, run["id"], run["attempt"])
    return not await works.rows("SELECT FROM sync_runs WHERE finished_at IS NULL")


async def survives(works: Floor, rings: Rings, *, kills: int, seed: int, within: int = 60) -> int:
    """Kill a worker `kills` times while it processes, then let one end the work. Answers how often a batch was really cut off.

    Each is killed `within` so many calls: about as many as a batch makes.
    """
    dice, cut = random.Random(seed), 0
    for _ in range(kills):
        if await ended(works):
            works.pipeline.add(works.world, 6)
            await works.start()
        calls = len(works.faults.served) + dice.randrange(1, within)
        async with worker(environment(works, rings)) as one, asyncio.timeout(ENDS_WITHIN_S):
            while len(works.faults.served) < calls and not await ended(works):
                await asyncio.sleep(0.005)  # the moment is a number of calls, which no event tells
            one.process.send_signal(signal.SIGKILL)
            await one.gone()
        cut += not await ended(works)
    async with worker(environment(works, rings)), asyncio.timeout(ENDS_WITHIN_S):
        while not await ended(works):
            await asyncio.sleep(0.1)
    return cut


async def proven(
    pipeline: Pipeline, connected: Addresses, keys: Vault, rings: Rings, folder: Path, *, kills: int, within: int = 60
) -> None:
    async with floor(pipeline, connected, keys, folder, orders=30) as works:
        await works.start()
        assert await survives(works, rings, kills=kills, seed=7, within=within) > kills // 2
        assert {row["state"] for row in await works.rows("SELECT state FROM sync_runs")} == {"succeeded"}
        await pipeline.agrees(works, {})


async def test_two_workers_are_killed(connected: Addresses, keys: Vault, rings: Rings, tmp_path: Path) -> None:
    await proven(LONGEST, connected, keys, rings, tmp_path, kills=2)


@pytest.mark.soak
@every_pipeline
async def test_ten_workers_are_killed(pipeline: Pipeline, connected: Addresses, keys: Vault, rings: Rings, tmp_path: Path) -> None:
    await proven(pipeline, connected, keys, rings, tmp_path, kills=10)
