"""On time, delayed or late: told by the slots that came due, not by the hours in between."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from portal import clock
from portal.accounts import service as accounts
from portal.marketplaces.contract import ScheduleTarget
from portal.scheduling import service
from portal.scheduling.job import sweep
from portal.scheduling.punctuality import GRACE, Punctuality, of_account, punctuality
from portal.tables.schedules import Schedule
from tests.scheduling.conftest import NOON, Desk

pytestmark = pytest.mark.anyio

MADE = datetime(2026, 8, 1, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)


def ist(hour: int, minute: int = 0, *, day: int = 21) -> datetime:
    return datetime(2026, 8, day, hour, minute, tzinfo=clock.IST).astimezone(UTC)


def half_hourly(*, last: datetime, following: datetime) -> Schedule:
    """Every 30 minutes from 7:00 am to 10:00 pm."""
    return Schedule(
        seller_id=uuid4(),
        marketplace_account_id=uuid4(),
        target="ORDERS",
        interval_minutes=30,
        window_start=7 * 60,
        window_end=22 * 60,
        changed_at=MADE,
        last_slot_at=last,
        next_run_at=following,
    )


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        (ist(12, 2), Punctuality.ON_TIME),
        (ist(11, 32), Punctuality.DELAYED),
        (ist(11, 2), Punctuality.LATE),
        (None, Punctuality.LATE),
    ],
)
def test_each_slot_that_was_not_read_counts(as_of: datetime | None, expected: Punctuality) -> None:
    with clock.stopped_at(ist(12, 20)):
        assert punctuality(half_hourly(last=ist(12), following=ist(12, 30)), as_of) is expected


def test_a_slot_has_some_minutes_before_it_counts() -> None:
    schedule = half_hourly(last=ist(12), following=ist(12, 30))
    with clock.stopped_at(ist(12) + GRACE - timedelta(seconds=1)):
        assert punctuality(schedule, ist(11, 32)) is Punctuality.ON_TIME
    with clock.stopped_at(ist(12) + GRACE):
        assert punctuality(schedule, ist(11, 32)) is Punctuality.DELAYED


def test_nothing_is_late_at_night() -> None:
    """The last slot is at 10 pm: seven hours later the data of 10 pm are as fresh as the schedule wants them."""
    schedule = half_hourly(last=ist(22, day=20), following=ist(7))
    with clock.stopped_at(ist(5)):
        assert punctuality(schedule, ist(22, 3, day=20)) is Punctuality.ON_TIME
        assert punctuality(schedule, ist(21, 33, day=20)) is Punctuality.DELAYED


def test_slots_that_no_worker_started_count_too() -> None:
    """Nobody moved the schedule on: its next slot lies in the past."""
    schedule = half_hourly(last=ist(11), following=ist(11, 30))
    with clock.stopped_at(ist(11, 45)):
        assert punctuality(schedule, ist(11, 2)) is Punctuality.DELAYED
    with clock.stopped_at(ist(13)):
        assert punctuality(schedule, ist(11, 2)) is Punctuality.LATE


def test_slots_of_a_pause_came_not_due() -> None:
    schedule = half_hourly(last=ist(9), following=ist(12, 30))
    with clock.stopped_at(ist(12, 20)):
        assert punctuality(schedule, ist(9, 2)) is Punctuality.ON_TIME


def test_a_rule_is_not_measured_by_times_before_it() -> None:
    schedule = half_hourly(last=ist(9), following=ist(12, 30))
    schedule.changed_at = ist(12, 15)
    with clock.stopped_at(ist(12, 20)):
        assert punctuality(schedule, ist(7)) is Punctuality.ON_TIME
        assert punctuality(schedule, None) is None


async def test_an_account_says_it_of_every_kind_it_reads(desk: Desk) -> None:
    """From the first slots on: orders and returns are read, payouts and listings have had no slot yet."""
    with clock.stopped_at(NOON + HALF_HOUR + timedelta(minutes=2)):
        assert await sweep(jobs=desk.jobs) == 1
        (orders,) = await desk.runs()
        await desk.end(orders["id"])
    account = await accounts.get(desk.seller, desk.account.id)
    with clock.stopped_at(NOON + HALF_HOUR + timedelta(minutes=20)):
        found = await of_account(account)
        assert {target: one.punctuality for target, one in found.items()} == {ScheduleTarget.ORDERS: Punctuality.ON_TIME}
    with clock.stopped_at(NOON + timedelta(hours=2, minutes=20)):
        found = await of_account(account)
        assert found[ScheduleTarget.ORDERS].punctuality is Punctuality.LATE
        assert found[ScheduleTarget.RETURNS].punctuality is Punctuality.LATE, "its slot of 2 pm came due, and it was never read"
        assert ScheduleTarget.PAYOUTS not in found
        await service.pause(desk.seller, desk.account.id, ScheduleTarget.ORDERS, until=None, by="Asha")
        assert ScheduleTarget.ORDERS not in await of_account(account)
