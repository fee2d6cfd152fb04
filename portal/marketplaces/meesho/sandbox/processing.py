"""The sandbox's answers while orders are processed: acceptance, cancellation, labels, manifests, and the papers behind their links."""

import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, TypeVar

import msgspec

from portal.marketplaces.meesho.sandbox.books import MOST_PARCELS, Books
from portal.marketplaces.meesho.sandbox.gate import Turned
from portal.marketplaces.meesho.sandbox.requests import Refused, Requests, invalid
from portal.marketplaces.meesho.sandbox.rows import OrderRow
from portal.marketplaces.meesho.sandbox.store import GSTIN, Store
from portal.marketplaces.sandbox_papers import Sheet, printed

MOST_ORDERS = 100
LINK_S = 600.0

Told = TypeVar("Told")

_Names = Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=MOST_ORDERS)]


class _Accepted(msgspec.Struct, forbid_unknown_fields=True):
    sub_order_num: str
    location_id: str


class _Accept(msgspec.Struct, forbid_unknown_fields=True):
    sub_orders: Annotated[tuple[_Accepted, ...], msgspec.Meta(min_length=1, max_length=MOST_ORDERS)]


class _Cancelled(msgspec.Struct, forbid_unknown_fields=True):
    sub_order_num: str
    reason_code: Annotated[str, msgspec.Meta(min_length=1)]


class _Cancel(msgspec.Struct, forbid_unknown_fields=True):
    sub_orders: Annotated[tuple[_Cancelled, ...], msgspec.Meta(min_length=1, max_length=MOST_ORDERS)]


class _Labels(msgspec.Struct, forbid_unknown_fields=True):
    sub_order_nums: _Names


class _Manifest(msgspec.Struct, forbid_unknown_fields=True):
    location_id: str
    carrier: Annotated[str, msgspec.Meta(min_length=1)]
    sub_order_nums: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=MOST_PARCELS)]


class Processing:
    """Reads what a call asks, has the books do it, and answers the JSON text of `data`. `link_s` is how long a paper's link works."""

    def __init__(self, store: Store, books: Books, requests: Requests) -> None:
        self._store = store
        self._books = books
        self._requests = requests
        self.link_s = LINK_S

    def accept(self, headers: Mapping[str, str], body: bytes) -> bytes:
        return self._requests.once(headers, body, self._accept)

    def _accept(self, body: bytes) -> bytes:
        told = _read(body, _Accept)
        if any(one.location_id not in self._store.locations for one in told.sub_orders):
            raise invalid("location_id is not one of this supplier's.")
        strange = [one.sub_order_num for one in told.sub_orders if self._store.find(one.sub_order_num) is None]
        if strange:
            details = tuple({"sub_order_num": name, "code": "NOT_FOUND", "message": "No such sub-order."} for name in strange)
            raise invalid("Some sub-orders are not this supplier's.", details)
        taken = {one.sub_order_num: self._books.take_in(one.sub_order_num) for one in told.sub_orders}
        return self._requests.begin(lambda: [self._books.accept(name, taken=free) for name, free in taken.items()])

    def cancel(self, headers: Mapping[str, str], body: bytes) -> bytes:
        return self._requests.once(headers, body, self._cancel)

    def _cancel(self, body: bytes) -> bytes:
        told = _read(body, _Cancel)
        return self._requests.begin(lambda: [self._books.cancel(one.sub_order_num) for one in told.sub_orders])

    def labels(self, headers: Mapping[str, str], body: bytes, base: str) -> bytes:
        return self._requests.once(headers, body, lambda told: self._labels(told, base))

    def _labels(self, body: bytes, base: str) -> bytes:
        names = _read(body, _Labels).sub_order_nums
        self._books.labelled.update(names)
        return self._requests.begin(
            lambda: [self._books.label(name) for name in names],
            paper=lambda: self._link(base, "labels", ",".join(names)),
            never=not self._books.stuck.isdisjoint(names),
        )

    def manifest(self, headers: Mapping[str, str], body: bytes, base: str) -> bytes:
        return self._requests.once(headers, body, lambda told: self._manifest(told, base))

    def _manifest(self, body: bytes, base: str) -> bytes:
        told = _read(body, _Manifest)
        if told.location_id not in self._store.locations:
            raise invalid("location_id is not one of this supplier's.")
        number, refused = self._books.manifest(told.carrier, told.sub_order_nums)
        if refused:
            details = tuple({"sub_order_num": name, "code": code, "message": message} for name, (code, message) in refused.items())
            raise invalid("Some sub-orders cannot be on this manifest.", details)
        return msgspec.json.encode({"manifest_id": number, "status": "CLOSED", "pdf_url": self._link(base, "manifests", number)})

    def paper(self, kind: str, name: str, given: str, until: str) -> bytes:
        """The file behind a link, as long as the link works. A manifest's works for ever."""
        if not hmac.compare_digest(given, self._pass(kind, name, until)):
            raise Refused(Turned(404, "NOT_FOUND", "No such file."))
        if kind == "manifests":
            return printed([_manifest_sheet(name, self._books.on(name))])
        if float(until) < time.time():
            raise Refused(Turned(410, "LINK_EXPIRED", "This link has expired."))
        rows = [row for one in name.split(",") if (row := self._store.find(one)) is not None and row.awb]
        return printed([sheet for row in rows for sheet in (_label_sheet(row), _invoice_sheet(row))])

    def _link(self, base: str, kind: str, name: str) -> str:
        until = f"{time.time() + self.link_s:.3f}"
        return f"{base}/files/{kind}/{name}.pdf?until={until}&pass={self._pass(kind, name, until)}"

    def _pass(self, kind: str, name: str, until: str) -> str:
        if kind == "manifests":
            until = ""
        return hashlib.sha256(f"sandbox {self._store.shop.seed} {kind} {name} {until}".encode()).hexdigest()[:32]


def _read(body: bytes, shape: type[Told]) -> Told:
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.MsgspecError as error:
        raise invalid(str(error)) from None


def _label_sheet(row: OrderRow) -> Sheet:
    return Sheet(lines=("Meesho label", row.sub_order_num, row.carrier, f"{row.sku} x {row.quantity}", row.payment_mode), barcode=row.awb)


def _invoice_sheet(row: OrderRow) -> Sheet:
    total = row.discounted_price * row.quantity
    return Sheet(
        lines=(
            f"Tax invoice INV{row.sub_order_num}",
            f"GSTIN {GSTIN}",
            row.name,
            f"HSN {row.hsn}, GST {row.gst_rate} %, {row.quantity} pieces",
            f"Total Rs {total}",
        )
    )


def _manifest_sheet(number: str, rows: Sequence[OrderRow]) -> Sheet:
    carrier = rows[0].carrier if rows else ""
    return Sheet(lines=(f"Manifest {number}", f"{len(rows)} parcels with {carrier}", *(row.awb for row in rows[:12])), barcode=number)
