"""What the clock starts: once, on time, not too much after a downtime, and nothing while an account is on hold."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from portal import clock, db
from portal.marketplaces.contract import ScheduleTarget
from portal.runs import service as runs
from portal.scheduling import ending, job, nightly, rules, service
from portal.tables.requests import RunRequest
from portal.tables.schedules import SlotOutcome
from portal.tables.syncs import Purpose, Trigger
from tests.factories import make_seller
from tests.scheduling.conftest import NOON, Desk
from tests.workshop import seen

pytestmark = pytest.mark.anyio

HALF_PAST = NOON + timedelta(minutes=30)
WITHIN = timedelta(seconds=rules.SPREAD_S)


async def test_nothing_starts_before_its_slot(desk: Desk) -> None:
    with clock.stopped_at(HALF_PAST - timedelta(seconds=1)):
        assert await job.start_due(jobs=desk.jobs) == 0
    assert await desk.runs() == []


async def test_a_due_schedule_becomes_one_run_with_its_job(desk: Desk) -> None:
    with clock.stopped_at(HALF_PAST + WITHIN):
        assert await job.start_due(jobs=desk.jobs) == 1
        assert await job.start_due(jobs=desk.jobs) == 0
    (run,) = await desk.runs()
    assert (run["target"], run["trigger"], run["state"], run["seq"]) == ("ORDERS", Trigger.SCHEDULE, "queued", 1)
    assert [event.message for event in await runs.events(desk.seller, run["id"])] == ["Started by the schedule. Waiting for a worker."]
    assert await desk.jobs_asked_for() == [f"sync-{run['id']}-0"]
    schedule = await desk.schedule()
    assert (schedule.last_slot_at, schedule.last_outcome) == (HALF_PAST, SlotOutcome.STARTED)
    assert schedule.next_run_at == HALF_PAST + timedelta(minutes=30)


async def test_a_run_goes_on_from_the_watermark(desk: Desk) -> None:
    await seen(
        desk.addresses,
        """INSERT INTO sync_cursors (id, seller_id, marketplace_account_id, target, watermark, moved_by)
           VALUES ($1, $2, $3, 'ORDERS', 'read up to here', $1)""",
        uuid4(),
        desk.seller,
        desk.account.id,
    )
    with clock.stopped_at(HALF_PAST + WITHIN):
        await job.start_due(jobs=desk.jobs)
    assert [run["since"] for run in await desk.runs()] == ["read up to here"]


async def test_the_start_lies_within_its_spread(desk: Desk) -> None:
    """Due exactly from slot plus spread on, neither a second earlier nor later."""
    schedule = await desk.schedule()
    due = HALF_PAST + timedelta(seconds=schedule.spread_s)
    assert schedule.spread_s == rules.spread_s(desk.account.id, HALF_PAST)
    with clock.stopped_at(due - timedelta(seconds=1)):
        assert await job.start_due(jobs=desk.jobs) == 0
    with clock.stopped_at(due):
        assert await job.start_due(jobs=desk.jobs) == 1


async def test_after_a_week_of_downtime_one_run_starts_not_hundreds(desk: Desk) -> None:
    with clock.stopped_at(NOON + timedelta(days=7, minutes=10)):
        assert await job.start_due(jobs=desk.jobs) == 4
        assert await job.start_due(jobs=desk.jobs) == 0
        schedule = await desk.schedule()
        assert schedule.next_run_at is not None
        assert schedule.next_run_at == rules.next_slot(service.rule_of(schedule), clock.now())
    assert sorted(run["target"] for run in await desk.runs()) == ["LISTINGS", "ORDERS", "PAYOUTS", "RETURNS"]


async def test_processing_starts_near_its_time_or_not_at_all(desk: Desk) -> None:
    """It accepts orders in the seller's name: not at four in the morning because a machine was away in the afternoon."""
    await seen(desk.addresses, "UPDATE schedules SET target = 'FULL_PROCESSING' WHERE target = 'ORDERS'")
    with clock.stopped_at(HALF_PAST + timedelta(hours=2)):
        await job.start_due(jobs=desk.jobs)
    schedule = await desk.schedule(ScheduleTarget.FULL_PROCESSING)
    assert (schedule.last_outcome, schedule.last_slot_at) == (SlotOutcome.MISSED, HALF_PAST)
    assert "FULL_PROCESSING" not in [run["target"] for run in await desk.runs()]


