"""Long tables: pages by cursor, filters in the address, links that keep both."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Generic, Literal, NamedTuple, TypeVar
from urllib.parse import urlencode
from uuid import UUID

import msgspec

PAGE_SIZE = 50
COUNT_CAP = 1000
"""Counts are exact up to here; above, a page says "more than 1,000"."""

LONGEST = 600
Row = TypeVar("Row")
SortValue = datetime | Decimal | int | str | None


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """Where a page ends: the sort value and the id of its last row, so rows that arrive later shift nothing.

    `order` names the sorting it belongs to: under another sorting it means nothing.
    """

    order: str
    value: SortValue
    id: UUID
    towards: Literal["older", "newer"] = "older"


class _Packed(msgspec.Struct, array_like=True):
    order: str
    kind: Literal["t", "d", "i", "s", "n"]
    value: str
    id: UUID
    towards: Literal["older", "newer"]


_KINDS: tuple[tuple[type, Literal["t", "d", "i", "s", "n"]], ...] = (
    (datetime, "t"),
    (Decimal, "d"),
    (int, "i"),
    (str, "s"),
    (type(None), "n"),
)


def encode(cursor: Cursor) -> str:
    """The cursor as one word for an address."""
    kind = next(letter for one, letter in _KINDS if isinstance(cursor.value, one))
    text = cursor.value.isoformat() if isinstance(cursor.value, datetime) else str(cursor.value)
    packed = msgspec.json.encode(_Packed(cursor.order, kind, text, cursor.id, cursor.towards))
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode(text: str | None, *, order: str) -> Cursor | None:
    """The cursor of an address; None when there is none, or it is damaged, or belongs to another sorting.

    Then the page starts at its beginning; `stale` says whether to tell.
    """
    if not text or len(text) > LONGEST:
        return None
    try:
        packed = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=_Packed)
        value = _READ[packed.kind](packed.value)
    except (ValueError, ArithmeticError, binascii.Error, msgspec.MsgspecError):
        return None
    if packed.order != order:
        return None
    return Cursor(order=order, value=value, id=packed.id, towards=packed.towards)


def stale(text: str | None, cursor: Cursor | None) -> bool:
    """Whether an address had a cursor we could not use: the page then says it starts at the beginning."""
    return bool(text) and cursor is None


class Slice(NamedTuple, Generic[Row]):
    """One page of rows in the table's order, with the cursors of its neighbours as words for an address; None at an end."""

    rows: Sequence[Row]
    newer: str | None
    older: str | None


def cut(
    rows: Sequence[Row], at: Callable[[Row], tuple[SortValue, UUID]], *, order: str, cursor: Cursor | None, size: int = PAGE_SIZE
) -> Slice[Row]:
    """One page out of up to `size` + 1 rows, asked for in the cursor's direction: the extra row only tells that there is more.

    `at` gives a row's sort value and id. Rows asked towards `newer` come nearest first and are turned round here.
    """
    backwards = cursor is not None and cursor.towards == "newer"
    more = len(rows) > size
    shown = list(rows[:size])
    if backwards:
        shown.reverse()
    if not shown:
        return Slice((), None, None)

    def beside(row: Row, towards: Literal["older", "newer"]) -> str:
        value, identifier = at(row)
        return encode(Cursor(order=order, value=value, id=identifier, towards=towards))

    has_newer = more if backwards else cursor is not None
    has_older = True if backwards else more
    return Slice(shown, beside(shown[0], "newer") if has_newer else None, beside(shown[-1], "older") if has_older else None)


@dataclass(frozen=True, slots=True)
class Applied:
    """One filter in force, and the address without it."""

    label: str
    value: str
    href: str


def link(path: str, query: Mapping[str, str | None], **changes: str | None) -> str:
    """The address with some filters changed; None or an empty text removes one. Any change goes back to the first page."""
    kept = {name: value for name, value in {**query, "after": None, **changes}.items() if value}
    return f"{path}?{urlencode(kept)}" if kept else path


def applied(path: str, query: Mapping[str, str | None], words: Mapping[str, tuple[str, Mapping[str, str]]]) -> list[Applied]:
    """The filters in force, in the order of `words`: query name to its label and what its values are called."""
    return [
        Applied(label, names.get(value, value), link(path, query, **{name: None}))
        for name, (label, names) in words.items()
        if (value := query.get(name))
    ]


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone")
    return moment


def _finite(number: Decimal) -> Decimal:
    if not number.is_finite() or abs(number.adjusted()) > 20:
        raise ValueError("not a number to sort by")
    return number


def _storable(number: int) -> int:
    if abs(number) >= 2**63:
        raise ValueError("larger than the database counts")
    return number


def _printable(text: str) -> str:
    if "\0" in text:
        raise ValueError("not a text the database keeps")
    return text


_READ: Mapping[str, Callable[[str], SortValue]] = {
    "t": lambda text: _aware(datetime.fromisoformat(text)),
    "d": lambda text: _finite(Decimal(text)),
    "i": lambda text: _storable(int(text)),
    "s": _printable,
    "n": lambda _: None,
}
