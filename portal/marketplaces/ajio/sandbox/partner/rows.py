"""The rows of the four lists, as the wire has them."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from portal.marketplaces.ajio.sandbox.partner.listing import MOST_ROWS, Asked, Listed
from portal.marketplaces.ajio.sandbox.records import CANCELLED, PACKED_ON, Returned, Sold, SoldLine
from portal.marketplaces.ajio.sandbox.world import World, product_id
from portal.marketplaces.sandbox import Fault

PENDENCY = {Fault.UNREADABLE_ROW: "order_date", Fault.UNKNOWN_VALUE: "status"}
KNOWN = {Fault.UNREADABLE_ROW: "order_date", Fault.UNKNOWN_VALUE: "status"}
RETURNED = {Fault.UNREADABLE_ROW: "return_status", Fault.UNKNOWN_VALUE: "return_status"}
PRODUCT = {Fault.UNREADABLE_ROW: "productId", Fault.UNKNOWN_VALUE: "publishedStatus"}


def new_rows(world: World) -> Listed:
    waiting = world.waiting()
    return Listed(count=len(waiting), row=lambda position: _kept(waiting[position], "new", _new_row))


def known_rows(world: World, request: Asked) -> Listed:
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


def return_rows(world: World, request: Asked) -> Listed:
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


def product_rows(world: World) -> Listed:
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
