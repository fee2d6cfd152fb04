"""What a schedule's rule means: its slots in Indian time, and the sentence that says the same.

Slots are moments in UTC. India has one time zone and turns no clock, so a day of it always has 1,440 minutes.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from uuid import UUID

import msgspec

from portal import clock
from portal.errors import BadInput
from portal.web.filters import clock_time

DAY = 24 * 60
EVERY_DAY = 0b1111111
WEEKDAYS = {
    # bits, Monday the lowest: how a sentence ends
    EVERY_DAY: "every day",
    0b0111111: "Monday to Saturday",
    0b0011111: "Monday to Friday",
    0b1100000: "Saturday and Sunday",
    0b0000001: "every Monday",
    0b0000010: "every Tuesday",
    0b0000100: "every Wednesday",
    0b0001000: "every Thursday",
    0b0010000: "every Friday",
    0b0100000: "every Saturday",
    0b1000000: "every Sunday",
}
INTERVALS = (15, 30, 60, 120, 240, 360, 720)
MOST_TIMES = 6
SPREAD_S = 90
"""A run starts up to this long after its slot, so that not all accounts call at once. The rest of two minutes is for the sweep."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Every `interval` minutes from `start` to `end`, both counted, or at `times` where there is no interval.

    Times of day are minutes after midnight. An `end` before `start` lies on the next day; the same minute means the whole day round.
    A window belongs to the day it begins on: `weekdays` has that day's bit.
    """

    interval: int | None
    start: int = 0
    end: int = 0
    times: tuple[int, ...] = ()
    weekdays: int = EVERY_DAY

    @property
    def minutes(self) -> list[int]:
        """The slots of one window, in minutes after the midnight before it; after 1,440 they lie on the next day."""
        if self.interval is None:
            return sorted(set(self.times))
        if self.start == self.end:
            return list(range(self.start, self.start + DAY, self.interval))
        return list(range(self.start, self.start + (self.end - self.start) % DAY + 1, self.interval))

    @property
    def runs_a_day(self) -> int:
        return len(self.minutes)

    @property
    def over_midnight(self) -> bool:
        return self.interval is not None and self.end < self.start


def slots_of(rule: Rule, day: date) -> list[datetime]:
    """The slots of the window that begins on this Indian day, in UTC; none when the rule leaves the day out."""
    if not rule.weekdays >> day.weekday() & 1:
        return []
    midnight = datetime.combine(day, time.min, tzinfo=clock.IST)
    return [(midnight + timedelta(minutes=minute)).astimezone(UTC) for minute in rule.minutes]


def slots_after(rule: Rule, moment: datetime) -> Iterator[datetime]:
    """Every slot later than `moment`, in order, each once. Endless for a rule that passed `check`."""
    # The window of the day before may reach over midnight.
    day = clock.in_ist(moment).date() - timedelta(days=1)
    while True:
        yield from (slot for slot in slots_of(rule, day) if slot > moment)
        day += timedelta(days=1)


def next_slot(rule: Rule, moment: datetime) -> datetime:
    """The first slot later than `moment`."""
    return next(slots_after(rule, moment))


def upcoming(rule: Rule, moment: datetime, count: int = 5) -> list[datetime]:
    return list(islice(slots_after(rule, moment), count))


def spread_s(account_id: UUID, slot: datetime) -> int:
    """How many seconds after its slot this account starts: always the same for the two, and different from one account to the next."""
    drawn = hashlib.blake2b(f"{account_id}/{slot.timestamp():.0f}".encode(), digest_size=4).digest()
    return int.from_bytes(drawn) % SPREAD_S


def check(rule: Rule, *, least: int, marketplace_name: str) -> None:
    """Raises BadInput, naming the form's fields, for a rule that has no slots or asks more often than the marketplace allows."""
    if rule.weekdays not in WEEKDAYS:
        raise BadInput("Some of this needs another look.", fields={"weekdays": "Choose one of the days."})
    if not all(0 <= minute < DAY for minute in (rule.start, rule.end, *rule.times)):
        raise BadInput("Some of this needs another look.", fields={"start": "Times go from 00:00 to 23:59."})
    if rule.interval is None:
        _check_times(rule, least, marketplace_name)
    elif rule.interval not in INTERVALS:
        raise BadInput("Some of this needs another look.", fields={"interval": "Choose one of the intervals."})
    elif rule.interval < least:
        raise BadInput("Some of this needs another look.", fields={"interval": limit_words(least, marketplace_name)})


def _check_times(rule: Rule, least: int, marketplace_name: str) -> None:
    times = rule.minutes
    if not times:
        raise BadInput("Some of this needs another look.", fields={"time-1": "Enter at least one time."})
    if len(times) > MOST_TIMES:
        raise BadInput("Some of this needs another look.", fields={"time-1": f"At most {MOST_TIMES} times a day."})
    gaps = [later - earlier for earlier, later in zip(times, [*times[1:], times[0] + DAY], strict=True)]
    if min(gaps) < least:
        raise BadInput("Some of this needs another look.", fields={"time-1": limit_words(least, marketplace_name)})


def limit_words(least: int, marketplace_name: str) -> str:
    return f"{marketplace_name} allows {interval_words(least)} or slower here."


def interval_words(minutes: int) -> str:
    """`every 30 minutes`, `every hour`, `every 4 hours`."""
    if minutes % 60:
        return f"every {minutes} minutes"
    return "every hour" if minutes == 60 else f"every {minutes // 60} hours"


def minute_words(minute: int) -> str:
    """`7:00 am`."""
    return clock_time(datetime.combine(date(2026, 1, 1), time.min, tzinfo=clock.IST) + timedelta(minutes=minute))


def sentence(rule: Rule) -> str:
    """The rule in one plain sentence, in Indian time."""
    days = WEEKDAYS[rule.weekdays]
    if rule.interval is None:
        times = [minute_words(minute) for minute in rule.minutes]
        listed = times[0] if len(times) == 1 else f"{', '.join(times[:-1])} and {times[-1]}"
        return f"At {listed} IST, {days}."
    often = interval_words(rule.interval).capitalize()
    if rule.start == rule.end:
        begins = "" if rule.start == 0 else f", beginning at {minute_words(rule.start)} IST"
        return f"{often}, day and night{begins}, {days}."
    ends = f"{minute_words(rule.end)} IST, ends next day" if rule.over_midnight else f"{minute_words(rule.end)} IST"
    return f"{often} between {minute_words(rule.start)} and {ends}, {days}."


def slot_words(slot: datetime) -> str:
    """`today at 7:30 pm`, `tomorrow at 7:00 am`, `Mon 24 Aug at 7:00 am`."""
    local = clock.in_ist(slot)
    away = (local.date() - clock.ist_today()).days
    day = {0: "today", 1: "tomorrow"}.get(away) or f"{local:%a} {local.day} {local:%b}"
    return f"{day} at {clock_time(slot)}"


def wait_words(slot: datetime) -> str:
    """`in 12 min`, `in 3 h 5 min`, `in 2 days`; empty for a slot that has come."""
    minutes = int((slot - clock.now()).total_seconds() // 60)
    if minutes < 0:
        return ""
    if minutes >= 2 * DAY:
        return f"in {minutes // DAY} days"
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"in {rest} min"
    return f"in {hours} h {rest} min" if rest else f"in {hours} h"
