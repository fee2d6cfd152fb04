"""Keeping what was read: the newer version wins, and no buyer is ever readable in the database."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec
import pytest

from portal import db
from portal.errors import SecretUnreadable
from portal.marketplaces.amazon_in import MARKETPLACE
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import Buyer, OrderFact, OrderItemFact, OrderStatus, ShipmentFact
from portal.marketplaces.sandbox import Fault
from portal.orders import buyers, keeping, service
from portal.postgres import Addresses
from portal.runs.kept import Kept
from portal.vault import BuyerSeal, Vault
from tests.factories import make_account, make_seller
from tests.workshop import Workshop, buyers_of, everything_in, kept_orders, seen

pytestmark = pytest.mark.anyio

MONDAY = datetime(2026, 11, 16, 4, 30, tzinfo=UTC)
MEERA = Buyer(name="Meera Iyer", phone="9000012345", email="meera@example.in", address="14, MG Road\nKochi")


def order(hours: int, status: OrderStatus, **parts: Any) -> OrderFact:
    """One order as it was so many hours after Monday morning."""
    item = OrderItemFact(external_item_id="i1", sku="KURTA-1", title="Kurta", quantity=1 + hours, unit_amount=Decimal("799.00"))
    parcel = ShipmentFact(external_shipment_id="p1", status=status, raw_status=status.upper())
    moment = MONDAY + timedelta(hours=hours)
    whole: dict[str, Any] = {"buyer": MEERA, "items": (item,), "shipments": (parcel,)}
    return OrderFact(
        external_order_id="403-1",
        status=status,
        raw_status=status.upper(),
        placed_at=MONDAY,
        marketplace_updated_at=moment,
        **{**whole, **parts},
    )


@pytest.fixture
async def account(connected: Addresses) -> AccountRef:
    return await make_account(await make_seller())


@pytest.fixture
async def seal(account: AccountRef, keys: Vault) -> BuyerSeal:
    return await buyers.seal_at_work(account.seller_id, MARKETPLACE, keys)


async def keep(account: AccountRef, seal: BuyerSeal, *facts: OrderFact) -> Kept:
    async with db.transaction(account.seller_id):
        return await service.keep(account, service.prepare(account, facts, seal))


async def test_the_newer_version_wins_in_whatever_order_they_come(connected: Addresses, account: AccountRef, seal: BuyerSeal) -> None:
    new, old = order(5, OrderStatus.SHIPPED), order(1, OrderStatus.OPEN)
    assert await keep(account, seal, new) == Kept(new=1)
    assert await keep(account, seal, old) == Kept(same=1)
    held = (await kept_orders(connected, account.id))["403-1"]
    assert (held["status"], held["items"][0]["quantity"], held["shipments"][0]["status"]) == ("shipped", 6, "shipped")
    assert await keep(account, seal, order(9, OrderStatus.DELIVERED)) == Kept(changed=1)
    assert (await kept_orders(connected, account.id))["403-1"]["status"] == "delivered"


async def test_a_page_that_brings_an_order_twice_keeps_the_later_one(connected: Addresses, account: AccountRef, seal: BuyerSeal) -> None:
    kept = await keep(account, seal, order(5, OrderStatus.SHIPPED), order(1, OrderStatus.OPEN))
    assert kept == Kept(new=1, same=1)
    assert (await kept_orders(connected, account.id))["403-1"]["status"] == "shipped"


async def test_a_change_of_a_line_or_a_parcel_alone_is_a_change(account: AccountRef, seal: BuyerSeal) -> None:
    first = order(1, OrderStatus.OPEN)
    await keep(account, seal, first)
    line = msgspec.structs.replace(first, items=(msgspec.structs.replace(first.items[0], quantity=7),))
    assert await keep(account, seal, line) == Kept(changed=1)
    parcel = msgspec.structs.replace(line, shipments=(msgspec.structs.replace(line.shipments[0], awb="36000001"),))
    assert await keep(account, seal, parcel) == Kept(changed=1)
    assert await keep(account, seal, parcel) == Kept(same=1)


async def test_what_the_marketplace_stops_telling_is_not_forgotten(connected: Addresses, account: AccountRef, seal: BuyerSeal) -> None:
    """Without the buyer role an order comes without its buyer: the one we hold stays."""
    await keep(account, seal, order(1, OrderStatus.OPEN, total_amount=Decimal("799.00"), ship_city="Kochi"))
    await keep(account, seal, order(2, OrderStatus.SHIPPED, buyer=None))
    held = (await kept_orders(connected, account.id))["403-1"]
    assert (held["status"], held["total_amount"], held["ship_city"]) == ("shipped", Decimal("799"), "Kochi")
    assert (await seen(connected, "SELECT buyer_name IS NOT NULL AS there FROM orders"))[0]["there"]


async def test_the_same_buyer_sealed_again_is_no_change_and_another_one_is(account: AccountRef, seal: BuyerSeal) -> None:
    first = order(1, OrderStatus.OPEN)
    await keep(account, seal, first)
    assert await keep(account, seal, first) == Kept(same=1)
    moved = msgspec.structs.replace(first, buyer=msgspec.structs.replace(MEERA, address="2, Ring Road\nPune"))
    assert await keep(account, seal, moved) == Kept(changed=1)


async def test_no_buyer_of_a_whole_shop_is_readable_in_the_database(works: Workshop) -> None:
    """Every text and every byte of every table, as a stolen dump would show them; also of the row that was set aside."""
    await works.bench.order_fault(Fault.UNREADABLE_ROW)
    await works.sync()
    dump = await everything_in(works.addresses)
    told = buyers_of(works.bench.shop)
    assert len(told) == len(await kept_orders(works.addresses, works.account.id)) + 1 == works.bench.shop.orders
    assert (await works.bench.ledger())["orders"][0]["external_order_id"] in dump, "the dump shows what is not sealed"
    assert [word for buyer in told for word in buyer if word in dump] == []


async def test_a_buyer_opens_again_for_its_page(connected: Addresses, account: AccountRef, seal: BuyerSeal, keys: Vault) -> None:
    """With the buyer ring, in its own row and column, and nowhere else."""
    await keep(account, seal, order(1, OrderStatus.OPEN))
    row = (await seen(connected, "SELECT * FROM orders"))[0]
    async with db.transaction(account.seller_id):
        page = await buyers.seal_for_page(account.seller_id, account.code, keys)
    assert page is not None
    place = f"{account.id}/403-1"
    opened = {name: page.open(f"buyer_{name}", place, row[f"buyer_{name}"]) for name in ("name", "phone", "email", "address")}
    assert Buyer(**opened) == MEERA
    for column, where in (("buyer_phone", place), ("buyer_name", f"{account.id}/403-2"), ("buyer_name", "403-1")):
        with pytest.raises(SecretUnreadable):
            page.open(column, where, row["buyer_name"])
    with pytest.raises(SecretUnreadable):
        page.open("buyer_name", place, row["buyer_name"][:-1] + bytes([row["buyer_name"][-1] ^ 1]))


async def test_each_seller_has_a_key_of_its_own(connected: Addresses, account: AccountRef, seal: BuyerSeal, keys: Vault) -> None:
    chitra = await make_seller("Chitra Crafts")
    theirs = await buyers.seal_at_work(chitra, MARKETPLACE, keys)
    sealed = seal.seal("buyer_name", "one", MEERA.name)
    with pytest.raises(SecretUnreadable):
        theirs.open("buyer_name", "one", sealed)
    assert theirs.digest(MEERA.name) != seal.digest(MEERA.name)
    again = await buyers.seal_at_work(account.seller_id, MARKETPLACE, keys)
    assert again.open("buyer_name", "one", sealed) == MEERA.name
    with pytest.raises(asyncpg.UniqueViolationError):
        await seen(
            connected,
            """INSERT INTO buyer_data_keys (id, seller_id, marketplace_code, wrapped_for_marketplace, wrapped_for_buyers)
               SELECT gen_random_uuid(), seller_id, marketplace_code, 'x', 'x' FROM buyer_data_keys""",
        )


async def test_a_page_finds_its_rows_by_their_unique_keys_on_tables_nobody_has_counted(connected: Addresses, account: AccountRef) -> None:
    """As on the first day: planned once, when the tables are empty, and used for every page while they grow."""
    owner = await asyncpg.connect(connected.owner)
    whole = owner.transaction()
    await whole.start()
    try:
        # Whatever other tests have left there is not to be seen by this plan.
        await owner.execute("TRUNCATE orders, shipments CASCADE; SET LOCAL plan_cache_mode = force_generic_plan")
        await owner.execute(f"SET LOCAL enable_seqscan = off; PREPARE keeping AS {keeping.KEEP}")
        nothing = ", ".join(["NULL"] * 37)
        plan = "\n".join(row[0] for row in await owner.fetch(f"EXPLAIN EXECUTE keeping({nothing})"))
    finally:
        await whole.rollback()
        await owner.close()
    used = {line.split(" using ")[1].split(" on ")[0] for line in plan.splitlines() if " using " in line}
    assert used == {"orders_account_external_id", "shipments_account_external_id"}


def test_a_row_is_sealed_column_by_column_each_with_chance_of_its_own() -> None:
    seal, values = (
        BuyerSeal(bytes(32), "one"),
        {"buyer_name": "Meera", "buyer_phone": "", "buyer_email": "m@x.in", "buyer_address": "Meera"},
    )
    sealed = seal.seal_row("row", values)
    kept = {column: one for column, one in zip(values, sealed, strict=True) if one is not None}
    assert {column: seal.open(column, "row", one) for column, one in kept.items()} == {
        name: value for name, value in values.items() if value
    }
    assert len({one[:12] for one in kept.values()}) == len(kept) == 3
