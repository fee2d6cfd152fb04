"""Runs with a range of their own: older days in slices, next in line behind what is live, and the check that finds what was missed."""

from datetime import timedelta
from uuid import UUID

import pytest

from portal import clock, db
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.sandbox import Fault
from portal.postgres import Addresses
from portal.runs import freshness
from portal.runs import service as runs
from portal.runs.service import SLICE, Requested
from portal.scheduling import job
from portal.tables.requests import RequestOutcome, RunRequest
from portal.tables.syncs import Purpose, RunState
from portal.vault import Vault
from tests.workshop import Workshop, kept_orders, seen, shop_of_today, workshop

pytestmark = pytest.mark.anyio

DAYS = 70


async def live(works: Workshop) -> UUID:
    async with db.transaction(works.seller):
        run = await runs.live(works.account.id, ScheduleTarget.ORDERS)
    assert run is not None
    return UUID(str(run.id))


async def request(works: Workshop, asked: Requested) -> RunRequest:
    async with db.transaction(works.seller):
        found = await RunRequest.objects().where(RunRequest.id == asked.request_id).first()
    assert found is not None
    return found


async def backfill(works: Workshop, days: int = DAYS) -> Requested:
    now = clock.now()
    return await runs.ask(
        works.seller,
        works.account.id,
        ScheduleTarget.ORDERS,
        Purpose.BACKFILL,
        jobs=works.jobs,
        by="Asha",
        first_day=now - timedelta(days=days),
        until=now - timedelta(minutes=10),
    )


async def check(works: Workshop) -> Requested:
    now = clock.now()
    return await runs.ask(
        works.seller,
        works.account.id,
        ScheduleTarget.ORDERS,
        Purpose.RECONCILIATION,
        jobs=works.jobs,
        first_day=now - timedelta(days=30),
        until=now,
    )


async def test_a_backfill_reads_every_day_in_slices_and_leaves_the_watermark(connected: Addresses, keys: Vault) -> None:
    async with workshop(connected, keys, shop_of_today(days=DAYS)) as works:
        await works.sync()
        (fresh,) = await freshness.of_accounts(works.seller, ScheduleTarget.ORDERS)
        before, held = await works.watermark(), len(await kept_orders(works.addresses, works.account.id))
        assert held < 250
        asked = await backfill(works)
        assert asked.run_id is not None
        for slices in range(1, 4):
            run = await works.work(await live(works))
            assert (run.state, run.purpose) == (RunState.SUCCEEDED, Purpose.BACKFILL)
            assert run.until - run.first_day <= SLICE
            told = await request(works, asked)
            assert told.reached == run.until
            assert (told.run_id is None or told.ended_at is not None) == (slices == 3)
        await works.assert_equal_to_ledger()
        assert (told.outcome, told.new_count) == (RequestOutcome.DONE, 250 - held)
        assert await works.watermark() == before
        assert await freshness.of_accounts(works.seller, ScheduleTarget.ORDERS) == [fresh], "old days make nothing fresh"


async def test_a_backfill_never_joins_and_becomes_a_run_when_the_live_one_ends(works: Workshop) -> None:
    first = await works.start()
    asked = await backfill(works, days=20)
    assert asked.run_id is None
    assert (await runs.get(works.seller, first)).purpose == Purpose.INCREMENTAL
    await works.work(first)
    following = await live(works)
    assert (await request(works, asked)).run_id == following
    assert (await works.work(following)).purpose == Purpose.BACKFILL
    assert (await request(works, asked)).outcome == RequestOutcome.DONE


async def test_what_is_new_goes_between_two_slices(works: Workshop) -> None:
    await works.sync()
    asked = await backfill(works)
    assert (await runs.start(works.seller, works.account.id, ScheduleTarget.ORDERS, jobs=works.jobs, by="Asha")).next_in_line
    fresh = await works.bench.add(orders=3)
    await works.work(await live(works))
    between = await works.work(await live(works))
    assert (between.purpose, between.new_count) == (Purpose.INCREMENTAL, 3)
    assert set(fresh) <= set(await kept_orders(works.addresses, works.account.id))
    assert (await runs.get(works.seller, await live(works))).purpose == Purpose.BACKFILL
    assert (await request(works, asked)).ended_at is None


