"""The sandbox's books: what the portal's tables should say, told from the world and not from the wire."""

import csv
import io
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from itertools import groupby
from typing import Any

import msgspec

from portal.clock import IST
from portal.marketplaces.ajio.sandbox.panel import ORDER_WORDS, total
from portal.marketplaces.ajio.sandbox.records import CANCELLED, PACKED_ON, Paid, Returned, Sold, SoldLine
from portal.marketplaces.ajio.sandbox.world import World, item_code, product_id
from portal.marketplaces.facts import (
    LineKind,
    ListingFact,
    OrderFact,
    OrderItemFact,
    OrderStatus,
    PayoutFact,
    PayoutLineFact,
    ReturnFact,
    ReturnItemFact,
    ReturnKind,
    ReturnStatus,
    ShipmentFact,
)

Ledger = dict[str, list[dict[str, Any]]]

ORDER_STATUS = {
    "NEW": OrderStatus.OPEN,
    "ACKNOWLEDGED": OrderStatus.ON_HOLD,
    "CONFIRMED": OrderStatus.CONFIRMED,
    "PACKED": OrderStatus.PACKED,
    "READY_TO_DISPATCH": OrderStatus.READY,
    "DISPATCHED": OrderStatus.SHIPPED,
    "DELIVERED": OrderStatus.DELIVERED,
    CANCELLED: OrderStatus.CANCELLED,
}
RETURN_STATUS = {
    "RETURN_INITIATED": ReturnStatus.INITIATED,
    "RETURN_CREATED": ReturnStatus.INITIATED,
    "RETURN_DELIVERED": ReturnStatus.DELIVERED,
    "RETURN_PROCESSED": ReturnStatus.DELIVERED,
    "RETURN_CANCELLED": ReturnStatus.CANCELLED,
}
PAYOUT_STATUS = {"PAID": "RECONCILED", "DUE LATER": "PENDING", "OVERDUE": "DISPUTED"}
COLUMNS = {
    # heading in the payment file: field of the row
    "Clearing Doc No": "document",
    "Clearing Date": "cleared_on",
    "Journey Type": "journey",
    "Expected Settlement Date": "expected_on",
    "Invoice Number": "invoice",
    "Cust Order No": "order_id",
    "AWB Number": "awb",
    "Value": "value",
    "Status": "status",
}


def partner(world: World) -> Ledger:
    """The books of an account on the partner API; payouts as its uploaded report brings them."""
    return _plain(
        orders=[_order(order) for order in world.sold],
        returns=[_return(one) for one in world.returned],
        payouts=_payouts(world.paid),
        listings=[_listing(world, position) for position in range(len(world.catalogue))],
    )


def panel(world: World) -> Ledger:
    """The books of an account on a panel session: no listings, and articles under AJIO's item codes."""
    return _plain(
        orders=[_panel_order(order) for order in world.sold],
        returns=[_panel_return(one) for one in world.returned],
        payouts=_payouts(world.paid),
        listings=[],
    )


