"""Where a run is: small JSON texts with all that another process needs to go on."""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Self, TypeVar

import msgspec

from portal.clock import in_ist
from portal.marketplaces.contract import SyncContext
from portal.marketplaces.facts import StockLine

SEEN = 20
"""How many pages back a repeated page is recognised."""


Mark = TypeVar("Mark", bound=msgspec.Struct)


def _opened(cursor: str | None, shape: type[Mark]) -> Mark | None:
    """The place a cursor names; None without one, or for one of another release, after which a read begins anew and harms nothing."""
    if cursor is None:
        return None
    try:
        return msgspec.json.decode(cursor, type=shape)
    except msgspec.MsgspecError:
        return None


class Bookmark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place in a read from `start` to `end`.

    `token` is Meesho's own cursor for the next page; `list` the how-manieth list is being read, where there are several.
    `newest` is the latest change met so far, by Meesho's clock: what the next run begins at. `seen` marks the pages before.
    `paid` holds the sums of payment dates so far.
    """

    start: datetime
    end: datetime | None = None
    token: str = ""
    list: int = 0
    newest: datetime | None = None
    seen: tuple[str, ...] = ()
    paid: dict[str, Decimal] = {}

    @classmethod
    def of(cls, ctx: SyncContext, *, overlap: timedelta) -> Self:
        """Where this run goes on, or begins: `overlap` before the last one's end, because Meesho's rows may come late."""
        kept = _opened(ctx.cursor, cls)
        if kept is not None:
            return kept
        if ctx.first_day is not None:
            start = ctx.first_day
        elif ctx.since is not None:
            start = datetime.fromisoformat(ctx.since) - overlap
        else:
            start = ctx.now - timedelta(days=ctx.first_days)
        return cls(start=start, end=ctx.until)

    def text(self) -> str:
        return msgspec.json.encode(self).decode()

    def met(self, changed: datetime | None) -> Self:
        """Having met a row that changed then."""
        latest = max((moment for moment in (self.newest, changed) if moment is not None), default=None)
        return msgspec.structs.replace(self, newest=latest)

    def onward(self, digest: str, token: str | None) -> Self:
        """After a page with that content: at the page behind `token`, or else at the next list's first page."""
        if token is None:
            return msgspec.structs.replace(self, token="", list=self.list + 1, seen=())
        return msgspec.structs.replace(self, token=token, seen=(*self.seen, digest)[-SEEN:])

    @property
    def watermark(self) -> str:
        """What the next run begins at. Without a single row nothing is known but where this one began."""
        return (self.newest or self.start).isoformat()

    @property
    def first_day(self) -> date:
        return in_ist(self.start).date()

    @property
    def last_day(self) -> date | None:
        return None if self.end is None else in_ist(self.end).date()


class StockMark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place in a push: batches before `batch` are told; `left_out` of it are told too; `asked` is the request to ask for."""

    of: str
    batch: int = 0
    asked: str = ""
    left_out: tuple[str, ...] = ()

    @classmethod
    def at(cls, ctx: SyncContext, lines: Sequence[StockLine]) -> Self:
        """Where this push goes on. A cursor of other lines means nothing; then it begins anew, which absolute quantities allow."""
        mark = hashlib.sha256(",".join(f"{line.task_id}={line.quantity}" for line in lines).encode()).hexdigest()[:16]
        kept = _opened(ctx.cursor, cls)
        return kept if kept is not None and kept.of == mark else cls(of=mark)

    def text(self) -> str:
        return msgspec.json.encode(self).decode()
