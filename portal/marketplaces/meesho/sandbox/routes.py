"""The sandbox's addresses: the wire, and beside it what no marketplace has."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from litestar import Litestar, MediaType, Response, get, post
from litestar.params import FromPath, JSONBody

from portal.marketplaces.meesho.sandbox.books import Books
from portal.marketplaces.meesho.sandbox.counter import OF_WRITES, Answered, Asked, Counter, Told
from portal.marketplaces.meesho.sandbox.desk import Desk
from portal.marketplaces.meesho.sandbox.gate import Gate
from portal.marketplaces.meesho.sandbox.ledger import ledger
from portal.marketplaces.meesho.sandbox.processing import Processing
from portal.marketplaces.meesho.sandbox.requests import Requests
from portal.marketplaces.meesho.sandbox.store import Store
from portal.marketplaces.sandbox import Fault, Faults, Ordered, fault_routes


class Added(msgspec.Struct):
    orders: int = 1


class World(NamedTuple):
    """The parts of a sandbox whose screws a test may turn."""

    store: Store
    books: Books
    requests: Requests
    processing: Processing


def application(store: Store, gate: Gate) -> Litestar:
    """One supplier's Meesho as an ASGI application; its state holds the `world` and the `faults`."""
    faults, requests, books = Faults(), Requests(), Books(store)
    desk, processing = Desk(store, requests), Processing(store, books, requests)
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

    async def written(request: Asked, operation: str, take: Callable[[bytes], bytes]) -> Answered:
        body = await request.body()
        return await counter.serve(request, operation, lambda _: (take(body), None), possible=OF_WRITES)

    @post("/v2/orders/accept")
    async def accept(request: Asked) -> Answered:
        return await written(request, "accept", lambda body: processing.accept(request.headers, body))

    @post("/v2/orders/cancel")
    async def cancel(request: Asked) -> Answered:
        return await written(request, "cancel", lambda body: processing.cancel(request.headers, body))

    @post("/v2/labels")
    async def labels(request: Asked) -> Answered:
        return await written(request, "labels", lambda body: processing.labels(request.headers, body, _base(request)))

    @post("/v2/manifests")
    async def manifests(request: Asked) -> Answered:
        return await written(request, "manifests", lambda body: processing.manifest(request.headers, body, _base(request)))

    @get("/v2/requests/{request_id:str}")
    async def progress(request: Asked, request_id: FromPath[str]) -> Answered:
        return await counter.serve_progress(request, "requests", lambda: requests.answer(request_id))

    @get("/files/{kind:str}/{name:str}")
    async def paper(request: Asked, kind: FromPath[str], name: FromPath[str]) -> Answered:
        given, until = (request.query_params.get(part, "") for part in ("pass", "until"))
        return await counter.serve_paper("files", lambda: processing.paper(kind, name.removesuffix(".pdf"), given, until))

    @get("/_sandbox/ledger")
    async def read_ledger() -> Response[bytes]:
        return Response(msgspec.json.encode(ledger(store)), media_type=MediaType.JSON)

    @post("/_sandbox/add")
    async def add(data: JSONBody[Added]) -> dict[str, Any]:
        return {"orders": data.orders, "now": store.add(data.orders).isoformat()}

    @get("/_sandbox/processing")
    async def processed() -> dict[str, Any]:
        """Every call that moved an order and was accepted, and what lies on the manifests."""
        return books.told()

    @get("/_sandbox/catalogue.csv", media_type="text/csv")
    async def catalogue() -> str:
        return store.catalogue_csv()

    wire = [supplier, orders, returns, payments, inventory, accept, cancel, labels, manifests, progress, paper]
    app = Litestar([*wire, read_ledger, add, processed, catalogue, *fault_routes(faults)], openapi_config=None, logging_config=None)
    app.state.update(world=World(store, books, requests, processing), faults=faults)
    return app


def _base(request: Asked) -> str:
    """The address this sandbox is called by, whatever it is mounted under."""
    return str(request.base_url).rstrip("/")
