"""What the sandbox's Meesho answers once a request is let in."""

import base64
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Annotated

import msgspec

from portal.clock import ist_day
from portal.marketplaces.meesho.sandbox.gate import Turned
from portal.marketplaces.meesho.sandbox.shelf import Key, Row, Shelf
from portal.marketplaces.meesho.sandbox.store import Store

BATCH = 50
AT_ONCE = 20
"""A bigger batch of stock is worked off later: the answer is a request id."""

PageOf = Callable[[Mapping[str, str]], tuple[list[bytes], str | None]]
"""Rows as JSON, and the cursor behind them, for what a request asks."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Refused(Exception):
    """The request is let in, and wrong."""

    def __init__(self, turned: Turned) -> None:
        super().__init__(turned.code)
        self.turned = turned


class _Item(msgspec.Struct, forbid_unknown_fields=True):
    sku: Annotated[str, msgspec.Meta(min_length=1)]
    quantity: int
    product_id: str | None = None
    variation: str | None = None


class _Stock(msgspec.Struct, forbid_unknown_fields=True):
    location_id: str
    items: Annotated[tuple[_Item, ...], msgspec.Meta(min_length=1)]


class Result(msgspec.Struct):
    sku: str
    status: str
    error_code: str | None = None
    message: str | None = None


class Desk:
    """Reads and writes one store; every method answers the JSON text of `data`, and the cursor where it is a page."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._requests: dict[str, tuple[Result, ...]] = {}
        self._polled: dict[str, int] = {}
        self._kept: dict[str, tuple[bytes, bytes]] = {}

    def supplier(self, *, other: bool = False) -> bytes:
        store = self._store
        return msgspec.json.encode(
            {
                "supplier_id": 90_000 + store.shop.seed,
                "identifier": "anotherone" if other else store.identifier,
                "name": "Another Shop" if other else store.name,
                "gstin": "24AAAAA0000A1Z5",
                "locations": [{"location_id": one, "name": name, "pincode": pincode} for one, (name, pincode) in store.locations.items()],
            }
        )

    def orders(self, asked: Mapping[str, str]) -> tuple[list[bytes], str | None]:
        _only(asked, {"status", "updated_from", "updated_to", "cursor", "limit"})
        return _page(self._store.orders, asked, *_updated(asked), most=50)

    def returns(self, asked: Mapping[str, str]) -> tuple[list[bytes], str | None]:
        _only(asked, {"type", "updated_from", "updated_to", "cursor", "limit"})
        if asked.get("type") not in self._store.returns:
            raise _invalid("type must be customer_return or rto.")
        return _page(self._store.returns[asked["type"]], asked, *_updated(asked), most=50)

    def payments(self, asked: Mapping[str, str]) -> tuple[list[bytes], str | None]:
        _only(asked, {"paid_from", "paid_to", "cursor", "limit"})
        start = ist_day(_day(asked, "paid_from"))[0]
        end = ist_day(_day(asked, "paid_to"))[1] if "paid_to" in asked else None
        return _page(self._store.payments, asked, start, end, most=100)

    def inventory(self, headers: Mapping[str, str], body: bytes) -> bytes:
        """Take the quantities; the same Idempotency-Key again gets the same answer and changes nothing."""
        named = headers.get("idempotency-key", "")
        try:
            uuid.UUID(named)
        except ValueError:
            raise _invalid("Idempotency-Key must be a UUID.") from None
        if named in self._kept:
            before, answer = self._kept[named]
            if before != body:
                raise Refused(Turned(409, "INVALID_STATE", "This Idempotency-Key came with another body."))
            return answer
        answer = self._taken(body)
        self._kept[named] = (body, answer)
        return answer

    def request(self, request_id: str) -> bytes:
        """PROCESSING when asked for the first time, PROCESSED from then on."""
        if request_id not in self._requests:
            raise Refused(Turned(404, "NOT_FOUND", "No such request."))
        self._polled[request_id] = self._polled.get(request_id, 0) + 1
        if self._polled[request_id] == 1:
            return msgspec.json.encode({"request_id": request_id, "status": "PROCESSING", "progress_percent": 40, "results": []})
        done = {"request_id": request_id, "status": "PROCESSED", "progress_percent": 100, "results": self._requests[request_id]}
        return msgspec.json.encode(done)

    def _taken(self, body: bytes) -> bytes:
        try:
            stock = msgspec.json.decode(body, type=_Stock)
        except msgspec.MsgspecError as error:
            raise _invalid(str(error)) from None
        if stock.location_id not in self._store.locations:
            raise _invalid("location_id is not one of this supplier's.")
        if len(stock.items) > BATCH:
            raise _invalid("A call takes 50 items at most.")
        if len({item.sku for item in stock.items}) < len(stock.items):
            raise _invalid("A SKU stands in this call twice.")
        wrong = [item for item in stock.items if not 0 <= item.quantity <= 100_000]
        if wrong:
            details = tuple({"sku": item.sku, "message": "Quantity must be from 0 to 100000."} for item in wrong)
            raise Refused(Turned(422, "VALIDATION_FAILED", "Some items are not valid.", details))
        results = tuple(self._set(item) for item in stock.items)
        if len(results) <= AT_ONCE:
            return msgspec.json.encode({"results": results})
        request_id = f"req-{len(self._requests) + 1}"
        self._requests[request_id] = results
        return msgspec.json.encode({"request_id": request_id})

    def _set(self, item: _Item) -> Result:
        store = self._store
        if item.sku not in store.stock:
            return Result(item.sku, "FAILURE", "SKU_NOT_FOUND", "This SKU is not in your catalogue.")
        if item.product_id is not None and item.product_id != store.product_id(item.sku):
            return Result(item.sku, "FAILURE", "PRODUCT_MISMATCH", "This SKU belongs to another product.")
        store.stock[item.sku] = item.quantity
        return Result(item.sku, "SUCCESS")


