"""Meesho's envelope, and the rows inside it: read one by one, so that one bad row does not spoil the others."""

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from portal.clock import IST
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import UnreadableRow

NAME = "Meesho"

Fact = TypeVar("Fact")

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=80, pattern=r"^[!-~]+$")]
"""An identifier: visible ASCII, short enough to be kept whole."""
Word = Annotated[str, msgspec.Meta(max_length=80)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]

MONEY_LIMIT = Decimal(10) ** 10
"""What a money column holds before the point."""

UNREADABLE = (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError)
"""What decoding strange bytes raises. ArithmeticError: moments and amounts outside every calendar and column."""


class Rows(msgspec.Struct, Generic[Fact], frozen=True, kw_only=True):
    """One page as Meesho sent it. `cursor` asks for the next one; `digest` is the same for the same content under any cursor."""

    facts: tuple[Fact, ...]
    set_aside: tuple[UnreadableRow, ...]
    cursor: str | None
    digest: str


class _Envelope(msgspec.Struct):
    data: list[msgspec.Raw]
    cursor: str | None = None


def read_rows(body: bytes, fact: Callable[[msgspec.Raw], Fact], *, shown: tuple[str, ...], what: str) -> Rows[Fact]:
    """A page of facts, with the rows that could not be read beside them. WireChanged when it is no page at all.

    `shown` are the fields a row that could not be read may show of itself.
    """
    envelope = decoded(body, _Envelope, what=what)
    facts: list[Fact] = []
    set_aside: list[UnreadableRow] = []
    for raw in envelope.data:
        try:
            facts.append(fact(raw))
        except UNREADABLE as error:
            set_aside.append(unreadable(raw, shown, error))
    return Rows(facts=tuple(facts), set_aside=tuple(set_aside), cursor=envelope.cursor or None, digest=digest(envelope.data))


def decoded(body: bytes, shape: type[Fact], *, what: str) -> Fact:
    """The body in that shape. WireChanged otherwise; its words name the place, never the content."""
    try:
        return msgspec.json.decode(body, type=shape)
    except UNREADABLE as error:
        raise WireChanged(NAME, what, words=reason(error)) from None


def digest(rows: list[msgspec.Raw]) -> str:
    """A short mark of these rows in this order."""
    summed = hashlib.sha256()
    for raw in rows:
        summed.update(raw)
        summed.update(b"\n")
    return summed.hexdigest()[:16]


def unreadable(raw: msgspec.Raw, shown: tuple[str, ...], error: BaseException) -> UnreadableRow:
    """The row as it may be kept: only fields named in `shown`, none of which ever holds a buyer's data."""
    try:
        row = msgspec.json.decode(raw)
    except UNREADABLE:
        row = None
    kept = {name: _short(row[name]) for name in shown if name in row and _plain(row[name])} if isinstance(row, dict) else {}
    named = kept.get("sub_order_num") or kept.get("sub_order_no")
    return UnreadableRow(
        external_id=str(named or f"unnamed {hashlib.sha256(raw).hexdigest()[:12]}")[:120],
        reason=reason(error),
        raw=kept,
    )


def reason(error: BaseException) -> str:
    """Why, without a value: msgspec names the field and the expectation, a ValueError of ours is a sentence already."""
    if isinstance(error, msgspec.MsgspecError):
        return text(str(error), 300)
    if type(error) is ValueError:
        return text(str(error), 300)
    return "A value in this row lies outside everything we can keep."


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _short(value: Any) -> Any:
    return text(value, 200) if isinstance(value, str) else value


def text(value: str, limit: int) -> str:
    """Words for a column of that length: without NUL and lone surrogates, which no database takes."""
    return value.replace("\x00", "").encode("utf-8", "ignore").decode("utf-8")[:limit]


def utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def midnight(day: date) -> datetime:
    """The first moment of an Indian day, in UTC."""
    return datetime.combine(day, time.min, tzinfo=IST).astimezone(UTC)


def money(amount: Decimal | None) -> Decimal | None:
    """The amount, if a money column can hold it. ValueError otherwise."""
    if amount is not None and (not amount.is_finite() or abs(amount) >= MONEY_LIMIT):
        raise ValueError("An amount in this row is no amount of money.")
    return amount
