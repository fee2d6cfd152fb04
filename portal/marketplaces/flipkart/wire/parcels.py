"""Shipments v3 once more, as far as packing asks: what is in a parcel, what may be cancelled of it, how large it is, where it stands."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from portal.marketplaces.facts import UnreadableRow
from portal.marketplaces.flipkart.wire.decoding import Count, Id, Sku, Word, decode, moment_or_none, read_rows
from portal.marketplaces.flipkart.wire.shipments import HARMLESS, STATUSES, ShipmentRows
from portal.marketplaces.flipkart.wire.sizes import Package, Size, stacked

APPROVED, FORM_FAILED, PACKED, READY, COLLECTED = "APPROVED", "FORM_FAILED", "PACKED", "READY_TO_DISPATCH", "PICKUP_COMPLETE"
CANCELLED = "CANCELLED"
WAY = ("APPROVED", "FORM_FAILED", "PACKING_IN_PROGRESS", "PACKED", "READY_TO_DISPATCH", "PICKUP_COMPLETE", "SHIPPED", "DELIVERED")
"""How far a parcel comes, in order. The words that follow a delivery count as delivered."""
BEFORE_PACKED = frozenset(WAY[: WAY.index(PACKED)])
"""Only in these may a seller cancel."""
OWN_COURIER = "SELF"
FLIPKARTS = frozenset({"FBF", "FBF_LITE", "Flipkart_Fulfilment", "Smart_Fulfilment"})
"""Service profiles of parcels that Flipkart packs itself."""


class _Prices(msgspec.Struct, rename="camel"):
    selling_price: Decimal | None = None


class _Item(msgspec.Struct, rename="camel"):
    order_item_id: Id
    order_id: Id
    status: Word
    quantity: Count
    sku: Sku | None = None
    cancellation_group_id: str | None = None
    service_profile: str | None = None
    price_components: _Prices | None = None


class _Piece(msgspec.Struct, rename="camel"):
    sub_shipment_id: Id
    packages: list[Package] | None = None


class _Parcel(msgspec.Struct, rename="camel"):
    shipment_id: Id
    order_items: list[_Item]
    location_id: str | None = None
    hold: bool | None = None
    dispatch_after_date: str | None = None
    shipment_type: str | None = None
    sub_shipments: list[_Piece] | None = None


class ParcelItem(msgspec.Struct, frozen=True, kw_only=True):
    """One order item in a parcel. Items of one `group` can only be cancelled together; `unit` is the price of one in rupees."""

    item_id: str
    order_id: str
    state: str
    quantity: int
    sku: str
    group: str
    profile: str
    unit: Decimal | None


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a parcel that gets a label of its own. `size` is None where Flipkart knows of no package in it."""

    piece_id: str
    size: Size | None


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """One shipment on its way to the courier."""

    shipment_id: str
    location_id: str
    on_hold: bool
    after: datetime | None
    kind: str
    items: tuple[ParcelItem, ...]
    pieces: tuple[Piece, ...]

    @property
    def live(self) -> tuple[ParcelItem, ...]:
        """Its items without those that were cancelled."""
        return tuple(item for item in self.items if item.state != CANCELLED)

    @property
    def state(self) -> str:
        """Flipkart's word for the item that is least far; CANCELLED when nothing of the parcel is left."""
        return min((item.state for item in self.live), key=_far, default=CANCELLED)

    @property
    def order_ids(self) -> tuple[str, ...]:
        """The orders that still have something in it, usually one."""
        return tuple(dict.fromkeys(item.order_id for item in self.live))

    def has_reached(self, state: str) -> bool:
        """Whether it stands at this state or behind it. Never true of a cancelled parcel or a word we do not know."""
        return self.state in STATUSES and self.state != CANCELLED and _far(self.state) >= _far(state)


def _far(state: str) -> int:
    if state not in STATUSES:
        return -1
    return WAY.index(state) if state in WAY else len(WAY)


def read_parcels(body: bytes) -> tuple[list[Parcel], list[UnreadableRow]]:
    """The rows of `GET /v3/shipments`."""
    page = decode(body, ShipmentRows, "shipments of orders")
    return read_rows(page.shipments, _parcel, id_key="shipmentId", keep=HARMLESS)


def _parcel(row: bytes) -> Parcel:
    read = msgspec.json.decode(row, type=_Parcel)
    if not read.order_items:
        raise ValueError("a shipment without items")
    return Parcel(
        shipment_id=read.shipment_id,
        location_id=read.location_id or "",
        on_hold=bool(read.hold),
        after=moment_or_none(read.dispatch_after_date),
        kind=read.shipment_type or "",
        items=tuple(_item(item) for item in read.order_items),
        pieces=tuple(Piece(piece_id=one.sub_shipment_id, size=stacked(one.packages or [])) for one in read.sub_shipments or []),
    )


def _item(item: _Item) -> ParcelItem:
    prices = item.price_components or _Prices()
    return ParcelItem(
        item_id=item.order_item_id,
        order_id=item.order_id,
        state=item.status,
        quantity=item.quantity,
        sku=item.sku or "",
        group=item.cancellation_group_id or "",
        profile=item.service_profile or "",
        unit=prices.selling_price,
    )


def in_order(parcels: Sequence[Parcel], order_id: str) -> list[Parcel]:
    """The parcels that hold, or held, something of this order."""
    return [one for one in parcels if any(item.order_id == order_id for item in one.items)]
