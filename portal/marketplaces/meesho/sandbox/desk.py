"""What the sandbox's Meesho answers once a request is let in."""

import base64
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Annotated

import msgspec

from portal.clock import ist_day
from portal.marketplaces.meesho.sandbox.requests import Requests, Result, invalid
from portal.marketplaces.meesho.sandbox.shelf import Key, Row, Shelf
from portal.marketplaces.meesho.sandbox.store import GSTIN, Store

BATCH = 50
AT_ONCE = 20
"""A bigger batch of stock is worked off later: the answer is a request id."""

PageOf = Callable[[Mapping[str, str]], tuple[list[bytes], str | None]]
"""Rows as JSON, and the cursor behind them, for what a request asks."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class _Item(msgspec.Struct, forbid_unknown_fields=True):
    sku: Annotated[str, msgspec.Meta(min_length=1)]
    quantity: int
    product_id: str | None = None
    variation: str | None = None


class _Stock(msgspec.Struct, forbid_unknown_fields=True):
    location_id: str
    items: Annotated[tuple[_Item, ...], msgspec.Meta(min_length=1)]


class Desk:
    """Reads and writes one store; every method answers the JSON text of `data`, and the cursor where it is a page."""

    def __init__(self, store: Store, requests: Requests) -> None:
        self._store = store
        self._requests = requests

    def supplier(self, *, other: bool = False) -> bytes:
        store = self._store
        return msgspec.json.encode(
            {
                "supplier_id": 90_000 + store.shop.seed,
                "identifier": "anotherone" if other else store.identifier,
                "name": "Another Shop" if other else store.name,
                "gstin": GSTIN,
                "locations": [{"location_id": one, "name": name, "pincode": pincode} for one, (name, pincode) in store.locations.items()],
            }
        )

    def orders(self, asked: Mapping[str, str]) -> tuple[list[bytes], str | None]:
        """Orders of one status, or of all."""
        _only(asked, {"status", "updated_from", "updated_to", "cursor", "limit"})
        self._requests.settle()
        wanted = asked.get("status", "")
        return _page(self._store.orders, asked, *_updated(asked), most=50, keep=lambda row: not wanted or row.status == wanted)

    def returns(self, asked: Mapping[str, str]) -> tuple[list[bytes], str | None]:
        _only(asked, {"type", "updated_from", "updated_to", "cursor", "limit"})
        if asked.get("type") not in self._store.returns:
            raise invalid("type must be customer_return or rto.")
        return _page(self._store.returns[asked["type"]], asked, *_updated(asked), most=50)

    def payments(self, asked: Mapping[str, str]) -> tuple[list[bytes], str | None]:
        _only(asked, {"paid_from", "paid_to", "cursor", "limit"})
        start = ist_day(_day(asked, "paid_from"))[0]
        end = ist_day(_day(asked, "paid_to"))[1] if "paid_to" in asked else None
        return _page(self._store.payments, asked, start, end, most=100)

    def inventory(self, headers: Mapping[str, str], body: bytes) -> bytes:
        """Take the quantities; a bigger batch is answered with the id of a request."""
        return self._requests.once(headers, body, self._taken)

    def _taken(self, body: bytes) -> bytes:
        try:
            stock = msgspec.json.decode(body, type=_Stock)
        except msgspec.MsgspecError as error:
            raise invalid(str(error)) from None
        if stock.location_id not in self._store.locations:
            raise invalid("location_id is not one of this supplier's.")
        if len(stock.items) > BATCH:
            raise invalid("A call takes 50 items at most.")
        if len({item.sku for item in stock.items}) < len(stock.items):
            raise invalid("A SKU stands in this call twice.")
        wrong = [item for item in stock.items if not 0 <= item.quantity <= 100_000]
        if wrong:
            details = tuple({"sku": item.sku, "message": "Quantity must be from 0 to 100000."} for item in wrong)
            raise invalid("Some items are not valid.", details)
        results = [self._set(item) for item in stock.items]
        if len(results) <= AT_ONCE:
            return msgspec.json.encode({"results": results})
        return self._requests.begin(lambda: results)

    def _set(self, item: _Item) -> Result:
        store = self._store
        if item.sku not in store.stock:
            return _result(item, "FAILURE", "SKU_NOT_FOUND", "This SKU is not in your catalogue.")
        if item.product_id is not None and item.product_id != store.product_id(item.sku):
            return _result(item, "FAILURE", "PRODUCT_MISMATCH", "This SKU belongs to another product.")
        store.stock[item.sku] = item.quantity
        return _result(item, "SUCCESS")


def _result(item: _Item, status: str, code: str | None = None, message: str | None = None) -> Result:
    return {"sku": item.sku, "status": status, "error_code": code, "message": message}


def _only(asked: Mapping[str, str], known: set[str]) -> None:
    unknown = set(asked) - known
    if unknown:
        raise invalid(f"Unknown parameter {min(unknown)}.")


def _updated(asked: Mapping[str, str]) -> tuple[datetime, datetime | None]:
    return _moment(asked, "updated_from"), _moment(asked, "updated_to") if "updated_to" in asked else None


def _moment(asked: Mapping[str, str], name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(asked[name])
    except (KeyError, ValueError):
        raise invalid(f"{name} must be an ISO 8601 time.") from None
    if moment.tzinfo is None:
        raise invalid(f"{name} must have an offset.")
    return moment.astimezone(UTC)


def _day(asked: Mapping[str, str], name: str) -> date:
    if not _DAY.fullmatch(asked.get(name, "")):
        raise invalid(f"{name} must be a day such as 2026-11-20.")
    try:
        return date.fromisoformat(asked[name])
    except ValueError:
        raise invalid(f"{name} must be a day such as 2026-11-20.") from None


def _page(
    shelf: Shelf[Row],
    asked: Mapping[str, str],
    start: datetime,
    end: datetime | None,
    *,
    most: int,
    keep: Callable[[Row], bool] = lambda _: True,
) -> tuple[list[bytes], str | None]:
    limit = asked.get("limit", str(most))
    if not limit.isdigit() or not 1 <= int(limit) <= most:
        raise invalid(f"limit must be from 1 to {most}.")
    rows, key = shelf.page(start, end, _opened(asked["cursor"]) if "cursor" in asked else None, int(limit), keep)
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
        raise invalid("This cursor is not ours.") from None