def payment_file(world: World) -> bytes:
    """The payment report as a seller would download and upload it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in world.paid:
        writer.writerow([getattr(row, name) or "" for name in COLUMNS.values()])
    return text.getvalue().encode()


def _plain(**facts: Iterable[msgspec.Struct]) -> Ledger:
    return {name: [msgspec.to_builtins(fact) for fact in held] for name, held in facts.items()}


def _order(order: Sold) -> OrderFact:
    ordered = order.state in ("NEW", "ACKNOWLEDGED")
    return OrderFact(
        external_order_id=order.order_id,
        status=ORDER_STATUS[order.state],
        raw_status=order.state,
        placed_at=order.placed_at,
        marketplace_updated_at=order.placed_at,
        total_amount=order.total,
        payment_method=order.payment,
        fulfilment="dropship",
        ship_city=order.city,
        ship_state=order.region,
        ship_pincode=order.pincode,
        items=tuple(_item(order, line, line.item_id, ordered=ordered) for line in order.lines),
        shipments=_parcel(order, order.state) if order.state in PACKED_ON else (),
    )


def _item(order: Sold, line: SoldLine, item_id: str, *, ordered: bool) -> OrderItemFact:
    return OrderItemFact(
        external_item_id=item_id,
        sku=line.article.sku,
        title=line.article.title,
        quantity=line.pieces,
        unit_amount=line.article.price if ordered else line.base_price,
        status="cancelled" if order.state == CANCELLED else "",
    )


def _parcel(order: Sold, word: str, lines: tuple[tuple[str, int], ...] = ()) -> tuple[ShipmentFact, ...]:
    return (
        ShipmentFact(
            external_shipment_id=order.order_id,
            status=ORDER_STATUS[order.state].value,
            raw_status=word,
            awb=order.awb,
            carrier=order.carrier,
            handed_over_at=order.shipped_at if lines else None,
            lines=lines,
        ),
    )


def _panel_order(order: Sold) -> OrderFact:
    word = ORDER_WORDS[order.state]
    sent = tuple((line.item_code, line.pieces) for line in order.lines) if order.shipped_at else ()
    return msgspec.structs.replace(
        _order(order),
        raw_status=word,
        payment_method="",
        ship_city="",
        ship_state="",
        ship_pincode="",
        items=tuple(_panel_item(order, line) for line in order.lines),
        shipments=_parcel(order, word, sent) if order.state in PACKED_ON else (),
    )


def _panel_item(order: Sold, line: SoldLine) -> OrderItemFact:
    """The panel tells of every line how many of its pieces were cancelled."""
    item = _item(order, line, line.item_code, ordered=False)
    kept = order.promised.get(line.item_id, line.pieces)
    if item.status or kept == line.pieces:
        return item
    return msgspec.structs.replace(item, status="partly cancelled" if kept else "cancelled")


def _return(one: Returned) -> ReturnFact:
    return ReturnFact(
        external_return_id=one.return_id,
        external_order_id=one.order_id,
        kind=ReturnKind.RTO if one.kind == "RTO" else ReturnKind.CUSTOMER,
        status=RETURN_STATUS[one.state],
        raw_status=one.state,
        created_at=one.created_at,
        awbs=(one.awb,),
        items=(ReturnItemFact(external_item_id=f"{one.return_id}-1", sku=one.article.sku, quantity=one.pieces, title=one.article.title),),
    )


def _panel_return(one: Returned) -> ReturnFact:
    moving = one.state == "RETURN_CREATED"
    return msgspec.structs.replace(
        _return(one),
        status=ReturnStatus.IN_TRANSIT if moving else RETURN_STATUS[one.state],
        raw_status="Return Intransit" if moving else one.state,
        reason=one.reason,
        refund_amount=one.refund,
        carrier="Delhivery",
        items=(ReturnItemFact(external_item_id=one.item_code, sku=one.article.sku, quantity=one.pieces, reason=one.reason),),
    )


def _listing(world: World, position: int) -> ListingFact:
    article = world.catalogue[position]
    raw_status = world.published(position)
    return ListingFact(
        sku=article.sku,
        external_listing_id=item_code(position),
        title=article.title,
        status="active" if raw_status == "PUBLISHED" else "inactive",
        raw_status=raw_status,
        quantity_seen=world.pieces(position),
        attributes=(("productId", product_id(position)), ("variantId", article.sku), ("hsnCode", article.hsn)),
    )


def _payouts(paid: Iterable[Paid]) -> list[PayoutFact]:
    def payout_id(row: Paid) -> str:
        return row.document or f"DUE-{row.expected_on.isoformat()}"

    return [_payout(found, list(rows)) for found, rows in groupby(sorted(paid, key=payout_id), key=payout_id)]


def _payout(payout_id: str, rows: list[Paid]) -> PayoutFact:
    first = rows[0]
    return PayoutFact(
        external_payout_id=payout_id,
        net_amount=total(rows),
        currency="INR",
        paid_at=_midnight(first.cleared_on) if first.cleared_on else None,
        period_end=_midnight(first.expected_on),
        status=PAYOUT_STATUS[first.status],
        lines=tuple(sorted((_line(row) for row in rows), key=lambda line: line.line_key)),
    )


def _line(row: Paid) -> PayoutLineFact:
    back = row.journey == "RETURN"
    return PayoutLineFact(
        line_key=f"{row.journey}:{row.order_id}:{row.awb}:{row.invoice}",
        kind=LineKind.REFUND if back else LineKind.SALE,
        description=f"{row.journey} invoice {row.invoice}",
        amount=-row.value if back else row.value,
        external_order_id=row.order_id,
        posted_at=_midnight(row.cleared_on) if row.cleared_on else None,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=IST).astimezone(UTC)
