"""The stock update, taken line by line."""

import msgspec
from litestar import Response

from portal.marketplaces.ajio.sandbox.faults import failure, json_response
from portal.marketplaces.ajio.sandbox.partner.listing import MOST_ROWS
from portal.marketplaces.ajio.sandbox.world import World


class StockEntry(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    product_id: str
    variant_id: str
    inventory: int
    hsn_code: str


class StockUpdate(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    inventory_list: list[StockEntry]


def update(world: World, body: bytes) -> Response[bytes]:
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
