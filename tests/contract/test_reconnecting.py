"""Losing access and getting it back, at every marketplace and by every way to connect that asks for keys."""

import pytest

from portal import clock, db
from portal.accounts import painting
from portal.accounts import service as accounts
from portal.connecting import service as connecting
from portal.errors import Conflict
from portal.inventory import service as inventory
from portal.listings import service as listings
from portal.marketplaces.ajio.sandbox import sandbox_panel_keys
from portal.marketplaces.contract import AccountRef, Marketplace, ScheduleTarget
from portal.marketplaces.facts import ListingFact
from portal.marketplaces.registry import marketplace
from portal.marketplaces.sandbox import Fault, Shop
from portal.postgres import Addresses
from portal.runs import service as runs
from portal.tables.syncs import RunState, Trigger
from portal.tables.wizards import WizardMode
from portal.vault import Vault
from tests.contract.desks import Desk, desk
from tests.contract.stalls import LIVE, code_of

pytestmark = pytest.mark.anyio

SHOP = Shop(seed=5, orders=25, returns=4, payouts=2, listings=10)
WAYS = [
    *(pytest.param(place, place.sandbox_keys(SHOP), id=place.code) for place in LIVE if place.sandbox_keys),
    pytest.param(marketplace("AJIO"), sandbox_panel_keys(SHOP), id="AJIO-panel"),
]
every_way = pytest.mark.parametrize(("place", "typed"), WAYS)
every_marketplace = pytest.mark.parametrize("place", LIVE, ids=code_of)


@every_way
async def test_access_is_lost_asked_for_and_given_back(
    place: Marketplace, typed: dict[str, str], connected: Addresses, keys: Vault
) -> None:
    """The prompt comes with the refusal and goes with the reconnect; the account stays itself and the gap is filled and told."""
    async with desk(place, SHOP, keys, typed) as d:
        account = await d.connect()
        await d.work()
        assert (await accounts.get(d.seller_id, account.id)).needs_reconnect is False
        await map_stock(d, account)
        await d.fault(Fault.REVOKED)
        lost = await d.sync(account, ScheduleTarget.ORDERS)
        assert (lost.state, lost.error_code) == (RunState.FAILED, "keys_rejected")
        row = await accounts.get(d.seller_id, account.id)
        assert (row.needs_reconnect, accounts.badge(row).state) == (True, "needs_reconnect")
        assert row.reconnect_reason
        shown = await painting.banner(d.seller_id)
        assert shown is not None
        assert shown.href == f"/accounts/{account.id}/reconnect"
        with pytest.raises(Conflict):
            await runs.start(d.seller_id, account.id, ScheduleTarget.ORDERS, jobs=d.jobs)
        before, belongings = await d.satellite(account), await belonging_to(d, account)
        assert [kind for kind, held in belongings.items() if not held] == [], "nothing is kept in vain"

        refused = await d.reconnect(account, {name: value for name, value in d.values.items() if name != place.method_column})
        assert refused.test_state == "failed"
        assert await d.satellite(account) == before, "the old credential stays in force until a new one is proven"

        await d.well_again()
        await d.side.post("/_sandbox/add", json={"orders": 3})
        wizard = await d.reconnect(account, {name: value for name, value in d.values.items() if name != place.method_column})
        assert wizard.test_state == "passed", wizard.error_message
        done = await d.confirm(wizard)
        row = await accounts.get(d.seller_id, account.id)
        assert (row.id, row.needs_reconnect, accounts.badge(row).state) == (account.id, False, "valid")
        for kind, held in (await belonging_to(d, account)).items():
            assert held >= belongings[kind], kind
        assert row.refused_at is None
        assert row.reconnect_reason == ""
        assert await painting.banner(d.seller_id) is None
        assert done.first_run_id is not None
        caught_up = await runs.get(d.seller_id, done.first_run_id)
        assert (caught_up.state, caught_up.trigger) == (RunState.SUCCEEDED, Trigger.CONNECT)
        assert caught_up.gap_from is not None
        assert "recovered." in await painting.gap_told(row)
        story = await d.story(account)
        assert [kind for kind in story if kind in ("saved", "rejected", "reconnected")] == ["saved", "rejected", "reconnected"]


