"""How data stands against its schedule."""

from datetime import timedelta

import pytest

from portal import clock
from portal.runs.freshness import Punctuality, punctuality

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(0), Punctuality.ON_TIME),
        (HOUR, Punctuality.ON_TIME),
        (HOUR * 1.01, Punctuality.DELAYED),
        (HOUR * 2, Punctuality.DELAYED),
        (HOUR * 2.01, Punctuality.LATE),
    ],
)
def test_one_interval_is_on_time_two_are_delayed_more_is_late(age: timedelta, expected: Punctuality) -> None:
    now = clock.now()
    assert punctuality(now - age, HOUR, now=now) is expected


def test_what_was_never_read_is_late() -> None:
    assert punctuality(None, HOUR) is Punctuality.LATE
