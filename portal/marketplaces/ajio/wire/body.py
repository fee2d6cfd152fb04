"""Answers into tidy rows. A row that cannot be read is set aside with its reason; the rest goes on."""

import hashlib
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec

from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import UnreadableRow

MARKETPLACE = "AJIO"

Fact = TypeVar("Fact")
Shape = TypeVar("Shape", bound=msgspec.Struct)

Loose = str | int | None
"""An id or a word: AJIO writes some of them as numbers."""

_json = msgspec.json.Decoder(float_hook=Decimal)


class Unreadable(ValueError):
    """Why one row cannot become a fact. Names fields, never values."""


class Rows(msgspec.Struct, Generic[Fact], frozen=True, kw_only=True):
    """What one answer held. `count` and `digest` speak of the rows as they came, readable or not.

    `total` and `pages` are the marketplace's own figures, None where it gives none.
    """

    facts: tuple[Fact, ...]
    set_aside: tuple[UnreadableRow, ...]
    count: int
    digest: str
    total: int | None = None
    pages: int | None = None


class PageFigures(msgspec.Struct, rename="camel"):
    number: int | None = None
    size: int | None = None
    total_elements: int | None = None
    total_pages: int | None = None


def decoded(body: bytes, what: str) -> dict[str, Any]:
    """The answer as an object: keys stripped of blanks, empty values left out, fractions as Decimal.

    Raises WireChanged for everything that is not one JSON object.
    """
    try:
        document = _tidy(_json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError, RecursionError) as error:
        raise WireChanged(MARKETPLACE, what, words=type(error).__name__) from None
    if not isinstance(document, dict):
        raise WireChanged(MARKETPLACE, what)
    return document


def _tidy(value: Any) -> Any:
    """The same value without what only disturbs: blanks around keys, NUL characters, empty entries, `3.0` for 3."""
    if isinstance(value, dict):
        kept = ((str(name).strip(), _tidy(one)) for name, one in value.items())
        return {name: one for name, one in kept if one is not None and one != ""}
    if isinstance(value, list):
        return [_tidy(one) for one in value]
    if isinstance(value, str):
        return value.replace("\x00", "").strip()
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() < 18 and value == value.to_integral_value():
        return int(value)
    if isinstance(value, int) and value.bit_length() > 63:
        return str(value) if value.bit_length() < 256 else None
    return value


def listed(document: dict[str, Any], name: str, what: str) -> list[Any]:
    """The rows under `name`. Raises WireChanged when there is no such list."""
    rows = document.get(name)
    if not isinstance(rows, list):
        raise WireChanged(MARKETPLACE, what)
    return rows


def shaped(row: Any, shape: type[Shape]) -> Shape:
    """The row in its shape. Raises Unreadable naming the field that does not fit."""
    try:
        return msgspec.convert(row, shape, strict=False)
    except (msgspec.ValidationError, OverflowError) as error:
        raise Unreadable(str(error)) from None


def read_rows(document: dict[str, Any], rows: list[Any], shape: type[Shape], read: Callable[[Shape], Fact], *, id_name: str) -> Rows[Fact]:
    """Facts of one page, in the order of its rows, with the page's own figures."""
    facts: list[Fact] = []
    aside: list[UnreadableRow] = []
    for row in rows:
        try:
            facts.append(read(shaped(row, shape)))
        except Unreadable as problem:
            aside.append(set_aside(row, shape, id_name, str(problem)))
    figures = page_figures(document)
    return Rows(
        facts=tuple(facts),
        set_aside=tuple(aside),
        count=len(rows),
        digest=digest_of(rows),
        total=figures.total_elements,
        pages=figures.total_pages,
    )


def page_figures(document: dict[str, Any]) -> PageFigures:
    """What the answer says about its pages; nothing where it says nothing readable."""
    try:
        return msgspec.convert(document.get("page", {}), PageFigures, strict=False)
    except msgspec.ValidationError:
        return PageFigures()


def digest_of(rows: Iterable[Any]) -> str:
    """A short mark of the rows' content: two pages with the same mark are the same page."""
    return hashlib.sha256(msgspec.json.encode(list(rows))).hexdigest()[:16]


def set_aside(row: Any, shape: type[msgspec.Struct], id_name: str, reason: str) -> UnreadableRow:
    """The row as it may be kept: only single values of the fields we know, none of which is a buyer's or a secret."""
    known = {field.encode_name for field in msgspec.structs.fields(shape)}
    held = row if isinstance(row, dict) else {}
    raw = {name: str(one)[:120] for name, one in held.items() if name in known and not isinstance(one, dict | list)}
    return UnreadableRow(external_id=raw.get(id_name, "")[:80], reason=reason[:300], raw=raw)
