"""The sandbox's addresses: the wire, and beside it what no marketplace has."""

from typing import Any

import msgspec
from litestar import Litestar, MediaType, Response, get, post
from litestar.params import FromPath, JSONBody

from portal.marketplaces.meesho.sandbox.counter import Answered, Asked, Counter, Told
from portal.marketplaces.meesho.sandbox.desk import Desk
from portal.marketplaces.meesho.sandbox.gate import Gate
from portal.marketplaces.meesho.sandbox.ledger import ledger
from portal.marketplaces.meesho.sandbox.store import Store
from portal.marketplaces.sandbox import Fault, Faults, Ordered, fault_routes


class Added(msgspec.Struct):
    orders: int = 1


def application(store: Store, gate: Gate) -> Litestar:
    """One supplier's Meesho as an ASGI application."""
    desk, faults = Desk(store), Faults()
    counter = Counter(gate, faults)

    @get("/v2/supplier")
    async def supplier(request: Asked) -> Answered:
        def answer(ordered: Ordered | None) -> Told:
            return desk.supplier(other=ordered is not None and ordered.fault is Fault.OTHER_SHOP), None

        return await counter.serve(request, "supplier", answer)

    @get("/v2/orders")
    async def orders(request: Asked) -> Answered:
        return await counter.serve_page(request, "orders", desk.orders)

    @get("/v2/returns")
    async def returns(request: Asked) -> Answered:
        return await counter.serve_page(request, "returns", desk.returns)

    @get("/v2/payments")
    async def payments(request: Asked) -> Answered:
        return await counter.serve_page(request, "payments", desk.payments)

    @post("/v2/inventory")
    async def inventory(request: Asked) -> Answered:
        body = await request.body()
        return await counter.serve(request, "inventory", lambda _: (desk.inventory(request.headers, body), None))

    @get("/v2/requests/{request_id:str}")
    async def requests(request: Asked, request_id: FromPath[str]) -> Answered:
        return await counter.serve(request, "requests", lambda _: (desk.request(request_id), None))

    @get("/_sandbox/ledger")
    async def read_ledger() -> Response[bytes]:
        return Response(msgspec.json.encode(ledger(store)), media_type=MediaType.JSON)

    @post("/_sandbox/add")
    async def add(data: JSONBody[Added]) -> dict[str, Any]:
        return {"orders": data.orders, "now": store.add(data.orders).isoformat()}

    @get("/_sandbox/catalogue.csv", media_type="text/csv")
    async def catalogue() -> str:
        return store.catalogue_csv()

    wire = [supplier, orders, returns, payments, inventory, requests]
    return Litestar([*wire, read_ledger, add, catalogue, *fault_routes(faults)], openapi_config=None, logging_config=None)
