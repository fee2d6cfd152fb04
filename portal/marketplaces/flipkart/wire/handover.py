"""What goes along with parcels: their invoices as data, how many a courier is to fetch, and the manifest that lists them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from portal.clock import in_ist
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.flipkart.wire.decoding import MARKETPLACE, Count, Id, decode, ist_stamp, moment

INVOICES_AT_ONCE = 100


class _InvoiceItem(msgspec.Struct, rename="camel"):
    order_item_id: Id


class _Invoice(msgspec.Struct, rename="camel"):
    shipment_id: Id
    order_items: list[_InvoiceItem]
    invoice_number: str | None = None
    capital_number: str | None = msgspec.field(default=None, name="InvoiceNumber")
    """The guide's table writes it with a capital, its example without."""


class _Invoices(msgspec.Struct):
    invoices: list[_Invoice]


class Invoiced(msgspec.Struct, frozen=True, kw_only=True):
    """What is invoiced for one parcel: the numbers, several where it holds several orders, and the items on them."""

    numbers: tuple[str, ...]
    item_ids: frozenset[str]

    @property
    def number(self) -> str:
        return " and ".join(self.numbers)[:80]


def read_invoices(body: bytes) -> dict[str, Invoiced]:
    """By parcel, what `GET /v3/shipments/{ids}/invoices` says as data."""
    found: dict[str, Invoiced] = {}
    for one in decode(body, _Invoices, "invoices").invoices:
        before = found.get(one.shipment_id, Invoiced(numbers=(), item_ids=frozenset()))
        number = (one.invoice_number or one.capital_number or "").strip()
        found[one.shipment_id] = Invoiced(
            numbers=(*before.numbers, *([number] if number else [])),
            item_ids=before.item_ids | {item.order_item_id for item in one.order_items},
        )
    return found


class _Window(msgspec.Struct):
    after: str | None = None
    before: str | None = None
    since: str | None = msgspec.field(default=None, name="from")
    to: str | None = None


class _Count(msgspec.Struct, rename="camel"):
    vendor_group_code: Id
    count: Count
    pick_up_date: _Window | None = None
    is_mps: bool | None = None


class _Wrapped(msgspec.Struct, rename="camel"):
    result_manifest_details: list[_Count]


class Pickup(msgspec.Struct, frozen=True, kw_only=True):
    """Parcels that one courier group is to fetch: how many are ready, and between which moments it comes."""

    vendor: str
    count: int
    start: datetime | None
    end: datetime | None
    several_pieces: bool

    @property
    def number(self) -> str:
        """What the manifest of this pick-up is called: courier, day, and whether its parcels come in several pieces."""
        day = f" {in_ist(self.start):%-d %b %Y}" if self.start else ""
        return f"{self.vendor[:40]}{day}{' multi-piece' if self.several_pieces else ''}"


def read_counts(body: bytes) -> list[Pickup]:
    """The rows of `GET /v3/shipments/handover/counts`: bare in the specification, wrapped in an object in answers that were seen."""
    shape: Any = _Wrapped if body.lstrip().startswith(b"{") else list[_Count]
    read = decode(body, shape, "handover counts")
    rows: Sequence[_Count] = read.result_manifest_details if isinstance(read, _Wrapped) else read
    try:
        return [_pickup(row) for row in rows]
    except ValueError as error:
        raise WireChanged(MARKETPLACE, "handover counts", words=str(error)) from None


def _pickup(row: _Count) -> Pickup:
    # One document calls the ends of the window from and to, the other after and before.
    window = row.pick_up_date or _Window()
    start, end = window.since or window.after, window.to or window.before
    return Pickup(
        vendor=row.vendor_group_code,
        count=row.count,
        start=moment(start) if start else None,
        end=moment(end) if end else None,
        several_pieces=bool(row.is_mps),
    )


def manifest_body(pickup: Pickup, location_id: str) -> dict[str, Any]:
    """The body of `POST /v3/shipments/manifest`."""
    params: dict[str, Any] = {"vendorGroupCode": pickup.vendor, "locationId": location_id, "is_mps": pickup.several_pieces}
    if pickup.start and pickup.end:
        params["pickupDate"] = {"from": ist_stamp(pickup.start), "to": ist_stamp(pickup.end)}
    return {"params": params}


def is_pdf(body: bytes) -> bool:
    """Whether a document came, and came whole."""
    return body.startswith(b"%PDF-") and b"%%EOF" in body[-1024:]
