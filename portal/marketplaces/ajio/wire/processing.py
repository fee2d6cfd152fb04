"""What AJIO answers while orders are processed, and what it is sent. Shapes it keeps to itself are marked in the folder's docstring."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from portal.marketplaces.ajio.wire.body import MARKETPLACE, Loose, Unreadable, listed, shaped
from portal.marketplaces.ajio.wire.scalars import words
from portal.marketplaces.ajio.wire.statuses import plain
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import BatchOrder

ACCEPTED_ON = frozenset(
    # The partner API's words and the panel's, without case and blanks.
    {
        "ACKNOWLEDGED",
        "CONFIRMED",
        "POCREATED",
        "PACKED",
        "READYTODISPATCH",
        "READYTOSHIP",
        "READYTOSHIPPED",
        "DISPATCHED",
        "SHIPPED",
        "DELIVERED",
    }
)
DISPATCHED_ON = frozenset({"DISPATCHED", "SHIPPED", "DELIVERED"})


class Said(msgspec.Struct):
    order_id: Loose = None
    error_message: Loose = None


class NewExtras(msgspec.Struct):
    order_id: Loose = None
    carrier: Loose = None
    customer_gstin: Loose = None
    ship_state: Loose = None
    ship_pincode: Loose = None


class Progress(msgspec.Struct):
    """An accepted order as far as processing asks. `manifest_number` and its address are there once it is dispatched."""

    order_id: Loose = None
    status: Loose = None
    po_number: Loose = None
    carrier: Loose = None
    tracking_number: Loose = None
    manifest_number: Loose = None
    manifest_url: Loose = None

    @property
    def id(self) -> str:
        return words(self.order_id)

    @property
    def word(self) -> str:
        return plain(words(self.status))


class Label(msgspec.Struct):
    order_id: Loose = None
    awb: Loose = None
    carrier: Loose = None
    url: Loose = None


class InvoiceLine(msgspec.Struct):
    order_item_id: Loose = None
    quantity: int = 0


class Invoice(msgspec.Struct):
    """A vendor or a customer invoice; AJIO numbers the first `invoice_number` and the second `invoice_no`."""

    order_id: Loose = None
    invoice_number: Loose = None
    invoice_no: Loose = None
    url: Loose = None
    invoice_url: Loose = None
    seller_gstin: Loose = None
    status: Loose = None
    error_message: Loose = None
    lines: list[InvoiceLine] = []

    @property
    def number(self) -> str:
        return words(self.invoice_number or self.invoice_no)

    @property
    def address(self) -> str:
        return words(self.url or self.invoice_url, limit=1000)

    @property
    def pieces(self) -> dict[str, int]:
        return {words(line.order_item_id): line.quantity for line in self.lines if line.quantity}


class Dispatched(msgspec.Struct, rename="camel"):
    status: Loose = None
    manifest_url: Loose = None
    manifest_number: Loose = None
    failed_dispatch_items: list[dict[str, Any]] = []


def _by_order(document: dict[str, Any], name: str, what: str, shape: type[Any]) -> dict[str, Any]:
    try:
        rows = [shaped(row, shape) for row in listed(document, name, what)]
    except Unreadable as problem:
        raise WireChanged(MARKETPLACE, what, words=str(problem)) from None
    return {words(row.order_id): row for row in rows}


def new_marks(document: dict[str, Any]) -> dict[str, dict[str, str]]:
    """What a new order's row says that later stages check, by order. A row that cannot be read is left to whoever reads the orders."""
    found = {}
    for row in listed(document, "orders", "orders"):
        try:
            extras = shaped(row, NewExtras)
        except Unreadable:
            continue
        marks = {
            "carrier": words(extras.carrier),
            "gstin": words(extras.customer_gstin),
            "state": words(extras.ship_state),
            "pincode": words(extras.ship_pincode),
        }
        found[words(extras.order_id)] = {name: value for name, value in marks.items() if value}
    return found


def progress(document: dict[str, Any]) -> dict[str, Progress]:
    """Where accepted orders stand, by id. Raises WireChanged."""
    return _by_order(document, "orders", "orders", Progress)


def labels(document: dict[str, Any]) -> dict[str, Label]:
    return _by_order(document, "labels", "labels", Label)


