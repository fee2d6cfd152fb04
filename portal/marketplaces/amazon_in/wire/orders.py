"""Orders v2026-01-01: one page of searchOrders becomes order facts.

A page is decoded in one go. Only when a row resists are the rows taken one by one, so that the others are kept.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from portal.marketplaces.amazon_in.wire.answers import NAME, amount_of, utc, utc_or_none
from portal.marketplaces.amazon_in.wire.order_shapes import (
    WireAddress,
    WireBuyer,
    WireItem,
    WireOrder,
    WirePackage,
    WirePage,
    WirePagination,
    WirePayment,
    WireRawPage,
)
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import Buyer, OrderFact, OrderItemFact, OrderStatus, ShipmentFact, UnreadableRow


class OrdersPage(msgspec.Struct):
    """One page, read. `next_token` is empty on the last one; `updated_before` is the server's own limit of what it showed."""

    orders: list[WireOrder]
    set_aside: tuple[UnreadableRow, ...]
    next_token: str
    updated_before: datetime | None


_PAGE = msgspec.json.Decoder(WirePage)
_RAW_PAGE = msgspec.json.Decoder(WireRawPage)
_ORDER = msgspec.json.Decoder(WireOrder)
_ANYTHING = msgspec.json.Decoder()

STATUSES = {
    "PENDING_AVAILABILITY": OrderStatus.PENDING,
    "PENDING": OrderStatus.PENDING,
    "UNSHIPPED": OrderStatus.OPEN,
    "PARTIALLY_SHIPPED": OrderStatus.OPEN,
    "SHIPPED": OrderStatus.SHIPPED,
    "CANCELLED": OrderStatus.CANCELLED,
    "UNFULFILLABLE": OrderStatus.ON_HOLD,
}
WAITING_FOR_CARRIER = frozenset({"PENDING_PICK_UP", "PENDING_DROP_OFF"})
"""Easy Ship counts a parcel as shipped from the moment a pickup is booked; for the seller it is still in the house."""

SHIPMENT_STATUSES = {
    "PENDING_SCHEDULE": "to_schedule",
    "PENDING_PICK_UP": "ready",
    "PENDING_DROP_OFF": "ready",
    "LABEL_CANCELLED": "cancelled",
    "PICKED_UP": "handed_over",
    "DROPPED_OFF": "handed_over",
    "AT_ORIGIN_FC": "in_transit",
    "AT_DESTINATION_FC": "in_transit",
    "OUT_FOR_DELIVERY": "out_for_delivery",
    "DELIVERED": "delivered",
    "REJECTED_BY_BUYER": "rto_started",
    "UNDELIVERABLE": "rto_started",
    "RETURNING_TO_SELLER": "rto_in_transit",
    "RETURNED_TO_SELLER": "rto_received",
    "LOST": "lost",
    "DAMAGED": "damaged",
    # without a detailed status only the coarse one is there
    "PENDING": "ready",
    "IN_TRANSIT": "in_transit",
    "SHIPPED": "handed_over",
    "CANCELLED": "cancelled",
}
BUYERS_OWN = ("buyer", "recipient", "tax", "payment")
"""Parts of an order that may name its buyer; a row that is set aside loses them."""


