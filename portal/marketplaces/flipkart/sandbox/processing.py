"""The sandbox's side of processing: cancelling, packing, papers, dispatch and manifests."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from portal.marketplaces.flipkart.sandbox.counter import Answer, Call, Complaint, Counter
from portal.marketplaces.flipkart.sandbox.desk import No
from portal.marketplaces.flipkart.sandbox.goods import PACKED_OR_LATER, Parcel
from portal.marketplaces.flipkart.sandbox.rows import PIECE, told
from portal.marketplaces.sandbox_papers import Sheet, printed

PDF = "application/pdf"
MOST_PARCELS, MOST_LABELS, MOST_INVOICES = 25, 50, 100


class _Tax(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    order_item_id: str
    tax_rate: float
    quantity: int


class _Invoice(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    order_id: str
    invoice_date: datetime


class _Dimensions(msgspec.Struct, forbid_unknown_fields=True):
    length: float
    breadth: float
    height: float
    weight: float


class _Piece(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    sub_shipment_id: str
    dimensions: _Dimensions


class _Pack(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    shipment_id: str
    location_id: str
    tax_items: list[_Tax]
    invoices: list[_Invoice]
    sub_shipments: list[_Piece]
    ignore_warning: bool = False


class _Packs(msgspec.Struct, forbid_unknown_fields=True):
    shipments: list[_Pack]


class _Cancel(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    shipment_id: str
    location_id: str
    cancellation_group_ids: list[str]
    reason: Literal["cannot_procure_item", "not_enough_inventory", "b2b_order"]


class _Cancels(msgspec.Struct, forbid_unknown_fields=True):
    shipments: list[_Cancel]


class _Dispatch(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    shipment_ids: list[str]
    location_id: str


class _Window(msgspec.Struct, forbid_unknown_fields=True):
    since: datetime = msgspec.field(name="from")
    to: datetime


class _Params(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    vendor_group_code: str
    location_id: str
    is_mps: bool = msgspec.field(name="is_mps")
    pickup_date: _Window | None = None


class _Manifest(msgspec.Struct, forbid_unknown_fields=True):
    params: _Params


def processing_routes(counter: Counter) -> list[HTTPRouteHandler]:
    """Everything that moves a parcel on, and the papers that come of it."""

    @post("/sellers/v3/shipments/labels", status_code=200)
    async def pack(request: Call) -> Answer:
        body = await request.body()
        return await counter.serve(request, "shipments.pack", lambda _: _pack(counter, body))

    @post("/sellers/v3/shipments/cancel", status_code=200)
    async def cancel(request: Call) -> Answer:
        body = await request.body()
        return await counter.serve(request, "shipments.cancel", lambda _: _cancel(counter, body))

    @post("/sellers/v3/shipments/dispatch", status_code=200)
    async def dispatch(request: Call) -> Answer:
        body = await request.body()
        return await counter.serve(request, "shipments.dispatch", lambda _: _dispatch(counter, body))

    @post("/sellers/v3/shipments/{shipment_ids:str}/labelOnly/pdf", status_code=200)
    async def labels(request: Call, shipment_ids: FromPath[str]) -> Answer:
        reprint = request.query_params.get("reprint", "false")
        return await counter.serve(request, "labels.pdf", lambda _: _labels(counter, shipment_ids, reprint), media_type=PDF)

    @get("/sellers/v3/shipments/{shipment_ids:str}/invoices")
    async def invoices(request: Call, shipment_ids: FromPath[str]) -> Answer:
        if request.headers.get("content-type") == PDF:
            return await counter.serve(request, "invoices.pdf", lambda _: _invoices(counter, shipment_ids), media_type=PDF)
        return await counter.serve(request, "invoices.data", lambda _: _invoice_data(counter, shipment_ids))

    @get("/sellers/v3/shipments/handover/counts")
    async def counts(request: Call) -> Answer:
        location = request.query_params.get("locationId", "")
        return await counter.serve(request, "handover.counts", lambda _: _counts(counter, location))

    @post("/sellers/v3/shipments/manifest", status_code=200)
    async def manifest(request: Call) -> Answer:
        body = await request.body()
        return await counter.serve(request, "manifest.pdf", lambda _: _manifest(counter, body), media_type=PDF)

    return [pack, cancel, dispatch, labels, invoices, counts, manifest]


def _read(body: bytes, shape: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.DecodeError as error:
        raise Complaint(400, "INVALID_REQUEST_JSON", str(error)) from None


def _few(count: int, most: int) -> None:
    if not 1 <= count <= most:
        raise Complaint(400, "INVALID_REQUEST", f"1 to {most} shipments")


def _answered(counter: Counter, acts: dict[str, tuple[str, Callable[[Parcel], None]]], word: str) -> bytes:
    """A row for each parcel, by its id the location that was named and what to do with it. Some are taken while others are not."""
    rows = []
    for shipment_id, (location_id, act) in acts.items():
        row = {"shipmentId": shipment_id, word: "SUCCESS", "errorCode": "", "errorMessage": ""}
        try:
            parcel = counter.shelves.parcels.get(shipment_id)
            if parcel is None or location_id != counter.shelves.location_at(parcel):
                raise No("INVALID_SHIPMENTS", "No such shipment at this location")
            act(parcel)
        except No as no:
            row |= {word: "FAILURE", "errorCode": no.code, "errorMessage": no.words}
        rows.append(row)
    return msgspec.json.encode({"shipments": rows})


def _pack(counter: Counter, body: bytes) -> bytes:
    asked: _Packs = _read(body, _Packs)
    _few(len(asked.shipments), MOST_PARCELS)
    if any(one.shipment_id in counter.desk.spoils for one in asked.shipments):
        raise Complaint(422, "UNPROCESSABLE_ENTITY", "serialNumbers is missing")

    def act(one: _Pack) -> Callable[[Parcel], None]:
        rates = {tax.order_item_id: (tax.tax_rate, tax.quantity) for tax in one.tax_items}
        invoiced = {invoice.order_id: invoice.invoice_date for invoice in one.invoices}

        def take(parcel: Parcel) -> None:
            if [piece.sub_shipment_id for piece in one.sub_shipments] != [PIECE] or not all(
                side > 0 for piece in one.sub_shipments for side in msgspec.structs.astuple(piece.dimensions)
            ):
                raise No("INVALID_REQUEST", "Every piece needs its dimensions")
            counter.desk.pack(parcel, rates, invoiced)

        return take

    return _answered(counter, {one.shipment_id: (one.location_id, act(one)) for one in asked.shipments}, "status")


def _cancel(counter: Counter, body: bytes) -> bytes:
    asked: _Cancels = _read(body, _Cancels)
    _few(len(asked.shipments), MOST_PARCELS)

    def act(one: _Cancel) -> Callable[[Parcel], None]:
        return lambda parcel: counter.desk.cancel(parcel, one.cancellation_group_ids)

    return _answered(counter, {one.shipment_id: (one.location_id, act(one)) for one in asked.shipments}, "processingStatus")


def _dispatch(counter: Counter, body: bytes) -> bytes:
    asked: _Dispatch = _read(body, _Dispatch)
    _few(len(asked.shipment_ids), MOST_PARCELS)
    return _answered(counter, dict.fromkeys(asked.shipment_ids, (asked.location_id, counter.desk.dispatch)), "processingStatus")


def _packed(counter: Counter, text: str, most: int) -> list[Parcel]:
    """The packed parcels of these ids, or Flipkart's complaint about one that is not."""
    ids = text.split(",")
    _few(len(ids), most)
    parcels = [counter.shelves.parcels.get(one) for one in ids]
    found = [one for one in parcels if one is not None]
    if len(found) < len(ids):
        raise Complaint(404, "INVALID_SHIPMENTS", "No such shipment")
    if any(one.state not in PACKED_OR_LATER for one in found):
        raise Complaint(422, "OPERATION_NOT_ALLOWED", "Shipment is not packed")
    return found


