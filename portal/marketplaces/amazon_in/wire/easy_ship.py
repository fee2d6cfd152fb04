"""Easy Ship 2022-03-23: what is asked for a parcel, and what Amazon says of it.

Documented: every name and code here. Inferred: Amazon's own examples give some codes another status than its table does, so the code
decides; a package that is unknown is told as ResourceNotFound or InvalidOrderState. Sizes and weights are sent as whole centimetres
and grams, rounded up.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from portal.marketplaces.amazon_in.wire.answers import NAME, Moment, decoded
from portal.marketplaces.amazon_in.wire.parcels import Parcel
from portal.marketplaces.errors import WireChanged

# ruff: noqa: N815

LONGEST_TEXT = 255

NOT_IN_THIS_STATE = frozenset({"ResourceNotFound", "InvalidOrderState"})
SLOT_GONE = frozenset({"ScheduleWindowExpired", "RetryableAfterGettingNewSlots", "InvalidTimeSlotId"})
NO_SLOT = "TimeSlotNotAvailable"
ALREADY_SCHEDULED = "ScheduledPackageAlreadyExists"
NOT_HERE = "RegionNotSupported"

LABEL_CANCELLED = "LabelCanceled"
WAITING_STATUSES = frozenset({"", "ReadyForPickup", "Scheduled"})
"""`Scheduled` is in Amazon's example and in no table."""
PICKUP = "PICKUP"


class Slot(msgspec.Struct, frozen=True, omit_defaults=True):
    """A window for handing a parcel over. Sent back as it came."""

    slotId: str
    startTime: Moment | None = None
    endTime: Moment | None = None
    handoverMethod: str = ""


class _Slots(msgspec.Struct):
    timeSlots: list[Slot]


class _Tracking(msgspec.Struct):
    trackingId: str | None = None


class _Invoice(msgspec.Struct):
    invoiceNumber: str | None = None


class _PackageName(msgspec.Struct):
    amazonOrderId: str
    packageId: str | None = None


class _Package(msgspec.Struct):
    scheduledPackageId: _PackageName
    packageTimeSlot: Slot
    packageStatus: str | None = None
    trackingDetails: _Tracking | None = None
    invoice: _Invoice | None = None


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A scheduled parcel. What Amazon does not tell is empty."""

    order_id: str
    package_id: str
    status: str
    slot: Slot
    awb: str
    invoice: str


def slots_body(marketplace_id: str, order_id: str, parcel: Parcel) -> dict[str, Any]:
    return {
        "marketplaceId": marketplace_id,
        "amazonOrderId": order_id,
        "packageDimensions": {"length": parcel.length_cm, "width": parcel.width_cm, "height": parcel.height_cm, "unit": "cm"},
        "packageWeight": {"value": parcel.weight_g, "unit": "g"},
    }


def schedule_body(marketplace_id: str, order_id: str, slot: Slot, serials: Mapping[str, Sequence[str]], name: str) -> dict[str, Any]:
    """`serials` by item id, where Amazon wants them; `name` is printed on the label, for whoever packs."""
    details: dict[str, Any] = {"packageTimeSlot": msgspec.to_builtins(slot), "packageIdentifier": name[:LONGEST_TEXT]}
    if serials:
        details["packageItems"] = [{"orderItemId": item, "orderItemSerialNumbers": list(numbers)} for item, numbers in serials.items()]
    return {"amazonOrderId": order_id, "marketplaceId": marketplace_id, "packageDetails": details}


def read_slots(body: bytes) -> list[Slot]:
    return decoded(body, _Slots, "pickup slots").timeSlots


def read_package(body: bytes) -> Package:
    found = decoded(body, _Package, "a package")
    name = found.scheduledPackageId
    if not name.amazonOrderId:
        raise WireChanged(NAME, "a package", words="without an order")
    return Package(
        order_id=name.amazonOrderId,
        package_id=name.packageId or "",
        status=found.packageStatus or "",
        slot=found.packageTimeSlot,
        awb=(found.trackingDetails.trackingId or "") if found.trackingDetails else "",
        invoice=(found.invoice.invoiceNumber or "") if found.invoice else "",
    )


def soonest(slots: Sequence[Slot], now: datetime) -> Slot | None:
    """The first slot that is not over: one where the parcel is picked up, before one where it has to be brought. None for none."""
    ahead = [slot for slot in slots if slot.endTime is None or slot.endTime > now]
    return min(ahead, key=lambda slot: (slot.handoverMethod not in {"", PICKUP}, slot.startTime or now), default=None)


def slot_text(slot: Slot) -> str:
    """The slot as a mark keeps it."""
    return msgspec.json.encode(slot).decode()


def slot_of(text: str) -> Slot | None:
    """The slot of a mark; None where there is none."""
    return msgspec.json.decode(text, type=Slot) if text else None
