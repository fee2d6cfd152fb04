"""Order and return reports of the seller panel: one row per article, gathered into orders and returns."""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from portal.marketplaces.ajio.wire.body import Loose, Shape, Unreadable, digest_of, listed, set_aside, shaped
from portal.marketplaces.ajio.wire.orders import HAS_PARCEL, updated_at
from portal.marketplaces.ajio.wire.scalars import amount, from_panel, identifier, quantity, words
from portal.marketplaces.ajio.wire.statuses import PROGRESS, order_status, plain, return_kind, return_status
from portal.marketplaces.facts import (
    OrderFact,
    OrderItemFact,
    OrderStatus,
    ReturnFact,
    ReturnItemFact,
    ReturnKind,
    ReturnStatus,
    ShipmentFact,
    UnreadableRow,
)

Line = TypeVar("Line", bound=msgspec.Struct)


class ReportOrder(msgspec.Struct, rename="camel"):
    order_no: Loose = None
    order_date: Loose = None
    order_status: Loose = None
    purchase_order_number: Loose = None
    seller_invoice_no: Loose = None
    customer_invoice_no: Loose = None
    item_code: Loose = None
    seller_sku: Loose = msgspec.field(default=None, name="sellerSKU")
    description: Loose = None
    quantity: int | None = None
    cancelled_quantity: int = 0
    base_price: Decimal | None = None
    total_value: Decimal | None = None
    shipment_id: Loose = None
    fwd_shipment_id: Loose = None
    shipment_status: Loose = None
    shipped_quantity: int = 0
    dispatch_date: Loose = None
    carrier: Loose = None
    awb_number: Loose = None
    fulfillment_type: Loose = None


class ReportReturn(msgspec.Struct, rename="camel"):
    return_order_no: Loose = None
    cust_order_no: Loose = None
    jio_code: Loose = None
    seller_sku: Loose = None
    return_create_date: Loose = None
    return_status: Loose = None
    return_qty: int | None = None
    return_carrier_name: Loose = None
    return_awb_no: Loose = None
    delivery_status: Loose = msgspec.field(default=None, name="return3plDeliveryStatus")
    return_delivered_date: Loose = None
    return_value: Decimal | None = None
    disposition: Loose = None
    return_type: Loose = None
    cust_return_reason: Loose = None


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a report before its rows are gathered."""

    rows: tuple[Any, ...]
    digest: str


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of a whole report, sorted by id, with the rows nobody could read."""

    facts: tuple[Any, ...]
    set_aside: tuple[UnreadableRow, ...]


def sheet(document: dict[str, Any], name: str, what: str) -> Sheet:
    """The rows of a report page. Raises WireChanged."""
    result = document.get("result")
    rows = listed(result if isinstance(result, dict) else {}, name, what)
    return Sheet(rows=tuple(rows), digest=digest_of(rows))


def orders(rows: Iterable[Any]) -> Gathered:
    """Orders of these rows; rows of one order need not stand together."""
    return _gathered(rows, ReportOrder, "orderNo", lambda row: identifier(row.order_no, "orderNo"), _order)


def returns(rows: Iterable[Any]) -> Gathered:
    """Returns of these rows; rows of one return need not stand together."""
    return _gathered(rows, ReportReturn, "returnOrderNo", lambda row: identifier(row.return_order_no, "returnOrderNo"), _return)


def _gathered(
    rows: Iterable[Any], shape: type[Shape], id_name: str, id_of: Callable[[Shape], str], read: Callable[[str, list[Shape]], Any]
) -> Gathered:
    groups: dict[str, list[tuple[Any, Shape]]] = {}
    aside: list[UnreadableRow] = []
    for row in rows:
        try:
            line = shaped(row, shape)
            groups.setdefault(id_of(line), []).append((row, line))
        except Unreadable as problem:
            aside.append(set_aside(row, shape, id_name, str(problem)))
    facts: list[Any] = []
    for found, lines in sorted(groups.items()):
        try:
            facts.append(read(found, [line for _, line in lines]))
        except Unreadable as problem:
            aside.append(set_aside(lines[0][0], shape, id_name, str(problem)))
    return Gathered(facts=tuple(facts), set_aside=tuple(aside))


def _order(order_no: str, rows: list[ReportOrder]) -> OrderFact:
    # A row is known by order and article: when pages shift while they are read, one comes twice.
    lines = list({identifier(row.item_code, "itemCode"): row for row in rows}.values())
    status, raw_status = slowest(lines)
    placed_at = next((moment for line in lines if (moment := from_panel(line.order_date, "orderDate"))), None)
    if placed_at is None:
        raise Unreadable("orderDate is missing")
    totals = [line.total_value for line in lines if line.total_value is not None]
    return OrderFact(
        external_order_id=order_no,
        status=status,
        raw_status=raw_status,
        placed_at=placed_at,
        marketplace_updated_at=updated_at(placed_at),
        total_amount=amount(sum(totals, Decimal(0)), "totalValue") if len(totals) == len(lines) else None,
        fulfilment=words(lines[0].fulfillment_type, limit=40) or "dropship",
        items=tuple(_item(line) for line in lines),
        shipments=_parcels(order_no, lines, raw_status),
    )


def slowest(lines: list[ReportOrder]) -> tuple[OrderStatus, str]:
    """Where an order stands, in our words and in AJIO's: where its slowest living line does."""
    stands = [(order_status(word := words(line.order_status), po_number=words(line.purchase_order_number)), word) for line in lines]
    return min(stands, key=lambda one: PROGRESS.index(one[0]))


