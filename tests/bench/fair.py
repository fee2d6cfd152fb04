"""`python -m tests.bench.fair PORT ORDERS RETURNS PAYOUTS LISTINGS`: every marketplace's sandbox with one shop of that size."""

import sys
from dataclasses import replace

import uvicorn

from portal.marketplaces.sandbox import Shop, demo_shop
from portal.sandboxes import bazaar


def shop_of(orders: int, returns: int, payouts: int, listings: int) -> Shop:
    """The demonstration's shop with other numbers."""
    return replace(demo_shop(), orders=orders, returns=returns, payouts=payouts, listings=listings)


if __name__ == "__main__":
    port, *sizes = map(int, sys.argv[1:])
    uvicorn.run(bazaar(shop=shop_of(*sizes)), host="127.0.0.1", port=port, lifespan="on", log_level="warning", access_log=False)
