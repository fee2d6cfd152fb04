"""Connecting any marketplace through the wizard, with its sandbox's keys: form, sealing, live test, account, first sync."""

import pytest

from portal import db
from portal.marketplaces import details
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.sandbox import Shop
from portal.postgres import Addresses
from portal.tables.accounts import MarketplaceAccount
from portal.tables.syncs import SyncRun
from portal.vault import Vault
from tests.contract.desks import desk
from tests.contract.stalls import DOORS

pytestmark = pytest.mark.anyio

every_marketplace = pytest.mark.parametrize("place", DOORS)
SHOP = Shop(seed=5, orders=40, returns=6, payouts=3, listings=20)


@every_marketplace
async def test_the_wizard_makes_an_account_and_its_first_sync_brings_orders(place: Marketplace, connected: Addresses, keys: Vault) -> None:
    async with desk(place, SHOP, keys) as d:
        account = await d.connect()
        await d.work()
        async with db.transaction(d.seller_id) as held:
            row = await MarketplaceAccount.objects().where(MarketplaceAccount.id == account.id).first()
            run = await SyncRun.objects().first()
            secrets = details.sealed_columns(place)
            marks = await held.fetchrow(
                f"SELECT {', '.join(f'{name}_fingerprint, {name}_last_accepted_at' for name in secrets)} FROM {details.table_of(place)}"
            )
        assert row is not None
        assert run is not None
        assert (row.external_account_id, row.last_validation_status) == (account.external_account_id, "valid")
        assert (run.state, run.trigger, run.new_count) == ("succeeded", "connect", SHOP.orders)
        typed = {name for name, value in d.values.items() if name in secrets and value}
        assert {name for name in secrets if marks[f"{name}_fingerprint"]} == typed
        assert {name for name in secrets if marks[f"{name}_last_accepted_at"]} == typed


@every_marketplace
async def test_secrets_lie_sealed_and_open_only_at_work(place: Marketplace, connected: Addresses, keys: Vault) -> None:
    async with desk(place, SHOP, keys) as d:
        account = await d.connect()
        values = d.values
        async with db.transaction(d.seller_id) as held:
            async with db.acting_as(place.role):
                row = dict(await held.fetchrow(f"SELECT * FROM {details.table_of(place)}"))
            opened = (await details.fetch(place, account, keys, purpose="a test", actor="test")).keys
        for name in place.method_of(values).fields():
            assert getattr(opened, name) == values.get(name, ""), name
            if name in details.sealed_columns(place) and values.get(name):
                assert values[name] not in str(row), name


@every_marketplace
async def test_refused_keys_leave_nothing_behind(place: Marketplace, connected: Addresses, keys: Vault) -> None:
    assert place.sandbox_keys is not None
    async with desk(place, SHOP, keys) as d:
        wizard = await d.type_in(place.sandbox_keys(Shop(seed=SHOP.seed + 1)))
        assert wizard.test_state == "failed"
        assert wizard.error_message.endswith(".")
        async with db.transaction(d.seller_id) as held:
            assert await held.fetchval("SELECT count(*) FROM marketplace_accounts") == 0
            assert await held.fetchval(f"SELECT count(*) FROM {details.table_of(place)}") == 0
