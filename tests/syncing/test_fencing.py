"""One run, one worker, whatever happens: clicks from everywhere, workers that were thought dead, jobs that vanished."""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.sandbox import Fault
from portal.nudges import Ears
from portal.people.service import open_session
from portal.postgres import Addresses
from portal.runs import service as runs
from portal.settings import Settings
from portal.tables.syncs import FINISHED, RunState, Trigger
from portal.vault import Vault
from portal.web.security import SESSION_COOKIE
from tests.browsing import Browser, opened
from tests.contract.ledgers import places
from tests.factories import make_user
from tests.workers import PATIENCE_S, TOP, Rings, environment, seen_as, worker, worker_settings
from tests.workshop import Workshop, seen

pytestmark = pytest.mark.anyio

CLICKS = 10
TAKEN_OVER_WITHIN_S = 60


@pytest.fixture
async def ears(connected: Addresses) -> AsyncIterator[Ears]:
    async with Ears(connected.worker) as ears:
        await asyncio.wait_for(ears.listening.wait(), PATIENCE_S)
        yield ears


async def everything(works: Workshop) -> tuple[Any, ...]:
    """Each row of the seller, and which transaction wrote it."""
    written = await seen(works.addresses, "SELECT to_jsonb(r) AS run, r.xmin::text FROM sync_runs r")
    events = await seen(works.addresses, "SELECT run_id, seq, message FROM sync_events ORDER BY run_id, seq")
    return await places(works.seller), [tuple(row) for row in written], [tuple(row) for row in events]


async def test_a_worker_that_stood_still_and_goes_on_writes_nothing(works: Workshop, ears: Ears, rings: Rings) -> None:
    """The page it had asked for is there when it wakes up; by then another one has ended the run."""
    settings = worker_settings(works.addresses, rings, works.bench.base)
    await works.bench.order_fault(Fault.TIMEOUT, operation="searchOrders", after=1, times=1, seconds=1)
    async with AsyncExitStack() as shift:
        first = await shift.enter_async_context(worker(settings))
        run_id = await works.start()
        await seen_as(ears, works.seller, run_id, lambda run: run.pages == 1)
        first.process.send_signal(signal.SIGSTOP)
        await shift.enter_async_context(worker(settings))
        run = await seen_as(ears, works.seller, run_id, lambda run: run.state in FINISHED)
        assert (run.state, run.attempt, run.new_count) == (RunState.SUCCEEDED, 2, 250)
        before = await everything(works)
        first.process.send_signal(signal.SIGCONT)
        await first.says("lease_lost")
        assert await everything(works) == before
    await works.assert_equal_to_ledger()


async def test_clicks_a_schedule_and_a_command_at_once_make_one_run(works: Workshop, ears: Ears, keys: Vault, rings: Rings) -> None:
    """One run, and the marketplace is asked for each page once."""
    settings = worker_settings(works.addresses, rings, works.bench.base)
    token = await open_session(works.seller, await make_user(works.seller))
    async with opened(works.addresses.web, keys) as app:
        browsers = [Browser(app) for _ in range(CLICKS)]
        for browser in browsers:
            browser.http.cookies.set(SESSION_COOKIE, token, domain="127.0.0.1")
            await browser.get("/accounts")
        command = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "portal", "sync", str(works.account.id), "--json"),
            cwd=TOP,
            env=environment({"PORTAL_DATABASE_URL": works.addresses.web, "PORTAL_SEAL_KEYS": rings[0]}),
            stdout=asyncio.subprocess.PIPE,
        )
        answers, scheduled = await asyncio.gather(
            asyncio.gather(*(browser.post(f"/accounts/{works.account.id}/syncs") for browser in browsers)),
            runs.start(works.seller, works.account.id, ScheduleTarget.ORDERS, jobs=works.jobs, trigger=Trigger.SCHEDULE),
        )
        out, _ = await asyncio.wait_for(command.communicate(), PATIENCE_S)
    assert {answer.headers["location"] for answer in answers} == {f"/syncs/{scheduled.run_id}"}
    assert str(scheduled.run_id) in out.decode()
    async with worker(settings):
        run = await seen_as(ears, works.seller, scheduled.run_id, lambda run: run.state in FINISHED)
    assert (run.state, run.attempt, run.new_count) == (RunState.SUCCEEDED, 1, 250)
    assert len(await seen(works.addresses, "SELECT FROM sync_runs")) == 1
    assert Counter(await works.bench.calls())["searchOrders"] == run.pages == 3


async def test_a_run_whose_job_vanished_is_worked_all_the_same(works: Workshop, ears: Ears, rings: Rings) -> None:
    run_id = await works.start()
    await seen(works.addresses, "DELETE FROM saq_jobs")
    async with worker(worker_settings(works.addresses, rings, works.bench.base)):
        run = await seen_as(ears, works.seller, run_id, lambda run: run.state in FINISHED)
    assert (run.state, run.attempt) == (RunState.SUCCEEDED, 1)
    await works.assert_equal_to_ledger()


def test_a_dead_worker_is_found_within_a_minute_as_the_portal_comes() -> None:
    """At worst its last beat was just before its death, and the sweep just before the lease ran out."""
    chosen = Settings()
    assert chosen.beat_s < chosen.lease_s
    assert chosen.lease_s + chosen.sweep_s < TAKEN_OVER_WITHIN_S


@pytest.mark.soak
async def test_a_dead_workers_run_is_taken_over_within_a_minute(works: Workshop, ears: Ears, rings: Rings) -> None:
    """With the settings the portal comes with."""
    settings = {
        name: value
        for name, value in worker_settings(works.addresses, rings, works.bench.base).items()
        if name not in {"PORTAL_LEASE_S", "PORTAL_BEAT_S", "PORTAL_SWEEP_S"}
    }
    await works.bench.order_fault(Fault.TIMEOUT, operation="searchOrders", after=2, times=1, seconds=120)
    async with AsyncExitStack() as shift:
        first = await shift.enter_async_context(worker(settings))
        run_id = await works.start()
        await seen_as(ears, works.seller, run_id, lambda run: run.pages == 2)
        await shift.enter_async_context(worker(settings))
        first.process.send_signal(signal.SIGKILL)
        await first.gone()
        await seen_as(ears, works.seller, run_id, lambda run: run.attempt == 2, within=TAKEN_OVER_WITHIN_S)
        run = await seen_as(ears, works.seller, run_id, lambda run: run.state in FINISHED)
    assert (run.state, run.new_count) == (RunState.SUCCEEDED, 250)
    await works.assert_equal_to_ledger()
