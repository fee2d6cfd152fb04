"""Seeded shops, read by the real engine into a real database: every row equals the marketplace's own books, and stays so."""

import io
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from portal import db
from portal.accounts import service as accounts
from portal.listings import service as listings
from portal.marketplaces.contract import AccountRef, Marketplace, ScheduleTarget
from portal.marketplaces.facts import UnreadableRow
from portal.marketplaces.sandbox import Shop
from portal.payouts import service as payouts
from portal.postgres import Addresses
from portal.vault import Vault
from tests.contract.desks import Desk, desk
from tests.contract.ledgers import Rows, difference, held_rows, places, told
from tests.contract.stalls import LIVE, READERS, code_of
from tests.marketplaces.flipkart.settled_file import settled_file, sold

pytestmark = pytest.mark.anyio

every_marketplace = pytest.mark.parametrize("place", LIVE, ids=code_of)

SAMPLE = Shop(seed=11, orders=200, returns=40, payouts=6, listings=80)
FULL = Shop(seed=11, orders=2_000, returns=200, payouts=10, listings=500)

BY_FILE = {
    # what sellers upload: the kind, and where the sandbox keeps the file (empty: made here)
    "AJIO": ("payouts", "/_sandbox/payment_report.csv"),
    "MEESHO": ("listings", "/_sandbox/catalogue.csv"),
    "FLIPKART": ("payouts", ""),
}


@every_marketplace
async def test_a_sample_of_the_books(place: Marketplace, connected: Addresses, keys: Vault) -> None:
    await _read_and_compare(place, SAMPLE, keys)


@pytest.mark.soak
@every_marketplace
async def test_the_whole_books(place: Marketplace, connected: Addresses, keys: Vault) -> None:
    await _read_and_compare(place, FULL, keys)


async def _read_and_compare(place: Marketplace, shop: Shop, vault: Vault) -> None:
    async with desk(place, shop, vault) as d:
        account = await d.connect()
        targets = await _readable(d, account)
        books = await _books(d)
        # The wizard's own first run is joined. Orders come first, while no listing is known: an item that nothing maps is kept all the same.
        for target in targets:
            run = await d.sync(account, target)
            assert (run.state, run.set_aside_count) == ("succeeded", 0), (target, run.error_message, run.partial_reason)
            assert run.new_count == len(books[target.value.lower()]), target
            assert run.changed_count == 0 or target is ScheduleTarget.PAYOUTS, "only a payout may come in parts"
        await _upload(d, account)
        await _equals(d, books)

        before = await places(d.seller_id)
        await d.forget_watermarks(account)
        for target in targets:
            run = await d.sync(account, target)
            assert (run.state, run.new_count, run.changed_count) == ("succeeded", 0, 0), target
            assert run.same_count >= len(books[target.value.lower()]), target
        await _upload(d, account)
        after = await places(d.seller_id)
        assert {table: len(set(rows) - set(before[table])) for table, rows in after.items()} == dict.fromkeys(after, 0)

        await _goes_on(d, account)


async def _readable(d: Desk, account: AccountRef) -> list[ScheduleTarget]:
    """What is read by call, as the live check of these keys found."""
    row = await accounts.get(d.seller_id, account.id)
    closed = {one.target for one in await accounts.capabilities_of(row) if one.allowed is False}
    return [target for target in READERS if target in d.place.supported_targets - closed]


async def _books(d: Desk) -> dict[str, Rows]:
    ledger = (await d.side.get("/_sandbox/ledger")).json()
    return {kind: told(ledger[kind], kind) for kind in ("orders", "returns", "payouts", "listings")}


async def _equals(d: Desk, books: dict[str, Rows]) -> None:
    for kind, rows in books.items():
        held = await held_rows(d.seller_id, kind)
        if d.place.code == "FLIPKART" and kind == "payouts":
            assert {name: row["net_amount"] for name, row in held.items()} == _transfers(d.shop)
            continue
        assert difference(kind, rows, held)[:5] == [], kind
    async with db.transaction(d.seller_id) as held_connection:
        odd = await held_connection.fetch(
            "SELECT external_payout_id, difference_amount FROM marketplace_payouts WHERE difference_amount <> 0"
        )
    assert [tuple(row) for row in odd] == []


async def _upload(d: Desk, account: AccountRef) -> None:
    """What comes by file only, kept as the upload page keeps it."""
    kind, address = BY_FILE.get(d.place.code, ("", ""))
    if not kind:
        return
    content = (await d.side.get(address)).content if address else _settled(d.shop)
    read: Any = d.place.read_payout_file if kind == "payouts" else d.place.read_listing_file
    facts = list(read("upload", io.BytesIO(content)))
    assert not [one for one in facts if isinstance(one, UnreadableRow)]
    async with db.transaction(d.seller_id):
        if kind == "payouts":
            await payouts.keep(account, facts, source="file")
        else:
            await listings.keep(account, facts)


def _rows(shop: Shop) -> Sequence[dict[str, Any]]:
    return [sold(number, f"NEFT{number % shop.payouts:04d}") for number in range(shop.payouts * 12)]


def _settled(shop: Shop) -> bytes:
    return settled_file(_rows(shop)).getvalue()


def _transfers(shop: Shop) -> dict[str, Decimal]:
    """What the rows of the file say each transfer paid."""
    sums: dict[str, Decimal] = {}
    for row in _rows(shop):
        sums[row["NEFT ID"]] = sums.get(row["NEFT ID"], Decimal(0)) + Decimal(str(row["Bank Settlement Value"]))
    return sums


async def _goes_on(d: Desk, account: AccountRef) -> None:
    """Life goes on at the marketplace, and the next ordinary sync follows it."""
    before = len((await _books(d))["orders"])
    (await d.side.post("/_sandbox/add", json={"orders": 5, "updates": 10})).raise_for_status()
    run = await d.sync(account, ScheduleTarget.ORDERS)
    assert (run.state, run.new_count) == ("succeeded", 5)
    books = (await _books(d))["orders"]
    assert len(books) == before + 5
    assert difference("orders", books, await held_rows(d.seller_id, "orders"))[:5] == []