def _labels(counter: Counter, text: str, reprint: str) -> bytes:
    if reprint != "true":
        raise Complaint(422, "OPERATION_NOT_ALLOWED", "The sandbox prints labels of packed shipments again, nothing else")
    parcels = _packed(counter, text, MOST_LABELS)
    if any(one.shipment_id in counter.desk.unlabelled for one in parcels):
        raise Complaint(422, "OPERATION_NOT_ALLOWED", "Label is not generated")
    return printed([_label(one) for one in parcels])


def _label(parcel: Parcel) -> Sheet:
    to = parcel.order.buyer
    lines = (parcel.courier, parcel.order.order_id, to.name, to.street, f"{to.city}, {to.state} {to.pincode}")
    return Sheet(lines=lines, barcode=parcel.awb)


def _invoices(counter: Counter, text: str) -> bytes:
    sheets = []
    for parcel in _packed(counter, text, MOST_INVOICES):
        lines = (f"{line.quantity} x {line.article.title}: {line.total} INR" for line in parcel.live)
        sheets.append(Sheet(lines=(f"Tax invoice {parcel.invoice}", parcel.order.order_id, *lines)))
    return printed(sheets)


def _invoice_data(counter: Counter, text: str) -> bytes:
    return msgspec.json.encode({"invoices": [_invoiced(one) for one in _packed(counter, text, MOST_INVOICES)]})


def _invoiced(parcel: Parcel) -> dict[str, Any]:
    return {
        "shipmentId": parcel.shipment_id,
        "invoiceDate": told(parcel.updated_at),
        "invoiceNumber": parcel.invoice,
        "orderItems": [
            {
                "orderItemId": line.item_id,
                "invoiceAmount": msgspec.Raw(f"{line.total:.2f}".encode()),
                "taxDetails": {"cgstRate": 0, "sgstRate": 0, "igstRate": line.article.gst},
            }
            for line in parcel.live
        ],
    }


def _counts(counter: Counter, location_id: str) -> bytes:
    _here(counter, location_id)
    start, end = counter.desk.pickup()
    window = {"from": told(start), "to": told(end)}
    return msgspec.json.encode(
        [
            {"vendorGroupCode": courier, "count": len(parcels), "pickUpDate": window, "otc": {"code": "4711"}, "isMps": False}
            for courier, parcels in counter.desk.ready(location_id).items()
        ]
    )


def _manifest(counter: Counter, body: bytes) -> bytes:
    asked: _Params = _read(body, _Manifest).params
    _here(counter, asked.location_id)
    parcels = counter.desk.ready(asked.location_id).get(asked.vendor_group_code, [])
    if not parcels or asked.is_mps:
        raise Complaint(422, "OPERATION_NOT_ALLOWED", "Nothing to hand over to this vendor")
    return printed(
        [
            Sheet(lines=(f"Manifest {asked.vendor_group_code}", *(one.awb for one in parcels[at : at + 20])))
            for at in range(0, len(parcels), 20)
        ]
    )


def _here(counter: Counter, location_id: str) -> None:
    if location_id not in counter.shelves.locations:
        raise Complaint(400, "INVALID_REQUEST", "locationId is not yours")
