"""What the sandbox's AJIO does with orders that are processed: holds, confirmations, invoices and manifests, each counted as it is accepted."""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.marketplaces.ajio.sandbox.records import CANCELLED, Sold

HOLD_S = 60.0
MOST_PARCELS = 250
SELLER_GSTIN = "27AAPFU0939F1ZV"


@dataclass(slots=True, kw_only=True)
class Desk:
    """The books of processing. `rejects` are orders that the next confirmation is refused for, with the reason."""

    hold_s: float = HOLD_S
    rejects: dict[str, str] = field(default_factory=dict)
    accepted: Counter[str] = field(default_factory=Counter)
    cancelled: Counter[str] = field(default_factory=Counter)
    confirmed: Counter[str] = field(default_factory=Counter)
    uploads: dict[str, str] = field(default_factory=dict)
    invoiced: Counter[str] = field(default_factory=Counter)
    numbers: set[str] = field(default_factory=set)
    """Numbers of sellers' own vendor invoices."""
    dispatched: Counter[str] = field(default_factory=Counter)
    quantities: dict[str, dict[str, int]] = field(default_factory=dict)
    manifests: dict[str, list[str]] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        return {
            "accepted": dict(self.accepted),
            "cancelled": dict(self.cancelled),
            "confirmed": dict(self.confirmed),
            "uploads": dict(self.uploads),
            "invoiced": dict(self.invoiced),
            "dispatched": dict(self.dispatched),
            "quantities": self.quantities,
            "manifests": self.manifests,
        }

    def lift_holds(self, orders: Iterable[Sold]) -> None:
        """Confirmed orders whose hold is over get their purchase order."""
        due = time.time() - self.hold_s
        for order in orders:
            if order.state == "ACKNOWLEDGED" and order.confirmed and order.accepted_at <= due:
                _move(order, "CONFIRMED")

    def decide(self, order: Sold, status: str, promised: Mapping[str, int]) -> str:
        """Acknowledge or cancel; why not, or an empty word."""
        if status == "Cancel":
            if order.state in ("DISPATCHED", "DELIVERED", CANCELLED):
                return f"order is {order.state}"
            self.cancelled[order.order_id] += 1
            _move(order, CANCELLED)
            return ""
        if order.state != "NEW":
            return "order is not new"
        if promised.keys() != {line.item_id for line in order.lines}:
            return "lines do not match"
        if any(not 0 <= promised[line.item_id] <= line.pieces for line in order.lines) or not any(promised.values()):
            return "quantity out of range"
        self.accepted[order.order_id] += 1
        self.quantities[order.order_id] = dict(promised)
        order.promised, order.accepted_at = dict(promised), time.time()
        _move(order, "ACKNOWLEDGED")
        return ""

    def confirm_sheet(
        self, upload_id: str, told: Mapping[str, Mapping[str, int]], cancelled: Collection[str], known: Mapping[str, Sold]
    ) -> dict[str, str]:
        """A confirmation as the panel takes it: acknowledged, cancelled and confirmed in one go, all or nothing. The orders it is refused for."""
        problems = {
            order_id: problem for order_id in told if (problem := self._unfit(order_id, told[order_id], order_id in cancelled, known))
        }
        if self.uploads.get(upload_id) == "ACCEPTED":
            problems = dict.fromkeys(told, "this sheet was taken already")
        else:
            self.uploads[upload_id] = "REJECTED" if problems else "ACCEPTED"
        if not problems:
            for order_id, promised in told.items():
                self.decide(known[order_id], "Cancel" if order_id in cancelled else "Acknowledge", promised)
                if order_id not in cancelled:
                    self.confirmed[order_id] += 1
                    known[order_id].confirmed = True
        return problems

    def _unfit(self, order_id: str, promised: Mapping[str, int], cancelled: bool, known: Mapping[str, Sold]) -> str:
        order = known.get(order_id)
        if order is None:
            return "no such order"
        if cancelled:
            return "order is on its way" if order.state in ("DISPATCHED", "DELIVERED", CANCELLED) else ""
        if order.state != "NEW":
            return "order is not new"
        lines = {line.item_id: line.pieces for line in order.lines}
        if promised.keys() != lines.keys() or any(not 0 <= promised[item] <= lines[item] for item in lines) or not any(promised.values()):
            return "quantity out of range"
        return self.rejects.get(order_id, "")

    def confirm(self, upload_id: str, told: Mapping[str, Mapping[str, int]], known: Mapping[str, Sold]) -> dict[str, str]:
        """All or nothing: the orders it is refused for, with the reason; empty when all are taken."""
        problems = {}
        for order_id, promised in told.items():
            order = known.get(order_id)
            if order is None or order.state != "ACKNOWLEDGED" or order.confirmed:
                problems[order_id] = "order is not waiting for confirmation"
            elif dict(promised) != order.promised:
                problems[order_id] = "quantity differs from acknowledgement"
            elif order_id in self.rejects:
                problems[order_id] = self.rejects[order_id]
        self.uploads[upload_id] = "REJECTED" if problems else "ACCEPTED"
        if not problems:
            for order_id in told:
                self.confirmed[order_id] += 1
                known[order_id].confirmed = True
        return problems

    def invoice(self, order: Sold, po_number: str, packed: Mapping[str, int], number: str = "") -> str:
        """Make the vendor invoice, under the seller's own number where he sends one; why not, or an empty word."""
        if order.state == "PACKED":
            return "invoice exists"
        if order.state != "CONFIRMED" or po_number != order.po_number:
            return "no such purchase order"
        if dict(packed) != {item: number for item, number in order.promised.items() if number}:
            return "packed quantity differs from confirmation"
        if number and number in self.numbers:
            return "invoice number is taken"
        self.numbers |= {number} - {""}
        order.own_invoice = number
        self.invoiced[order.order_id] += 1
        _move(order, "PACKED")
        return ""

    def dispatch(self, orders: list[Sold]) -> str:
        """Close a manifest over these parcels, and answer its number."""
        number = f"MF{len(self.manifests) + 1:05d}"
        self.manifests[number] = [order.order_id for order in orders]
        for order in orders:
            self.dispatched[order.order_id] += 1
            order.manifest = number
            _move(order, "DISPATCHED")
        return number


def vendor_number(order: Sold) -> str:
    return order.own_invoice or f"VI{order.order_id}"


def customer_number(order: Sold) -> str:
    return f"CI{order.order_id}"


def _move(order: Sold, state: str) -> None:
    order.state = state
    order.encoded.clear()
