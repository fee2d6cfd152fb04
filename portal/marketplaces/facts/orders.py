"""An order as a marketplace has it: its items, its parcels, and its buyer."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec


class OrderStatus(StrEnum):
    PENDING = "pending"
    OPEN = "open"
    ON_HOLD = "on_hold"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    PACKED = "packed"
    READY = "ready"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Buyer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Personal data: sealed before it touches a table, never in a log, a set-aside row or an exception."""

    name: str = ""
    phone: str = ""
    email: str = ""
    address: str = ""

    def __repr__(self) -> str:
        return "Buyer(…)"


class OrderItemFact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`sku` may be empty when the marketplace does not tell; the line is kept all the same. `unit_amount` is None while unknown.

    `external_listing_id` and `attributes` are what a ListingFact has under these names: where a marketplace lists no catalogue,
    listings are learned from them.
    """

    external_item_id: str
    sku: str
    title: str
    quantity: int
    unit_amount: Decimal | None
    status: str = ""
    external_listing_id: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


class ShipmentFact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`lines` are pairs of external item id and quantity; empty means the whole order."""

    external_shipment_id: str
    status: str
    raw_status: str
    awb: str = ""
    carrier: str = ""
    handed_over_at: datetime | None = None
    lines: tuple[tuple[str, int], ...] = ()


class OrderFact(msgspec.Struct, frozen=True, kw_only=True):
    """One order with its items and shipments as the marketplace has them now.

    `marketplace_updated_at` decides which of two versions is newer; `state` and `pincode` are not personal and serve GST and filters.
    """

    external_order_id: str
    status: OrderStatus
    raw_status: str
    placed_at: datetime
    marketplace_updated_at: datetime
    dispatch_by: datetime | None = None
    total_amount: Decimal | None = None
    currency: str = "INR"
    payment_method: str = ""
    fulfilment: str = ""
    ship_city: str = ""
    ship_state: str = ""
    ship_pincode: str = ""
    buyer: Buyer | None = None
    items: tuple[OrderItemFact, ...] = ()
    shipments: tuple[ShipmentFact, ...] = ()