def invoices(document: dict[str, Any], what: str) -> dict[str, Invoice]:
    return _by_order(document, "invoices", what, Invoice)


def invoice(document: dict[str, Any], what: str) -> Invoice:
    """The answer to making one invoice."""
    try:
        return shaped(document, Invoice)
    except Unreadable as problem:
        raise WireChanged(MARKETPLACE, what, words=str(problem)) from None


def refused(document: dict[str, Any], what: str) -> dict[str, str]:
    """The orders that an answer with `failed_items` refuses, with AJIO's words."""
    if "failed_items" not in document:
        return {}
    found = _by_order(document, "failed_items", what, Said)
    return {order_id: words(row.error_message, limit=300) or "AJIO gave no reason" for order_id, row in found.items()}


def upload_status(document: dict[str, Any]) -> str:
    """ACCEPTED, REJECTED or UNKNOWN. Raises WireChanged for anything else."""
    status = words(document.get("status"))
    if status not in ("ACCEPTED", "REJECTED", "UNKNOWN"):
        raise WireChanged(MARKETPLACE, "confirmations")
    return status


def dispatched(document: dict[str, Any]) -> Dispatched:
    try:
        found = shaped(document, Dispatched)
    except Unreadable as problem:
        raise WireChanged(MARKETPLACE, "manifests", words=str(problem)) from None
    if words(found.status) not in ("SUCCESS", "PARTIAL_SUCCESS", "FAILED"):
        raise WireChanged(MARKETPLACE, "manifests")
    return found


def failed_parcels(answer: Dispatched) -> dict[str, str]:
    """The parcels a manifest leaves behind, with AJIO's words."""
    return {
        words(one.get("orderId")): words(one.get("message"), limit=300) or "AJIO gave no reason" for one in answer.failed_dispatch_items
    }


def decision_body(order: BatchOrder, *, cancel: bool = False) -> dict[str, Any]:
    """The body that acknowledges an order with its confirmed pieces, or cancels it."""
    return {
        "order_id": order.external_order_id,
        "status": "Cancel" if cancel else "Acknowledge",
        "order_lines": _lines(order, cancel=cancel),
    }


def _lines(order: BatchOrder, *, cancel: bool = False) -> list[dict[str, Any]]:
    return [
        {
            "order_item_id": line.external_item_id,
            "confirmed_quantity": 0 if cancel else _pieces(line.confirmed, line.ordered),
            "cancelled_quantity": line.ordered if cancel else line.ordered - _pieces(line.confirmed, line.ordered),
        }
        for line in order.lines
    ]


def _pieces(confirmed: int | None, ordered: int) -> int:
    return ordered if confirmed is None else confirmed


def pieces(order: BatchOrder) -> dict[str, int]:
    """Promised pieces by item, without the lines that get none."""
    found = {line.external_item_id: _pieces(line.confirmed, line.ordered) for line in order.lines}
    return {item: number for item, number in found.items() if number}


def confirmation_body(orders: Sequence[BatchOrder]) -> dict[str, Any]:
    """A whole confirmation. Its id comes from what is in it, so the same one is never taken twice, whoever sends it."""
    told = [{"order_id": order.external_order_id, "order_lines": _lines(order)} for order in orders]
    return {"upload_id": hashlib.sha256(msgspec.json.encode(told)).hexdigest()[:32], "orders": told}


def vendor_invoice_body(order: BatchOrder, number: str = "") -> dict[str, Any]:
    """`number` is the seller's own; without one AJIO gives the invoice a number."""
    body = {
        "order_id": order.external_order_id,
        "po_number": order.marks.get("po_number", ""),
        "lines": [{"order_item_id": item, "packed_quantity": many} for item, many in pieces(order).items()],
    }
    return {**body, "invoice_number": number} if number else body


def dispatch_body(orders: Sequence[BatchOrder]) -> dict[str, Any]:
    return {"dispatchItems": [_parcel(order.external_order_id, order.marks) for order in orders]}


def _parcel(order_id: str, marks: Mapping[str, str]) -> dict[str, str]:
    return {"orderId": order_id, "masterAWB": marks.get("awb", ""), "invoiceNo": marks.get("customer_invoice", "")}
