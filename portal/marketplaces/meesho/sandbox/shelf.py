"""Rows in the order in which they changed, cut into pages."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import Generic, TypeVar

import msgspec

Row = TypeVar("Row", bound=msgspec.Struct)

Key = tuple[datetime, str]


class Shelf(Generic[Row]):
    """Rows by (moment of change, id). Bytes of a row are made when it is first asked for, and kept until it changes."""

    def __init__(self) -> None:
        self._keys: list[Key] = []
        self._at: dict[str, datetime] = {}
        self._rows: dict[str, Row] = {}
        self._bytes: dict[str, bytes] = {}

    def fill(self, rows: list[tuple[datetime, str, Row]]) -> None:
        """Many rows at once, before anybody reads."""
        for moment, name, row in rows:
            self._at[name], self._rows[name] = moment, row
        self._keys = sorted((moment, name) for name, moment in self._at.items())

    def put(self, moment: datetime, name: str, row: Row) -> None:
        """A new row, or a changed one, which moves to its new place."""
        if name in self._at:
            del self._keys[bisect_left(self._keys, (self._at[name], name))]
        self._at[name], self._rows[name] = moment, row
        self._bytes.pop(name, None)
        key = (moment, name)
        self._keys.insert(bisect_left(self._keys, key), key)

    def drop(self, name: str) -> None:
        """Take a row away. KeyError where there is none."""
        del self._keys[bisect_left(self._keys, (self._at.pop(name), name))]
        del self._rows[name]
        self._bytes.pop(name, None)

    def page(
        self, start: datetime, end: datetime | None, after: Key | None, limit: int, keep: Callable[[Row], bool] = lambda _: True
    ) -> tuple[list[bytes], Key | None]:
        """Up to `limit` rows to `keep`, changed from `start` to `end`, behind `after`; and the last one's key when more follow."""
        first = bisect_right(self._keys, after) if after is not None else bisect_left(self._keys, (start, ""))
        stop = len(self._keys) if end is None else bisect_right(self._keys, (end, "\U0010ffff"))
        kept = (key for place in range(first, stop) if keep(self._rows[(key := self._keys[place])[1]]))
        keys = list(islice(kept, limit))
        more = next(kept, None) is not None
        return [self._written(name) for _, name in keys], keys[-1] if more else None

    def get(self, name: str) -> Row | None:
        return self._rows.get(name)

    def row(self, name: str) -> Row:
        """The row of that name. KeyError where there is none."""
        return self._rows[name]

    def rows(self) -> list[Row]:
        return [self._rows[name] for _, name in self._keys]

    def _written(self, name: str) -> bytes:
        if name not in self._bytes:
            self._bytes[name] = msgspec.json.encode(self._rows[name])
        return self._bytes[name]
