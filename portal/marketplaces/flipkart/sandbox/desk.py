"""What the sandbox's Flipkart does with parcels that are cancelled, packed and dispatched, each counted as it is accepted."""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from portal.marketplaces.flipkart.sandbox.goods import COURIERS, HOUR, Line, Parcel
from portal.marketplaces.flipkart.sandbox.rows import group_of
from portal.marketplaces.flipkart.sandbox.shelves import Shelves

PACK_S = 8.0
"""Labels usually take five to ten seconds."""
BEFORE_PACKED = frozenset({"APPROVED", "PACKING_IN_PROGRESS", "FORM_FAILED"})
PICKUP = 5 * HOUR, 9 * HOUR


class No(Exception):
    """Why a parcel is not taken: Flipkart's code and words."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(code)
        self.code = code
        self.words = words


@dataclass(slots=True, kw_only=True)
class Desk:
    """The books of processing, by parcel; `cancelled` by order item. `rejects` are parcels that packing is refused for, with the reason,
    `spoils` those that make it refuse the whole call, `forms_fail` those that get stuck in a form, `unlabelled` those without a label.
    """

    shelves: Shelves
    pack_s: float = PACK_S
    rejects: dict[str, str] = field(default_factory=dict)
    spoils: set[str] = field(default_factory=set)
    forms_fail: set[str] = field(default_factory=set)
    unlabelled: set[str] = field(default_factory=set)
    packed: Counter[str] = field(default_factory=Counter)
    cancelled: Counter[str] = field(default_factory=Counter)
    dispatched: Counter[str] = field(default_factory=Counter)
    quantities: dict[str, dict[str, int]] = field(default_factory=dict)
    _packing: dict[str, Parcel] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        return {
            "packed": dict(self.packed),
            "cancelled": dict(self.cancelled),
            "dispatched": dict(self.dispatched),
            "quantities": self.quantities,
        }

    def settle(self) -> None:
        """Parcels whose labels are made by now are packed."""
        due = time.time() - self.pack_s
        for parcel in [one for one in self._packing.values() if one.packed_at <= due]:
            del self._packing[parcel.shipment_id]
            if parcel.state != "PACKING_IN_PROGRESS":
                continue
            if parcel.shipment_id in self.forms_fail:
                self.shelves.move(parcel, "FORM_FAILED")
                continue
            serial = int(parcel.shipment_id.replace("-", "")[-12:], 16)
            parcel.awb, parcel.courier = f"FMPP{serial % 10**10:010d}", COURIERS[serial % len(COURIERS)]
            parcel.invoice = f"FK26{serial % 10**9:09d}"
            self.shelves.move(parcel, "PACKED")

    def pack(self, parcel: Parcel, rates: Mapping[str, tuple[float, int]], invoiced: Mapping[str, datetime]) -> None:
        """Take a parcel for packing, or say No. `rates` are percent and pieces by item, `invoiced` the dates by order."""
        if parcel.state != "APPROVED":
            raise No("INVALID_ITEM_STATE", "Shipment is not ready to be packed")
        if parcel.hold or parcel.packable_from > self.shelves.now:
            raise No("OPERATION_NOT_ALLOWED", "Shipment is on hold or its dispatch time has not begun")
        if parcel.shipment_id in self.rejects:
            raise No("INVALID_REQUEST", self.rejects[parcel.shipment_id])
        if {item: pieces for item, (_, pieces) in rates.items()} != {line.item_id: line.quantity for line in parcel.live}:
            raise No("QUANTITY_MISMATCH_ERROR", "Items and quantities have to be those of the shipment")
        if any(rates[line.item_id][0] != line.article.gst for line in parcel.live):
            raise No("INVALID_REQUEST_TAX", "Tax rate is not that of the listing")
        if invoiced.keys() != parcel.order_ids:
            raise No("INVALID_REQUEST", "One invoice for each order of the shipment")
        # The clock that callers read goes by whole seconds.
        if not all(parcel.order.placed_at.replace(microsecond=0) <= at <= self.shelves.now for at in invoiced.values()):
            raise No("INVALID_REQUEST_DATE_FORMAT", "Invoice date has to lie between order date and now")
        self.packed[parcel.shipment_id] += 1
        self.quantities[parcel.shipment_id] = {item: pieces for item, (_, pieces) in rates.items()}
        parcel.packed_at = time.time()
        self._packing[parcel.shipment_id] = parcel
        self.shelves.move(parcel, "PACKING_IN_PROGRESS")

    def cancel(self, parcel: Parcel, groups: Collection[str]) -> None:
        """Cancel whole groups of a parcel, or say No."""
        if parcel.state not in BEFORE_PACKED:
            raise No("INVALID_ITEM_STATE", "Shipment is packed or cancelled")
        falling: list[Line] = [line for line in parcel.live if group_of(line) in groups]
        if {group_of(line) for line in falling} != set(groups):
            raise No("INVALID_REQUEST", "No such cancellation group")
        for line in falling:
            line.cancelled = True
            self.cancelled[line.item_id] += 1
        if not parcel.live:
            parcel.cancelled_by = "sellerCancellation"
        self.shelves.move(parcel, parcel.state if parcel.live else "CANCELLED")

    def dispatch(self, parcel: Parcel) -> None:
        """The courier may come for a parcel, or No."""
        if parcel.state != "PACKED":
            raise No("ORDER_ITEM_NOT_PACKED", "Shipment is not packed, or dispatched already")
        self.dispatched[parcel.shipment_id] += 1
        self.shelves.move(parcel, "READY_TO_DISPATCH")

    def shopper_cancels(self, parcel: Parcel) -> None:
        """The shopper does not want it any more, however far it is."""
        parcel.cancelled_by = "buyerCancellation"
        self.shelves.move(parcel, "CANCELLED")

    def put_together(self, parcel: Parcel, other: Parcel) -> None:
        """Flipkart sends two orders of one buyer in one parcel: what is in the other goes along in this one."""
        for line in other.lines:
            line.order_id = other.order.order_id
        parcel.lines += other.lines
        other.order.parcels = [parcel if one is other else one for one in other.order.parcels]
        del self.shelves.parcels[other.shipment_id]
        self.shelves.move(parcel, parcel.state)

    def ready(self, location_id: str) -> dict[str, list[Parcel]]:
        """Parcels of a location that wait for their courier, by courier."""
        waiting: dict[str, list[Parcel]] = {}
        for parcel in self.shelves.parcels.values():
            if parcel.state == "READY_TO_DISPATCH" and self.shelves.location_at(parcel) == location_id:
                waiting.setdefault(parcel.courier, []).append(parcel)
        return dict(sorted(waiting.items()))

    def pickup(self) -> tuple[datetime, datetime]:
        """When couriers come: this afternoon or evening by the sandbox's clock."""
        start, end = PICKUP
        return self.shelves.now + start, self.shelves.now + end

    def make_ready(self, parcels: Iterable[Parcel]) -> None:
        """Let these parcels be approved, on no hold, and due to be packed."""
        for parcel in parcels:
            parcel.hold = parcel.self_ship = parcel.came_back = False
            parcel.cancelled_by = parcel.awb = parcel.courier = ""
            parcel.after = parcel.order.placed_at - HOUR
            self.shelves.move(parcel, "APPROVED")
