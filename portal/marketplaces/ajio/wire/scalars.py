"""Single values: ids, words, amounts, counts and moments, each refused by name when it cannot be right."""

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal

from portal.clock import IST
from portal.marketplaces.ajio.wire.body import Loose, Unreadable

BIGGEST_AMOUNT = Decimal(10) ** 10
PAISA, FINEST = Decimal("0.01"), Decimal("0.0001")
BIGGEST_COUNT = 2**31
EARLIEST, LATEST = 946_684_800, 4_102_444_800
"""Epoch seconds of the years 2000 and 2100: outside of them a number is no order's date."""

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
JAVA_DATE = re.compile(r"^[a-z]{3} ([a-z]{3}) (\d{1,2}) (\d{1,2}):(\d{2}):(\d{2}) (IST|UTC|GMT) (\d{4})$", re.IGNORECASE)
INDIAN_DATE = re.compile(r"^(\d{1,2})[-/](\d{1,2})[-/](\d{4})$")


def identifier(value: Loose, name: str, *, limit: int = 80) -> str:
    """An id we file rows under. Raises Unreadable when it is missing or longer than the column."""
    text = "" if value is None else str(value).strip()
    if not text:
        raise Unreadable(f"{name} is missing")
    if len(text) > limit:
        raise Unreadable(f"{name} is longer than {limit} characters")
    return text


def words(value: Loose, *, limit: int = 80) -> str:
    """A word we show: empty when missing, cut to its column."""
    return "" if value is None else str(value).strip()[:limit]


def amount(value: Decimal | None, name: str) -> Decimal | None:
    """Rupees, with two decimals, or four where the marketplace counts finer. Raises Unreadable for what no order costs."""
    if value is None:
        return None
    if not value.is_finite() or abs(value) >= BIGGEST_AMOUNT:
        raise Unreadable(f"{name} is not an amount")
    paisa = value.quantize(PAISA)
    return paisa if paisa == value else value.quantize(FINEST)


def quantity(value: int | None, name: str) -> int:
    """A number of pieces. Raises Unreadable when it is missing, negative or too big to count."""
    if value is None:
        raise Unreadable(f"{name} is missing")
    if not 0 <= value < BIGGEST_COUNT:
        raise Unreadable(f"{name} is not a number of pieces")
    return value


def from_epoch(seconds: int | None, name: str) -> datetime | None:
    """The moment in UTC; None for a missing value and for 0, which AJIO writes for "not yet"."""
    if not seconds:
        return None
    if not EARLIEST <= seconds < LATEST:
        raise Unreadable(f"{name} is not a moment in epoch seconds")
    return datetime.fromtimestamp(seconds, UTC)


def from_panel(value: Loose, name: str) -> datetime | None:
    """A panel's date in UTC; a day alone means its first moment in India.

    Known forms: `Fri Aug 14 16:43:42 IST 2026`, `2026-08-14`, `2026-08-14 16:43:42` and `14-08-2026`.
    """
    text = words(value)
    if not text:
        return None
    try:
        return _panel_moment(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable(f"{name} is not a date we know") from None


def _panel_moment(text: str) -> datetime:
    if found := JAVA_DATE.match(text):
        month, day, hour, minute, second, zone, year = found.groups()
        zoned = IST if zone.upper() == "IST" else UTC
        return datetime(int(year), MONTHS.index(month.lower()) + 1, int(day), int(hour), int(minute), int(second), tzinfo=zoned)
    if found := INDIAN_DATE.match(text):
        day, month, year = found.groups()
        return datetime.combine(date(int(year), int(month), int(day)), time.min, tzinfo=IST)
    moment = datetime.fromisoformat(text)
    if not EARLIEST <= moment.replace(tzinfo=moment.tzinfo or IST).timestamp() < LATEST:
        raise ValueError(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=IST)


def indian_day(moment: datetime) -> date:
    """The day a seller in India would name."""
    return moment.astimezone(IST).date()
