"""What nobody else would notice: a worker that died, a job that vanished, an alarm clock that rang unheard."""

import asyncio
import contextvars
from datetime import timedelta

import pytest

from portal import clock, db
from portal.marketplaces.contract import ScheduleTarget
from portal.runs import service
from portal.tables.syncs import RunState
from tests.factories import make_account
from tests.runs.conftest import LEASE, Desk
from tests.workers import PATIENCE_S
from tests.workshop import seen

pytestmark = pytest.mark.anyio


async def sweep(desk: Desk) -> int:
    return await service.rescue(clock.now() - LEASE, jobs=desk.jobs)


async def later(desk: Desk, minutes: float = 2) -> int:
    with clock.stopped_at(clock.now() + timedelta(minutes=minutes)):
        return await sweep(desk)


async def test_nothing_is_rescued_that_lives(desk: Desk) -> None:
    queued = await desk.start()
    assert await sweep(desk) == 0
    await desk.take(queued.run_id)
    assert await sweep(desk) == 0


async def test_a_run_whose_worker_died_goes_back_to_the_queue(desk: Desk) -> None:
    taken = await desk.at_work()
    assert await later(desk) == 1
    assert await desk.state(taken.id) == RunState.QUEUED
    assert f"sync-{taken.id}-1" in await desk.asked_for()
    assert (await desk.told(taken.id))[-1][1] == "queued"


async def test_a_run_whose_worker_died_while_stopping_ends(desk: Desk) -> None:
    taken = await desk.at_work()
    await service.request_cancel(desk.seller, taken.id, by="Asha")
    with clock.stopped_at(clock.now() + timedelta(minutes=2)):
        assert await sweep(desk) == 1
        assert await service.take(desk.seller, taken.id, lease=LEASE) is None
    assert await desk.state(taken.id) == RunState.CANCELLED


async def test_a_run_whose_job_vanished_gets_another(desk: Desk) -> None:
    run_id = (await desk.start()).run_id
    await desk.forget_jobs()
    assert await later(desk) == 1
    assert await desk.asked_for() == [f"sync-{run_id}-0"]


async def test_a_job_that_still_stands_in_the_queue_is_left_alone(desk: Desk) -> None:
    """However often the sweep comes by while every worker is busy."""
    run_id = (await desk.start()).run_id
    for minutes in (2, 4, 6):
        await later(desk, minutes)
    assert await desk.asked_for() == [f"sync-{run_id}-0"]


async def test_a_worker_that_died_before_it_took_the_run_does_not_block_it(desk: Desk) -> None:
    """The queue takes its job for being at work, for a day; the run gets a job under another key."""
    run_id = (await desk.start()).run_id
    await seen(desk.addresses, "UPDATE saq_jobs SET status = 'active'")
    assert await later(desk) == 1
    first, second = await desk.asked_for()
    assert first == f"sync-{run_id}-0"
    assert second.startswith(f"{first}-")


async def test_a_wait_that_is_over_is_ended_though_its_alarm_was_lost(desk: Desk) -> None:
    taken = await desk.at_work()
    await service.wait_until(taken, clock.now() + timedelta(minutes=1), "Later.", code="throttled")
    await desk.forget_jobs()
    assert await sweep(desk) == 0
    assert await later(desk) == 1
    assert await desk.asked_for() == [f"sync-{taken.id}-1"]
    with clock.stopped_at(clock.now() + timedelta(minutes=2)):
        assert (await desk.take(taken.id)).attempt == 2


async def test_three_sweepers_at_once_rescue_each_run_once(desk: Desk) -> None:
    """Each goes through the same list, and finds what another one was quicker with."""
    lost = []
    for number in range(20):
        account = await make_account(desk.seller, external=f"A{number:05d}", name=f"Store {number}")
        started = await service.start(desk.seller, account.id, ScheduleTarget.ORDERS, jobs=desk.jobs)
        lost.append(await desk.take(started.run_id))
    with clock.stopped_at(clock.now() + timedelta(minutes=2)):
        rescued = await asyncio.gather(*(sweep(desk) for _ in range(3)))
        assert sum(rescued) == 20
        assert await sweep(desk) == 0, "they have just been asked for"
    for taken in lost:
        assert [kind for _, kind in await desk.told(taken.id)] == ["queued", "started", "queued"]
    assert len([key for key in await desk.asked_for() if key.endswith("-1")]) == 20


async def test_a_run_that_somebody_is_just_writing_is_left_to_them(desk: Desk) -> None:
    """A sweep never waits: it would hold up all the others behind it."""
    taken = await desk.at_work()
    async with db.transaction(desk.seller) as held:
        await held.execute("SELECT 1 FROM sync_runs WHERE id = $1 FOR UPDATE", taken.id)
        sweeping = asyncio.create_task(later(desk), context=contextvars.Context())
        assert await asyncio.wait_for(sweeping, PATIENCE_S) == 0
    assert await later(desk) == 1
