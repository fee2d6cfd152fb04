"""What a rule means, against a plain walk through every minute of Indian time."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal import clock
from portal.errors import BadInput
from portal.scheduling import rules
from portal.scheduling.rules import DAY, INTERVALS, WEEKDAYS, Rule
from portal.web.filters import clock_time

minutes = st.integers(0, DAY - 1)
weekdays = st.sampled_from(sorted(WEEKDAYS))
windows = st.builds(
    lambda interval, start, end, days: Rule(interval=interval, start=start, end=end, weekdays=days),
    st.sampled_from(INTERVALS),
    minutes,
    minutes,
    weekdays,
)
times = st.builds(lambda at, days: Rule(interval=None, times=tuple(at), weekdays=days), st.sets(minutes, min_size=1, max_size=6), weekdays)
any_rule = st.one_of(windows, times)
# Hypothesis wants the bounds bare.
moments = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def is_slot(rule: Rule, moment: datetime) -> bool:
    """Whether the rule, read word by word, names this minute."""
    local = clock.in_ist(moment)
    minute = local.hour * 60 + local.minute
    if rule.interval is None:
        return bool(rule.weekdays >> local.weekday() & 1) and minute in rule.times
    since_start = (minute - rule.start) % DAY
    length = (rule.end - rule.start) % DAY if rule.end != rule.start else DAY - 1
    begun_on = local.date() if minute >= rule.start else local.date() - timedelta(days=1)
    return bool(rule.weekdays >> begun_on.weekday() & 1) and since_start <= length and since_start % rule.interval == 0


@settings(deadline=None)
@given(any_rule, moments)
def test_slots_are_exactly_the_minutes_that_the_words_name(rule: Rule, moment: datetime) -> None:
    """Nothing skipped, nothing doubled, over midnight, on the days chosen, whatever the window."""
    start = moment.replace(second=0, microsecond=0)
    walked = [at for step in range(1, 2 * DAY) if is_slot(rule, at := start + timedelta(minutes=step))]
    found = [slot for slot in rules.upcoming(rule, start, len(walked) + 1) if slot < start + timedelta(days=2)]
    assert found == walked


@settings(deadline=None)
@given(any_rule, moments)
def test_going_from_slot_to_slot_is_the_list_of_slots(rule: Rule, moment: datetime) -> None:
    """What the sweep does after every run (next after the last) meets each slot once, and never stands still."""
    chained, at = [], moment
    for _ in range(40):
        at = rules.next_slot(rule, at)
        chained.append(at)
    assert chained == rules.upcoming(rule, moment, 40)
    assert all(earlier < later for earlier, later in pairwise(chained))


@settings(deadline=None)
@given(any_rule, moments, st.timedeltas(timedelta(0), timedelta(days=8)))
def test_after_downtime_the_next_slot_lies_ahead(rule: Rule, slot: datetime, away: timedelta) -> None:
    now = slot + away
    assert rules.next_slot(rule, now) > now
    assert rules.next_slot(rule, now) - now <= timedelta(days=8)


def test_start_and_end_both_count() -> None:
    rule = Rule(interval=30, start=7 * 60, end=22 * 60)
    assert rule.runs_a_day == 31
    slots = [clock_time(slot) for slot in rules.slots_of(rule, date(2026, 8, 21))]
    assert (slots[0], slots[-1]) == ("7:00 am", "10:00 pm")
    assert rules.sentence(rule) == "Every 30 minutes between 7:00 am and 10:00 pm IST, every day."


def test_a_window_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    friday_night = Rule(interval=120, start=20 * 60, end=2 * 60, weekdays=0b0010000)
    assert rules.sentence(friday_night) == "Every 2 hours between 8:00 pm and 2:00 am IST, ends next day, every Friday."
    slots = [clock.in_ist(slot) for slot in rules.upcoming(friday_night, datetime(2026, 8, 20, tzinfo=UTC), 5)]
    assert [f"{slot:%a %H:%M}" for slot in slots] == ["Fri 20:00", "Fri 22:00", "Sat 00:00", "Sat 02:00", "Fri 20:00"]


def test_set_times_and_the_whole_day_round_read_plainly() -> None:
    assert rules.sentence(Rule(interval=None, times=(630, 930), weekdays=0b0111111)) == "At 10:30 am and 3:30 pm IST, Monday to Saturday."
    assert rules.sentence(Rule(interval=None, times=(540,))) == "At 9:00 am IST, every day."
    assert rules.sentence(Rule(interval=240)) == "Every 4 hours, day and night, every day."
    assert Rule(interval=240).runs_a_day == 6


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (Rule(interval=15, start=0, end=60), "interval"),
        (Rule(interval=17), "interval"),
        (Rule(interval=None, times=()), "time-1"),
        (Rule(interval=None, times=(600, 615)), "time-1"),
        (Rule(interval=None, times=(0, DAY - 5)), "time-1"),
        (Rule(interval=None, times=(0, 60, 120, 180, 240, 300, 360)), "time-1"),
        (Rule(interval=30, start=DAY), "start"),
        (Rule(interval=30, weekdays=0), "weekdays"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_at_its_field(rule: Rule, field: str) -> None:
    with pytest.raises(BadInput) as refused:
        rules.check(rule, least=30, marketplace_name="Bazaar")
    assert list(refused.value.fields) == [field]


def test_the_limit_is_explained() -> None:
    with pytest.raises(BadInput) as refused:
        rules.check(Rule(interval=15), least=60, marketplace_name="Bazaar")
    assert refused.value.fields == {"interval": "Bazaar allows every hour or slower here."}


def test_accounts_spread_and_stay_where_they_are() -> None:
    slot = datetime(2026, 8, 21, 14, tzinfo=UTC)
    accounts = [uuid4() for _ in range(2000)]
    spread = [rules.spread_s(account, slot) for account in accounts]
    assert spread == [rules.spread_s(account, slot) for account in accounts]
    assert set(spread) == set(range(rules.SPREAD_S))


def test_words_for_what_comes() -> None:
    with clock.stopped_at(datetime(2026, 8, 21, 13, 48, tzinfo=UTC)):
        slots = rules.upcoming(Rule(interval=720, start=7 * 60 + 30, end=19 * 60 + 30), clock.now(), 3)
        assert [rules.slot_words(slot) for slot in slots] == ["today at 7:30 pm", "tomorrow at 7:30 am", "tomorrow at 7:30 pm"]
        assert [rules.wait_words(slot) for slot in slots] == ["in 12 min", "in 12 h 12 min", "in 24 h 12 min"]
        assert rules.slot_words(slots[-1] + timedelta(days=2)) == "Mon 24 Aug at 7:30 pm"
