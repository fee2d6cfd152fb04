"""The one place that knows what time it is, and the one place tests stop it.

Times are aware and in UTC everywhere in the code and the database; sellers read Indian time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

IST = ZoneInfo("Asia/Kolkata")

_stopped: ContextVar[datetime | None] = ContextVar("stopped_clock", default=None)


def now() -> datetime:
    """The present moment in UTC."""
    return _stopped.get() or datetime.now(UTC)


def stopped() -> datetime | None:
    """The moment the clock was stopped at; None while it runs. For statements that go by the database's clock otherwise."""
    return _stopped.get()


@contextmanager
def stopped_at(moment: datetime) -> Iterator[None]:
    """Inside, `now()` answers `moment`. For tests that travel in time."""
    token = _stopped.set(moment.astimezone(UTC))
    try:
        yield
    finally:
        _stopped.reset(token)


def in_ist(moment: datetime) -> datetime:
    return moment.astimezone(IST)


def said(moment: datetime) -> str:
    """A moment as one says it in India: "7:05 pm", with the day in front where it is not today."""
    there = in_ist(moment)
    time_of_day = there.strftime("%-I:%M %p").lower()
    return time_of_day if there.date() == ist_today() else f"{there:%-d %b}, {time_of_day}"


def ist_today() -> date:
    """The day an Indian seller would name now."""
    return in_ist(now()).date()


def ist_day(day: date) -> tuple[datetime, datetime]:
    """The first moment of an Indian day and the first moment after it, in UTC."""
    start = datetime.combine(day, time.min, tzinfo=IST)
    return start.astimezone(UTC), (start + timedelta(days=1)).astimezone(UTC)


def written_moment(text: str) -> datetime:
    """A moment that `isoformat` wrote with its zone, in UTC. ValueError for anything else, and for one that UTC's calendar does not have."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment of no zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a moment before or after all others") from None
