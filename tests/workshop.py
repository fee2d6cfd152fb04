"""A connected account, its sandbox marketplace on real HTTP, and what a worker's job gets: everything real but the people."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from portal import clock, db
from portal.jobs import UPKEEP, Jobs, Queues, queue_name
from portal.marketplaces import details
from portal.marketplaces.amazon_in import MARKETPLACE
from portal.marketplaces.amazon_in.client import iso
from portal.marketplaces.amazon_in.sandbox import sandbox_keys
from portal.marketplaces.amazon_in.sandbox.orders import MadeOrders
from portal.marketplaces.contract import AccountRef, ScheduleTarget
from portal.marketplaces.opening import Doorway
from portal.marketplaces.registry import CODES
from portal.marketplaces.sandbox import Shop, articles
from portal.postgres import Addresses
from portal.runs import service as runs
from portal.settings import Settings
from portal.syncing.job import run_sync
from portal.tables.syncs import SyncRun
from portal.vault import Vault
from tests.factories import make_account, make_seller
from tests.marketplaces.amazon_in.bench import Bench, running

CODE = MARKETPLACE.code


def shop_of_today(**parts: Any) -> Shop:
    """A shop whose history ends now, so that the first days of a new account reach back over it."""
    return Shop(**{"orders": 250, "listings": 20, "now": clock.now().replace(microsecond=0), **parts})


@asynccontextmanager
async def queueing(url: str) -> AsyncIterator[Jobs]:
    """Real enqueuing into the queue's own tables."""
    async with Queues((*(queue_name(code) for code in CODES), UPKEEP), database_url=url) as queues:
        yield Jobs(queues)


async def save_keys(account: AccountRef, values: dict[str, str], vault: Vault) -> None:
    """The satellite as a confirmed wizard would leave it."""
    secrets = {
        column: (vault.seal(CODE, details.place_of(MARKETPLACE, column, account.id), values[column]), vault.fingerprint(values[column]))
        for column in details.sealed_columns(MARKETPLACE)
    }
    async with db.transaction(account.seller_id):
        await details.move_in(MARKETPLACE, account, MARKETPLACE.method(), values, secrets, by="a test")


@dataclass
class Workshop:
    """One seller with one connected account of a sandbox shop."""

    addresses: Addresses
    bench: Bench
    vault: Vault
    jobs: Jobs
    seller: UUID
    account: AccountRef
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        self.settings = Settings(
            database_url=self.addresses.worker,
            allow_private_marketplaces=True,
            marketplaces={CODE: self.bench.settings},
            lease_s=30,
            beat_s=10,
        )

    @classmethod
    async def opened(cls, addresses: Addresses, bench: Bench, vault: Vault, jobs: Jobs) -> "Workshop":
        """With a new seller and a connected account of the bench's shop."""
        keys = sandbox_keys(bench.shop)
        seller = await make_seller()
        account = await make_account(seller, external=keys["selling_partner_id"])
        await save_keys(account, keys, vault)
        return cls(addresses, bench, vault, jobs, seller, account)

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.settings.lease_s)

    def context(self) -> dict[str, Any]:
        """What a job is called with in a worker process that has just been started: it remembers no pass and no budget."""
        return {"settings": self.settings, "vault": self.vault, "jobs": self.jobs, "doorway": Doorway(self.settings)}

    async def start(self, **parts: Any) -> UUID:
        return (await runs.start(self.seller, self.account.id, ScheduleTarget.ORDERS, jobs=self.jobs, **parts)).run_id

    async def work(self, run_id: UUID) -> SyncRun:
        """Deliver the run's job once."""
        await run_sync(self.context(), run_id=str(run_id))
        return await runs.get(self.seller, run_id)

    async def sync(self, **parts: Any) -> SyncRun:
        return await self.work(await self.start(**parts))

    async def messages(self, run_id: UUID) -> list[str]:
        return [event.message for event in await runs.events(self.seller, run_id)]

    async def watermark(self) -> str | None:
        async with db.transaction(self.seller) as held:
            found: str | None = await held.fetchval("SELECT watermark FROM sync_cursors WHERE marketplace_account_id = $1", self.account.id)
        return found

    async def credential_events(self) -> list[tuple[str, str]]:
        """Kind and code of everything that happened to the credential but its openings, oldest first."""
        async with db.transaction(self.seller) as held:
            rows = await held.fetch("SELECT kind, code FROM marketplace_credential_events WHERE kind <> 'opened' ORDER BY occurred_at")
        return [(row["kind"], row["code"]) for row in rows]

    async def set(self, **columns: Any) -> None:
        """Change the account's row behind everybody's back."""
        async with db.transaction(self.seller) as held:
            for name, value in columns.items():
                await held.execute(f"UPDATE marketplace_accounts SET {name} = $2 WHERE id = $1", self.account.id, value)

    async def assert_equal_to_ledger(self) -> None:
        """0 orders missing, 0 twice, and each with the lines and parcels the marketplace has."""
        found = await kept_orders(self.addresses, self.account.id)
        assert found == {row["external_order_id"]: comparable(row) for row in (await self.bench.ledger())["orders"]}


