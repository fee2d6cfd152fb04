"""The desk of the seller panel, where a signed-in seller uploads sheets and downloads papers with his own hands.

Every sheet is checked as strictly as a call of the partner API, is taken whole or not at all, and counts in the same books.
"""

import io
from collections.abc import Callable
from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.handlers import HTTPRouteHandler
from openpyxl import Workbook, load_workbook

from portal.marketplaces.ajio.sandbox.desk import MOST_PARCELS, SELLER_GSTIN, customer_number, vendor_number
from portal.marketplaces.ajio.sandbox.faults import SIGN_IN_PAGE
from portal.marketplaces.ajio.sandbox.records import Sold
from portal.marketplaces.ajio.sandbox.world import World
from portal.marketplaces.sandbox_papers import Sheet, printed

CONFIRMATION = ["Upload Id", "Cust Order No", "Item Code", "Seller SKU", "Order Qty", "Confirmed Qty", "Action"]
PACKING = ["Upload Id", "Cust Order No", "PO No", "Item Code", "Seller SKU", "Packed Qty"]
MANIFESTS = ["Upload Id", "Manifest", "Carrier", "Cust Order No", "AWB No", "Invoice No"]
SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Asked = Request[Any, Any, Any]
Answer = Response[bytes]
Rows = list[dict[str, Any]]


class Refused(Exception):
    """The sheet as a whole is not one of ours."""


def desk_routes(world: World) -> list[HTTPRouteHandler]:
    """Three sheets that are taken, and three kinds of papers that are printed."""

    @post("/vmsui/orders/confirmation", status_code=200)
    async def confirmation(request: Asked) -> Answer:
        return await _taken(world, request, CONFIRMATION, _confirm)

    @post("/vmsui/orders/packing", status_code=200)
    async def packing(request: Asked) -> Answer:
        return await _taken(world, request, PACKING, _pack)

    @post("/vmsui/orders/manifests", status_code=200)
    async def manifests(request: Asked) -> Answer:
        return await _taken(world, request, MANIFESTS, _close)

    @get("/vmsui/orders/labels.pdf")
    async def labels(request: Asked) -> Answer:
        return _printed(world, request, lambda order: Sheet(lines=(f"Order {order.order_id}",), barcode=order.awb))

    @get("/vmsui/orders/vendor-invoices.pdf")
    async def vendor_invoices(request: Asked) -> Answer:
        return _printed(world, request, lambda order: Sheet(lines=_invoice("Vendor invoice", vendor_number(order), order)))

    @get("/vmsui/orders/customer-invoices.pdf")
    async def customer_invoices(request: Asked) -> Answer:
        return _printed(world, request, lambda order: Sheet(lines=_invoice("Customer invoice", customer_number(order), order)))

    return [confirmation, packing, manifests, labels, vendor_invoices, customer_invoices]


def _signed_in(world: World, request: Asked) -> bool:
    return world.knows_session(request.cookies.get("vms_session", ""))


async def _taken(world: World, request: Asked, headings: list[str], take: Callable[[World, Rows], Answer]) -> Answer:
    if not _signed_in(world, request):
        return Response(SIGN_IN_PAGE, media_type="text/html", status_code=401)
    sheet = (await request.form()).get("sheet")
    if not isinstance(sheet, UploadFile):
        return _no("There is no sheet.")
    try:
        rows = _rows(await sheet.read(), headings)
        return take(_pob_of(world, rows), rows)
    except Refused as refused:
        return _no(str(refused))


def _pob_of(world: World, rows: Rows) -> World:
    """The POB in whose books the first order of a sheet is. A sheet of several is refused order by order: the others are not in them."""
    order_id = str(rows[0].get("Cust Order No"))
    return next((pob for pob in world.pobs.values() if order_id in pob.by_id), world)


def _no(sentence: str) -> Answer:
    return Response(sentence.encode(), media_type="text/plain", status_code=400)


def _rows(content: bytes, headings: list[str]) -> Rows:
    """The rows below exactly these headings."""
    page = load_workbook(io.BytesIO(content)).worksheets[0]
    found = [list(row) for row in page.iter_rows(values_only=True)]
    if not found or found[0] != headings:
        raise Refused("The sheet has other columns.")
    rows = [dict(zip(headings, row, strict=True)) for row in found[1:]]
    if not rows or len({row["Upload Id"] for row in rows}) != 1:
        raise Refused("The sheet is empty, or made of several.")
    return rows


