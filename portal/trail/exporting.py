"""The trail as a CSV file."""

from collections.abc import AsyncIterator

from portal import clock
from portal.audit.reading import Entry
from portal.documents import comma_separated
from portal.documents.comma_separated import harmless
from portal.trail import painting

COLUMNS = ("number", "time_ist", "who", "action", "account", "before", "after", "device", "address", "result")


async def lines(entries: AsyncIterator[Entry]) -> AsyncIterator[str]:
    """The file line by line, newest entry first."""
    yield comma_separated.MARK + _line(COLUMNS)
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


def _line(values: tuple[str, ...]) -> str:
    return comma_separated.lines([[harmless(value) for value in values]])
