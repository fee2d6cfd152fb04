"""A batch goes on with the first unfinished stage, and no call that was accepted is made again, whatever stopped it and wherever."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from portal import clock
from portal.marketplaces.sandbox import Fault
from portal.postgres import Addresses
from portal.processing import service
from portal.runs import service as runs
from portal.tables.processing import ClosePolicy
from portal.tables.syncs import RunState
from portal.vault import Vault
from tests.processing.dying import dies_at
from tests.processing.floor import Floor, Pipeline, floor
from tests.processing.pipelines import every_changing_call
from tests.processing.pipelines.ajio import PIPELINE as AJIO
from tests.processing.pipelines.amazon_in import PIPELINE as AMAZON
from tests.processing.pipelines.meesho import PIPELINE as MEESHO

pytestmark = pytest.mark.anyio

ORDERS = 12


@pytest.fixture
def pipeline() -> Pipeline:
    """Where a rule of the engine is shown once; tests of every pipeline bring their own."""
    return AJIO


@pytest.fixture
async def works(pipeline: Pipeline, connected: Addresses, keys: Vault, tmp_path: Path) -> AsyncIterator[Floor]:
    async with floor(pipeline, connected, keys, tmp_path, orders=ORDERS) as one:
        yield one


async def carried_on(works: Floor) -> None:
    """Another worker takes the run over and ends it."""
    async with asyncio.timeout(60):
        run = await works.through()
    assert run.state == RunState.SUCCEEDED, (run.state, run.error_message, run.partial_reason)
    assert (await runs.events(works.seller, run.id))[-1].message == "Done. Every order of the batch has come to its end."
    await works.pipeline.agrees(works, {})


@every_changing_call
async def test_a_lost_answer_is_asked_about_and_not_repeated(works: Floor, operation: str) -> None:
    works.wrong(Fault.LOST_ANSWER, operation=operation)
    await carried_on(works)
    assert works.faults.struck == [Fault.LOST_ANSWER]


@pytest.mark.parametrize(
    ("pipeline", "position", "side"),
    [(AJIO, 5, "before"), (AJIO, 8, "before"), (AJIO, 9, "after"), (AJIO, 11, "before"), (AMAZON, 6, "before"), (MEESHO, 7, "before")],
    ids=lambda one: one.code if isinstance(one, Pipeline) else str(one),
)
async def test_killed_at_a_stages_boundary_it_goes_on_there(works: Floor, position: int, side: str) -> None:
    """A sample without a process to kill, of what `test_boundaries` does to real ones at every stage.

    Before: the marketplace has taken the stage's calls and we wrote nothing down. After: all is written down but that it is over.
    """
    with dies_at(lambda step: step.position == position and step.over is (side == "after")):
        await works.through()
    await works.rows("UPDATE sync_runs SET heartbeat_at = now() - interval '1 hour' WHERE finished_at IS NULL")
    await carried_on(works)


async def test_the_hold_is_waited_out_without_a_worker(connected: Addresses, keys: Vault, tmp_path: Path) -> None:
    async with floor(AJIO, connected, keys, tmp_path, orders=5) as works:
        works.world.desk.hold_s = 3600
        run_id = await works.start()
        run = await works.work(run_id)
        assert (run.state, run.error_code) == (RunState.WAITING, "stage_waits")
        assert (await works.stages())["purchase_orders"] == "waiting"
        assert run.resume_at is not None
        # A second press joins the run that waits; there is never a second batch.
        assert await works.start() == run_id
        works.world.desk.hold_s = 0
        with clock.stopped_at(run.resume_at + timedelta(seconds=1)):
            assert (await works.work(run_id)).state == RunState.SUCCEEDED
        assert [row["number"] for row in await works.rows("SELECT number FROM batches")] == [1]


async def test_a_manual_close_waits_for_a_person(works: Floor) -> None:
    await works.rule(close_policy=ClosePolicy.MANUAL)
    run = await works.process()
    assert (run.state, run.partial_reason) == (RunState.PARTIAL, "The manifests wait for you to close them.")
    assert works.world.desk.manifests == {}
    batch_id = (await works.rows("SELECT id FROM batches"))[0]["id"]
    closed = await works.work(await service.close_now(works.seller, batch_id, jobs=works.jobs, by="Asha"))
    assert closed.state == RunState.SUCCEEDED
    await works.pipeline.agrees(works, {})


async def test_a_delayed_close_waits_for_its_time(works: Floor) -> None:
    now = clock.in_ist(clock.now())
    # A cut-off that is four hours away, whatever the time of this test is.
    later = now + timedelta(hours=4)
    await works.rule(close_policy=ClosePolicy.DELAYED, cutoff=max(241, later.hour * 60 + later.minute), close_before=30)
    run_id = await works.start()
    run = await works.work(run_id)
    assert run.state == RunState.WAITING
    assert run.resume_at is not None
    assert works.world.desk.manifests == {}
    with clock.stopped_at(run.resume_at + timedelta(seconds=1)):
        assert (await works.work(run_id)).state == RunState.SUCCEEDED
