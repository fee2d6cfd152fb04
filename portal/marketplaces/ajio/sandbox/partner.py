"""The partner API's side of the sandbox."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler

from portal.marketplaces.ajio.sandbox.faults import Misbehaviour, failure, json_response
from portal.marketplaces.ajio.sandbox.records import CANCELLED, PACKED_ON, Returned, Sold, SoldLine
from portal.marketplaces.ajio.sandbox.world import MOST_WRONG_PASSWORDS, World, product_id
from portal.marketplaces.sandbox import Fault, Faults

PREFIX = "/ds/portal"
MOST_ROWS = 50

Asked = Request[Any, Any, Any]


class Refused(Exception):
    """The request breaks a rule of the wire; `response` says which."""

    def __init__(self, response: Response[bytes]) -> None:
        super().__init__()
        self.response = response


def partner_routes(world: World, faults: Faults) -> list[HTTPRouteHandler]:
    """Sign-in, the four lists and the stock update."""
    wrong = Misbehaviour(faults, world)

    def most() -> int:
        return faults.rows(MOST_ROWS)

    @post("/authToken", status_code=200)
    async def auth_token(request: Asked) -> Response[bytes]:
        body = await request.body()
        return await wrong.sign_in(lambda: _sign_in(world, body))

    @get(f"{PREFIX}/orders/pendency")
    async def pendency(request: Asked) -> Response[bytes]:
        return await wrong.partner("pendency", request, lambda twist: _listed(request, "orders", _new_rows(world), twist, PENDENCY, most()))

    @get(f"{PREFIX}/orders")
    async def orders(request: Asked) -> Response[bytes]:
        return await wrong.partner("orders", request, lambda twist: _listed(request, "orders", _known_rows(world, request), twist, KNOWN))

    @get(f"{PREFIX}/return")
    async def returned(request: Asked) -> Response[bytes]:
        return await wrong.partner(
            "return", request, lambda twist: _listed(request, "orders", _return_rows(world, request), twist, RETURNED, most())
        )

    @get(f"{PREFIX}/products")
    async def products(request: Asked) -> Response[bytes]:
        return await wrong.partner(
            "products", request, lambda twist: _listed(request, "products", _product_rows(world), twist, PRODUCT, most())
        )

    @post(f"{PREFIX}/updateInventory", status_code=200)
    async def update_inventory(request: Asked) -> Response[bytes]:
        body = await request.body()
        return await wrong.partner("updateInventory", request, lambda _: _update(world, body))

    return [auth_token, pendency, orders, returned, products, update_inventory]


def _sign_in(world: World, body: bytes) -> Response[bytes]:
    try:
        given = msgspec.json.decode(body, type=dict[str, str])
    except msgspec.DecodeError:
        return failure(400, "Invalid Request")
    if world.wrong_passwords >= MOST_WRONG_PASSWORDS:
        return failure(401, "authentication failed coz Login locked")
    if given.get("username") != world.pob_id or given.get("password") != world.api_password:
        world.wrong_passwords += 1
        return failure(401, "authentication failed")
    world.wrong_passwords = 0
    result = {"accessToken": world.sign_in(), "refreshToken": "sandbox-of-no-use"}
    return json_response({"success": True, "statusCode": 0, "result": result})


# Lists. Each row is kept as bytes; only a twisted page is taken apart again.

PENDENCY = {Fault.UNREADABLE_ROW: "order_date", Fault.UNKNOWN_VALUE: "status"}
KNOWN = {Fault.UNREADABLE_ROW: "order_date", Fault.UNKNOWN_VALUE: "status"}
RETURNED = {Fault.UNREADABLE_ROW: "return_status", Fault.UNKNOWN_VALUE: "return_status"}
PRODUCT = {Fault.UNREADABLE_ROW: "productId", Fault.UNKNOWN_VALUE: "publishedStatus"}


class Listed(msgspec.Struct, frozen=True):
    """A whole list: how many rows, and how to encode the row at a place."""

    count: int
    row: Any


def _listed(
    request: Asked, name: str, rows: Listed, twist: Fault | None, fields: dict[Fault, str], most: int = MOST_ROWS
) -> Response[bytes]:
    try:
        number, size = _number(request, "pageNumber", 0, 1_000_000), _number(request, "pageSize", 1, MOST_ROWS)
    except Refused as refused:
        return refused.response
    size = min(size, most)
    pages = -(-rows.count // size)
    wanted = max(0, number - 1) if twist is Fault.REPEATED_PAGE else number
    held = [rows.row(position) for position in range(wanted * size, min(rows.count, wanted * size + size))]
    if held and twist in fields:
        held[0] = twisted(held[0], twist, fields[twist])
    figures = {"number": number, "size": size, "totalElements": rows.count, "totalPages": 9999 if twist is Fault.REPEATED_PAGE else pages}
    body = b'{"%s":[%s],"page":%s}' % (name.encode(), b",".join(held), msgspec.json.encode(figures))
    return Response(body, media_type="application/json")


def twisted(row: bytes, twist: Fault, name: str) -> bytes:
    """The row without the field it needs, or with a word nobody has heard of."""
    held = msgspec.json.decode(row)
    if twist is Fault.UNREADABLE_ROW:
        held.pop(name, None)
    else:
        held[name] = "SOMETHING_NEW"
    return msgspec.json.encode(held)


def _number(request: Asked, name: str, least: int, most: int) -> int:
    given = request.query_params.get(name, "")
    if not given.isdigit() or not least <= int(given) <= most:
        raise Refused(failure(400, f"Invalid Request: {name}"))
    return int(given)


def _new_rows(world: World) -> Listed:
    waiting = world.waiting()
    return Listed(count=len(waiting), row=lambda position: _kept(waiting[position], "new", _new_row))


def _known_rows(world: World, request: Asked) -> Listed:
    world.desk.lift_holds(world.sold)
    ids = [one for one in request.query_params.get("orderIds", "").split(",") if one][:MOST_ROWS]
    found = [world.by_id[one] for one in ids if one in world.by_id and world.by_id[one].state != "NEW"]
    return Listed(count=len(found), row=lambda position: _kept(found[position], "known", _known_row))


def _kept(order: Sold, door: str, build: Any) -> bytes:
    if door not in order.encoded:
        order.encoded[door] = msgspec.json.encode(build(order))
    return order.encoded[door]


def number(value: Decimal) -> Any:
    """An amount as a JSON number with its paise: 799.00, not 799.0."""
    return msgspec.Raw(str(value).encode())


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _details(line: SoldLine) -> dict[str, Any]:
    article = line.article
    return {
        "item_code": line.item_code,
        "sku": article.sku,
        "ean": f"890{line.item_code[-10:]}",
        "name": article.title,
        "brand_name": "Sandbox",
        "color": article.colour,
        "size": article.size,
    }


def _new_row(order: Sold) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "order_date": seconds(order.placed_at),
        "carrier": order.carrier,
        "payment_method": order.payment,
        "tracking_number": "",
        "total_amount": number(order.total),
        **_address(order),
        "order_lines": [
            {
                "order_item_id": line.item_id,
                "ordered_quantity": line.pieces,
                "mrp": number(line.article.price + 200),
                "unit_price": number(line.article.price),
                # The real API is said to write this name with a blank at its end.
                "listing_price ": number(line.article.price),
                "seller_discount": 0,
                "b2b_base_price": number(line.base_price),
                "b2b_tax": number(line.article.price - line.base_price),
                "item_details": _details(line),
            }
            for line in order.lines
        ],
    }


def _address(order: Sold) -> dict[str, Any]:
    return {"ship_city": order.city, "ship_state": order.region, "ship_pincode": order.pincode, "customer_gstin": order.gstin}


def _known_row(order: Sold) -> dict[str, Any]:
    if order.state == "ACKNOWLEDGED":
        return {**_new_row(order), "status": order.state, "po_number": "", "po_date": 0}
    gone = order.state == CANCELLED
    tax = sum(((line.article.price - line.base_price) * line.pieces for line in order.lines), Decimal(0))
    return {
        "order_id": order.order_id,
        "order_date": seconds(order.placed_at),
        "carrier": order.carrier,
        "payment_method": order.payment,
        "tracking_number": order.awb if order.state in PACKED_ON else "",
        "po_number": order.po_number,
        "po_date": seconds(order.po_at),
        "po_amount": number(order.total),
        "total_tax": number(tax),
        "po_pdf_url": "",
        "status": order.state,
        "manifest_number": order.manifest,
        "manifest_url": order.manifest_url,
        **_address(order),
        "order_lines": [
            {
                "order_item_id": line.item_id,
                "quantity": line.pieces,
                "customer_cancelled_qty": line.pieces if gone else 0,
                "seller_cancelled_qty": 0 if gone else line.pieces - order.promised.get(line.item_id, line.pieces),
                "seller_short_picked_qty": 0,
                "mrp": number(line.article.price + 200),
                "item_base_price": number(line.base_price),
                "hsn": line.article.hsn,
                "tax_summary": {"cess_amount": 0},
                "item_details": _details(line),
            }
            for line in order.lines
        ],
    }


def _return_rows(world: World, request: Asked) -> Listed:
    kind = request.query_params.get("returnType", "")
    found = [one for one in world.returned if not kind or one.kind == kind]
    return Listed(count=len(found), row=lambda position: msgspec.json.encode(_return_row(found[position])))


def _return_row(one: Returned) -> dict[str, Any]:
    line = SoldLine(item_id=f"{one.return_id}-1", item_code=one.item_code, article=one.article, pieces=one.pieces)
    return {
        "return_order_id": one.return_id,
        "return_date": seconds(one.created_at),
        "order_id": one.order_id,
        "return_status": one.state,
        "return_type": one.kind,
        "tracking_number": one.awb,
        "return_order_items": [
            {
                "return_item_id": line.item_id,
                "order_item_id": f"{one.order_id}-1",
                "return_quantity": one.pieces,
                "cancelled_return_quantity": 0,
                "item_details": _details(line),
            }
        ],
    }


def _product_rows(world: World) -> Listed:
    return Listed(count=len(world.catalogue), row=lambda position: msgspec.json.encode(_product_row(world, position)))


def _product_row(world: World, position: int) -> dict[str, Any]:
    article = world.catalogue[position]
    return {
        "productId": product_id(position),
        "variantId": article.sku,
        "sku": article.sku,
        "item_code": f"4600{position:08d}",
        "name": article.title,
        "publishedStatus": world.published(position),
        "inventory": world.pieces(position),
        "hsnCode": article.hsn,
    }


class StockEntry(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    product_id: str
    variant_id: str
    inventory: int
    hsn_code: str


class StockUpdate(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    inventory_list: list[StockEntry]


def _update(world: World, body: bytes) -> Response[bytes]:
    try:
        lines = msgspec.json.decode(body, type=StockUpdate).inventory_list
    except msgspec.DecodeError:
        return failure(400, "Invalid Request")
    if not 0 < len(lines) <= MOST_ROWS:
        return failure(400, "Invalid Request: at most 50 SKUs")
    failed = []
    for line in lines:
        position = world.positions.get((line.product_id, line.variant_id))
        if position is None or line.inventory < 0:
            message = "Variant not found" if position is None else "Inventory must not be negative"
            failed.append({"productId": line.product_id, "variantId": line.variant_id, "message": message})
        else:
            world.write_stock(position, line.inventory)
    status = "SUCCESS" if not failed else "FAILED" if len(failed) == len(lines) else "PARTIAL_SUCCESS"
    return json_response({"status": status, "failedProductList": failed})
