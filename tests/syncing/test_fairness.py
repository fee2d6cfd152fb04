"""A big shop never keeps a small one waiting: after a number of pages it steps back behind whoever waits, and goes on from its last page."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from saq import Worker

from portal import db
from portal.jobs import Jobs, queue_name
from portal.marketplaces.contract import ScheduleTarget
from portal.postgres import Addresses
from portal.runs import service as runs
from portal.syncing.job import run_sync
from portal.syncing.perform import PAGES_A_TURN
from portal.tables.syncs import FINISHED, RunState
from portal.vault import Vault
from tests.workers import PATIENCE_S
from tests.workshop import CODE, Workshop, another_account, seen, shop_of_today, workshop

pytestmark = pytest.mark.anyio

BIG = 5_000
SMALL = 4
A_TURN = PAGES_A_TURN + 1
"""With the page that is under way when the turn ends."""


@dataclass
class Queue(Jobs):
    """First come, first served, as the real one is; a test turns the handle."""

    waiting: list[UUID] = field(default_factory=list)

    async def sync(self, code: str, run_id: UUID, attempt: int, *, at: datetime | None = None) -> None:
        if run_id not in self.waiting:
            self.waiting.append(run_id)

    async def anybody_waits(self, code: str) -> bool:
        return bool(self.waiting)


async def small_accounts(works: Workshop, number: int) -> list[Any]:
    """Accounts that have read nearly everything, so that one page brings them up to date."""
    found = [await another_account(works) for _ in range(number)]
    newest = works.bench.shop.now.isoformat()
    for account in found:
        async with db.transaction(works.seller) as held:
            await held.execute(
                """INSERT INTO sync_cursors (id, seller_id, marketplace_account_id, target, watermark, moved_by)
                   VALUES (gen_random_uuid(), $1, $2, 'ORDERS', $3, gen_random_uuid())""",
                works.seller,
                account.id,
                newest,
            )
    return found


async def test_one_place_is_shared_by_turns(connected: Addresses, keys: Vault) -> None:
    """With a single place: every small shop is done before the big one has had a second turn."""
    async with workshop(connected, keys, shop_of_today(orders=BIG)) as works:
        queue = Queue()
        context = {**works.context(), "jobs": queue}
        big = (await runs.start(works.seller, works.account.id, ScheduleTarget.ORDERS, jobs=queue)).run_id
        small = [
            (await runs.start(works.seller, account.id, ScheduleTarget.ORDERS, jobs=queue)).run_id
            for account in await small_accounts(works, SMALL)
        ]
        ended: list[tuple[UUID, int]] = []
        while queue.waiting:
            run_id = queue.waiting.pop(0)
            await run_sync(context, run_id=str(run_id))
            run = await runs.get(works.seller, run_id)
            if run.state in FINISHED:
                ended.append((run_id, (await runs.get(works.seller, big)).pages))
        assert ended == [*((one, A_TURN) for one in small), (big, BIG // 100)], "the order they ended in, and how far the big one was"
        run = await runs.get(works.seller, big)
        assert (run.state, run.new_count, run.attempt) == (RunState.SUCCEEDED, BIG, 2)
        assert "Other accounts wait for their turn. This sync goes on right after them." in await works.messages(big)


async def test_nobody_steps_back_for_nobody(connected: Addresses, keys: Vault) -> None:
    async with workshop(connected, keys, shop_of_today(orders=(A_TURN + 3) * 100)) as works:
        queue = Queue()
        run_id = (await runs.start(works.seller, works.account.id, ScheduleTarget.ORDERS, jobs=queue)).run_id
        queue.waiting.clear()
        await run_sync({**works.context(), "jobs": queue}, run_id=str(run_id))
        run = await runs.get(works.seller, run_id)
        assert (run.state, run.attempt, run.pages) == (RunState.SUCCEEDED, 1, A_TURN + 3)


async def test_a_cancel_meets_a_run_that_is_about_to_step_back(works: Workshop) -> None:
    taken = await runs.take(works.seller, await works.start(), lease=works.lease)
    assert taken is not None
    await runs.request_cancel(works.seller, taken.id, by="Asha")
    await runs.step_back(taken)
    assert (await runs.get(works.seller, taken.id)).state == RunState.CANCELLED


@pytest.mark.parametrize("places", [1, 2])
async def test_the_real_queue_lets_the_small_ones_by(connected: Addresses, keys: Vault, places: int) -> None:
    """Through the queue's own worker: each small shop is done while the big one still has pages to read."""
    async with workshop(connected, keys, shop_of_today(orders=BIG)) as works:
        big = await works.start()
        small = [
            (await runs.start(works.seller, account.id, ScheduleTarget.ORDERS, jobs=works.jobs)).run_id
            for account in await small_accounts(works, SMALL)
        ]
        await _served(works, places)
        rows = await seen(connected, "SELECT id, state, attempt, finished_at, new_count FROM sync_runs ORDER BY finished_at")
        assert {row["state"] for row in rows} == {"succeeded"}
        assert rows[-1]["id"] == big
        assert {row["id"] for row in rows[:-1]} == set(small)
        assert rows[-1]["new_count"] == BIG


async def _served(works: Workshop, places: int) -> None:
    """A worker with so many places serves the queue until every run has ended."""
    queue = works.jobs._queues[queue_name(CODE)]

    class Served(Worker[Any]):
        SIGNALS = []  # noqa: RUF012

    async def look(_: dict[str, Any]) -> None:
        if not await seen(works.addresses, "SELECT 1 FROM sync_runs WHERE finished_at IS NULL"):
            worker.event.set()

    worker = Served(queue, functions=[run_sync], concurrency=places, after_process=look, dequeue_timeout=1)
    worker.context.update(works.context())
    async with asyncio.timeout(PATIENCE_S):
        await worker.start()
    await worker.stop()
