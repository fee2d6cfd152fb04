"""Every exchange of a run, put on record with the event it led to: no commit and no round trip of its own while pages are read."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from portal import clock, db
from portal.marketplaces.http import Call
from portal.marketplaces.scrubbing import scrub


class Made(NamedTuple):
    """A call as it is kept, in the order of the columns."""

    occurred_at: datetime
    operation: str
    method: str
    path: str
    status: int | None
    duration_ms: float
    attempt: int
    request_id: str
    fault: str


COLUMNS = ", ".join(Made._fields)
TYPES = ("timestamptz", "text", "text", "text", "int", "real", "int", "text", "text")


def unnested(first: int) -> str:
    """The calls as rows of a query, their columns given as parameters from number `first` on."""
    return "unnest(" + ", ".join(f"${first + place}::{kind}[]" for place, kind in enumerate(TYPES)) + ")"


def columns(made: Sequence[Made]) -> list[list[object]]:
    """The values for `unnested`."""
    return [list(column) for column in zip(*made, strict=True)] if made else [[] for _ in TYPES]


class CallBook:
    """The calls of a run that no committed event carries yet.

    Pages are fetched ahead, so calls arrive while a transaction is open: it claims what is there when it begins, and gives it back
    when it does not come to its commit.
    """

    def __init__(self) -> None:
        self._waiting: list[Made] = []

    def write(self, call: Call) -> None:
        self._waiting.append(
            Made(
                occurred_at=clock.now(),
                operation=call.operation[:60],
                method=call.method[:10],
                path=scrub(call.path)[:200],
                status=call.status,
                duration_ms=call.duration_ms,
                attempt=call.attempt,
                request_id=call.request_id[:80],
                fault=call.fault[:40],
            )
        )

    def claim(self) -> list[Made]:
        claimed, self._waiting = self._waiting, []
        return claimed

    def give_back(self, claimed: list[Made]) -> None:
        self._waiting[:0] = claimed


_KEEP = f"""INSERT INTO sync_calls (seller_id, run_id, seq, {COLUMNS})
            SELECT app_current_seller_id(), $1, $2, made.* FROM {unnested(3)} AS made"""  # noqa: S608 (our own words)


async def keep(run_id: UUID, seq: int, made: Sequence[Made]) -> None:
    """Put calls on record below event `seq`, in the caller's transaction."""
    if made:
        await db.connection().execute(_KEEP, run_id, seq, *columns(made))
