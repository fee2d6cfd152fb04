"""Shipments v3: what a search asks, and what its rows say about a parcel before address and courier are known."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from portal.marketplaces.facts import OrderStatus, UnreadableRow
from portal.marketplaces.flipkart.wire.decoding import Count, Id, Sku, Word, decode, moment, moment_or_none, money, read_rows, stamp

PAGE_SIZE = 20
PRE_DISPATCH = ("APPROVED", "PACKING_IN_PROGRESS", "PACKED", "FORM_FAILED", "READY_TO_DISPATCH")
POST_DISPATCH = ("PICKUP_COMPLETE", "SHIPPED", "DELIVERED")
CANCELLATION_TYPES = ("sellerCancellation", "buyerCancellation", "marketplaceCancellation")

STATUSES = {
    # Flipkart's word: ours
    "APPROVED": OrderStatus.OPEN,
    "PACKING_IN_PROGRESS": OrderStatus.CONFIRMED,
    "FORM_FAILED": OrderStatus.ON_HOLD,
    "PACKED": OrderStatus.PACKED,
    "READY_TO_DISPATCH": OrderStatus.READY,
    "PICKUP_COMPLETE": OrderStatus.SHIPPED,
    "SHIPPED": OrderStatus.SHIPPED,
    "DELIVERED": OrderStatus.DELIVERED,
    "COMPLETED": OrderStatus.DELIVERED,
    "CANCELLED": OrderStatus.CANCELLED,
    "RETURN_REQUESTED": OrderStatus.DELIVERED,
    "RETURNED": OrderStatus.DELIVERED,
}
CAN_BE_HELD = {OrderStatus.OPEN, OrderStatus.CONFIRMED, OrderStatus.PACKED, OrderStatus.READY}
HARMLESS = frozenset(
    {"shipmentId", "locationId", "updatedAt", "hold", "shipmentType", "orderItems", "orderItemId", "orderId", "status", "quantity"}
    | {"orderDate", "sku", "fsn", "listingId"}
)
"""What may be kept of a shipment row that cannot be read."""


class _Prices(msgspec.Struct, rename="camel"):
    selling_price: Decimal | None = None
    total_price: Decimal | None = None


class _Item(msgspec.Struct, rename="camel"):
    order_item_id: Id
    order_id: Id
    order_date: str
    status: Word
    quantity: Count
    sku: Sku | None = None
    title: str | None = None
    payment_type: str | None = None
    service_profile: str | None = None
    courier_return: bool | None = None
    price_components: _Prices | None = None


class _Shipment(msgspec.Struct, rename="camel"):
    shipment_id: Id
    updated_at: str
    order_items: list[_Item]
    hold: bool | None = None
    dispatch_by_date: str | None = None


class _SearchPage(msgspec.Struct, rename="camel"):
    shipments: list[msgspec.Raw]
    has_more: bool = False
    next_page_url: str | None = None


class ShipmentRows(msgspec.Struct):
    """The envelope of every read by id."""

    shipments: list[msgspec.Raw]


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One order item as it lies in one parcel."""

    item_id: str
    order_id: str
    placed_at: datetime
    raw_status: str
    status: OrderStatus
    quantity: int
    sku: str
    title: str
    payment: str
    fulfilment: str
    unit: Decimal | None
    total: Decimal | None


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    """One parcel: what is in it and how far it is."""

    shipment_id: str
    updated_at: datetime
    dispatch_by: datetime | None
    items: tuple[Item, ...]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a search. `next_url` is empty on the last one; `content` is the rows' bytes, to notice a repeated page."""

    shipments: list[Shipment]
    set_aside: list[UnreadableRow]
    next_url: str
    content: bytes


def search_body(
    kind: str,
    states: Sequence[str],
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    cancellation_type: str = "",
    page_size: int = PAGE_SIZE,
) -> dict[str, Any]:
    """The body of `POST /v3/shipments/filter`. Cancelled parcels are asked for by cancellation date, all others by change."""
    wanted: dict[str, Any] = {"type": kind, "states": list(states)}
    if cancellation_type:
        wanted["cancellationType"] = cancellation_type
    if start is not None and end is not None:
        wanted["cancellationDate" if cancellation_type else "modifiedDate"] = {"from": stamp(start), "to": stamp(end)}
    return {"filter": wanted, "pagination": {"pageSize": page_size}, "sort": {"field": "modifiedDate", "order": "asc"}}


def read_search(body: bytes) -> Found:
    """One page of `POST /v3/shipments/filter` or of the address it names for the next one."""
    page = decode(body, _SearchPage, "shipments page")
    good, bad = read_rows(page.shipments, _shipment, id_key="shipmentId", keep=HARMLESS)
    return Found(
        shipments=good,
        set_aside=bad,
        next_url=(page.next_page_url or "") if page.has_more else "",
        content=b"\n".join(bytes(row) for row in page.shipments),
    )


def read_shipments(body: bytes) -> tuple[list[Shipment], list[UnreadableRow]]:
    """Parcels asked for by the orders they belong to."""
    page = decode(body, ShipmentRows, "shipments of orders")
    return read_rows(page.shipments, _shipment, id_key="shipmentId", keep=HARMLESS)


def _shipment(row: bytes) -> Shipment:
    read = msgspec.json.decode(row, type=_Shipment)
    if not read.order_items:
        raise ValueError("a shipment without items")
    return Shipment(
        shipment_id=read.shipment_id,
        updated_at=moment(read.updated_at),
        dispatch_by=moment_or_none(read.dispatch_by_date),
        items=tuple(_item(item, held=bool(read.hold)) for item in read.order_items),
    )


def _item(item: _Item, *, held: bool) -> Item:
    prices = item.price_components or _Prices()
    return Item(
        item_id=item.order_item_id,
        order_id=item.order_id,
        placed_at=moment(item.order_date),
        raw_status=item.status,
        status=_status(item, held=held),
        quantity=item.quantity,
        sku=item.sku or "",
        title=item.title or "",
        payment=(item.payment_type or "")[:40],
        fulfilment=(item.service_profile or "")[:40],
        unit=None if prices.selling_price is None else money(prices.selling_price),
        total=None if prices.total_price is None else money(prices.total_price),
    )


def _status(item: _Item, *, held: bool) -> OrderStatus:
    status = STATUSES.get(item.status, OrderStatus.UNKNOWN)
    if held and status in CAN_BE_HELD:
        return OrderStatus.ON_HOLD
    # A courier return came back without having reached the buyer.
    if item.courier_return and status is OrderStatus.DELIVERED:
        return OrderStatus.SHIPPED
    return status
