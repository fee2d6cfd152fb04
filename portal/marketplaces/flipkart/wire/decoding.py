"""What all answers share: strict decoding, tolerant rows, moments, and what may be kept of a row we cannot read."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import msgspec

from portal.clock import IST, in_ist
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import UnreadableRow

MARKETPLACE = "Flipkart"

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
Sku = Annotated[str, msgspec.Meta(max_length=120)]
Word = Annotated[str, msgspec.Meta(max_length=80)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]

Shape = TypeVar("Shape")


def decode(body: bytes, shape: type[Shape], what: str) -> Shape:
    """The body in its shape. WireChanged names `what` when it is cut off, no JSON, or of another shape."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # A validation message names a path and a type, never a value, so it may be shown.
        words = str(error) if isinstance(error, msgspec.ValidationError) else type(error).__name__
        raise WireChanged(MARKETPLACE, what, words=words) from None


def read_rows(
    rows: Iterable[msgspec.Raw],
    read: Callable[[bytes], Shape],
    *,
    id_key: str,
    keep: frozenset[str],
) -> tuple[list[Shape], list[UnreadableRow]]:
    """Each row read by `read`; those it refuses are set aside with the fields named in `keep` and nothing else."""
    good: list[Shape] = []
    bad: list[UnreadableRow] = []
    for row in rows:
        # No database takes a NUL in a text, and no title means one.
        body = bytes(row).replace(b"\\u0000", b"")
        try:
            good.append(read(body))
        except (msgspec.DecodeError, ValueError, ArithmeticError, RecursionError) as error:
            bad.append(_set_aside(body, str(error), id_key, keep))
    return good, bad


def moment(text: str) -> datetime:
    """`2026-09-28T12:00:00.000+05:30` or with Z, in UTC. Without an offset it is Indian time. ValueError for anything else."""
    try:
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=IST)).astimezone(UTC)
    except OverflowError:
        raise ValueError("a date far outside this era") from None
    except ValueError:
        raise ValueError("a date in a form we do not know") from None


def moment_or_none(text: str | None) -> datetime | None:
    return moment(text) if text else None


def money(amount: Decimal) -> Decimal:
    """The amount, to the paisa. ValueError for what is no amount of money."""
    if not amount.is_finite() or abs(amount) >= Decimal(10**10):
        raise ValueError("an amount that is no amount of money")
    return amount.quantize(Decimal("0.01"))


def stamp(at: datetime) -> str:
    """A moment as Flipkart's filters take it: UTC, milliseconds, Z."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def ist_stamp(at: datetime) -> str:
    """A moment as Flipkart's guide writes it in what moves an order on: Indian time, milliseconds, offset."""
    return f"{in_ist(at):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+05:30"


def _set_aside(row: bytes, reason: str, id_key: str, keep: frozenset[str]) -> UnreadableRow:
    try:
        whole = msgspec.json.decode(row)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        whole = None
    kept: dict[str, Any] = _only(whole, keep) if isinstance(whole, dict) else {}
    return UnreadableRow(
        external_id=str(kept.get(id_key) or "")[:80],
        reason=f"We could not read this row: {reason[:200]}",
        raw=kept,
    )


def _only(value: Any, keep: frozenset[str]) -> Any:
    """The value without any key that is not in `keep`: buyers never reach a set-aside row, whatever Flipkart adds."""
    if isinstance(value, dict):
        return {name: _only(inner, keep) for name, inner in value.items() if name in keep}
    if isinstance(value, list):
        return [_only(inner, keep) for inner in value[:50]]
    return value[:120] if isinstance(value, str) else value
