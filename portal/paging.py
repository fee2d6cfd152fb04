"""Long tables: conditions with their values, one page by cursor, counts up to a cap. Knows no table.

A cursor is the sort value and the id of a page's last row, so rows that arrive later shift nothing.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, LiteralString, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from portal import clock, db

PAGE_SIZE = 50
COUNT_CAP = 1_000
"""Counts are exact up to here; above, a page says "more than 1,000"."""

LONGEST = 600
LARGEST_ID = 2**63 - 1
Row = TypeVar("Row")
SortValue = datetime | str
RowId = int | UUID


@dataclass(frozen=True, slots=True)
class Sorting:
    """An order of rows: an expression that is never NULL and its type, then the id and its type. `name` ties a cursor to it."""

    name: str
    value: LiteralString
    id: LiteralString
    kind: type[datetime] | type[str] = datetime
    descending: bool = True
    ids: type[int] | type[UUID] = int


class Cursor(NamedTuple):
    value: SortValue
    id: RowId
    towards: Literal["older", "newer"] = "older"


class _Packed(msgspec.Struct, array_like=True):
    sorting: str
    value: str
    id: int | str
    towards: Literal["older", "newer"]


def encode(sorting: Sorting, cursor: Cursor) -> str:
    """The cursor as one word for an address."""
    value = cursor.value.isoformat() if isinstance(cursor.value, datetime) else cursor.value
    identifier = cursor.id if isinstance(cursor.id, int) else str(cursor.id)
    packed = msgspec.json.encode(_Packed(sorting.name, value, identifier, cursor.towards))
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode(sorting: Sorting, word: str) -> Cursor | None:
    """The cursor of an address; None when there is none, when it is damaged, or when it belongs to another sorting."""
    if not word or len(word) > LONGEST:
        return None
    try:
        packed = msgspec.json.decode(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)), type=_Packed)
        value = clock.written_moment(packed.value) if sorting.kind is datetime else packed.value
        identifier = _row_id(sorting, packed.id)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        return None
    if packed.sorting != sorting.name or "\0" in packed.value:
        return None
    return Cursor(value, identifier, packed.towards)


def _row_id(sorting: Sorting, packed: int | str) -> RowId:
    """The id as the table has it. ValueError for one that it cannot have."""
    if sorting.ids is UUID:
        return UUID(str(packed))
    if isinstance(packed, int) and 0 <= packed <= LARGEST_ID:
        return packed
    raise ValueError("no id of this table")


class Where:
    """Conditions joined by AND, each with its values bound: `where.add("o.status = {}", status)`."""

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self.values: list[object] = []

    def add(self, condition: LiteralString, *values: object) -> None:
        """One more condition; each `{}` stands for one of `values`, `{0}` for the first one wherever it is needed again."""
        first = len(self.values) + 1
        self._conditions.append(condition.format(*(f"${first + place}" for place in range(len(values)))))
        self.values.extend(values)

    def __str__(self) -> str:
        return " AND ".join(self._conditions) or "true"


class Slice(NamedTuple, Generic[Row]):
    """One page of rows in the table's order, with the cursors of its neighbours as words for an address; empty at an end.

    `total` counts all rows that match, up to COUNT_CAP + 1.
    """

    rows: list[Row]
    newer: str
    older: str
    total: int

    @property
    def capped(self) -> bool:
        return self.total > COUNT_CAP


async def fetch(
    columns: LiteralString,
    table: LiteralString,
    where: Where,
    sorting: Sorting,
    cursor: Cursor | None,
    *,
    beside: LiteralString = "",
    size: int = PAGE_SIZE,
) -> Slice[Any]:
    """One page of records, in the caller's transaction.

    `table` is a table and its alias, such as `orders o`; conditions may use nothing else. `beside` joins what only the shown rows
    need: it sees the page's rows under the same alias, so neither counting nor the walk to the page pays for it.
    """
    total = await db.connection().fetchval(
        f"SELECT count(*) FROM (SELECT FROM {table} WHERE {where} LIMIT {COUNT_CAP + 1}) AS counted",  # noqa: S608 (our own words; values are bound)
        *where.values,
    )
    backwards = cursor is not None and cursor.towards == "newer"
    downwards = sorting.descending is not backwards
    if cursor is not None:
        comparison: LiteralString = f"({sorting.value}, {sorting.id}) {'<' if downwards else '>'} ({{}}, {{}})"
        where.add(comparison, cursor.value, cursor.id)
    direction = "DESC" if downwards else "ASC"
    alias = table.split()[-1]
    rows = await db.connection().fetch(
        f"""SELECT {alias}.sort_value, {alias}.sort_id, {columns}
            FROM (SELECT {sorting.value} AS sort_value, {sorting.id} AS sort_id, {alias}.* FROM {table} WHERE {where}
                  ORDER BY {sorting.value} {direction}, {sorting.id} {direction} LIMIT {size + 1}) AS {alias} {beside}
            ORDER BY {alias}.sort_value {direction}, {alias}.sort_id {direction}""",  # noqa: S608 (as above)
        *where.values,
    )
    return _cut(rows, sorting, cursor, total, size)


def _cut(rows: list[Any], sorting: Sorting, cursor: Cursor | None, total: int, size: int) -> Slice[Any]:
    """The page out of up to `size` + 1 rows: the extra row only tells that there is more in that direction."""
    backwards = cursor is not None and cursor.towards == "newer"
    more, shown = len(rows) > size, rows[:size]
    if backwards:
        shown.reverse()
    if not shown:
        return Slice([], "", "", total)

    def beyond(row: Any, towards: Literal["older", "newer"]) -> str:
        return encode(sorting, Cursor(row["sort_value"], row["sort_id"], towards))

    has_newer = more if backwards else cursor is not None
    has_older = True if backwards else more
    return Slice(shown, beyond(shown[0], "newer") if has_newer else "", beyond(shown[-1], "older") if has_older else "", total)