def read_orders(body: bytes) -> OrdersPage:
    """One page of searchOrders. WireChanged when it is no such page; single bad rows are set aside."""
    try:
        page = _PAGE.decode(body)
    except msgspec.ValidationError:
        return _row_by_row(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireChanged(NAME, "orders", words=type(error).__name__) from error
    return OrdersPage(page.orders, (), _token(page.pagination), _limit(page.lastUpdatedBefore))


def _row_by_row(body: bytes) -> OrdersPage:
    try:
        page = _RAW_PAGE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireChanged(NAME, "orders", words=str(error)) from error
    orders: list[WireOrder] = []
    aside: list[UnreadableRow] = []
    for row in page.orders:
        try:
            orders.append(_ORDER.decode(row))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            aside.append(unreadable(row, str(error)))
    return OrdersPage(orders, tuple(aside), _token(page.pagination), _limit(page.lastUpdatedBefore))


def _token(pagination: WirePagination | None) -> str:
    return (pagination.nextToken or "") if pagination else ""


def _limit(moment: datetime | None) -> datetime | None:
    try:
        return utc_or_none(moment)
    except ValueError as error:
        raise WireChanged(NAME, "orders", words="lastUpdatedBefore is outside the calendar") from error


def unreadable(row: msgspec.Raw | bytes, reason: str) -> UnreadableRow:
    """The row as it may be kept and shown: without anything that names a buyer."""
    try:
        found = _ANYTHING.decode(row)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return UnreadableRow(external_id="", reason=reason, raw={})
    if not isinstance(found, dict):
        return UnreadableRow(external_id="", reason=reason, raw={"type": type(found).__name__})
    known = {name: value for name, value in found.items() if name not in BUYERS_OWN}
    order_id = found.get("orderId")
    return UnreadableRow(external_id=order_id if isinstance(order_id, str) else "", reason=reason, raw=known)


def order_facts(orders: Sequence[WireOrder]) -> tuple[tuple[OrderFact, ...], tuple[UnreadableRow, ...]]:
    """Facts of one page; orders whose values cannot be true come back as rows to set aside."""
    facts: list[OrderFact] = []
    aside: list[UnreadableRow] = []
    for order in orders:
        try:
            facts.append(order_fact(order))
        except ValueError as error:
            aside.append(UnreadableRow(external_id=order.orderId, reason=str(error), raw={"orderId": order.orderId}))
    return tuple(facts), tuple(aside)


def order_fact(order: WireOrder) -> OrderFact:
    """One order in our words. ValueError for an amount or a time that cannot be true."""
    fulfillment = order.fulfillment
    raw_status = (fulfillment.fulfillmentStatus or "") if fulfillment else ""
    packages = order.packages or ()
    total = order.proceeds.grandTotal if order.proceeds else None
    address = order.recipient.deliveryAddress if order.recipient else None
    return OrderFact(
        external_order_id=order.orderId,
        status=_status(raw_status, packages),
        raw_status=raw_status,
        placed_at=utc(order.createdTime),
        marketplace_updated_at=utc(order.lastUpdatedTime),
        dispatch_by=utc_or_none(fulfillment.shipByWindow.latestDateTime) if fulfillment and fulfillment.shipByWindow else None,
        total_amount=amount_of(total),
        currency=(total.currencyCode if total else None) or "INR",
        payment_method=_payment(order.payment),
        fulfilment=_fulfilment(order),
        ship_city=(address.city or "") if address else "",
        ship_state=(address.stateOrRegion or "") if address else "",
        ship_pincode=(address.postalCode or "") if address else "",
        buyer=_buyer(order.buyer, address),
        items=tuple([_item(item) for item in order.orderItems]),
        shipments=tuple([_shipment(order.orderId, package) for package in packages]),
    )


def _status(raw: str, packages: Sequence[WirePackage]) -> OrderStatus:
    status = STATUSES.get(raw, OrderStatus.UNKNOWN)
    if status is not OrderStatus.SHIPPED or not packages:
        return status
    stages = {_stage(package) for package in packages}
    if stages == {"DELIVERED"}:
        return OrderStatus.DELIVERED
    if stages <= WAITING_FOR_CARRIER:
        return OrderStatus.READY
    return status


def _stage(package: WirePackage) -> str:
    status = package.packageStatus
    return (status.detailedStatus or status.status or "") if status else ""


def _payment(payment: WirePayment | None) -> str:
    """COD, PREPAID, or nothing while unknown."""
    executions = payment.paymentExecutions if payment else None
    if not executions:
        return ""
    return "COD" if any(one.paymentMethod == "CashOnDelivery" for one in executions) else "PREPAID"


def _fulfilment(order: WireOrder) -> str:
    """Who ships: FBA, EASY_SHIP or SELF_SHIP; nothing while Amazon does not say."""
    by = order.fulfillment.fulfilledBy if order.fulfillment else None
    if by == "AMAZON":
        return "FBA"
    if order.programs and "AMAZON_EASY_SHIP" in order.programs:
        return "EASY_SHIP"
    return "SELF_SHIP" if by == "MERCHANT" else ""


def _buyer(buyer: WireBuyer | None, address: WireAddress | None) -> Buyer | None:
    """None where Amazon withholds it, which it does for applications without the restricted roles."""
    if buyer is None and address is None:
        return None
    name = (address.name if address else None) or (buyer.buyerName if buyer else None) or ""
    email = (buyer.buyerEmail or "") if buyer else ""
    if address is None:
        return Buyer(name=name, email=email) if name or email else None
    lines = [line for line in (address.addressLine1, address.addressLine2, address.addressLine3) if line]
    if not (name or email or lines or address.phone):
        return None
    return Buyer(name=name, phone=address.phone or "", email=email, address=", ".join(lines))


def _item(item: WireItem) -> OrderItemFact:
    product = item.product
    price = product.price if product else None
    cancellation = item.cancellation
    status = ""
    if cancellation is not None:
        status = "cancelled" if cancellation.cancellationExecution else "cancel_requested" if cancellation.cancellationRequest else ""
    return OrderItemFact(
        external_item_id=item.orderItemId,
        sku=(product.sellerSku or "") if product else "",
        title=(product.title or "") if product else "",
        quantity=item.quantityOrdered,
        unit_amount=amount_of(price.unitPrice) if price else None,
        status=status,
    )


def _shipment(order_id: str, package: WirePackage) -> ShipmentFact:
    """Package numbers count within an order (1, 2, ...), so the order's id is part of ours."""
    raw = _stage(package)
    return ShipmentFact(
        external_shipment_id=f"{order_id}/{package.packageReferenceId}",
        status=SHIPMENT_STATUSES.get(raw, "unknown"),
        raw_status=raw,
        awb=package.trackingNumber or "",
        carrier=package.carrier or "",
        handed_over_at=utc_or_none(package.shipTime),
        lines=tuple([(line.orderItemId, line.quantity) for line in package.packageItems or ()]),
    )