async def map_stock(d: Desk, account: AccountRef) -> None:
    """What the seller has decided about two of her listings: which goods of hers they are, and how many to tell of one."""
    facts = [
        ListingFact(sku=sku, external_listing_id=f"L-{sku}", title=sku, status="live", raw_status="", quantity_seen=10)
        for sku in ("KURTA-BLUE", "KURTA-RED")
    ]
    async with db.transaction(d.seller_id) as held:
        await listings.keep(account, facts)
        await held.execute("UPDATE listings SET own_sku = 'KURTA' WHERE sku LIKE 'KURTA-%'")
        one = await held.fetchval("SELECT id FROM listings WHERE sku = 'KURTA-BLUE'")
    await inventory.draft(d.seller_id, {one: 7}, by="Asha")


async def belonging_to(d: Desk, account: AccountRef) -> dict[str, set[tuple[object, ...]]]:
    """What an account keeps through a reconnect: orders, listings with the goods they are mapped to, stock changes, and schedules as set."""
    columns = {
        "orders": "id, external_order_id",
        "listings": "id, sku, own_sku, external_listing_id",
        "inventory_tasks": "id, sku, quantity",
        "schedules": "id, target, enabled, interval_minutes, window_start, window_end, weekdays, paused_until",
    }
    async with db.transaction(d.seller_id) as held:
        return {
            table: {tuple(row) for row in await held.fetch(f"SELECT {names} FROM {table} WHERE marketplace_account_id = $1", account.id)}
            for table, names in columns.items()
        }


@every_marketplace
async def test_the_prompt_goes_by_itself_when_the_marketplace_accepts_again(place: Marketplace, connected: Addresses, keys: Vault) -> None:
    async with desk(place, SHOP, keys) as d:
        account = await d.connect()
        await d.work()
        await d.fault(Fault.REVOKED)
        assert (await d.check(account)).needs_reconnect
        await d.well_again()
        row = await d.check(account, by="")
        assert (row.needs_reconnect, row.reconnect_reason) == (False, "")
        assert (await d.story(account))[-1] == "validated"


@every_marketplace
async def test_what_is_not_typed_again_stays_as_it_is_saved(place: Marketplace, connected: Addresses, keys: Vault) -> None:
    """One secret typed, the others kept: the worker puts them together, and only the typed one is replaced."""
    async with desk(place, SHOP, keys) as d:
        account = await d.connect()
        await d.work()
        before = await d.satellite(account)
        secrets = [name for name, one in place.method_of(d.values).fields().items() if one.secret]
        wizard = await d.reconnect(account, {secrets[-1]: d.values[secrets[-1]]})
        assert set(await connecting.secrets_of(wizard)) == {secrets[-1]}
        assert wizard.test_state == "passed", wizard.error_message
        await d.confirm(wizard)
        after = await d.satellite(account)
        assert {name for name in secrets if after[name] != before[name]} == {secrets[-1]}
        assert (await d.check(account)).last_validation_status in ("valid", "missing_permission")
        assert ("replaced" if len(secrets) > 1 else "reconnected") in await d.story(account)


