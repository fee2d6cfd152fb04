"""When the last stage may begin: the courier's cut-off, holidays, and the three policies, at moments on either side of half past five."""

from datetime import date, datetime, timedelta

import pytest

from portal.clock import IST
from portal.errors import BadInput
from portal.processing import rules
from portal.processing.closing import Rule, Say, closing_words, countdown, next_cutoff, verdict
from portal.tables.processing import ClosePolicy

TUESDAY, WEDNESDAY, THURSDAY = date(2026, 11, 24), date(2026, 11, 25), date(2026, 11, 26)


def at(day: date, hour: int, minute: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=IST)


@pytest.mark.parametrize(
    ("moment", "holidays", "policy", "say", "until"),
    [
        # opened at 16:50, forty minutes before the cut-off
        (at(TUESDAY, 16, 50), (), ClosePolicy.IMMEDIATE, Say.CLOSE, None),
        (at(TUESDAY, 16, 50), (), ClosePolicy.DELAYED, Say.WAIT, at(TUESDAY, 17, 0)),
        (at(TUESDAY, 17, 0), (), ClosePolicy.DELAYED, Say.CLOSE, None),
        (at(TUESDAY, 16, 50), (), ClosePolicy.MANUAL, Say.ASK, None),
        # opened at 17:45: today's courier has gone
        (at(TUESDAY, 17, 45), (), ClosePolicy.IMMEDIATE, Say.CLOSE, None),
        (at(TUESDAY, 17, 45), (), ClosePolicy.DELAYED, Say.WAIT, at(WEDNESDAY, 17, 0)),
        (at(TUESDAY, 17, 45), (WEDNESDAY,), ClosePolicy.DELAYED, Say.WAIT, at(THURSDAY, 17, 0)),
        (at(TUESDAY, 17, 45), (), ClosePolicy.MANUAL, Say.ASK, None),
        # on a holiday nobody picks up
        (at(TUESDAY, 16, 50), (TUESDAY,), ClosePolicy.DELAYED, Say.WAIT, at(WEDNESDAY, 17, 0)),
        (at(TUESDAY, 16, 50), (TUESDAY, WEDNESDAY), ClosePolicy.DELAYED, Say.WAIT, at(THURSDAY, 17, 0)),
    ],
)
def test_each_policy_on_both_sides_of_the_cutoff(
    moment: datetime, holidays: tuple[date, ...], policy: ClosePolicy, say: Say, until: datetime | None
) -> None:
    found = verdict(Rule(close_policy=policy, holidays=holidays), moment, asked=False)
    assert (found.say, found.until) == (say, until)


@pytest.mark.parametrize("policy", ClosePolicy)
def test_a_person_who_says_close_is_heard_under_every_policy(policy: ClosePolicy) -> None:
    assert verdict(Rule(close_policy=policy), at(TUESDAY, 9, 0), asked=True).say is Say.CLOSE


def test_a_late_close_says_on_which_day_it_counts() -> None:
    assert "dispatched today" in closing_words(Rule(), at(TUESDAY, 16, 50))
    assert "Wed 25 Nov" in closing_words(Rule(), at(TUESDAY, 17, 45))
    assert "Thu 26 Nov" in closing_words(Rule(holidays=(WEDNESDAY,)), at(TUESDAY, 17, 45))


@pytest.mark.parametrize(("left", "tone"), [(121, "ok"), (120, "info"), (61, "info"), (60, "warn"), (31, "warn"), (30, "bad"), (1, "bad")])
def test_the_clock_warns_at_two_hours_one_hour_and_half_an_hour(left: int, tone: str) -> None:
    assert countdown(Rule(), at(TUESDAY, 17, 30) - timedelta(minutes=left)).tone == tone


def test_the_cutoff_itself_is_over() -> None:
    assert next_cutoff(Rule(), at(TUESDAY, 17, 30)) == at(WEDNESDAY, 17, 30)


@pytest.mark.parametrize(
    ("parts", "field"),
    [({"cutoff": 1440}, "cutoff"), ({"close_before": 4}, "close_before"), ({"tax_number": "27AAPFU0939F1ZX"}, "tax_number")],
)
def test_rules_that_cannot_be(parts: dict[str, int], field: str) -> None:
    with pytest.raises(BadInput) as refused:
        rules.check(Rule(**parts))  # type: ignore[arg-type]
    assert set(refused.value.fields) == {field}
