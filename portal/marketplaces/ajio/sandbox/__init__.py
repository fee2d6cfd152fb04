"""A small AJIO: the partner API and the seller panel over one seeded shop.

Both doors check what they receive as strictly as the real ones are said to: the pass of the newest sign-in for 30 real minutes,
page rules, at most 50 rows or lines, report windows of at most 90 days. A wrong password five times in a row locks the login.
A shop with several locations is a panel login that sees as many POBs; the partner API opens the first of them, and the panel's desk all.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Litestar, get, post
from litestar.params import FromQuery, JSONBody

from portal.marketplaces.ajio.sandbox import ledger
from portal.marketplaces.ajio.sandbox.desk import HOLD_S
from portal.marketplaces.ajio.sandbox.panel import panel_routes
from portal.marketplaces.ajio.sandbox.panel_desk import desk_routes
from portal.marketplaces.ajio.sandbox.panel_page import page_routes
from portal.marketplaces.ajio.sandbox.partner import PREFIX, partner_routes
from portal.marketplaces.ajio.sandbox.processing import processing_routes
from portal.marketplaces.ajio.sandbox.world import World
from portal.marketplaces.sandbox import Faults, Shop, fault_routes


class Added(msgspec.Struct, kw_only=True):
    """`orders` new ones arrive now; `updates` of the oldest unfinished ones move on by one step."""

    orders: int = 0
    updates: int = 0


class Tuned(msgspec.Struct, kw_only=True):
    renewing: bool = False
    hold_s: float = HOLD_S


def sandbox(shop: Shop) -> Litestar:
    """The application; its state holds the `world`, for tests that turn its clock."""
    world = World(shop)
    faults = Faults()

    @get("/_sandbox/ledger")
    async def books(method: FromQuery[str] = "partner_api", pob: FromQuery[str] = "") -> ledger.Ledger:
        """Of the first POB, unless another one that the panel login sees is named."""
        return ledger.panel(world.pobs.get(pob, world)) if method == "portal_session" else ledger.partner(world)

    @post("/_sandbox/add", status_code=200)
    async def add(data: JSONBody[Added]) -> dict[str, str]:
        world.add(data.orders)
        world.move_on(data.updates)
        return {"now": world.now.isoformat()}

    @post("/_sandbox/tune", status_code=204)
    async def tune(data: JSONBody[Tuned]) -> None:
        """`renewing`: good answers of the panel hand out a new session cookie. `hold_s`: how long accepted orders are on hold."""
        world.renewing = data.renewing
        for pob in world.pobs.values():
            pob.desk.hold_s = data.hold_s

    @get("/_sandbox/processing")
    async def processing() -> dict[str, Any]:
        """Every call that moved an order and was accepted, and what lies on the manifests."""
        return world.desk.told()

    @get("/_sandbox/payment_report.csv", media_type="text/csv")
    async def payment_file() -> bytes:
        return ledger.payment_file(world)

    app = Litestar(
        route_handlers=[
            *partner_routes(world, faults),
            *processing_routes(world, faults),
            *panel_routes(world, faults),
            *page_routes(world),
            *desk_routes(world),
            *fault_routes(faults),
            books,
            add,
            tune,
            processing,
            payment_file,
        ],
        logging_config=None,
        openapi_config=None,
    )
    app.state["world"] = world
    app.state["faults"] = faults
    return app


def sandbox_keys(shop: Shop) -> dict[str, str]:
    """A key file for the partner API of this sandbox."""
    world = World(shop)
    return {"method": "partner_api", "pob_id": world.pob_id, "api_password": world.api_password}


def sandbox_panel_keys(shop: Shop) -> dict[str, str]:
    """A key file for the seller panel of this sandbox."""
    return {"method": "portal_session", **World(shop).panel_values()}


def sandbox_settings(base: str) -> Mapping[str, str]:
    """The settings that send both doors to the sandbox at `base`."""
    return {
        "PORTAL_AJIO_URL": base,
        "PORTAL_AJIO_PREFIX": PREFIX,
        "PORTAL_AJIO_PORTAL_URL": base,
        "PORTAL_AJIO_RATE": "500",
        "PORTAL_AJIO_HOLD_MINUTES": "1",
    }
