"""Sign-in, the four lists and the stock update."""

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler

from portal.marketplaces.ajio.sandbox.faults import Misbehaviour, failure, json_response
from portal.marketplaces.ajio.sandbox.partner.listing import MOST_ROWS, PREFIX, Asked, listed
from portal.marketplaces.ajio.sandbox.partner.rows import (
    KNOWN,
    PENDENCY,
    PRODUCT,
    RETURNED,
    known_rows,
    new_rows,
    product_rows,
    return_rows,
)
from portal.marketplaces.ajio.sandbox.partner.stock import update
from portal.marketplaces.ajio.sandbox.world import MOST_WRONG_PASSWORDS, World
from portal.marketplaces.sandbox import Faults


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
        return await wrong.partner("pendency", request, lambda twist: listed(request, "orders", new_rows(world), twist, PENDENCY, most()))

    @get(f"{PREFIX}/orders")
    async def orders(request: Asked) -> Response[bytes]:
        return await wrong.partner("orders", request, lambda twist: listed(request, "orders", known_rows(world, request), twist, KNOWN))

    @get(f"{PREFIX}/return")
    async def returned(request: Asked) -> Response[bytes]:
        return await wrong.partner(
            "return", request, lambda twist: listed(request, "orders", return_rows(world, request), twist, RETURNED, most())
        )

    @get(f"{PREFIX}/products")
    async def products(request: Asked) -> Response[bytes]:
        return await wrong.partner(
            "products", request, lambda twist: listed(request, "products", product_rows(world), twist, PRODUCT, most())
        )

    @post(f"{PREFIX}/updateInventory", status_code=200)
    async def update_inventory(request: Asked) -> Response[bytes]:
        body = await request.body()
        return await wrong.partner("updateInventory", request, lambda _: update(world, body))

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
