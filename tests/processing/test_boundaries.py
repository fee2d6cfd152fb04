"""Real workers, killed where a stage begins and where it ends: the next one goes on right there, and the marketplace is told nothing twice."""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from portal import db
from portal.postgres import Addresses
from portal.processing import finding
from portal.vault import Vault
from tests.processing.floor import Floor, Pipeline, floor
from tests.processing.pipelines import every_pipeline
from tests.processing.pipelines.ajio import PIPELINE as LONGEST
from tests.processing.stopping import Place, lay_out, roadblock
from tests.processing.test_killing import ENDS_WITHIN_S, ended, environment
from tests.workers import Rings, worker

pytestmark = pytest.mark.anyio

ORDERS = 8
OF_STAGES = (Place.BEGINS, Place.FIRST_STEP, Place.ENDS)

Stop = tuple[Place, int]


@pytest.fixture
async def stoppable(own_database: Addresses) -> AsyncIterator[Addresses]:
    """A database in which batches can be stopped, with this process's pool on it."""
    await lay_out(own_database)
    await db.connect(own_database.worker, max_size=5)
    yield own_database
    await db.disconnect()


async def killed_at(works: Floor, rings: Rings, stop: Stop) -> None:
    """Let a worker come there and no further, see that it stands there, and kill it."""
    place, position = stop
    async with (
        asyncio.timeout(ENDS_WITHIN_S),
        roadblock(works.addresses, place, position) as block,
        worker(environment(works, rings)) as one,
    ):
        while not await block.reached():
            assert not await ended(works), f"no worker came to {stop}"
            await asyncio.sleep(0.01)  # who waits for a lock tells nobody
        assert await shown(works) == expected(works, stop)
        one.process.send_signal(signal.SIGKILL)
        assert await one.gone() == -signal.SIGKILL
    assert await shown(works) == expected(works, stop)


async def shown(works: Floor) -> tuple[str, list[str]]:
    """What the batch's page says: its own state, and that of each of its stages."""
    (batch,) = await works.rows("SELECT id FROM batches")
    page = await finding.show(works.seller, batch["id"])
    return page.state, [track.state for track in page.tracks]


def expected(works: Floor, stop: Stop) -> tuple[str, list[str]]:
    """What is true of a batch that was stopped there: what is committed, and nothing else."""
    place, position = stop
    if place not in OF_STAGES:
        return "closed" if place is Place.FINISHES else "open", ["done"] * len(works.pipeline.place.stages)
    here = "ahead" if place is Place.BEGINS else "running"
    return "open", ["done"] * (position - 1) + [here] + ["ahead"] * (len(works.pipeline.place.stages) - position)


async def proven(pipeline: Pipeline, stoppable: Addresses, keys: Vault, rings: Rings, folder: Path, stops: Sequence[Stop]) -> None:
    """One batch, one worker after the other killed, and an end as if nothing had been."""
    async with floor(pipeline, stoppable, keys, folder, orders=ORDERS) as works:
        await works.start()
        for stop in stops:
            await killed_at(works, rings, stop)
        async with worker(environment(works, rings)), asyncio.timeout(ENDS_WITHIN_S):
            while not await ended(works):
                await asyncio.sleep(0.05)
        assert [row["state"] for row in await works.rows("SELECT state FROM sync_runs")] == ["succeeded"]
        assert [row["state"] for row in await works.rows("SELECT state FROM batches")] == ["closed"]
        assert {row["state"] for row in (await works.orders()).values()} == {"done"}
        await pipeline.agrees(works, {})


async def test_a_worker_is_killed_when_the_manifests_are_closed_and_nothing_is_written(
    stoppable: Addresses, keys: Vault, rings: Rings, tmp_path: Path
) -> None:
    await proven(LONGEST, stoppable, keys, rings, tmp_path, [(Place.FIRST_STEP, len(LONGEST.place.stages))])


@pytest.mark.soak
@every_pipeline
@pytest.mark.parametrize("place", OF_STAGES)
async def test_a_worker_is_killed_at_every_stage(
    pipeline: Pipeline, place: Place, stoppable: Addresses, keys: Vault, rings: Rings, tmp_path: Path
) -> None:
    stages = range(1, len(pipeline.place.stages) + 1)
    await proven(pipeline, stoppable, keys, rings, tmp_path, [(place, position) for position in stages])


@pytest.mark.soak
@every_pipeline
async def test_a_worker_is_killed_while_a_batch_ends(
    pipeline: Pipeline, stoppable: Addresses, keys: Vault, rings: Rings, tmp_path: Path
) -> None:
    await proven(pipeline, stoppable, keys, rings, tmp_path, [(Place.CLOSES, 0), (Place.FINISHES, 0)])
