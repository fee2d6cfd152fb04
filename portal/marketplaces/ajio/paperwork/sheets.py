"""The sheets a seller takes to the panel: a confirmation, what is packed, and the manifests. Their columns are this project's proposal.

Each carries an id that comes from what is in it, so that the panel can tell a sheet it has taken from a new one, and so can we.
"""

import hashlib
from collections.abc import Iterable, Sequence

import msgspec

from portal.marketplaces.ajio.wire.processing import pieces
from portal.marketplaces.facts import BatchOrder

CONFIRMATION = ("Upload Id", "Cust Order No", "Item Code", "Seller SKU", "Order Qty", "Confirmed Qty", "Action")
PACKING = ("Upload Id", "Cust Order No", "PO No", "Item Code", "Seller SKU", "Packed Qty")
MANIFESTS = ("Upload Id", "Manifest", "Carrier", "Cust Order No", "AWB No", "Invoice No")
ACKNOWLEDGE, CANCEL = "ACKNOWLEDGE", "CANCEL"

Cell = str | int


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A sheet as it is handed out: the same contents have the same id and the same name."""

    upload_id: str
    name: str
    content: bytes


def confirmation(orders: Sequence[BatchOrder], *, dropped: Iterable[str] = ()) -> Sheet:
    """A row for each line with its confirmed pieces; none for the orders that are to be cancelled."""
    gone = set(dropped)
    rows: list[tuple[Cell, ...]] = []
    for order in orders:
        cancelled = order.external_order_id in gone
        promised = {} if cancelled else pieces(order)
        for line in order.lines:
            told = (order.external_order_id, line.external_item_id, line.sku, line.ordered, promised.get(line.external_item_id, 0))
            rows.append((*told, CANCEL if cancelled else ACKNOWLEDGE))
    return _sheet("confirmation", CONFIRMATION, rows)


def packing(orders: Sequence[BatchOrder]) -> Sheet:
    """A row for each line of which pieces were confirmed, with the purchase order they are packed for."""
    rows = [
        (order.external_order_id, order.marks.get("po_number", ""), line.external_item_id, line.sku, packed)
        for order in orders
        for line in order.lines
        if (packed := pieces(order).get(line.external_item_id, 0))
    ]
    return _sheet("packing", PACKING, rows)


def manifests(parcels: Sequence[tuple[str, BatchOrder]]) -> Sheet:
    """A row for each parcel, with the manifest it stands on."""
    rows = [
        (
            manifest,
            order.marks.get("carrier", ""),
            order.external_order_id,
            order.marks.get("awb", ""),
            order.marks.get("customer_invoice", ""),
        )
        for manifest, order in parcels
    ]
    return _sheet("manifests", MANIFESTS, rows)


def _sheet(kind: str, headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Sheet:
    from portal.marketplaces.ajio.paperwork import writing

    upload_id = hashlib.sha256(msgspec.json.encode([kind, rows])).hexdigest()[:16]
    content = writing.written(kind.capitalize(), [headings, *([upload_id, *row] for row in rows)])
    return Sheet(upload_id=upload_id, name=f"{kind}-{upload_id}.xlsx", content=content)
