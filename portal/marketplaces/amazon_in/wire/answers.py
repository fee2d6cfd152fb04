"""What Amazon says besides data: sign-in answers, error lists, and how any JSON answer is opened."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, TypeVar

import msgspec

from portal.marketplaces.errors import WireChanged

NAME = "Amazon"

T = TypeVar("T")

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its offset; one without is refused, because nobody could say which hour it means."""


class Money(msgspec.Struct, gc=False):
    """An amount as Amazon writes it: a decimal string (or number) in major units, with its ISO currency."""

    amount: Decimal | None = None
    currencyCode: str | None = None  # noqa: N815 (Amazon's spelling)


class SignedIn(msgspec.Struct):
    """The answer to a token request. `expires_in` is in seconds; a refresh token comes with every grant and changes with none but a code."""

    access_token: str
    expires_in: int
    refresh_token: str | None = None

    def __repr__(self) -> str:
        return "SignedIn(…)"


class Restricted(msgspec.Struct):
    """A token that opens one address which holds buyers' data."""

    restrictedDataToken: str  # noqa: N815 (Amazon's spelling)

    def __repr__(self) -> str:
        return "Restricted(…)"


class Refused(msgspec.Struct):
    """Why a token request was refused, in OAuth's words."""

    error: str
    error_description: str | None = None


class Complaint(msgspec.Struct):
    """One entry of an error list. `details` often holds the only real reason."""

    code: str | None = None
    message: str | None = None
    details: str | None = None


class _ErrorAnswer(msgspec.Struct):
    """The documented list, or the gateway's one message."""

    errors: list[Complaint] | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error answer in one shape. All three may be empty; then the body said nothing we can read."""

    code: str
    message: str
    details: str

    @property
    def words(self) -> str:
        return " ".join(part for part in (self.message, self.details) if part)


def decoded(body: bytes, kind: type[T], what: str) -> T:
    """The body as `kind`. WireChanged names `what` when it is not JSON of that shape."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireChanged(NAME, what, words=_shape(error)) from error


def _shape(error: Exception) -> str:
    """Where the shape differed, without the data itself: msgspec names the path and the types only."""
    return str(error) if isinstance(error, msgspec.ValidationError) else type(error).__name__


def refusal(body: bytes) -> Refused | None:
    """Why signing in was refused; None when the body is not OAuth's error shape."""
    try:
        return msgspec.json.decode(body, type=Refused)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def trouble(body: bytes) -> Trouble:
    """The first complaint of an error answer, whichever of the four known shapes it has."""
    try:
        found = msgspec.json.decode(body, type=_ErrorAnswer | list[Complaint])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Trouble("", "", "")
    complaints = found if isinstance(found, list) else (found.errors or [Complaint(message=found.message)])
    first = next(iter(complaints), Complaint())
    return Trouble(first.code or "", first.message or "", first.details or "")


def amount_of(money: Money | None) -> Decimal | None:
    """The amount, or None when there is none. ValueError for one that no invoice can hold."""
    if money is None or money.amount is None:
        return None
    return sane(money.amount)


def sane(amount: Decimal) -> Decimal:
    """The amount itself. ValueError for NaN, infinity, and anything of a trillion rupees or more."""
    if not amount.is_finite() or amount.adjusted() >= 12:
        raise ValueError("an amount that cannot be money")
    return amount


def utc(moment: datetime) -> datetime:
    """The same moment in UTC; free of work for what already is."""
    if moment.tzinfo is UTC:
        return moment
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a time outside the calendar") from error


def utc_or_none(moment: datetime | None) -> datetime | None:
    return None if moment is None else utc(moment)