async def test_a_slot_that_meets_a_live_run_adds_an_event_to_it(desk: Desk) -> None:
    with clock.stopped_at(HALF_PAST + WITHIN):
        live = await runs.start(desk.seller, desk.account.id, ScheduleTarget.ORDERS, jobs=desk.jobs)
        assert await job.start_due(jobs=desk.jobs) == 0
    assert len(await desk.runs()) == 1
    last = (await runs.events(desk.seller, live.run_id))[-1]
    assert (last.kind, last.message) == ("joined", "The sync planned for 12:30 pm found this one under way, so no second one was started.")
    assert (await desk.schedule()).last_outcome == SlotOutcome.JOINED


async def test_a_slot_that_meets_a_backfill_stands_next_in_line(desk: Desk) -> None:
    """Old days must not keep today's orders away for longer than a slice."""
    with clock.stopped_at(HALF_PAST + WITHIN):
        await runs.ask(
            desk.seller,
            desk.account.id,
            ScheduleTarget.ORDERS,
            Purpose.BACKFILL,
            jobs=desk.jobs,
            first_day=NOON - timedelta(days=50),
            until=NOON - timedelta(days=5),
        )
        await job.start_due(jobs=desk.jobs)
        (slice_,) = await desk.runs()
        assert (await desk.schedule()).last_outcome == SlotOutcome.NEXT
    with clock.stopped_at(HALF_PAST + 2 * WITHIN):
        await desk.end(slice_["id"])
        await runs.advance(desk.seller, desk.account.id, jobs=desk.jobs)
    assert [run["purpose"] for run in await desk.runs()] == ["backfill", "incremental"]


@pytest.mark.parametrize("hold", [{"needs_reconnect": True}, {"state": "paused"}, {"state": "disconnected"}])
async def test_an_account_on_hold_starts_nothing_and_goes_on_by_itself(desk: Desk, hold: dict[str, object]) -> None:
    await desk.change_account(**hold)
    for slot in range(1, 4):
        with clock.stopped_at(NOON + slot * timedelta(minutes=30) + WITHIN):
            assert await job.start_due(jobs=desk.jobs) == 0
    schedule = await desk.schedule()
    assert (schedule.held_slots, schedule.held_since) == (3, HALF_PAST)
    assert schedule.next_run_at == NOON + timedelta(hours=2)
    assert await desk.runs() == []
    await desk.change_account(needs_reconnect=False, state="active")
    with clock.stopped_at(NOON + timedelta(hours=2) + WITHIN):
        await job.start_due(jobs=desk.jobs)
    assert [run["target"] for run in await desk.runs()] == ["ORDERS", "RETURNS"]
    assert (await desk.schedule()).held_slots == 0


async def test_a_paused_schedule_waits_and_one_turned_off_stays_off(desk: Desk) -> None:
    with clock.stopped_at(NOON):
        line = await service.pause(desk.seller, desk.account.id, ScheduleTarget.ORDERS, until=NOON + timedelta(hours=1), by="Asha")
        assert (line.state, line.next_at) == ("paused", NOON + timedelta(hours=1))
    with clock.stopped_at(HALF_PAST + WITHIN):
        assert await job.start_due(jobs=desk.jobs) == 0
    with clock.stopped_at(NOON + timedelta(hours=1) + WITHIN):
        assert await job.start_due(jobs=desk.jobs) == 1
        await service.pause(desk.seller, desk.account.id, ScheduleTarget.ORDERS, until=None, by="Asha")
    with clock.stopped_at(NOON + timedelta(hours=2)):
        assert await job.start_due(jobs=desk.jobs) == 0


async def many_due(desk: Desk, schedules: int, *, sellers: int) -> None:
    """That many accounts of that many sellers, each with orders due at half past twelve."""
    owners = [await make_seller(f"Seller {number}") for number in range(sellers)]
    await seen(
        desk.addresses,
        """WITH made AS (
               INSERT INTO marketplace_accounts (id, seller_id, marketplace_code, external_account_id, name, created_at)
               SELECT gen_random_uuid(), ($1::uuid[])[1 + n % cardinality($1::uuid[])], 'AMAZON_IN', 'A' || n, 'Shop ' || n, $2
               FROM generate_series(1, $3::int) n RETURNING id, seller_id)
           INSERT INTO schedules (id, seller_id, marketplace_account_id, target, interval_minutes, window_start, window_end, next_run_at, set_times)
           SELECT gen_random_uuid(), seller_id, id, 'ORDERS', 30, 420, 1320, $4, '{}' FROM made""",
        owners,
        NOON,
        schedules,
        HALF_PAST,
    )
    await seen(desk.addresses, "DELETE FROM schedules WHERE marketplace_account_id = $1", desk.account.id)