def new_ones(rows: Iterable[Any]) -> list[Any]:
    """The rows of orders of which at least one line is new, unreadable ones among them."""
    held = [row for row in rows if isinstance(row, dict)]
    named = {str(row.get("orderNo")) for row in held if plain(words(row.get("orderStatus"))) == "NEW"}
    return [row for row in held if str(row.get("orderNo")) in named]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far AJIO has an order. `word` is its own, without case and blanks; `pieces` are those not cancelled, by item code."""

    word: str
    po_number: str
    carrier: str
    awb: str
    vendor_invoice: str
    customer_invoice: str
    pieces: dict[str, int]


def standings(rows: Iterable[Any]) -> dict[str, Standing]:
    """How far AJIO has the orders of these rows, by order number. Rows that cannot be read are left out."""
    lines: dict[str, dict[str, ReportOrder]] = {}
    for row in rows:
        try:
            line = shaped(row, ReportOrder)
            lines.setdefault(identifier(line.order_no, "orderNo"), {})[identifier(line.item_code, "itemCode")] = line
        except Unreadable:
            continue
    return {order_no: _standing(list(held.values())) for order_no, held in lines.items()}


def _standing(lines: list[ReportOrder]) -> Standing:
    def told(name: str) -> str:
        return next((found for line in lines if (found := words(getattr(line, name)))), "")

    pieces = {words(line.item_code): (line.quantity or 0) - line.cancelled_quantity for line in lines}
    return Standing(
        word=plain(slowest(lines)[1]),
        po_number=told("purchase_order_number"),
        carrier=told("carrier"),
        awb=told("awb_number"),
        vendor_invoice=told("seller_invoice_no"),
        customer_invoice=told("customer_invoice_no"),
        pieces={item: number for item, number in pieces.items() if number > 0},
    )


def _item(line: ReportOrder) -> OrderItemFact:
    pieces = quantity(line.quantity, "quantity")
    return OrderItemFact(
        external_item_id=identifier(line.item_code, "itemCode"),
        sku=words(line.seller_sku, limit=120),
        title=words(line.description, limit=500),
        quantity=pieces,
        unit_amount=amount(line.base_price, "basePrice"),
        status="" if line.cancelled_quantity <= 0 else "cancelled" if line.cancelled_quantity >= pieces else "partly cancelled",
    )


def _parcels(order_no: str, lines: list[ReportOrder], raw_status: str) -> tuple[ShipmentFact, ...]:
    parcels: dict[str, list[ReportOrder]] = {}
    for line in lines:
        standing = order_status(words(line.order_status), po_number=words(line.purchase_order_number))
        if words(line.awb_number) or standing in HAS_PARCEL:
            parcels.setdefault(words(line.fwd_shipment_id) or words(line.shipment_id) or order_no, []).append(line)
    return tuple(_parcel(shipment_id, held, raw_status) for shipment_id, held in parcels.items())


def _parcel(shipment_id: str, lines: list[ReportOrder], raw_status: str) -> ShipmentFact:
    first = lines[0]
    told = words(first.shipment_status) or words(first.order_status) or raw_status
    standing = order_status(told, po_number=words(first.purchase_order_number))
    return ShipmentFact(
        external_shipment_id=shipment_id,
        status=standing.value,
        raw_status=told,
        awb=words(first.awb_number),
        carrier=words(first.carrier),
        handed_over_at=from_panel(first.dispatch_date, "dispatchDate"),
        lines=tuple(
            (identifier(line.item_code, "itemCode"), sent) for line in lines if (sent := quantity(line.shipped_quantity, "shippedQuantity"))
        ),
    )


def _return(return_no: str, rows: list[ReportReturn]) -> ReturnFact:
    lines = list({identifier(row.jio_code, "jioCode"): row for row in rows}.values())
    first = lines[0]
    status, raw_status = _return_standing(first)
    refunds = [line.return_value for line in lines if line.return_value is not None]
    awbs = dict.fromkeys(awb for line in lines if (awb := words(line.return_awb_no)))
    return ReturnFact(
        external_return_id=return_no,
        external_order_id=words(first.cust_order_no),
        kind=_kind(first),
        status=status,
        raw_status=raw_status,
        created_at=from_panel(first.return_create_date, "returnCreateDate"),
        delivered_at=_delivered(first),
        reason=words(first.cust_return_reason, limit=300),
        refund_amount=amount(sum(refunds, Decimal(0)), "returnValue") if refunds else None,
        carrier=words(first.return_carrier_name),
        awbs=tuple(awbs),
        items=tuple(_return_item(line) for line in lines),
    )


def _kind(row: ReportReturn) -> ReturnKind:
    kind = return_kind(words(row.return_type))
    if kind is None:
        raise Unreadable("returnType says neither RTO nor CUSTOMER_RETURN")
    return kind


def _return_standing(row: ReportReturn) -> tuple[ReturnStatus, str]:
    """The courier knows more than AJIO only while the parcel is on its way."""
    word, courier = words(row.return_status), words(row.delivery_status)
    status = return_status(word)
    if status is ReturnStatus.INITIATED and courier:
        on_its_way = return_status(courier)
        if on_its_way is not ReturnStatus.UNKNOWN:
            return on_its_way, courier
    return status, word


def _delivered(row: ReportReturn) -> datetime | None:
    return from_panel(row.return_delivered_date, "returnDeliveredDate")


def _return_item(row: ReportReturn) -> ReturnItemFact:
    return ReturnItemFact(
        external_item_id=identifier(row.jio_code, "jioCode"),
        sku=words(row.seller_sku, limit=120),
        quantity=quantity(row.return_qty, "returnQty"),
        reason=words(row.cust_return_reason, limit=300),
        condition=plain(words(row.disposition)).lower(),
    )