def _invalid(message: str) -> Refused:
    return Refused(Turned(422, "VALIDATION_FAILED", message))


def _only(asked: Mapping[str, str], known: set[str]) -> None:
    unknown = set(asked) - known
    if unknown:
        raise _invalid(f"Unknown parameter {min(unknown)}.")


def _updated(asked: Mapping[str, str]) -> tuple[datetime, datetime | None]:
    return _moment(asked, "updated_from"), _moment(asked, "updated_to") if "updated_to" in asked else None


def _moment(asked: Mapping[str, str], name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(asked[name])
    except (KeyError, ValueError):
        raise _invalid(f"{name} must be an ISO 8601 time.") from None
    if moment.tzinfo is None:
        raise _invalid(f"{name} must have an offset.")
    return moment.astimezone(UTC)


def _day(asked: Mapping[str, str], name: str) -> date:
    if not _DAY.fullmatch(asked.get(name, "")):
        raise _invalid(f"{name} must be a day such as 2026-11-20.")
    try:
        return date.fromisoformat(asked[name])
    except ValueError:
        raise _invalid(f"{name} must be a day such as 2026-11-20.") from None


def _page(
    shelf: Shelf[Row], asked: Mapping[str, str], start: datetime, end: datetime | None, *, most: int
) -> tuple[list[bytes], str | None]:
    limit = asked.get("limit", str(most))
    if not limit.isdigit() or not 1 <= int(limit) <= most:
        raise _invalid(f"limit must be from 1 to {most}.")
    rows, key = shelf.page(start, end, _opened(asked["cursor"]) if "cursor" in asked else None, int(limit))
    return rows, None if key is None else _sealed(key)


def _sealed(key: Key) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode()


def _opened(cursor: str) -> Key | None:
    """The place a cursor names, None for the beginning. A dot and a number behind it make an old cursor look fresh."""
    named = cursor.partition(".")[0]
    if not named and cursor:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(named), type=tuple[datetime, str])
    except (ValueError, msgspec.MsgspecError):
        raise _invalid("This cursor is not ours.") from None
