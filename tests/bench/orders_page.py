"""Server time of the orders page over a hundred thousand orders: the whole application in this process, without a network."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from portal import db, migrating, paging, vault
from portal.marketplaces.registry import CODES
from portal.orders.finding import NEWEST_FIRST
from portal.paging import Cursor
from portal.postgres import Addresses, create_database, let_in, throwaway
from tests.bench.figures import Figure, figure, percentile
from tests.browsing import Browser, opened, signed_up
from tests.factories import make_account

ORDERS, ITEMS = 100_000, 2
REQUESTS, ROUNDS = 60, 3
NEWEST = datetime(2026, 11, 20, 12, tzinfo=UTC)
APART = timedelta(minutes=5)

# Statuses and SKUs in the proportions of a real shop: most orders are delivered, few are open, a SKU is in one order of a hundred.
_ORDERS = """
INSERT INTO orders (seller_id, marketplace_account_id, external_order_id, status, raw_status, placed_at, marketplace_updated_at,
                    dispatch_by, total_amount, payment_method, fulfilment, ship_city, ship_state, ship_pincode)
SELECT $1, $2, '403-' || lpad(n::text, 7, '0'), CASE WHEN n % 50 = 0 THEN 'open' WHEN n % 11 = 0 THEN 'cancelled' ELSE 'delivered' END,
       'Shipped', $3::timestamptz - n * $4::interval, $3::timestamptz - n * $4::interval, $3::timestamptz, 499 + n % 900, 'COD', 'EASY_SHIP',
       'Surat', 'Gujarat', '395' || lpad((n % 1000)::text, 3, '0')
FROM generate_series(1, $5::int) n
"""
_ITEMS = """
INSERT INTO order_items (seller_id, order_id, external_item_id, sku, title, quantity, unit_amount)
SELECT o.seller_id, o.id, line::text, 'SKU-' || (o.id * line) % 200, 'Cotton Kurta, size M', 1, 499
FROM orders o, generate_series(1, $1::int) line
"""
_SHIPMENTS = """
INSERT INTO shipments (seller_id, marketplace_account_id, order_id, external_shipment_id, awb, carrier, status)
SELECT seller_id, marketplace_account_id, id, external_order_id || '/1', 'AWB' || id, 'ATSIN', 'delivered' FROM orders
"""
_BARE = "SELECT * FROM orders WHERE seller_id = $1 ORDER BY placed_at DESC, id DESC LIMIT 51"


def addresses_of_pages(account: UUID) -> dict[str, str]:
    """What is asked, by the name of its figure."""
    deep = paging.encode(NEWEST_FIRST, Cursor(NEWEST - APART * (ORDERS - 5_000), 2**40))
    return {
        "first": "/orders",
        "deep": f"/orders?after={deep}",
        "account": f"/orders?account={account}",
        "status": "/orders?status=open",
        "days": f"/orders?from={NEWEST - APART * 40_000:%Y-%m-%d}&to={NEWEST - APART * 30_000:%Y-%m-%d}",
        "order_id": "/orders?search=403-00512",
        "sku": "/orders?search=SKU-77",
        "awb": "/orders?search=AWB4711",
        "nothing": "/orders?search=no-such-thing&status=open",
    }


async def measure() -> AsyncIterator[Figure]:
    """p95 for each way to ask, the best of some rounds; beside it the bare query for one page of rows."""
    with throwaway() as server:
        addresses = server.of("portal")
        create_database(server.owner, "portal")
        await migrating.migrate(addresses.owner, sandbox=True)
        let_in(addresses)
        public, private = vault.generate([*CODES, vault.BUYERS])
        async with opened(addresses.web, vault.load(seal_keys=public, open_keys=private)) as app:
            browser = await signed_up(app)
            seller, account = await _filled(addresses)
            bare = figure("orders_page.bare_query", await _bare(seller), "ms", note=f"p95 of {REQUESTS}: one page of rows in a transaction")
            yield bare
            for name, path in addresses_of_pages(account).items():
                taken, usual = min([await _asked(browser, path) for _ in range(ROUNDS)])
                note = f"p95 of {REQUESTS}, median {usual:.1f}; {ORDERS} orders"
                yield figure(f"orders_page.{name}", taken, "ms", aim="< 50", note=note).against(bare)


async def _filled(addresses: Addresses) -> tuple[UUID, UUID]:
    """Seller and account whose orders these are."""
    owner = await asyncpg.connect(addresses.owner)
    try:
        seller: UUID = await owner.fetchval("SELECT id FROM sellers")
        account = (await make_account(seller)).id
        await owner.execute(_ORDERS, seller, account, NEWEST, APART, ORDERS)
        await owner.execute(_ITEMS, ITEMS)
        await owner.execute(_SHIPMENTS)
        await owner.execute("VACUUM ANALYZE")
    finally:
        await owner.close()
    return seller, account


async def _asked(browser: Browser, path: str) -> tuple[float, float]:
    """p95 and median of one round, in milliseconds."""
    taken = []
    for _ in range(REQUESTS):
        started = time.perf_counter()
        answer = await browser.get(path)
        taken.append((time.perf_counter() - started) * 1000)
        assert answer.status_code == 200, (path, answer.status_code)
    return percentile(taken, 0.95), percentile(taken, 0.5)


async def _bare(seller: UUID) -> float:
    rounds = []
    for _ in range(ROUNDS):
        taken = []
        for _ in range(REQUESTS):
            started = time.perf_counter()
            async with db.transaction(seller) as held:
                await held.fetch(_BARE, seller)
            taken.append((time.perf_counter() - started) * 1000)
        rounds.append(percentile(taken, 0.95))
    return min(rounds)
