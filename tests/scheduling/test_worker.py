"""Real worker processes: what is due starts by itself, once, and is performed."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from portal import clock, db
from portal.nudges import Ears
from portal.postgres import Addresses
from portal.scheduling import service
from portal.tables.syncs import FINISHED, RunState
from portal.vault import Vault
from tests.workers import PATIENCE_S, Rings, seen_as, worker, worker_settings
from tests.workshop import seen, shop_of_today, workshop

pytestmark = pytest.mark.anyio


async def test_two_workers_start_and_perform_what_is_due(connected: Addresses, keys: Vault, rings: Rings) -> None:
    async with workshop(connected, keys, shop_of_today(orders=30)) as works, Ears(connected.worker) as ears, AsyncExitStack() as at_work:
        async with db.transaction(works.seller):
            await service.begin(works.account)
        await seen(
            works.addresses,
            "UPDATE schedules SET next_run_at = $1, spread_s = 0 WHERE target = 'ORDERS'",
            clock.now() - timedelta(minutes=1),
        )
        settings = {**worker_settings(works.addresses, rings, works.bench.base), "PORTAL_SCHEDULES": "true"}
        for _ in range(2):
            await at_work.enter_async_context(worker(settings))
        async with asyncio.timeout(PATIENCE_S):
            while not (started := await seen(works.addresses, "SELECT id FROM sync_runs WHERE target = 'ORDERS'")):
                await asyncio.sleep(0.05)
        assert len(started) == 1
        run = await seen_as(ears, works.seller, started[0]["id"], lambda run: run.state in FINISHED)
        assert (run.state, run.trigger, run.new_count) == (RunState.SUCCEEDED, "schedule", 30)
        await works.assert_equal_to_ledger()
