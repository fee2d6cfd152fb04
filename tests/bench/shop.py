"""`python -m tests.bench.shop PORT ORDERS LINES`: the sandboxes with one big shop, in a process of their own like a real marketplace."""

import sys
from dataclasses import replace

import uvicorn

from portal.marketplaces.sandbox import Shop, demo_shop
from portal.sandboxes import bazaar


def shop_of(orders: int, lines: int) -> Shop:
    """The demonstration's shop with other numbers: `lines` items in each order (0: as they come)."""
    shop = replace(demo_shop(), orders=orders)
    return replace(shop, lines=(lines,)) if lines else shop


if __name__ == "__main__":
    port, orders, lines = map(int, sys.argv[1:])
    uvicorn.run(bazaar(shop=shop_of(orders, lines)), host="127.0.0.1", port=port, lifespan="on", log_level="warning", access_log=False)