async def three_sweepers(desk: Desk, schedules: int) -> None:
    """None twice, none missed: every account has one run and one job, however many sweepers looked at the same moment."""
    with clock.stopped_at(HALF_PAST + WITHIN):
        started = await asyncio.gather(*(job.start_due(jobs=desk.jobs) for _ in range(3)))
    assert sum(started) == schedules
    (counted,) = await seen(
        desk.addresses,
        """SELECT (SELECT count(*) FROM sync_runs) AS runs, (SELECT count(DISTINCT marketplace_account_id) FROM sync_runs) AS accounts,
              (SELECT count(*) FROM saq_jobs) AS jobs, (SELECT count(*) FROM sync_events) AS events,
              (SELECT count(*) FROM schedules WHERE next_run_at <= $1 OR last_outcome <> 'started') AS left_behind""",
        HALF_PAST,
    )
    assert tuple(counted) == (schedules, schedules, schedules, schedules, 0)


async def test_three_sweepers_start_each_schedule_once(desk: Desk) -> None:
    await many_due(desk, 300, sellers=40)
    await three_sweepers(desk, 300)


@pytest.mark.soak
async def test_three_sweepers_and_ten_thousand_schedules(desk: Desk) -> None:
    """Its duration is a figure; nothing is claimed about it."""
    await many_due(desk, 10_000, sellers=1_000)
    began = asyncio.get_running_loop().time()
    await three_sweepers(desk, 10_000)
    print(f"10,000 due schedules of 1,000 sellers, three sweepers: {asyncio.get_running_loop().time() - began:.1f} s")


async def test_one_sellers_trouble_stops_nobody_else(desk: Desk) -> None:
    """What the database refuses for one is logged, the others are served, and next time it is tried again."""
    await many_due(desk, 20, sellers=20)
    await seen(
        desk.addresses,
        """CREATE FUNCTION breaks() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
           BEGIN
               IF NEW.marketplace_account_id = (SELECT id FROM marketplace_accounts WHERE name = 'Shop 7')
               THEN RAISE EXCEPTION 'broken here'; END IF;
               RETURN NEW;
           END $$""",
    )
    await seen(desk.addresses, "CREATE TRIGGER breaks BEFORE INSERT ON sync_runs FOR EACH ROW EXECUTE FUNCTION breaks()")
    try:
        with clock.stopped_at(HALF_PAST + WITHIN), capture_logs() as logged:
            assert await job.start_due(jobs=desk.jobs) == 19
        assert {line["event"] for line in logged} == {"schedules_not_started"}
        assert len(await desk.runs()) == len(await desk.jobs_asked_for()) == 19
    finally:
        await seen(desk.addresses, "DROP FUNCTION breaks CASCADE")
    with clock.stopped_at(HALF_PAST + WITHIN):
        assert await job.start_due(jobs=desk.jobs) == 1


async def test_the_night_is_shared_out() -> None:
    nights = [clock.in_ist(nightly.next_night(uuid4(), NOON)) for _ in range(500)]
    assert {night.hour for night in nights} == {1, 2, 3, 4}
    assert {night.date() for night in nights} == {clock.in_ist(NOON).date() + timedelta(days=1)}


async def open_requests(seller: UUID) -> list[RunRequest]:
    async with db.transaction(seller):
        return await RunRequest.objects().order_by(RunRequest.purpose)


async def test_a_check_follows_fresh_data_once_a_night(desk: Desk) -> None:
    night = nightly.next_night(desk.account.id, NOON)
    with clock.stopped_at(night):
        assert await job.check_due(jobs=desk.jobs) == 1
        assert await job.check_due(jobs=desk.jobs) == 0
        (fresh,) = await desk.runs()
        assert fresh["purpose"] == Purpose.INCREMENTAL
    with clock.stopped_at(night + timedelta(minutes=1)):
        await desk.end(fresh["id"])
        assert await job.advance_requests(jobs=desk.jobs) == 1
    _, check = await desk.runs()
    assert (check["purpose"], check["until"]) == (Purpose.RECONCILIATION, night + timedelta(minutes=1)), "up to the sync"
    assert check["first_day"] == night - timedelta(days=nightly.DAYS)


