"""A worker that is killed in the middle of a sync loses nothing and doubles nothing; one that is stopped hands its run back."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from portal.marketplaces.sandbox import Fault
from portal.nudges import Ears
from portal.postgres import Addresses
from portal.runs import service as runs
from portal.tables.syncs import FINISHED, RunState
from portal.vault import Vault
from portal.worker import STOP_WITHIN_S
from tests.workers import PATIENCE_S, Rings, seen_as, worker, worker_settings
from tests.workshop import Workshop, seen, shop_of_today, workshop

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ears(connected: Addresses) -> AsyncIterator[Ears]:
    async with Ears(connected.worker) as ears:
        await asyncio.wait_for(ears.listening.wait(), PATIENCE_S)
        yield ears


async def hold_after(works: Workshop, pages: int) -> None:
    """The marketplace answers so many pages, and is then silent for a call."""
    await works.bench.order_fault(Fault.TIMEOUT, operation="searchOrders", after=pages, times=1, seconds=120)


async def test_a_killed_worker_costs_no_order_and_doubles_none(works: Workshop, ears: Ears, rings: Rings) -> None:
    settings = worker_settings(works.addresses, rings, works.bench.base)
    await hold_after(works, 2)
    async with AsyncExitStack() as standing_by:
        async with worker(settings) as first:
            run_id = await works.start()
            await seen_as(ears, works.seller, run_id, lambda run: run.pages == 2)
            await standing_by.enter_async_context(worker(settings))
            first.process.send_signal(signal.SIGKILL)
            await first.gone()
        run = await seen_as(ears, works.seller, run_id, lambda run: run.state in FINISHED)
    assert (run.state, run.attempt, run.pages) == (RunState.SUCCEEDED, 2, 3)
    assert (run.new_count, run.changed_count, run.same_count) == (250, 0, 0)
    assert "A worker goes on from the last saved page." in await works.messages(run_id)
    await works.assert_equal_to_ledger()


async def test_a_stopped_worker_hands_its_run_back_within_ten_seconds(works: Workshop, ears: Ears, rings: Rings) -> None:
    """And the one that comes next goes on from the last page; there is no lease to wait for.

    What is still at work when the worker's patience ends is cut off, and that is soon enough.
    """
    assert STOP_WITHIN_S < 10
    await hold_after(works, 2)
    async with worker(worker_settings(works.addresses, rings, works.bench.base)) as one:
        run_id = await works.start()
        await seen_as(ears, works.seller, run_id, lambda run: run.pages == 2)
        one.process.send_signal(signal.SIGTERM)
        assert await one.gone() == 0
    run = await runs.get(works.seller, run_id)
    assert (run.state, run.attempt) == (RunState.QUEUED, 1)
    assert (await works.messages(run_id))[-1] == "The worker is being restarted. The sync goes on from the last saved page."
    assert await seen(works.addresses, "SELECT * FROM worker_beats") == []
    assert [row["status"] for row in await seen(works.addresses, "SELECT status FROM saq_jobs")] == ["queued"]
    done = await works.work(run_id)
    assert (done.state, done.new_count, done.same_count) == (RunState.SUCCEEDED, 250, 0)
    await works.assert_equal_to_ledger()
    assert "Traceback" not in one.said


async def test_a_worker_hands_on_lost_runs_of_marketplaces_it_does_not_serve(works: Workshop, ears: Ears, rings: Rings) -> None:
    """It has neither their keys nor their queue to work on, and lives on."""
    taken = await runs.take(works.seller, await works.start(), lease=works.lease)
    assert taken is not None
    only = {
        "PORTAL_WORKER_MARKETPLACES": "MEESHO",
        "PORTAL_OPEN_KEYS": next(line for line in rings[1].splitlines() if line.startswith("MEESHO")),
    }
    async with worker({**worker_settings(works.addresses, rings, works.bench.base), **only}) as one:
        await seen_as(ears, works.seller, taken.id, lambda run: run.state == RunState.QUEUED)
        async with asyncio.timeout(PATIENCE_S):  # the job follows the row's commit
            while not await seen(works.addresses, "SELECT 1 FROM saq_jobs WHERE key = $1 AND queue = 'amazon_in'", f"sync-{taken.id}-1"):
                assert one.process.returncode is None, one.said
        one.process.send_signal(signal.SIGTERM)
        assert await one.gone() == 0, one.said


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(12))
async def test_workers_killed_at_any_moment_cost_no_order_and_double_none(
    connected: Addresses, keys: Vault, rings: Rings, seed: int
) -> None:
    """Four kills in a run of forty pages: between two pages, within one, wherever the dice say."""
    dice = random.Random(seed)
    async with workshop(connected, keys, shop_of_today(seed=seed + 1, orders=4000)) as works, Ears(connected.worker) as ears:
        settings = worker_settings(works.addresses, rings, works.bench.base)
        await works.bench.order_fault(Fault.TIMEOUT, operation="searchOrders", times=0, seconds=0.05)
        run_id = await works.start()
        for page in sorted(dice.sample(range(1, 36), 4)):
            async with worker(settings) as one:
                await seen_as(ears, works.seller, run_id, lambda run, page=page: run.pages >= page)  # type: ignore[misc]
                await asyncio.sleep(dice.uniform(0, 0.12))  # not waiting for anything: this is where the dice put the kill
                one.process.send_signal(signal.SIGKILL)
                await one.gone()
        async with worker(settings):
            run = await seen_as(ears, works.seller, run_id, lambda run: run.state in FINISHED)
        assert (run.state, run.new_count, run.changed_count) == (RunState.SUCCEEDED, 4000, 0)
        assert 2 <= run.attempt <= 5, "a worker that is killed before it takes the run leaves no attempt"
        await works.assert_equal_to_ledger()
