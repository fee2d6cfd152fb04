"""Holding a run: numbers without a gap, nudges with the commit, and nothing from a worker that lost it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from portal import clock, db
from portal.marketplaces.contract import ScheduleTarget
from portal.nudges import Ears
from portal.processing import service as processing
from portal.runs import service
from portal.runs.service import LeaseLost, Taken
from portal.tables.syncs import RunState
from tests.factories import make_account
from tests.runs.conftest import LEASE, Desk
from tests.workers import PATIENCE_S
from tests.workshop import seen

pytestmark = pytest.mark.anyio


async def page(taken: Taken) -> None:
    async with db.transaction(taken.seller_id):
        await service.record(taken, new=1, changed=0, same=0, set_aside=0, cursor="next", total=None)


async def half_a_page(taken: Taken) -> None:
    """Its transaction breaks off after everything was written."""
    async with db.transaction(taken.seller_id):
        await service.record(taken, new=1, changed=0, same=0, set_aside=0, cursor="lost", total=None)
        raise ZeroDivisionError


Write = Callable[[Taken], Awaitable[object]]
WRITES: dict[str, Write] = {
    # everything a worker writes to its run
    "record": page,
    "note": lambda taken: service.note(taken, "Something."),
    "finish": lambda taken: service.finish(taken, watermark="2026-11-20T00:00:00+00:00"),
    "cancelled": service.cancelled,
    "fail": lambda taken: service.fail(taken, "our_fault", "Something failed."),
    "wait": lambda taken: service.wait_until(taken, clock.now(), "Later.", code="throttled"),
    "hand back": service.hand_back,
}

EVERYTHING = """SELECT to_jsonb(r) AS row, (SELECT count(*) FROM sync_events) AS events, (SELECT count(*) FROM sync_cursors) AS cursors
                FROM sync_runs r"""


async def refused(desk: Desk, old: Taken) -> None:
    """Every write of the old worker ends with LeaseLost and leaves no trace."""
    before = await seen(desk.addresses, EVERYTHING)
    for what, write in WRITES.items():
        with pytest.raises(LeaseLost):
            await write(old)
        assert await seen(desk.addresses, EVERYTHING) == before, what
    assert await service.beat(old) is False
    assert await seen(desk.addresses, EVERYTHING) == before


async def test_a_worker_whose_run_was_taken_over_writes_nothing(desk: Desk) -> None:
    old = await desk.at_work()
    with clock.stopped_at(clock.now() + timedelta(minutes=2)):
        new = await desk.take(old.id)
        assert (old.attempt, new.attempt) == (1, 2)
        await refused(desk, old)
        await page(new)


async def test_a_worker_whose_run_was_handed_on_writes_nothing(desk: Desk) -> None:
    """Between the sweep and the next worker the run waits in the queue; the old worker must not even end it."""
    old = await desk.at_work()
    with clock.stopped_at(clock.now() + timedelta(minutes=2)):
        await service.rescue(clock.now() - LEASE, jobs=desk.jobs)
        assert await desk.state(old.id) == RunState.QUEUED
        await refused(desk, old)


async def test_a_worker_whose_run_waits_or_ended_writes_nothing(desk: Desk) -> None:
    old = await desk.at_work()
    await service.wait_until(old, clock.now() + timedelta(hours=1), "Later.", code="throttled")
    await refused(desk, old)
    await service.request_cancel(desk.seller, old.id, by="Asha")
    await refused(desk, old)


async def test_a_living_worker_is_not_taken_over(desk: Desk) -> None:
    """Its beats keep the lease, however long the marketplace takes."""
    taken = await desk.at_work()
    start = clock.now()
    for minutes in range(1, 5):
        with clock.stopped_at(start + timedelta(seconds=40 * minutes)):
            assert await service.take(desk.seller, taken.id, lease=LEASE) is None
            assert await service.beat(taken)
    with clock.stopped_at(start + timedelta(seconds=40 * 4 + 46)):
        assert (await desk.take(taken.id)).attempt == 2


async def test_ten_workers_at_once_and_one_gets_the_run(desk: Desk) -> None:
    run_id = (await desk.start()).run_id
    taken = await asyncio.gather(*(service.take(desk.seller, run_id, lease=LEASE) for _ in range(10)))
    assert [one.attempt for one in taken if one] == [1]


async def test_one_run_at_a_time_uses_an_accounts_credential(desk: Desk) -> None:
    """The other waits in line, and its turn comes when the first gives the run back. Another account does not wait."""
    first = await desk.at_work()
    await seen(
        desk.addresses,
        """INSERT INTO sync_runs (id, seller_id, marketplace_account_id, target, trigger, diagnostic_id)
           SELECT gen_random_uuid(), seller_id, marketplace_account_id, 'RETURNS', 'manual', 'SYN-TEST-TEST' FROM sync_runs""",
    )
    second = next(one.id for one in await service.history(desk.seller) if one.target == "RETURNS")
    assert await service.take(desk.seller, second, lease=LEASE) is None
    other = await make_account(desk.seller, external="A2SECOND", name="Pune store")
    elsewhere = await service.start(desk.seller, other.id, first.target, jobs=desk.jobs)
    assert await service.take(desk.seller, elsewhere.run_id, lease=LEASE) is not None
    await service.finish(first, watermark=None)
    assert await service.next_in_line(first) == (second, 0)
    assert await service.take(desk.seller, second, lease=LEASE) is not None


async def test_events_are_numbered_without_a_gap_whoever_writes_them(desk: Desk) -> None:
    """The worker's pages and notes and the seller's cancel, all at once."""
    taken = await desk.at_work()
    await asyncio.gather(
        *(page(taken) for _ in range(10)),
        *(service.note(taken, f"Note {number}.") for number in range(10)),
        service.request_cancel(desk.seller, taken.id, by="Asha"),
    )
    await service.cancelled(taken)
    told = await desk.told(taken.id)
    assert [seq for seq, _ in told] == list(range(1, 25))
    assert (await desk.run(taken.id)).seq == 24
    assert told[-1][1] == "finished"


async def test_a_transaction_that_breaks_leaves_no_number_behind(desk: Desk) -> None:
    taken = await desk.at_work()
    with pytest.raises(ZeroDivisionError):
        await half_a_page(taken)
    await service.note(taken, "Here.")
    assert [seq for seq, _ in await desk.told(taken.id)] == [1, 2, 3]
    run = await desk.run(taken.id)
    assert run.pages == 0
    assert run.cursor is None


async def test_the_last_page_leaves_the_cursor_of_the_one_before_it(desk: Desk) -> None:
    """A worker that dies between the last page and the end costs one page read again, not all of them."""
    taken = await desk.at_work()
    await page(taken)
    async with db.transaction(desk.seller):
        await service.record(taken, new=1, changed=0, same=0, set_aside=0, cursor=None, total=None)
    with clock.stopped_at(clock.now() + timedelta(minutes=2)):
        assert (await desk.take(taken.id)).cursor == "next"


async def test_a_nudge_comes_with_the_commit_and_never_without(desk: Desk) -> None:
    taken = await desk.at_work()
    async with Ears(desk.addresses.worker) as ears:
        await asyncio.wait_for(ears.listening.wait(), PATIENCE_S)
        async with ears.about(service.topic(taken.id)) as nudged:
            await nudged.wait(silence_s=0.2)  # the look around when the connection is new
            async with db.transaction(desk.seller):
                await service.record(taken, new=1, changed=0, same=0, set_aside=0, cursor="c", total=None)
                assert not await nudged.wait(silence_s=0.3)
            assert await nudged.wait(silence_s=10)
            with pytest.raises(ZeroDivisionError):
                await half_a_page(taken)
            assert not await nudged.wait(silence_s=0.3)


async def test_a_run_handed_back_goes_on_from_its_page(desk: Desk) -> None:
    taken = await desk.at_work()
    await page(taken)
    await service.hand_back(taken)
    assert await desk.state(taken.id) == RunState.QUEUED
    again = await desk.take(taken.id)
    assert (again.attempt, again.cursor) == (2, "next")
    assert [kind for _, kind in await desk.told(taken.id)] == ["queued", "started", "page", "queued", "resumed"]


async def test_a_run_that_was_to_stop_is_not_handed_back(desk: Desk) -> None:
    taken = await desk.at_work()
    await service.request_cancel(desk.seller, taken.id, by="Asha")
    await service.hand_back(taken)
    assert await desk.state(taken.id) == RunState.CANCELLED


@pytest.mark.parametrize(("code", "at_once"), [("stage_waits", True), ("throttled", False)])
async def test_who_calls_for_a_run_at_work_is_heard_when_it_lies_down(desk: Desk, code: str, at_once: bool) -> None:
    """A person reports back while the run is about to wait for just that. A marketplace's own time is waited out all the same."""
    begun = await service.start(desk.seller, desk.account.id, ScheduleTarget.FULL_PROCESSING, jobs=desk.jobs)
    taken = await desk.take(begun.run_id)
    assert await processing.go_on(desk.seller, desk.account.id, jobs=desk.jobs, by="Asha") == taken.id
    later = clock.now() + timedelta(minutes=15)
    goes_on = await service.wait_until(taken, later, "It waits for a file.", code=code, fault=False)
    run = await desk.run(taken.id)
    assert run.resume_at == goes_on
    assert (goes_on <= clock.now()) is at_once
    assert at_once or goes_on == later
