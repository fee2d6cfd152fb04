"""Calls and faults counted in this process, until they are written down for all processes together."""

from collections import Counter

from portal import db
from portal.marketplaces.http import Call

Kind = tuple[str, str]


class Tally:
    """Counts calls by marketplace and outcome."""

    def __init__(self) -> None:
        self._calls: Counter[Kind] = Counter()
        self._milliseconds: Counter[Kind] = Counter()

    @property
    def waiting(self) -> int:
        """How many calls are counted and not yet written down."""
        return self._calls.total()

    def count(self, code: str, call: Call) -> None:
        """`code` is the marketplace's."""
        kind = (code, outcome(call))
        self._calls[kind] += 1
        self._milliseconds[kind] += round(call.duration_ms)

    async def write_down(self) -> None:
        """Add what was counted since the last time to the rows. If that fails it stays counted for the next time."""
        calls, milliseconds = self._calls, self._milliseconds
        self._calls, self._milliseconds = Counter(), Counter()
        written = False
        try:
            async with db.pool().acquire() as held:
                await held.executemany(
                    """INSERT INTO marketplace_tallies AS t (marketplace_code, outcome, calls, seconds) VALUES ($1, $2, $3, $4)
                       ON CONFLICT (marketplace_code, outcome)
                       DO UPDATE SET calls = t.calls + excluded.calls, seconds = t.seconds + excluded.seconds""",
                    # In one order everywhere, so that two workers never wait for each other.
                    [(*kind, calls[kind], milliseconds[kind] / 1000) for kind in sorted(calls)],
                )
            written = True
        finally:
            if not written:
                self._calls += calls
                self._milliseconds += milliseconds


def outcome(call: Call) -> str:
    """How a call ended, in a word: one of few, so that it may become a label."""
    if call.fault:
        return call.fault[:40]
    return "refused" if call.status is not None and call.status >= 400 else "answered"
