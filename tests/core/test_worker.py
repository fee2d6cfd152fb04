"""A worker of a queue ends once, however many ask it to, and its upkeep outlasts what is away for a while."""

import asyncio

import pytest

from portal.db import DatabaseUnavailable
from portal.files import StoreUnavailable
from portal.jobs import UPKEEP, Queues
from portal.postgres import Addresses
from portal.worker import _every, _worker

pytestmark = pytest.mark.anyio


async def test_a_loop_that_takes_its_time_to_end_is_cancelled_once(connected: Addresses) -> None:
    """As one that takes back what it has asked the database; a second time would cost its connection."""
    cancelled, may_end = 0, asyncio.Event()

    async def waits() -> None:
        nonlocal cancelled
        while not may_end.is_set():
            try:
                await may_end.wait()
            except asyncio.CancelledError:
                cancelled += 1

    async with Queues((UPKEEP,), database_url=connected.worker, size=4) as queues:
        worker = _worker(queues, UPKEEP, {})
        serving = asyncio.create_task(worker.start())
        async with asyncio.timeout(60):
            while not worker.tasks:
                await asyncio.sleep(0)
        loop = asyncio.create_task(waits())
        worker.tasks.add(loop)
        await asyncio.sleep(0)  # it waits now
        worker.event.set()  # `start` ends what it began,
        ending = [asyncio.create_task(worker.stop()) for _ in range(2)]  # and so does whoever stops the process
        while not cancelled:
            await asyncio.sleep(0)
        serving.cancel()
        for _ in range(20):
            await asyncio.sleep(0)
        may_end.set()
        await asyncio.wait_for(asyncio.gather(*ending, return_exceptions=True), 60)
        await asyncio.gather(serving, return_exceptions=True)
    assert cancelled == 1


@pytest.mark.parametrize(
    "fault", [StoreUnavailable("away"), DatabaseUnavailable("away"), OSError()], ids=lambda fault: type(fault).__name__
)
async def test_upkeep_goes_on_when_what_was_away_is_back(fault: Exception) -> None:
    """A file whose time is over, and a bucket that does not answer: no reason to end every run of this worker."""
    acted, back = 0, asyncio.Event()

    async def forget() -> None:
        nonlocal acted
        acted += 1
        if acted == 1:
            raise fault
        back.set()

    upkeep = asyncio.create_task(_every(0, forget))
    waiting = asyncio.create_task(back.wait())
    await asyncio.wait({upkeep, waiting}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
    ended = upkeep.done()
    for task in (upkeep, waiting):
        task.cancel()
    await asyncio.gather(upkeep, waiting, return_exceptions=True)
    assert (acted > 1, ended) == (True, False)