@every_marketplace
async def test_another_shops_keys_are_refused_by_name_and_become_an_account_of_their_own(
    place: Marketplace, connected: Addresses, keys: Vault
) -> None:
    async with desk(place, SHOP, keys) as d:
        account = await d.connect()
        await d.work()
        shop = account.external_account_id
        async with db.transaction(d.seller_id) as held:
            await held.execute("UPDATE marketplace_accounts SET external_account_id = 'DVELSEWHERE21' WHERE id = $1", account.id)
        before = await d.satellite(account)
        typed = {name: value for name, value in d.values.items() if name != place.method_column}
        wizard = await d.reconnect(account, typed)
        assert (wizard.test_state, wizard.error_code) == ("failed", "other_shop")
        assert wizard.error_message == f"They are for {shop[:2]}****{shop[-2:]}. This account is DV****21."
        with pytest.raises(Conflict):
            await connecting.confirm(d.seller_id, wizard.id, first_days=30, jobs=d.jobs)

        await connecting.connect_as_new(d.seller_id, wizard.id)
        method = place.method_of(d.values).code
        await connecting.choose(d.seller_id, wizard.id, name="Second store", method=method, version=None, settings=d.settings)
        plain = connecting.values_of(await connecting.get(d.seller_id, wizard.id))
        await connecting.enter(d.seller_id, wizard.id, plain, version=None, vault=d.vault, jobs=d.jobs)
        await d.work()
        wizard = await connecting.get(d.seller_id, wizard.id)
        assert wizard.test_state == "passed", wizard.error_message
        await d.confirm(wizard)
        both = await accounts.all_of(d.seller_id)
        assert {one.external_account_id for one in both} == {"DVELSEWHERE21", shop}
        assert await d.satellite(account) == before


@every_marketplace
async def test_a_shop_that_is_connected_already_is_reconnected_instead(place: Marketplace, connected: Addresses, keys: Vault) -> None:
    """Nothing is typed twice: what the new setup held is sealed anew for the account that is there."""
    async with desk(place, SHOP, keys) as d:
        account = await d.connect()
        await d.work()
        wizard = await d.type_in(d.values)
        assert (wizard.error_code, wizard.duplicate_of) == ("duplicate", account.id)
        with pytest.raises(Conflict):
            await connecting.confirm(d.seller_id, wizard.id, first_days=30, jobs=d.jobs)
        await connecting.reconnect_the_other(d.seller_id, wizard.id, jobs=d.jobs)
        await d.work()
        wizard = await connecting.get(d.seller_id, wizard.id)
        assert (wizard.test_state, wizard.mode, wizard.account_id) == ("passed", WizardMode.RECONNECT, account.id)
        await d.confirm(wizard)
        assert [one.id for one in await accounts.all_of(d.seller_id)] == [account.id]
        assert (await d.check(account)).needs_reconnect is False


@every_marketplace
async def test_disconnected_and_connected_again_the_account_is_the_same(place: Marketplace, connected: Addresses, keys: Vault) -> None:
    async with desk(place, SHOP, keys) as d:
        account = await d.connect()
        await d.work()
        async with db.transaction(d.seller_id) as held:
            orders = await held.fetchval("SELECT count(*) FROM orders WHERE marketplace_account_id = $1", account.id)
        assert orders
        await accounts.disconnect(d.seller_id, account.id, typed_name="Surat store", delete_history=False, by="Asha", jobs=d.jobs)
        row = await d.satellite(account)
        assert [name for name in row if name in details_secrets(place) and row[name] is not None] == []
        assert await accounts.all_of(d.seller_id) == []

        wizard = await d.type_in(d.values)
        assert (wizard.test_state, wizard.account_id) == ("passed", account.id), wizard.error_message
        assert await connecting.comes_back(wizard) == "Surat store"
        await d.confirm(wizard)
        (back,) = await accounts.all_of(d.seller_id)
        assert back.id == account.id
        assert back.disconnected_at is None
        async with db.transaction(d.seller_id) as held:
            assert await held.fetchval("SELECT count(*) FROM orders WHERE marketplace_account_id = $1", account.id) >= orders
        assert (await d.check(account)).last_proven_at is not None


def details_secrets(place: Marketplace) -> set[str]:
    return {name for method in place.methods for name, one in method.fields().items() if one.secret}


async def test_a_gap_is_told_as_days_and_orders() -> None:
    day = clock.ist_today().replace(year=2026, month=11, day=2)
    for first, last, told in (
        (day, day.replace(day=9), "2 to 9 November"),
        (day, day, "2 November"),
        (day.replace(month=10, day=28), day, "28 October to 2 November"),
        (day.replace(year=2025, month=12, day=30), day, "30 December 2025 to 2 November 2026"),
    ):
        assert painting.days_told(first, last) == told
