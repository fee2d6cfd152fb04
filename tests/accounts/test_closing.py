"""A seller leaves: nothing of buyers opens any more, nothing runs any more, and what is the seller's own stays."""

import pytest

from portal import db
from portal.accounts import service
from portal.errors import BadInput, NotFound
from portal.orders import finding
from portal.postgres import Addresses
from portal.tables.syncs import RunState
from portal.vault import Vault
from tests.factories import make_seller
from tests.workshop import CODE, another_account, buyers_of, seen, shop_of_today, workshop

pytestmark = pytest.mark.anyio


async def test_after_closing_no_buyer_opens(connected: Addresses, keys: Vault) -> None:
    async with workshop(connected, keys, shop_of_today(orders=40)) as works:
        await another_account(works)
        assert (await works.sync()).state == RunState.SUCCEEDED
        orders = await seen(connected, "SELECT id FROM orders WHERE buyer_name IS NOT NULL ORDER BY id")
        known = {person[0] for person in buyers_of(works.bench.shop)}
        assert (await finding.show_buyer(works.seller, orders[0]["id"], keys, by="asha")).name in known

        closed = await service.close(works.seller, typed_name="Asha Textiles", by="operator", jobs=works.jobs)
        assert (closed.disconnected, closed.data_keys) == (2, 1)
        for order in orders:
            assert finding.BuyerShown() == await finding.show_buyer(works.seller, order["id"], keys, by="asha")
        assert await seen(connected, "SELECT 1 FROM buyer_data_keys") == []
        sealed = await seen(connected, "SELECT refresh_token, lwa_client_secret FROM amazon_account_details")
        assert {value for row in sealed for value in row} == {None}
        (kept,) = await seen(connected, "SELECT count(*) AS orders FROM orders")
        assert kept["orders"] == 40

        again = await service.close(works.seller, typed_name="Asha Textiles", by="operator", jobs=works.jobs)
        assert (again.disconnected, again.data_keys) == (0, 0)
        entries = await seen(connected, "SELECT actor, after FROM audit_entries WHERE action = 'shop.closed'")
        assert [tuple(entry) for entry in entries] == [("operator", "2 connections ended; buyers on 1 marketplaces became unreadable")]


async def test_one_seller_leaves_and_the_others_stay(connected: Addresses, keys: Vault) -> None:
    async with workshop(connected, keys, shop_of_today(orders=20)) as works:
        assert (await works.sync()).state == RunState.SUCCEEDED
        chitra = await make_seller("Chitra Crafts")
        await service.close(chitra, typed_name="Chitra Crafts", by="operator", jobs=works.jobs)
        (order, *_) = await seen(connected, "SELECT id FROM orders WHERE buyer_name IS NOT NULL")
        assert (await finding.show_buyer(works.seller, order["id"], keys, by="asha")).name
        async with db.transaction(works.seller) as held:
            assert await held.fetchval("SELECT marketplace_code FROM buyer_data_keys") == CODE


async def test_only_the_right_name_closes(connected: Addresses, keys: Vault) -> None:
    async with workshop(connected, keys, shop_of_today(orders=5)) as works:
        with pytest.raises(BadInput):
            await service.close(works.seller, typed_name="asha", by="operator", jobs=works.jobs)
        with pytest.raises(NotFound):
            await service.close(works.account.id, typed_name="Asha Textiles", by="operator", jobs=works.jobs)
        assert (await works.sync()).state == RunState.SUCCEEDED