async def test_withdrawing_a_backfill_keeps_what_it_has_read(connected: Addresses, keys: Vault) -> None:
    async with workshop(connected, keys, shop_of_today(days=DAYS)) as works:
        asked = await backfill(works)
        await works.work(await live(works))
        held = await kept_orders(works.addresses, works.account.id)
        assert held
        second = await live(works)
        await runs.withdraw(works.seller, asked.request_id, by="Asha")
        assert (await runs.get(works.seller, second)).state == RunState.CANCELLED
        assert (await request(works, asked)).outcome == RequestOutcome.WITHDRAWN
        assert await job.advance_requests(jobs=works.jobs) == 0
        assert await kept_orders(works.addresses, works.account.id) == held


async def test_a_slice_that_fails_stops_the_backfill_and_a_retry_takes_it_up(works: Workshop) -> None:
    await works.sync()
    asked = await backfill(works, days=50)
    await works.bench.order_fault(Fault.FORBIDDEN, times=0)
    failed = await works.work(await live(works))
    assert failed.state == RunState.FAILED
    assert (await request(works, asked)).outcome == RequestOutcome.STOPPED
    await works.bench.clear_faults()
    again = await runs.retry(works.seller, failed.id, jobs=works.jobs, by="Asha")
    run = await works.work(again.run_id)
    assert (run.purpose, run.first_day, run.until) == (Purpose.BACKFILL, failed.first_day, failed.until)
    told = await request(works, asked)
    assert (told.outcome, told.reached) == (RequestOutcome.OPEN, run.until)
    await works.work(await live(works))
    assert (await request(works, asked)).outcome == RequestOutcome.DONE


async def test_a_request_whose_live_run_ends_unseen_is_found_by_the_sweep(works: Workshop) -> None:
    """A queued run that is cancelled ends without a worker."""
    first = await works.start()
    asked = await backfill(works, days=5)
    await runs.request_cancel(works.seller, first, by="Asha")
    assert (await request(works, asked)).run_id is None
    assert await job.advance_requests(jobs=works.jobs) == 1
    assert await job.advance_requests(jobs=works.jobs) == 0
    assert (await request(works, asked)).run_id == await live(works)


async def test_a_request_waits_while_its_account_is_on_hold(works: Workshop) -> None:
    first = await works.start()
    asked = await backfill(works, days=5)
    await works.set(needs_reconnect=True)
    await runs.request_cancel(works.seller, first, by="Asha")
    assert await job.advance_requests(jobs=works.jobs) == 0
    await works.set(needs_reconnect=False)
    assert await job.advance_requests(jobs=works.jobs) == 1
    assert (await request(works, asked)).run_id is not None


async def test_a_check_finds_orders_that_reading_by_change_never_saw(works: Workshop) -> None:
    """They came to light hours late, with an old time of change."""
    await works.sync()
    late = await works.bench.add(late=4)
    await seen(works.addresses, "UPDATE sync_runs SET created_at = created_at - interval '1 minute'")
    quiet = await works.sync()
    assert quiet.new_count == 0
    assert not set(late) & set(await kept_orders(works.addresses, works.account.id))
    before = await works.watermark()
    asked = await check(works)
    run = await works.work(await live(works))
    assert (run.state, run.new_count) == (RunState.SUCCEEDED, 4)
    assert (await works.messages(run.id))[-1].startswith("Checked: 4 missing, ")
    await works.assert_equal_to_ledger()
    assert await works.watermark() == before
    found = await runs.last_check(works.seller, works.account.id)
    assert found is not None
    assert (found.id, found.new_count) == (asked.request_id, 4)


async def test_orders_newer_than_the_last_sync_are_not_missing(works: Workshop) -> None:
    """A check compares what we should have; what came since is for the next sync."""
    await works.sync()
    await works.bench.add(orders=5)
    await check(works)
    run = await works.work(await live(works))
    assert run.new_count == 0
    assert (await works.sync()).new_count == 5


async def test_a_check_of_what_was_never_read_compares_nothing(works: Workshop) -> None:
    asked = await check(works)
    assert asked.run_id is None
    assert (await request(works, asked)).outcome == RequestOutcome.STOPPED
    assert await runs.last_check(works.seller, works.account.id) is None


async def test_asking_for_a_check_twice_is_asking_once(works: Workshop) -> None:
    await works.start()
    first, second = await check(works), await check(works)
    assert first.request_id == second.request_id
    backfills = {(await backfill(works, days=days)).request_id for days in (3, 5)}
    assert len(backfills) == 2
