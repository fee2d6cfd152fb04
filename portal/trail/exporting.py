"""The trail as a CSV file. A spreadsheet must not run what somebody chose as a name."""

import csv
import io
from collections.abc import AsyncIterator

from portal import clock
from portal.audit.reading import Entry
from portal.trail import painting

COLUMNS = ("number", "time_ist", "who", "action", "account", "before", "after", "device", "address", "result")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a cell may begin with that spreadsheets take for a formula, also in the wide letters some of them fold."""


async def lines(entries: AsyncIterator[Entry]) -> AsyncIterator[str]:
    """The file line by line, with a byte order mark: without it Excel reads Indian scripts as noise."""
    yield "\ufeff" + _line(COLUMNS)
    async for entry in entries:
        yield _line(
            (
                "" if entry.position is None else str(entry.position),
                f"{clock.in_ist(entry.occurred_at):%Y-%m-%d %H:%M:%S}",
                entry.actor,
                painting.words(entry.action),
                entry.account_name,
                entry.before,
                entry.after,
                entry.device,
                entry.masked_address,
                painting.result(entry.result)[0],
            )
        )


def harmless(value: str) -> str:
    """A value that stays text in every spreadsheet."""
    return f"'{value}" if value.lstrip(" \u00a0").startswith(FORMULA) or value.startswith(FORMULA) else value


def _line(values: tuple[str, ...]) -> str:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerow([harmless(value) for value in values])
    return written.getvalue()