@asynccontextmanager
async def workshop(addresses: Addresses, vault: Vault, shop: Shop | None = None) -> AsyncIterator[Workshop]:
    """The pool of this process has to be open already."""
    shop = shop or shop_of_today()
    async with running(shop) as bench, queueing(addresses.worker) as jobs:
        yield await Workshop.opened(addresses, bench, vault, jobs)


async def another_account(one: Workshop) -> AccountRef:
    """A second account of the same seller; its keys open the same sandbox."""
    account = await make_account(one.seller, external=f"A{uuid4().hex[:12].upper()}", name="Second store")
    await save_keys(account, sandbox_keys(one.bench.shop), one.vault)
    return account


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    """An order of the ledger with amounts as numbers, lines and parcels in order."""
    return {
        **row,
        "total_amount": _number(row["total_amount"]),
        "items": sorted(({**item, "unit_amount": _number(item["unit_amount"])} for item in row["items"]), key=lambda one: str(one["sku"])),
        "shipments": sorted(row["shipments"], key=lambda one: str(one["external_shipment_id"])),
    }


def _number(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)


ORDERS = """
SELECT o.external_order_id, o.status, o.raw_status, o.placed_at, o.marketplace_updated_at, o.dispatch_by, o.total_amount, o.currency,
    o.payment_method, o.fulfilment, o.ship_city, o.ship_state, o.ship_pincode,
    (SELECT json_agg(json_build_object('external_item_id', external_item_id, 'sku', sku, 'title', title, 'quantity', quantity,
        'unit_amount', unit_amount::text) ORDER BY sku) FROM order_items WHERE order_id = o.id) AS items,
    (SELECT json_agg(json_build_object('external_shipment_id', external_shipment_id, 'status', status, 'raw_status', raw_status,
        'awb', awb, 'carrier', carrier) ORDER BY external_shipment_id) FROM shipments WHERE order_id = o.id) AS shipments
FROM orders o WHERE o.marketplace_account_id = $1
"""


async def kept_orders(addresses: Addresses, account_id: UUID) -> dict[str, dict[str, Any]]:
    """The account's orders as the database's owner sees them, in the ledger's shape."""
    rows = await seen(addresses, ORDERS, account_id)
    found = {}
    for row in rows:
        told = dict(row)
        for moment in ("placed_at", "marketplace_updated_at", "dispatch_by"):
            told[moment] = iso(told[moment]) if told[moment] else None
        for parts in ("items", "shipments"):
            told[parts] = msgspec.json.decode(told[parts]) if told[parts] else []
        told["total_amount"] = str(told["total_amount"]) if told["total_amount"] is not None else None
        found[told["external_order_id"]] = comparable(told)
    assert len(found) == len(rows)
    return found


async def seen(addresses: Addresses, query: str, *arguments: object) -> list[Any]:
    """Rows as the owner sees them, past all row security."""
    held = await asyncpg.connect(addresses.owner)
    try:
        return list(await held.fetch(query, *arguments))
    finally:
        await held.close()


def buyers_of(shop: Shop) -> list[tuple[str, ...]]:
    """What must not be readable of each buyer: name, phone, e-mail and street. City, state and pincode serve GST and filters."""
    orders = MadeOrders(shop, articles(shop))
    people = [(order, orders.buyer(order)) for order in orders]
    return [(one.name, one.phone, f"{order.order_id.lower()}@marketplace.example", one.street) for order, one in people]


async def everything_in(addresses: Addresses) -> str:
    """The text of every row of every table, as a stolen dump would show it; bytes both as text and in hexadecimal."""
    held = await asyncpg.connect(addresses.owner)
    try:
        tables = await held.fetch("SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'public'")
        parts: list[str] = []
        for table in tables:
            for row in await held.fetch(f"SELECT * FROM {table['name']}"):
                parts += (value.decode(errors="replace") if isinstance(value, bytes) else str(value) for value in row.values())
        return "\n".join(parts)
    finally:
        await held.close()
