"""Two workers, a schedule that comes due again and again, and people who press buttons: one batch after the other, and no sleeping in."""

import asyncio
from contextvars import Context
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest

from portal import clock, db
from portal.postgres import Addresses
from portal.processing import batches
from portal.tables.processing import ClosePolicy
from portal.vault import Vault
from tests.processing.floor import Floor, floor
from tests.processing.pipelines.ajio import PIPELINE as AJIO
from tests.processing.test_killing import ended, environment
from tests.workers import Rings, worker

pytestmark = pytest.mark.anyio

ROUNDS = 2


async def due(works: Floor) -> None:
    """The account's schedule of full processing has its slot now."""
    await works.rows(
        """INSERT INTO schedules (id, seller_id, marketplace_account_id, target, interval_minutes, window_end, next_run_at)
           VALUES (gen_random_uuid(), $1, $2, 'FULL_PROCESSING', 30, 1439, now())
           ON CONFLICT (marketplace_account_id, target) DO UPDATE SET next_run_at = now(), spread_s = 0""",
        works.seller,
        works.account.id,
    )


async def slot_taken(works: Floor) -> bool:
    return not await works.rows("SELECT FROM schedules WHERE target = 'FULL_PROCESSING' AND next_run_at <= now()")


async def test_two_workers_and_a_schedule_never_have_two_batches(connected: Addresses, keys: Vault, rings: Rings, tmp_path: Path) -> None:
    async with floor(AJIO, connected, keys, tmp_path, orders=0) as works:
        works.world.desk.hold_s = 1.0
        settings = environment(works, rings) | {"PORTAL_SCHEDULES": "true"}
        await due(works)
        async with worker(settings), worker(settings), asyncio.timeout(120):
            for _ in range(ROUNDS):
                works.pipeline.add(works.world, 4)
                await due(works)
                started = await asyncio.gather(*(works.start() for _ in range(3)))
                assert len(set(started)) == 1
                await due(works)
                while not (await slot_taken(works) and await ended(works)):
                    await asyncio.sleep(0.05)  # what a schedule does is told to nobody who waits
        runs = await works.rows(
            "SELECT created_at AS begun, finished_at AS ended FROM sync_runs WHERE target = 'FULL_PROCESSING' ORDER BY created_at"
        )
        batches = await works.rows("SELECT opened_at AS begun, closed_at AS ended FROM batches ORDER BY number")
        assert len(batches) >= ROUNDS
        for rows in (runs, batches):
            assert [later["begun"] >= earlier["ended"] for earlier, later in pairwise(rows)] == [True] * (len(rows) - 1)
        await works.pipeline.agrees(works, {})


async def test_who_closes_early_need_not_wait_for_the_alarm(connected: Addresses, keys: Vault, rings: Rings, tmp_path: Path) -> None:
    """The run sleeps until shortly before the cut-off, which is hours away."""
    later = clock.in_ist(clock.now() + timedelta(hours=4))
    async with floor(AJIO, connected, keys, tmp_path, orders=3) as works:
        await works.rule(close_policy=ClosePolicy.DELAYED, cutoff=max(241, later.hour * 60 + later.minute), close_before=30)
        await works.start()
        async with worker(environment(works, rings)), asyncio.timeout(60):
            while not await works.rows("SELECT FROM sync_runs WHERE state = 'waiting'"):
                await asyncio.sleep(0.05)
            (batch,) = await works.rows("SELECT id FROM batches")
            await works.close(batch["id"])
            while not await works.rows("SELECT FROM sync_runs WHERE state = 'succeeded'"):
                await asyncio.sleep(0.05)
        await works.pipeline.agrees(works, {})


async def test_who_opens_a_batch_waits_for_who_is_opening_it(connected: Addresses, keys: Vault, tmp_path: Path) -> None:
    async with floor(AJIO, connected, keys, tmp_path, orders=0) as works:
        run_id = await works.start()

        async def opened() -> UUID:
            async with db.transaction(works.seller):
                return (await batches.opened(works.account, run_id)).id

        async with asyncio.timeout(60):
            async with db.transaction(works.seller) as held:
                first = await batches.opened(works.account, run_id)
                second = asyncio.create_task(opened(), context=Context())  # no part of this transaction
                while not await held.fetchval("SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"):
                    await asyncio.sleep(0.01)  # who waits for a lock tells nobody
            assert await second == first.id
