"""What the schedule and backfill forms send, as rules and days."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta

import msgspec

from portal import clock
from portal.errors import BadInput
from portal.marketplaces.contract import ScheduleTarget
from portal.scheduling.rules import MOST_TIMES, Rule
from portal.web.forms import Mistakes

AT_SET_TIMES = "times"
DATED = (ScheduleTarget.ORDERS, ScheduleTarget.RETURNS, ScheduleTarget.PAYOUTS)
"""What has a date, and so can be read again for some days."""

LONGEST_BACKFILL = timedelta(days=366)
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")

Form = Mapping[str, str]


def target_of(form: Form) -> ScheduleTarget:
    """The kind of work a form is about. Raises BadInput for one that nobody knows."""
    try:
        return ScheduleTarget(form.get("target", ""))
    except ValueError:
        raise BadInput("We do not know this kind of sync.") from None


def rule_of(form: Form) -> Rule:
    """The rule a person put together. Raises BadInput that names every field which cannot be read."""
    mistakes = Mistakes()
    at_times = form.get("interval") == AT_SET_TIMES
    interval = _number(form.get("interval", ""))
    if interval is None and not at_times:
        mistakes.add("interval", "Choose one of the intervals.")
    weekdays = _number(form.get("weekdays", ""))
    if weekdays is None:
        mistakes.add("weekdays", "Choose one of the days.")
    times = tuple(
        minute for n in range(1, MOST_TIMES + 1) if at_times and (minute := _minute(form, f"time-{n}", mistakes, optional=True)) is not None
    )
    start = 0 if at_times else _minute(form, "start", mistakes)
    end = 0 if at_times else _minute(form, "end", mistakes)
    mistakes.refuse("Some of this needs another look.")
    return Rule(interval=None if at_times else interval, start=start or 0, end=end or 0, times=times, weekdays=weekdays or 0)


def typed(rule: Rule) -> dict[str, str]:
    """The same rule as the form's fields."""
    times = {f"time-{n}": _text(minute) for n, minute in enumerate(rule.times, start=1)}
    interval = AT_SET_TIMES if rule.interval is None else str(rule.interval)
    return {"interval": interval, "start": _text(rule.start), "end": _text(rule.end), "weekdays": str(rule.weekdays), **times}


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else None


def _minute(form: Form, name: str, mistakes: Mistakes, *, optional: bool = False) -> int | None:
    """Minutes after midnight; None where an optional time is empty or the mistake is on the list."""
    text = form.get(name, "").strip()
    if not text and optional:
        return None
    found = _TIME.fullmatch(text)
    if found is None:
        mistakes.add(name, "Enter a time such as 07:00.")
        return None
    return int(found[1]) * 60 + int(found[2])


def _text(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


class Days(msgspec.Struct, frozen=True, kw_only=True):
    """Whole Indian days, as the moments around them: from the first moment of the first to the end of the last, or to now."""

    target: ScheduleTarget
    first: datetime
    until: datetime


def days_of(form: Form) -> Days:
    """The days a backfill reads. Raises BadInput that names the field for days that cannot be."""
    mistakes = Mistakes()
    target = target_of(form)
    if target not in DATED:
        mistakes.add("target", "This has no dates to read again.")
    first, last = (_day(form, name, mistakes) for name in ("from", "to"))
    if first and last:
        if last < first:
            mistakes.add("to", "The last day comes before the first one.")
        if last > clock.ist_today():
            mistakes.add("to", "The last day lies in the future.")
        if last - first > LONGEST_BACKFILL:
            mistakes.add("from", "At most a year at once.")
    mistakes.refuse("Some of this needs another look.")
    assert first is not None
    assert last is not None
    return Days(target=target, first=clock.ist_day(first)[0], until=min(clock.ist_day(last)[1], clock.now()))


def _day(form: Form, name: str, mistakes: Mistakes) -> date | None:
    try:
        return date.fromisoformat(form.get(name, "").strip())
    except ValueError:
        mistakes.add(name, "Enter a day such as 2026-08-21.")
        return None
