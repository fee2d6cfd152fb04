"""Order rows: one sub-order each."""

from datetime import datetime
from decimal import Decimal

import msgspec

from portal.marketplaces.facts import OrderFact, OrderItemFact, OrderStatus, ShipmentFact
from portal.marketplaces.meesho.wire.rows import Count, Id, Moment, Rows, Word, money, read_rows, text, utc

STATUSES = {
    "PENDING": OrderStatus.OPEN,
    "HOLD": OrderStatus.ON_HOLD,
    "ACCEPTED": OrderStatus.CONFIRMED,
    "READY_TO_SHIP": OrderStatus.CONFIRMED,
    "SHIPPED": OrderStatus.SHIPPED,
    "OUT_FOR_DELIVERY": OrderStatus.SHIPPED,
    "DELIVERED": OrderStatus.DELIVERED,
    "CANCELLED": OrderStatus.CANCELLED,
    # The parcel left the seller and did not reach the buyer: what comes back is told by the return, the raw word says how far.
    "RTO_INITIATED": OrderStatus.SHIPPED,
    "RTO_OFD": OrderStatus.SHIPPED,
    "RTO_DELIVERY_FAILED": OrderStatus.SHIPPED,
    "RTO_LOCKED": OrderStatus.SHIPPED,
    "RTO_COMPLETE": OrderStatus.SHIPPED,
    "LOST": OrderStatus.SHIPPED,
    "SHIPMENT_LOST": OrderStatus.SHIPPED,
    # The buyer had it.
    "RETURN": OrderStatus.DELIVERED,
    "RETURNED": OrderStatus.DELIVERED,
    "EXCHANGE": OrderStatus.DELIVERED,
    "DOOR_STEP_EXCHANGED": OrderStatus.DELIVERED,
}


class OrderRow(msgspec.Struct):
    """What we read of an order row. It names no buyer; the buyer's state is kept for GST."""

    sub_order_num: Id
    status: Word
    created_at: Moment
    updated_at: Moment
    quantity: Count
    order_num: Word = ""
    expected_dispatch_date: Moment | None = None
    hold: bool = False
    unverified: bool = False
    sku: str = ""
    product_id: Word = ""
    catalog_id: Word = ""
    name: str = ""
    variation: Word = ""
    discounted_price: Decimal | None = None
    listed_price: Decimal | None = None
    payment_mode: str = ""
    customer_state: str = ""
    packet_id: Word = ""
    awb: Word = ""
    carrier: Word = ""


def orders_page(body: bytes) -> Rows[OrderFact]:
    """Orders of one page, each a sub-order. Raises WireChanged."""
    return read_rows(body, lambda raw: _order(_ROW.decode(raw)), shown=OrderRow.__struct_fields__, what="orders page")


_ROW = msgspec.json.Decoder(OrderRow)


def _order(row: OrderRow) -> OrderFact:
    unit = money(row.discounted_price)
    status = _status(row)
    return OrderFact(
        external_order_id=row.sub_order_num,
        status=status,
        raw_status=text(row.status, 80),
        placed_at=utc(row.created_at),
        marketplace_updated_at=utc(row.updated_at),
        dispatch_by=_utc_or_none(row.expected_dispatch_date),
        total_amount=None if unit is None else money(unit * row.quantity),
        payment_method=text(row.payment_mode, 40),
        fulfilment="marketplace",
        ship_state=text(row.customer_state, 80),
        items=(_item(row, unit),),
        shipments=_shipments(row, status),
    )


def _status(row: OrderRow) -> OrderStatus:
    """An order that Meesho holds back stays on hold whatever else it says, as long as it has not left."""
    known = STATUSES.get(row.status.upper(), OrderStatus.UNKNOWN)
    if known is OrderStatus.OPEN and (row.hold or row.unverified):
        return OrderStatus.ON_HOLD
    if known is OrderStatus.CONFIRMED and row.awb:
        return OrderStatus.PACKED  # an AWB exists from the moment the label does
    return known


def _item(row: OrderRow, unit: Decimal | None) -> OrderItemFact:
    told = {"order_num": row.order_num, "product_id": row.product_id, "catalog_id": row.catalog_id, "variation": row.variation}
    return OrderItemFact(
        external_item_id=row.sub_order_num,
        sku=text(row.sku, 120),
        title=text(row.name, 500),
        quantity=row.quantity,
        unit_amount=unit,
        status=text(row.status, 40),
        external_listing_id=text(row.product_id, 80),
        attributes=tuple((name, text(value, 80)) for name, value in told.items() if value),
    )


def _shipments(row: OrderRow, status: OrderStatus) -> tuple[ShipmentFact, ...]:
    """A packet may hold several sub-orders, so the sub-order's own number names its part of it."""
    if not row.awb:
        return ()
    return (
        ShipmentFact(
            external_shipment_id=row.sub_order_num,
            status=status,
            raw_status=text(row.status, 80),
            awb=text(row.awb, 80),
            carrier=text(row.carrier, 80),
            lines=((row.sub_order_num, row.quantity),),
        ),
    )


def _utc_or_none(moment: datetime | None) -> datetime | None:
    return None if moment is None else utc(moment)