async def test_an_account_on_hold_is_checked_in_its_next_night(desk: Desk) -> None:
    await desk.change_account(needs_reconnect=True)
    night = nightly.next_night(desk.account.id, NOON)
    with clock.stopped_at(night):
        assert await job.check_due(jobs=desk.jobs) == 0
    assert await open_requests(desk.seller) == []
    await desk.change_account(needs_reconnect=False)
    with clock.stopped_at(night + timedelta(days=1)):
        assert await job.check_due(jobs=desk.jobs) == 1


async def test_connecting_again_keeps_the_sentences_a_seller_wrote(desk: Desk) -> None:
    rule = rules.Rule(interval=None, times=(600,))
    with clock.stopped_at(NOON):
        await service.save(desk.seller, desk.account.id, ScheduleTarget.ORDERS, rule, by="Asha")
        await desk.begin()
    assert service.rule_of(await desk.schedule()) == rule
    assert len(await seen(desk.addresses, "SELECT FROM schedules")) == 4
    assert len(await seen(desk.addresses, "SELECT FROM nightly_checks")) == 1


async def test_a_schedule_that_ends_is_on_record_with_what_it_said(desk: Desk) -> None:
    """It goes when its account's way to connect does not open its work any more; the sentence of a seller's is not lost."""
    rule = rules.Rule(interval=None, times=(600,))
    await service.save(desk.seller, desk.account.id, ScheduleTarget.ORDERS, rule, by="Asha")
    async with db.transaction(desk.seller):
        await ending.end(desk.seller, [(await desk.schedule()).id])
    (entry,) = await seen(desk.addresses, "SELECT before, after, actor FROM audit_entries WHERE action = 'schedule.ended'")
    assert tuple(entry) == (rules.sentence(rule), f"ORDERS: {ending.NOT_OPEN}", "System")
    assert await seen(desk.addresses, "SELECT FROM schedules WHERE target = 'ORDERS'") == []


async def test_many_callers_let_a_request_become_one_run(desk: Desk) -> None:
    first = await runs.start(desk.seller, desk.account.id, ScheduleTarget.ORDERS, jobs=desk.jobs)
    await runs.ask(desk.seller, desk.account.id, ScheduleTarget.ORDERS, Purpose.INCREMENTAL, jobs=desk.jobs)
    await desk.end(first.run_id)
    started = await asyncio.gather(*(job.advance_requests(jobs=desk.jobs) for _ in range(5)))
    assert sum(started) == 1
    assert len(await desk.runs()) == 2


async def test_two_presses_on_a_first_save_make_one_schedule(desk: Desk) -> None:
    rule = rules.Rule(interval=60, start=600, end=1200)
    saves = (service.save(desk.seller, desk.account.id, ScheduleTarget.INVENTORY, rule, by="Asha") for _ in range(4))
    assert len(set(await asyncio.gather(*saves))) == 1
    assert service.rule_of(await desk.schedule(ScheduleTarget.INVENTORY)) == rule


async def test_a_click_in_the_moment_of_the_clock_joins_its_run(desk: Desk) -> None:
    """The sweep has queued its run and not committed yet; the click waits for it and makes no second one."""
    queued, may_end = asyncio.Event(), asyncio.Event()

    async def by_the_clock() -> None:
        async with db.transaction(desk.seller):
            await runs.queue_many(desk.seller, [runs.Wanted(account_id=desk.account.id, target="ORDERS")])
            queued.set()
            await may_end.wait()

    async with asyncio.TaskGroup() as both:
        both.create_task(by_the_clock())
        await queued.wait()
        click = both.create_task(runs.start(desk.seller, desk.account.id, ScheduleTarget.ORDERS, jobs=desk.jobs))
        while not click.done() and not await seen(desk.addresses, "SELECT 1 FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)  # no event tells that a lock is waited for
        may_end.set()
    (run,) = await desk.runs()
    assert (click.result().run_id, click.result().joined) == (run["id"], True)
