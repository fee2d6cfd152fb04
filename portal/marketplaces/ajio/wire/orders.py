"""Orders as the partner API tells them: new ones from pendency, accepted ones by id with their purchase order."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from portal.marketplaces.ajio.wire.body import Loose, Rows, Unreadable, listed, read_rows
from portal.marketplaces.ajio.wire.scalars import amount, from_epoch, identifier, quantity, words
from portal.marketplaces.ajio.wire.statuses import order_status
from portal.marketplaces.facts import OrderFact, OrderItemFact, OrderStatus, ShipmentFact

HAS_PARCEL = frozenset({OrderStatus.PACKED, OrderStatus.READY, OrderStatus.SHIPPED, OrderStatus.DELIVERED})


class ItemDetails(msgspec.Struct):
    item_code: Loose = None
    sku: Loose = None
    name: Loose = None


class OrderLine(msgspec.Struct):
    """`ordered_quantity` and `unit_price` come with pendency, `quantity` and `item_base_price` with the purchase order."""

    order_item_id: Loose = None
    ordered_quantity: int | None = None
    quantity: int | None = None
    unit_price: Decimal | None = None
    item_base_price: Decimal | None = None
    customer_cancelled_qty: int = 0
    seller_cancelled_qty: int = 0
    seller_short_picked_qty: int = 0
    item_details: ItemDetails = msgspec.field(default_factory=ItemDetails)


class OrderRow(msgspec.Struct):
    order_id: Loose = None
    order_date: int | None = None
    status: Loose = None
    po_number: Loose = None
    carrier: Loose = None
    tracking_number: Loose = None
    payment_method: Loose = None
    ship_city: Loose = None
    ship_state: Loose = None
    ship_pincode: Loose = None
    total_amount: Decimal | None = None
    po_amount: Decimal | None = None
    order_lines: list[OrderLine] = msgspec.field(default_factory=list)


def new_orders(document: dict[str, Any]) -> Rows[OrderFact]:
    """Orders waiting for the seller's decision. Raises WireChanged."""
    return read_rows(document, listed(document, "orders", "orders"), OrderRow, _new_order, id_name="order_id")


def known_orders(document: dict[str, Any]) -> Rows[OrderFact]:
    """Accepted orders as they are now. Raises WireChanged."""
    return read_rows(document, listed(document, "orders", "orders"), OrderRow, _known_order, id_name="order_id")


def _new_order(row: OrderRow) -> OrderFact:
    return _order(row, raw_status=words(row.status) or "NEW")


def _known_order(row: OrderRow) -> OrderFact:
    return _order(row, raw_status=identifier(row.status, "status"))


def _order(row: OrderRow, *, raw_status: str) -> OrderFact:
    order_id = identifier(row.order_id, "order_id")
    status = order_status(raw_status, po_number=words(row.po_number))
    placed_at = from_epoch(row.order_date, "order_date")
    if placed_at is None:
        raise Unreadable("order_date is missing")
    total = row.total_amount if row.total_amount is not None else row.po_amount
    return OrderFact(
        external_order_id=order_id,
        status=status,
        raw_status=raw_status,
        placed_at=placed_at,
        marketplace_updated_at=updated_at(placed_at),
        total_amount=amount(total, "total_amount"),
        payment_method=words(row.payment_method, limit=40),
        fulfilment="dropship",
        ship_city=words(row.ship_city),
        ship_state=words(row.ship_state),
        ship_pincode=words(row.ship_pincode, limit=12),
        items=tuple(_item(line) for line in row.order_lines),
        shipments=_parcel(row, order_id, status, raw_status),
    )


def updated_at(placed_at: datetime) -> datetime:
    """When the order last changed, as far as AJIO tells: it names no time of change at all.

    The order's own date stands in, the same at every reading, so that a re-read order is never older than the one we hold and an
    unchanged one stays unchanged.
    """
    return placed_at


def _item(line: OrderLine) -> OrderItemFact:
    details = line.item_details
    ordered = line.ordered_quantity if line.ordered_quantity is not None else line.quantity
    pieces = quantity(ordered, "quantity")
    gone = line.customer_cancelled_qty + line.seller_cancelled_qty + line.seller_short_picked_qty
    price = line.unit_price if line.unit_price is not None else line.item_base_price
    return OrderItemFact(
        external_item_id=identifier(line.order_item_id, "order_item_id"),
        sku=words(details.sku or details.item_code, limit=120),
        title=words(details.name, limit=500),
        quantity=pieces,
        unit_amount=amount(price, "unit_price"),
        status=_left(pieces, gone),
    )


def _left(pieces: int, gone: int) -> str:
    if gone <= 0:
        return ""
    return "cancelled" if gone >= pieces else "partly cancelled"


def _parcel(row: OrderRow, order_id: str, status: OrderStatus, raw_status: str) -> tuple[ShipmentFact, ...]:
    """AJIO packs an order into one parcel whose id is the order's; it exists once it has a number or is packed."""
    awb = words(row.tracking_number)
    if not awb and status not in HAS_PARCEL:
        return ()
    return (ShipmentFact(external_shipment_id=order_id, status=status.value, raw_status=raw_status, awb=awb, carrier=words(row.carrier)),)
