"""Retry-After: the moment at which a marketplace wants to be called again."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from portal import clock

LONGEST_WAIT_S = 86_400


def retry_after(response: httpx.Response) -> datetime | None:
    """The moment a Retry-After header names, in seconds or as a date; None without a readable one. A day ahead at most.

    A date is the marketplace's: where it tells its own time as well, the wait is what lies between the two, whatever our clock says.
    """
    named = response.headers.get("retry-after", "").strip()
    if not named:
        return None
    if named.isdecimal():
        wait = timedelta(seconds=min(int(named), LONGEST_WAIT_S))
    else:
        moment = _date(named)
        if moment is None:
            return None
        # A server in front may put its own date first; the last one is the application's.
        wait = moment - next(filter(None, map(_date, reversed(response.headers.get_list("date")))), clock.now())
    return clock.now() + min(max(wait, timedelta()), timedelta(seconds=LONGEST_WAIT_S))


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
