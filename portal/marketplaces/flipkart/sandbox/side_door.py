"""What no marketplace has: the ledger, and events on request."""

from typing import Any

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from portal.marketplaces.flipkart.sandbox.counter import Counter
from portal.marketplaces.flipkart.sandbox.ledger import ledger


class Happening(msgspec.Struct):
    """How many orders come in, and how many parcels move on one step."""

    orders: int = 0
    updates: int = 0


def side_door_routes(counter: Counter) -> list[HTTPRouteHandler]:
    @get("/_sandbox/ledger")
    async def read() -> dict[str, Any]:
        return ledger(counter.shelves)

    @post("/_sandbox/add", status_code=204)
    async def add(data: JSONBody[Happening]) -> None:
        counter.shelves.happen(data.orders, data.updates)

    @get("/_sandbox/processing")
    async def processing() -> dict[str, Any]:
        return counter.desk.told()

    @post("/_sandbox/tune", status_code=204)
    async def tune(data: JSONBody[dict[str, bool]]) -> None:
        """`renewing`: every pass comes with a new renewal token."""
        counter.gate.renewing = data.get("renewing", False)

    @post("/_sandbox/withdraw", status_code=204)
    async def withdraw() -> None:
        """The seller takes back what she allowed the portal's application."""
        counter.gate.withdraw()

    return [read, add, processing, tune, withdraw]
