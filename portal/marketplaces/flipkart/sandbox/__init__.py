"""A small Flipkart: the same wire over HTTP, a seeded shop behind it, faults on request."""

from collections.abc import Mapping

from litestar import Litestar

from portal.marketplaces.flipkart.sandbox.counter import Counter
from portal.marketplaces.flipkart.sandbox.credentials import OPERATOR_ID, OPERATOR_SECRET, app_of
from portal.marketplaces.flipkart.sandbox.oauth import oauth_routes
from portal.marketplaces.flipkart.sandbox.processing import processing_routes
from portal.marketplaces.flipkart.sandbox.selling import selling_routes
from portal.marketplaces.flipkart.sandbox.shelves import Shelves
from portal.marketplaces.flipkart.sandbox.side_door import side_door_routes
from portal.marketplaces.sandbox import Shop, fault_routes


def sandbox(shop: Shop) -> Litestar:
    """The marketplace of one shop, as an application that may be mounted anywhere."""
    counter = Counter(Shelves(shop))
    app = Litestar(
        route_handlers=[
            *oauth_routes(counter),
            *selling_routes(counter),
            *processing_routes(counter),
            *side_door_routes(counter),
            *fault_routes(counter.faults),
        ],
        openapi_config=None,
        logging_config=None,
    )
    app.state["world"] = counter
    app.state["faults"] = counter.faults
    return app


def sandbox_keys(shop: Shop) -> dict[str, str]:
    """A key file that opens this shop's sandbox and nothing else."""
    app_id, app_secret = app_of(shop)
    return {"auth_mode": "self_access", "app_id": app_id, "app_secret": app_secret}


def sandbox_settings(base: str) -> Mapping[str, str]:
    """The PORTAL_* settings that point the portal at a sandbox served at `base`."""
    return {
        "PORTAL_FLIPKART_URL": base,
        "PORTAL_FLIPKART_APP_ID": OPERATOR_ID,
        "PORTAL_FLIPKART_APP_SECRET": OPERATOR_SECRET,
        "PORTAL_FLIPKART_RATE": "1000",
    }
