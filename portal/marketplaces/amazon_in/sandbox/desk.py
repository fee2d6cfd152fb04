"""The books of Easy Ship: which pickups are booked, whose papers were asked for, which orders the seller gave up. Each accepted call counts.

Its slots are tomorrow's and the day after's, by the real clock: that is the clock which tells whether a slot is over.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from portal import clock
from portal.marketplaces.amazon_in.sandbox.courses import CANCELLED, LABEL_CANCELLED, OPEN, READY, MadeOrder, awb
from portal.marketplaces.amazon_in.sandbox.orders import MadeOrders
from portal.marketplaces.sandbox_papers import Sheet, printed

Row = dict[str, Any]
HOURS = ((10, 13), (14, 17))
DAYS = (1, 2)
STATUSES = {
    # parcel of the order: status of the package
    "PENDING_PICK_UP": "ReadyForPickup",
    "PICKED_UP": "PickedUp",
    "AT_DESTINATION_FC": "AtDestinationFC",
    "DELIVERED": "Delivered",
    "RETURNING_TO_SELLER": "Rejected",
    "RETURNED_TO_SELLER": "ReturnedToSeller",
    "LABEL_CANCELLED": "LabelCanceled",
}


@dataclass
class Desk:
    """What tests may order stands in `no_slots` (orders no slot fits), `slot_gone` (how often the slot of an order is gone when it is
    booked), `no_papers` and `uncancellable` (Amazon's words by order), `mixed` (pages do not say whose they are) and `closed` (the shop
    is not in Easy Ship).
    """

    orders: MadeOrders
    scheduled: Counter[str] = field(default_factory=Counter)
    papered: Counter[str] = field(default_factory=Counter)
    cancelled: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    serials: dict[str, list[str]] = field(default_factory=dict)
    parcels: dict[str, Row] = field(default_factory=dict)
    slots: dict[str, str] = field(default_factory=dict)
    no_slots: set[str] = field(default_factory=set)
    slot_gone: Counter[str] = field(default_factory=Counter)
    no_papers: dict[str, str] = field(default_factory=dict)
    uncancellable: dict[str, str] = field(default_factory=dict)
    mixed: bool = False
    closed: bool = False

    def told(self) -> dict[str, Any]:
        """Accepted calls by order, and what came with them."""
        counted = {"scheduled": self.scheduled, "papered": self.papered, "cancelled": self.cancelled}
        return {**{name: dict(book) for name, book in counted.items()}, "names": self.names, "serials": self.serials, "slots": self.slots}

    def offered(self) -> list[Row]:
        """The slots there are, soonest last: nobody promised their order."""
        today = clock.ist_today()
        found = []
        for days in DAYS:
            for start, end in HOURS:
                day = today + timedelta(days=days)
                found.append(
                    {
                        "slotId": f"{day:%Y%m%d}-{start}",
                        "startTime": datetime.combine(day, time(start), tzinfo=clock.IST).isoformat(),
                        "endTime": datetime.combine(day, time(end), tzinfo=clock.IST).isoformat(),
                        "handoverMethod": "PICKUP",
                    }
                )
        return found[::-1]

    def schedule(self, order: MadeOrder, slot: str, serials: Sequence[str], name: str, moment: datetime) -> None:
        """Book the pickup. The caller has looked whether it may be."""
        self.scheduled[order.order_id] += 1
        self.names[order.order_id], self.slots[order.order_id] = name, slot
        if serials:
            self.serials[order.order_id] = list(serials)
        self.orders.move(order.number, READY, moment)

    def package(self, order: MadeOrder) -> Row | None:
        """The order's package as the wire tells it; None before it is scheduled."""
        if not order.course.parcel:
            return None
        slot = next((one for one in self.offered() if one["slotId"] == self.slots.get(order.order_id)), self.offered()[-1])
        parcel = {"packageDimensions": {"length": 30, "width": 25, "height": 4, "unit": "cm"}, "packageWeight": {"value": 450, "unit": "g"}}
        return {
            "scheduledPackageId": {"amazonOrderId": order.order_id, "packageId": f"pkg-{order.number:07d}"},
            **self.parcels.get(order.order_id, parcel),
            "packageTimeSlot": slot,
            "packageIdentifier": self.names.get(order.order_id, "by hand"),
            "invoice": {"invoiceNumber": invoice(order), "invoiceDate": slot["startTime"]},
            "packageStatus": STATUSES[order.course.parcel],
            "trackingDetails": {"trackingId": awb(order.number)},
        }

    def shopper_cancels(self, order_id: str, moment: datetime) -> None:
        order = self.orders.by_id(order_id)
        assert order is not None
        self.orders.move(order.number, CANCELLED, moment)

    def cancel_label(self, order_id: str, moment: datetime) -> None:
        """The carrier's side gives the pickup up; the order itself stays."""
        order = self.orders.by_id(order_id)
        assert order is not None
        self.orders.move(order.number, LABEL_CANCELLED, moment)

    def give_up(self, order_id: str, reason: str, moment: datetime) -> str:
        """The seller cancels; why not, or an empty word."""
        order = self.orders.by_id(order_id)
        if order is None or order.course not in (OPEN, READY, LABEL_CANCELLED):
            return "The order is not in a state that can be cancelled."
        if order_id in self.uncancellable:
            return self.uncancellable[order_id]
        self.cancelled[order_id] += 1
        self.reasons[order_id] = reason
        self.orders.move(order.number, CANCELLED, moment)
        return ""

    def papers(self, order_ids: Sequence[str]) -> bytes:
        """Label and invoice of each of these orders, in another order than they were asked for."""
        orders = [order for order_id in order_ids if (order := self.orders.by_id(order_id)) is not None]
        return printed([sheet for order in reversed(orders) for sheet in self._sheets(order, alone=len(orders) == 1)])

    def _sheets(self, order: MadeOrder, *, alone: bool) -> tuple[Sheet, Sheet]:
        number = awb(order.number)
        said = () if self.mixed and not alone else (f"Order {order.order_id}",)
        label = Sheet(lines=("Amazon Easy Ship", *said, self.names.get(order.order_id, "by hand")), barcode=number)
        return label, Sheet(lines=("Tax invoice", *said, f"Invoice {invoice(order)}"))


def invoice(order: MadeOrder) -> str:
    return f"IN-{order.number:06d}"
