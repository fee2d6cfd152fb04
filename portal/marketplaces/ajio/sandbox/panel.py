"""The seller panel's side of the sandbox."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from portal.clock import in_ist
from portal.marketplaces.ajio.sandbox.desk import customer_number, vendor_number
from portal.marketplaces.ajio.sandbox.faults import Misbehaviour, failure, json_response
from portal.marketplaces.ajio.sandbox.partner import number, twisted
from portal.marketplaces.ajio.sandbox.records import CANCELLED, PACKED_ON, Paid, Returned, Sold
from portal.marketplaces.ajio.sandbox.world import World
from portal.marketplaces.sandbox import Fault, Faults

LONGEST_DAYS = 90
MOST_ROWS = 2000
ORDER_WORDS = {
    "NEW": "New",
    "ACKNOWLEDGED": "Acknowledged",
    "CONFIRMED": "PO created",
    "PACKED": "Packed",
    "READY_TO_DISPATCH": "Ready to Ship",
    "DISPATCHED": "Shipped",
    "DELIVERED": "Delivered",
    CANCELLED: "Cancelled",
}
TWISTED = {
    "orderList": {Fault.UNREADABLE_ROW: "quantity", Fault.UNKNOWN_VALUE: "orderStatus"},
    "rtvList": {Fault.UNREADABLE_ROW: "returnType", Fault.UNKNOWN_VALUE: "returnStatus"},
    "paymentList": {Fault.UNREADABLE_ROW: "value", Fault.UNKNOWN_VALUE: "status"},
}

Asked = Request[Any, Any, Any]


def panel_routes(world: World, faults: Faults) -> list[HTTPRouteHandler]:
    """The POB list and three reports."""
    wrong = Misbehaviour(faults, world)

    @get("/malekith/nickfury/v1/sellers/{user_id:str}/work-places")
    async def work_places(request: Asked, user_id: FromPath[str]) -> Response[bytes]:
        return await wrong.panel("work_places", request, lambda twist: _places(world, request, user_id, twist))

    @get("/malekith/vision/v1/dropship/order/report")
    async def order_report(request: Asked) -> Response[bytes]:
        world.desk.lift_holds(world.sold)
        return await wrong.panel("order_report", request, lambda twist: _report(world, request, "orderList", _order_rows, twist))

    @get("/malekith/vision/v1/dropship/rtv/report")
    async def return_report(request: Asked) -> Response[bytes]:
        return await wrong.panel("rtv_report", request, lambda twist: _report(world, request, "rtvList", _return_rows, twist))

    @get("/malekith/vision/v1/dropship/payment/report")
    async def payment_report(request: Asked) -> Response[bytes]:
        return await wrong.panel("payment_report", request, lambda twist: _report(world, request, "paymentList", _paid_rows, twist))

    return [work_places, order_report, return_report, payment_report]


def _places(world: World, request: Asked, user_id: str, twist: Fault | None) -> Response[bytes]:
    if user_id != world.user_id:
        return failure(403, "Access denied")
    if request.query_params.get("workPlaceType") != "POB" or not request.query_params.get("size", "").isdigit():
        return failure(400, "Bad parameters")
    pobs = [{"id": one.pob_id, "storeName": one.store_name} for one in world.pobs.values()]
    if twist is Fault.OTHER_SHOP:
        pobs = [{"id": "DVOTHER001", "storeName": "Somebody else"}]
    return json_response({"content": pobs, "totalPages": 1, "last": True})


Rows = Callable[[World, date, date], list[bytes]]


def _report(world: World, request: Asked, name: str, rows: Rows, twist: Fault | None) -> Response[bytes]:
    try:
        first, last = (date.fromisoformat(request.query_params.get(side, "")) for side in ("from", "to"))
        page, size = (int(request.query_params.get(side, "")) for side in ("page", "size"))
    except ValueError:
        return failure(400, "Bad parameters")
    if not 0 <= (last - first).days < LONGEST_DAYS or not 0 < size <= MOST_ROWS or page < 0:
        return failure(400, "At most 90 days and 2000 rows")
    pob = world.pobs.get(request.query_params.get("pobIds", ""))
    held = rows(pob, first, last) if pob is not None else []
    shown = _again(held, size) if twist is Fault.REPEATED_PAGE else held[page * size : page * size + size]
    if shown and twist in TWISTED[name]:
        shown[0] = twisted(shown[0], twist, TWISTED[name][twist])
    body = b'{"success":true,"result":{"%s":[%s]}}' % (name.encode(), b",".join(shown))
    return Response(body, media_type="application/json")


def _again(rows: list[bytes], size: int) -> list[bytes]:
    """A full page of the same rows over and over, whichever page is asked for."""
    return (rows * (size // max(1, len(rows)) + 1))[:size]


def java_date(moment: datetime) -> str:
    """`Fri Aug 14 16:43:42 IST 2026`, as the panel writes moments."""
    return in_ist(moment).strftime("%a %b %d %H:%M:%S IST %Y")


def _order_rows(world: World, first: date, last: date) -> list[bytes]:
    return [row for order in world.sold if first <= in_ist(order.placed_at).date() <= last for row in _encoded(order)]


def _encoded(order: Sold) -> list[bytes]:
    if "panel" not in order.encoded:
        order.encoded["panel"] = b"\n".join(msgspec.json.encode(row) for row in _order_lines(order))
    return order.encoded["panel"].split(b"\n")


def _order_lines(order: Sold) -> list[dict[str, Any]]:
    packed = order.state in PACKED_ON
    return [
        {
            "orderNo": order.order_id,
            "orderDate": java_date(order.placed_at),
            "orderStatus": ORDER_WORDS[order.state],
            "purchaseOrderNumber": order.po_number or None,
            "sellerInvoiceNo": vendor_number(order) if packed else None,
            "customerInvoiceNo": customer_number(order) if packed else None,
            "itemCode": line.item_code,
            "hsn": line.article.hsn,
            "sellerSKU": line.article.sku,
            "description": line.article.title,
            "quantity": line.pieces,
            "shipmentId": order.order_id if packed else None,
            "fwdShipmentId": order.order_id if packed else None,
            "shipmentStatus": ORDER_WORDS[order.state] if packed else None,
            "carrier": order.carrier if packed else None,
            "awbNumber": order.awb if packed else None,
            "shippedQuantity": line.pieces if order.shipped_at else 0,
            "dispatchDate": java_date(order.shipped_at) if order.shipped_at else None,
            "cancelledQuantity": line.pieces if order.state == CANCELLED else line.pieces - order.promised.get(line.item_id, line.pieces),
            "basePrice": number(line.base_price),
            "totalValue": number(line.article.price * line.pieces),
            "fulfillmentType": "dropship",
        }
        for line in order.lines
    ]


def _return_rows(world: World, first: date, last: date) -> list[bytes]:
    return [msgspec.json.encode(_return_row(one)) for one in world.returned if first <= in_ist(one.created_at).date() <= last]


def _return_row(one: Returned) -> dict[str, Any]:
    return {
        "returnOrderNo": one.return_id,
        "custOrderNo": one.order_id,
        "jioCode": one.item_code,
        "sellerSku": one.article.sku,
        "returnCreateDate": java_date(one.created_at),
        "returnStatus": one.state,
        "returnQty": one.pieces,
        "returnCarrierName": "Delhivery",
        "returnAwbNo": one.awb,
        "return3plDeliveryStatus": "Return Intransit" if one.state == "RETURN_CREATED" else None,
        "returnValue": number(one.refund),
        "returnType": one.kind,
        "custReturnReason": one.reason,
    }


def _paid_rows(world: World, first: date, last: date) -> list[bytes]:
    return [msgspec.json.encode(paid_row(one)) for one in world.paid if first <= (one.cleared_on or one.expected_on) <= last]


def paid_row(one: Paid) -> dict[str, Any]:
    """A row of the payment report; of returns the panel writes the size without a sign."""
    return {
        "clearingDocNo": one.document or None,
        "clearingDate": one.cleared_on.isoformat() if one.cleared_on else None,
        "journeyType": one.journey,
        "expectedSettlementDate": one.expected_on.strftime("%d-%m-%Y"),
        "invoiceNumber": one.invoice,
        "custOrderNo": one.order_id,
        "awbNumber": one.awb,
        "value": number(one.value),
        "status": one.status,
    }


def total(rows: list[Paid]) -> Decimal:
    """What a settlement comes to."""
    return sum((-one.value if one.journey == "RETURN" else one.value for one in rows), Decimal(0))
