"""The partner API's side of processing: decisions, confirmations, papers and manifests."""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from portal.marketplaces.ajio.sandbox.desk import MOST_PARCELS, SELLER_GSTIN, customer_number, vendor_number
from portal.marketplaces.ajio.sandbox.faults import Misbehaviour, failure, json_response
from portal.marketplaces.ajio.sandbox.partner import MOST_ROWS, PREFIX, Asked
from portal.marketplaces.ajio.sandbox.records import Sold
from portal.marketplaces.ajio.sandbox.world import World
from portal.marketplaces.sandbox import Faults
from portal.marketplaces.sandbox_papers import Sheet, printed

Answer = Response[bytes]


class DecidedLine(msgspec.Struct, forbid_unknown_fields=True):
    order_item_id: str
    confirmed_quantity: int
    cancelled_quantity: int


class Decided(msgspec.Struct, forbid_unknown_fields=True):
    order_id: str
    status: str
    order_lines: list[DecidedLine]


class ConfirmedOrder(msgspec.Struct, forbid_unknown_fields=True):
    order_id: str
    order_lines: list[DecidedLine]


class Confirmation(msgspec.Struct, forbid_unknown_fields=True):
    upload_id: str
    orders: list[ConfirmedOrder]


class PackedLine(msgspec.Struct, forbid_unknown_fields=True):
    order_item_id: str
    packed_quantity: int


class Packed(msgspec.Struct, forbid_unknown_fields=True):
    order_id: str
    po_number: str
    lines: list[PackedLine]
    invoice_number: str = ""


class Parcel(msgspec.Struct, forbid_unknown_fields=True):
    order_id: str = msgspec.field(name="orderId")
    awb: str = msgspec.field(name="masterAWB")
    invoice: str = msgspec.field(name="invoiceNo")


class Dispatch(msgspec.Struct, forbid_unknown_fields=True):
    items: list[Parcel] = msgspec.field(name="dispatchItems")


def processing_routes(world: World, faults: Faults) -> list[HTTPRouteHandler]:
    """Everything that moves an order on, and the papers that come of it."""
    wrong = Misbehaviour(faults, world)

    async def answer(operation: str, request: Asked, good: Callable[[], Answer]) -> Answer:
        return await wrong.partner(operation, request, lambda _: good())

    @post(f"{PREFIX}/orders", status_code=200)
    async def decide(request: Asked) -> Answer:
        body = await request.body()
        return await answer("decide", request, lambda: _decide(world, body))

    @get(f"{PREFIX}/orders/confirmation")
    async def confirmation(request: Asked) -> Answer:
        upload_id = request.query_params.get("uploadId", "")
        return await answer("confirmation", request, lambda: json_response({"status": world.desk.uploads.get(upload_id, "UNKNOWN")}))

    @post(f"{PREFIX}/orders/confirmation", status_code=200)
    async def confirm(request: Asked) -> Answer:
        body = await request.body()
        return await answer("confirm", request, lambda: _confirm(world, body))

    @get(f"{PREFIX}/orders/shipping-label")
    async def labels(request: Asked) -> Answer:
        return await answer(
            "labels", request, lambda: _papers(world, request, "labels", lambda one: _label(one, request), "CONFIRMED", "PACKED")
        )

    @get(f"{PREFIX}/orders/b2b-invoice")
    async def vendor_invoices(request: Asked) -> Answer:
        return await answer(
            "vendor_invoices", request, lambda: _papers(world, request, "invoices", lambda one: _vendor(one, request), "PACKED")
        )

    @post(f"{PREFIX}/orders/b2b-invoice", status_code=200)
    async def make_invoice(request: Asked) -> Answer:
        body = await request.body()
        return await answer("make_invoice", request, lambda: _make_invoice(world, request, body))

    @get(f"{PREFIX}/orders/b2c-invoice")
    async def customer_invoices(request: Asked) -> Answer:
        return await answer(
            "customer_invoices", request, lambda: _papers(world, request, "invoices", lambda one: _customer(one, request), "PACKED")
        )

    @post(f"{PREFIX}/orders/dispatch", status_code=200)
    async def dispatch(request: Asked) -> Answer:
        body = await request.body()
        return await answer("dispatch", request, lambda: _dispatch(world, request, body))

    @get("/documents/{kind:str}/{name:str}")
    async def document(request: Asked, kind: FromPath[str], name: FromPath[str]) -> Answer:
        return await answer("document", request, lambda: Response(_paper(kind, name), media_type="application/pdf"))

    return [decide, confirmation, confirm, labels, vendor_invoices, make_invoice, customer_invoices, dispatch, document]


