"""A sandbox Amazon: sign-in and Selling Partner API of one seeded seller, over HTTP, as strict as the real one where that is known.

Mount it anywhere: it never assumes to stand at the root, and addresses it hands out are built from the request's own.
"""

from typing import Any

from litestar import Litestar, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from portal.marketplaces.amazon_in.sandbox import (
    routes_consent,
    routes_documents,
    routes_easy_ship,
    routes_feeds,
    routes_listings,
    routes_orders,
    routes_reports,
    routes_sign_in,
)
from portal.marketplaces.amazon_in.sandbox.gate import Asked, Refusal, denied, to_response
from portal.marketplaces.amazon_in.sandbox.state import OPERATOR_APP_ID, OPERATOR_CLIENT_ID, OPERATOR_CLIENT_SECRET, State, sandbox_keys
from portal.marketplaces.sandbox import Shop, fault_routes

__all__ = ["sandbox", "sandbox_keys", "sandbox_settings"]


def sandbox(shop: Shop) -> Litestar:
    """The application. `GET /_sandbox/ledger` tells what a complete read should find, `GET /_sandbox/easy_ship` which calls were taken.

    Its state holds the `world` and the `faults`, for tests that serve it themselves.
    """
    state = State(shop=shop)
    handlers: list[Any] = [
        *routes_sign_in.routes(state),
        *routes_consent.routes(state),
        *routes_orders.routes(state),
        *routes_listings.routes(state),
        *routes_reports.routes(state),
        *routes_feeds.routes(state),
        *routes_documents.routes(state),
        *routes_easy_ship.routes(state),
        *_control(state),
        *fault_routes(state.faults),
    ]
    app = Litestar(
        route_handlers=handlers,
        exception_handlers={Refusal: to_response, 404: _unknown_path, 405: _unknown_path},
        logging_config=None,
        openapi_config=None,
    )
    app.state["world"] = state
    app.state["faults"] = state.faults
    return app


def sandbox_settings(base: str) -> dict[str, str]:
    """The settings that send this marketplace's calls to the sandbox at `base`."""
    base = base.rstrip("/")
    return {
        "PORTAL_AMAZON_IN_API_URL": base,
        "PORTAL_AMAZON_IN_LWA_URL": f"{base}/auth/o2/token",
        "PORTAL_AMAZON_IN_CONSENT_URL": f"{base}/apps/authorize/consent",
        "PORTAL_AMAZON_IN_APP_ID": OPERATOR_APP_ID,
        "PORTAL_AMAZON_IN_CLIENT_ID": OPERATOR_CLIENT_ID,
        "PORTAL_AMAZON_IN_CLIENT_SECRET": OPERATOR_CLIENT_SECRET,
        "PORTAL_AMAZON_IN_RATE": "100000",
    }


def _control(state: State) -> list[HTTPRouteHandler]:
    @get("/_sandbox/ledger")
    async def ledger() -> dict[str, Any]:
        return {
            "orders": [state.orders.expected(order) for order in state.orders],
            "returns": state.returns.expected(),
            "payouts": [state.settlements.expected(settlement) for settlement in state.settlements.all],
            "listings": [state.stock.expected(sku) for sku in state.stock.articles],
        }

    @post("/_sandbox/add", status_code=200)
    async def add(data: JSONBody[dict[str, int]]) -> dict[str, list[str]]:
        added = state.add_orders(data.get("orders", 0)) + state.touch_orders(data.get("updates", 0))
        added += state.add_late_orders(data.get("late", 0))
        return {"orders": [order.order_id for order in added]}

    @post("/_sandbox/tune", status_code=204)
    async def tune(data: JSONBody[dict[str, Any]]) -> None:
        """How slowly reports and feeds are made, what requested reports end as, and whether refresh tokens are renewed."""
        state.renewing = data.get("renewing", state.renewing)
        state.looks_needed = data.get("looks_needed", state.looks_needed)
        state.report_fate = data.get("report_fate", state.report_fate)

    @post("/_sandbox/withdraw", status_code=204)
    async def withdraw() -> None:
        """The seller takes back what she allowed the portal's application. Every pass ends with it; her own application gets another."""
        state.consents.withdraw()
        state.passes.clear()

    @get("/_sandbox/easy_ship")
    async def easy_ship() -> dict[str, Any]:
        return state.desk.told()

    return [ledger, add, tune, withdraw, easy_ship]


def _unknown_path(_: Asked, __: Exception) -> Response[Any]:
    """Amazon answers 403 where there is nothing, not 404."""
    return denied().response
