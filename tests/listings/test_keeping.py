"""Listings follow the marketplace and keep what is the seller's own."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from portal import clock, db
from portal.listings import service
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import ListingFact
from portal.postgres import Addresses
from portal.runs.kept import Kept
from tests.factories import make_account, make_seller

pytestmark = pytest.mark.anyio

KURTA = ListingFact(
    sku="KURTA-M",
    external_listing_id="B01",
    title="Kurta",
    status="live",
    raw_status="BUYABLE",
    quantity_seen=5,
    attributes=(("type", "KURTA"),),
)


async def keep(account: AccountRef, *facts: ListingFact) -> Kept:
    async with db.transaction(account.seller_id):
        return await service.keep(account, facts)


async def held(account: AccountRef) -> dict[str, Any]:
    async with db.transaction(account.seller_id) as connection:
        [row] = await connection.fetch("SELECT *, xmin::text AS version FROM listings")
    return dict(row)


async def test_a_replay_changes_nothing(connected: Addresses) -> None:
    """A page without news costs no write, and the time of the quantity stays the time it became so."""
    account = await make_account(await make_seller())
    assert await keep(account, KURTA, KURTA) == Kept(new=1, same=1)
    before = await held(account)
    with clock.stopped_at(clock.now() + timedelta(days=1)):
        assert await keep(account, KURTA) == Kept(same=1)
    assert await held(account) == before


async def test_a_new_quantity_has_a_new_time(connected: Addresses) -> None:
    account = await make_account(await make_seller())
    await keep(account, KURTA)
    tomorrow = clock.now() + timedelta(days=1)
    with clock.stopped_at(tomorrow):
        assert await keep(account, msgspec.structs.replace(KURTA, quantity_seen=4)) == Kept(changed=1)
        await keep(account, msgspec.structs.replace(KURTA, quantity_seen=None, title="Kurta, cotton"))
    row = await held(account)
    assert (row["quantity_seen"], row["quantity_seen_at"], row["title"]) == (4, tomorrow, "Kurta, cotton")


async def test_what_is_the_sellers_stays(connected: Addresses) -> None:
    """His own SKU and what we pushed are not the marketplace's to change."""
    account = await make_account(await make_seller())
    await keep(account, KURTA)
    assert (await held(account))["own_sku"] == "KURTA-M"
    async with db.transaction(account.seller_id) as connection:
        await connection.execute("UPDATE listings SET own_sku = 'POOL-1', quantity_pushed = 7")
    await keep(account, msgspec.structs.replace(KURTA, status="blocked"))
    row = await held(account)
    assert (row["own_sku"], row["quantity_pushed"], row["status"]) == ("POOL-1", 7, "blocked")