def _decide(world: World, body: bytes) -> Answer:
    try:
        told = msgspec.json.decode(body, type=Decided)
    except msgspec.DecodeError:
        return failure(400, "Invalid Request")
    order = world.by_id.get(told.order_id)
    promised = {line.order_item_id: line.confirmed_quantity for line in told.order_lines}
    problem = "no such order" if order is None else world.desk.decide(order, told.status, promised)
    world.forget_waiting()
    failed = [{"order_id": told.order_id, "error_message": problem}] if problem else []
    taken = [] if problem else [{"order_id": told.order_id, "order_status": "ACKNOWLEDGED", "order_lines": []}]
    return json_response({"success": taken, "failed_items": failed})


def _confirm(world: World, body: bytes) -> Answer:
    try:
        told = msgspec.json.decode(body, type=Confirmation)
    except msgspec.DecodeError:
        return failure(400, "Invalid Request")
    orders = {order.order_id: {line.order_item_id: line.confirmed_quantity for line in order.order_lines} for order in told.orders}
    problems = world.desk.confirm(told.upload_id, orders, world.by_id)
    failed = [{"order_id": order_id, "error_message": words} for order_id, words in problems.items()]
    return json_response({"status": "REJECTED" if problems else "ACCEPTED", "failed_items": failed})


def _papers(world: World, request: Asked, name: str, row: Callable[[Sold], dict[str, Any]], *states: str) -> Answer:
    world.desk.lift_holds(world.sold)
    ids = [one for one in request.query_params.get("orderIds", "").split(",") if one]
    if not 0 < len(ids) <= MOST_ROWS:
        return failure(400, "Invalid Request: at most 50 orders")
    ready = (world.by_id[one] for one in ids if one in world.by_id)
    return json_response({name: [row(order) for order in ready if order.state in states]})


def _label(order: Sold, request: Asked) -> dict[str, Any]:
    return {"order_id": order.order_id, "awb": order.awb, "carrier": order.carrier, "url": _address(request, "label", order.awb)}


def _vendor(order: Sold, request: Asked) -> dict[str, Any]:
    return _invoice(order, request, "invoice_number", vendor_number(order), "vendor")


def _customer(order: Sold, request: Asked) -> dict[str, Any]:
    return _invoice(order, request, "invoice_no", customer_number(order), "customer")


def _invoice(order: Sold, request: Asked, name: str, number: str, kind: str) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        name: number,
        "url": _address(request, kind, number),
        "seller_gstin": SELLER_GSTIN,
        "lines": [{"order_item_id": item, "quantity": pieces} for item, pieces in order.promised.items() if pieces],
    }


def _make_invoice(world: World, request: Asked, body: bytes) -> Answer:
    try:
        told = msgspec.json.decode(body, type=Packed)
    except msgspec.DecodeError:
        return failure(400, "Invalid Request")
    order = world.by_id.get(told.order_id)
    packed = {line.order_item_id: line.packed_quantity for line in told.lines}
    if order is None or (problem := world.desk.invoice(order, told.po_number, packed, told.invoice_number)):
        return json_response({"status": "FAILED", "error_message": "no such order" if order is None else problem})
    return json_response({"status": "SUCCESS", **_vendor(order, request)})


def _dispatch(world: World, request: Asked, body: bytes) -> Answer:
    try:
        told = msgspec.json.decode(body, type=Dispatch)
    except msgspec.DecodeError:
        return failure(400, "Invalid Request")
    if not 0 < len(told.items) <= MOST_PARCELS:
        return failure(400, "Invalid Request: at most 250 shipments")
    orders = {one.order_id: world.by_id.get(one.order_id) for one in told.items}
    if len({order.carrier for order in orders.values() if order}) > 1:
        return failure(400, "Invalid Request: one carrier per manifest")
    failed, taken = [], []
    for one in told.items:
        order = orders[one.order_id]
        if order is None or order.state != "PACKED" or (one.awb, one.invoice) != (order.awb, customer_number(order)):
            failed.append({"orderId": one.order_id, "message": "parcel is not ready"})
        else:
            taken.append(order)
    if not taken:
        return json_response({"status": "FAILED", "manifestUrl": "", "failedDispatchItems": failed})
    number = world.desk.dispatch(taken)
    for order in taken:
        order.manifest_url = _address(request, "manifest", number)
    return json_response(
        {
            "status": "PARTIAL_SUCCESS" if failed else "SUCCESS",
            "manifestNumber": number,
            "manifestUrl": _address(request, "manifest", number),
            "failedDispatchItems": failed,
        }
    )


def _address(request: Asked, kind: str, name: str) -> str:
    return f"{base_of(request)}/documents/{kind}/{name.replace('/', '-')}.pdf"


def base_of(request: Asked) -> str:
    """The address this sandbox is called by, whatever it is mounted under."""
    return str(request.base_url).rstrip("/")


def _paper(kind: str, name: str) -> bytes:
    """Labels carry their AWB as a barcode; every other paper only says what it is."""
    number = name.removesuffix(".pdf")
    return printed([Sheet(lines=(f"{kind} {number}",), barcode=number if kind == "label" else "")])