def _pieces(world: World, rows: Rows, column: str) -> dict[str, dict[str, int]]:
    """Pieces by order and by line, which the panel names by its article."""
    told: dict[str, dict[str, int]] = {}
    for row in rows:
        order = world.by_id.get(str(row["Cust Order No"]))
        lines = {line.item_code: line.item_id for line in order.lines} if order else {}
        told.setdefault(str(row["Cust Order No"]), {})[lines.get(str(row["Item Code"]), "")] = int(row[column])
    return told


def _confirm(world: World, rows: Rows) -> Answer:
    told = _pieces(world, rows, "Confirmed Qty")
    cancelled = {str(row["Cust Order No"]) for row in rows if row["Action"] == "CANCEL"}
    problems = world.desk.confirm_sheet(str(rows[0]["Upload Id"]), told, cancelled, world.by_id)
    world.forget_waiting()
    return _result(CONFIRMATION, rows, problems)


def _pack(world: World, rows: Rows) -> Answer:
    """Make the vendor invoices of all these orders, or of none."""
    told = _pieces(world, rows, "Packed Qty")
    world.desk.lift_holds(world.sold)
    numbers = {str(row["Cust Order No"]): str(row["PO No"]) for row in rows}
    problems = {}
    for order_id, packed in told.items():
        order = world.by_id.get(order_id)
        promised = {item: number for item, number in order.promised.items() if number} if order else {}
        if order is None or order.state != "CONFIRMED" or numbers[order_id] != order.po_number:
            problems[order_id] = "no such purchase order"
        elif packed != promised:
            problems[order_id] = "packed quantity differs from confirmation"
    if not problems:
        for order_id, packed in told.items():
            world.desk.invoice(world.by_id[order_id], numbers[order_id], packed)
    return _result(PACKING, rows, problems)


def _close(world: World, rows: Rows) -> Answer:
    """Close all these manifests and print them, or none."""
    named: dict[str, list[Sold]] = {}
    problems = {}
    for row in rows:
        order = world.by_id.get(str(row["Cust Order No"]))
        told = (row["Carrier"], row["AWB No"], row["Invoice No"])
        if order is None or order.state != "PACKED" or told != (order.carrier, order.awb, customer_number(order)):
            problems[str(row["Cust Order No"])] = "parcel is not ready"
        else:
            named.setdefault(str(row["Manifest"]), []).append(order)
    for manifest, parcels in named.items():
        if len(parcels) > MOST_PARCELS or len({order.carrier for order in parcels}) > 1:
            raise Refused(f"Manifest {manifest} has several carriers or more than {MOST_PARCELS} parcels.")
    if problems:
        return _result(MANIFESTS, rows, problems)
    closed = {world.desk.dispatch(parcels): (manifest, parcels) for manifest, parcels in named.items()}
    pages = [
        Sheet(lines=(f"Manifest {number} for {manifest}", *(f"{order.awb} {order.order_id}" for order in parcels)))
        for number, (manifest, parcels) in closed.items()
    ]
    return Response(printed(pages), media_type="application/pdf")


def _result(headings: list[str], rows: Rows, problems: dict[str, str]) -> Answer:
    """Our rows with a verdict on each. Where one is rejected, the others are not taken either and say so by being fit to come again."""
    book = Workbook()
    page = book.worksheets[0]
    page.append([*headings, "Status", "Remarks"])
    for row in rows:
        problem = problems.get(str(row["Cust Order No"]), "")
        page.append([*row.values(), "REJECTED" if problem else "ACCEPTED", problem])
    made = io.BytesIO()
    book.save(made)
    return Response(made.getvalue(), media_type=SPREADSHEET)


def _printed(world: World, request: Asked, sheet: Callable[[Sold], Sheet]) -> Answer:
    """A page for each packed order, or for those of them that `orders` names."""
    if not _signed_in(world, request):
        return Response(SIGN_IN_PAGE, media_type="text/html", status_code=401)
    named = {one for one in request.query_params.get("orders", "").split(",") if one}
    sold = (order for pob in world.pobs.values() for order in pob.sold)
    packed = [order for order in sold if order.state == "PACKED" and (not named or order.order_id in named)]
    return Response(printed([sheet(order) for order in packed]), media_type="application/pdf") if packed else _no("Nothing is packed.")


def _invoice(kind: str, number: str, order: Sold) -> tuple[str, ...]:
    return (f"{kind} {number}", f"Order {order.order_id}", f"GSTIN {SELLER_GSTIN}")
