"""What AJIO buys, as its purchase orders tell it: the lines that go on the vendor invoice."""

from decimal import Decimal
from typing import Any

import msgspec

from portal.marketplaces.ajio.wire.body import MARKETPLACE, Loose, Unreadable, listed, shaped
from portal.marketplaces.ajio.wire.processing import pieces
from portal.marketplaces.ajio.wire.scalars import amount, words
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import BatchOrder, InvoiceAsked, InvoiceLine


class _Details(msgspec.Struct):
    item_code: Loose = None
    sku: Loose = None
    name: Loose = None


class _Line(msgspec.Struct):
    order_item_id: Loose = None
    item_base_price: Decimal | None = None
    hsn: Loose = None
    item_details: _Details = msgspec.field(default_factory=_Details)


class _Purchase(msgspec.Struct):
    order_id: Loose = None
    order_lines: list[_Line] = []


def asked(document: dict[str, Any], orders: list[BatchOrder]) -> tuple[InvoiceAsked, ...]:
    """The invoice each of these orders needs: its confirmed pieces at the base price of the purchase order, which is before tax.

    A line that AJIO no longer tells of is asked for without a price. Raises WireChanged.
    """
    try:
        rows = [shaped(row, _Purchase) for row in listed(document, "orders", "orders")]
        told = {words(row.order_id): {words(line.order_item_id): line for line in row.order_lines} for row in rows}
        return tuple(_asked(order, told.get(order.external_order_id, {})) for order in orders)
    except Unreadable as problem:
        raise WireChanged(MARKETPLACE, "orders", words=str(problem)) from None


def _asked(order: BatchOrder, told: dict[str, _Line]) -> InvoiceAsked:
    skus = {line.external_item_id: line.sku for line in order.lines}
    lines = tuple(_line(told.get(item, _Line()), skus[item], many) for item, many in pieces(order).items())
    return InvoiceAsked(external_order_id=order.external_order_id, reference=order.marks.get("po_number", ""), lines=lines)


def _line(line: _Line, sku: str, many: int) -> InvoiceLine:
    return InvoiceLine(
        sku=sku,
        title=words(line.item_details.name, limit=500),
        quantity=many,
        unit_amount=amount(line.item_base_price, "item_base_price"),
        tax_included=False,
        hsn=words(line.hsn, limit=8),
    )
