"""The sandbox's shipment search: what it accepts, and pages that survive changes in between."""

import base64
import binascii
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

import msgspec

from portal.marketplaces.flipkart.sandbox.counter import Complaint, Counter
from portal.marketplaces.flipkart.sandbox.goods import Parcel
from portal.marketplaces.flipkart.sandbox.shelves import SORTS
from portal.marketplaces.sandbox import Fault, Ordered

STATES = {
    "preDispatch": {"APPROVED", "PACKING_IN_PROGRESS", "PACKED", "FORM_FAILED", "READY_TO_DISPATCH"},
    "postDispatch": {"PICKUP_COMPLETE", "SHIPPED", "DELIVERED"},
    "cancelled": {"CANCELLED"},
}
LARGEST_PAGE = 20


class _Span(msgspec.Struct):
    to: datetime
    since: datetime = msgspec.field(name="from")


class _Filter(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    type: Literal["preDispatch", "postDispatch", "cancelled"]
    states: list[str] = []
    sku: list[str] = []
    location_id: str = ""
    modified_date: _Span | None = None
    order_date: _Span | None = None
    cancellation_date: _Span | None = None
    cancellation_type: Literal["", "sellerCancellation", "buyerCancellation", "marketplaceCancellation"] = ""


class _Pagination(msgspec.Struct, rename="camel"):
    page_size: int = LARGEST_PAGE


class _Sort(msgspec.Struct):
    field: Literal["orderDate", "dispatchByDate", "dispatchAfterDate", "modifiedDate"] = "dispatchByDate"
    order: Literal["asc"] = "asc"


class Search(msgspec.Struct):
    """A search, and as a page token also the place behind the last row."""

    filter: _Filter
    pagination: _Pagination = msgspec.field(default_factory=_Pagination)
    sort: _Sort = msgspec.field(default_factory=_Sort)
    after: tuple[datetime, str] | None = None
    serial: int = 0


def read_search(body: bytes) -> Search:
    """A search as it was posted, or Flipkart's complaint about it."""
    try:
        search = msgspec.json.decode(body, type=Search)
    except msgspec.DecodeError as error:
        raise Complaint(400, "INVALID_REQUEST_JSON", str(error)) from None
    wanted = search.filter
    if not set(wanted.states) <= STATES[wanted.type] or (wanted.type == "postDispatch" and not wanted.states):
        raise Complaint(400, "INVALID_STATES", f"states do not fit {wanted.type}")
    if (wanted.type == "cancelled") != bool(wanted.cancellation_type):
        raise Complaint(400, "INVALID_CANCELLATION_TYPE", "cancellationType goes with type cancelled and only with it")
    if not 1 <= search.pagination.page_size <= LARGEST_PAGE:
        raise Complaint(400, "INVALID_PAGE_SIZE", f"pageSize is 1 to {LARGEST_PAGE}")
    return search


def read_token(token: str) -> Search:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(token), type=Search)
    except (msgspec.DecodeError, binascii.Error, ValueError):
        raise Complaint(400, "INVALID_NEXT_TOKEN", "next_token is unknown") from None


def page_of(counter: Counter, search: Search, ordered: Ordered | None) -> bytes:
    """One page: rows in their order, and the address of the next one with a token in it."""
    shelves = counter.shelves
    repeating = ordered is not None and ordered.fault is Fault.REPEATED_PAGE
    if repeating:
        search.after = None
    size = search.pagination.page_size
    window = None
    if search.sort.field == "modifiedDate" and search.filter.modified_date is not None:
        window = (search.filter.modified_date.since, search.filter.modified_date.to)
    found: list[Parcel] = []
    more = False
    for parcel in shelves.along(search.filter.type, search.sort.field, search.after, window):
        if _fits(parcel, search.filter):
            more = len(found) == size
            if more:
                break
            found.append(parcel)
    rows = counter.rows([shelves.row(parcel) for parcel in found], ordered, needed="orderId")
    more = more or (repeating and bool(found))
    next_url = _next_url(search, None if repeating else found[-1]) if more else ""
    return b'{"hasMore":%s,"nextPageUrl":%s,"shipments":[%s]}' % (
        b"true" if more else b"false",
        msgspec.json.encode(next_url),
        b",".join(rows),
    )


def _fits(parcel: Parcel, wanted: _Filter) -> bool:
    if wanted.states and parcel.state not in wanted.states:
        return False
    if wanted.cancellation_type and parcel.cancelled_by != wanted.cancellation_type:
        return False
    if wanted.sku and not {line.article.sku for line in parcel.lines} & set(wanted.sku):
        return False
    dated = (
        (wanted.modified_date, parcel.updated_at),
        (wanted.order_date, parcel.order.placed_at),
        (wanted.cancellation_date, parcel.updated_at),
    )
    return all(span is None or span.since <= at.astimezone(UTC) <= span.to for span, at in dated)


def _next_url(search: Search, last: Parcel | None) -> str:
    after = None if last is None else (SORTS[search.sort.field](last), last.shipment_id)
    following = msgspec.structs.replace(search, after=after, serial=search.serial + 1)
    return f"/v3/shipments/filter?next_token={quote(base64.urlsafe_b64encode(msgspec.json.encode(following)).decode())}"
