"""A login that sees several shops: its seller says which one a connection is, and every other one can be connected too."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from portal import db
from portal.accounts import service as accounts
from portal.connecting import service
from portal.connecting.routes import proving
from portal.errors import BadInput, Conflict
from portal.marketplaces.ajio.sandbox import sandbox_panel_keys
from portal.marketplaces.contract import Check, ScheduleTarget
from portal.marketplaces.registry import marketplace
from portal.marketplaces.sandbox import Fault, Shop
from portal.people.service import open_session
from portal.postgres import Addresses
from portal.tables.wizards import ConnectWizard, TestState
from portal.vault import Vault
from portal.web.security import SESSION_COOKIE
from tests.browsing import Browser, opened
from tests.contract.desks import Desk, desk

pytestmark = pytest.mark.anyio

AJIO = marketplace("AJIO")
SHOP = Shop(seed=5, orders=8, returns=0, payouts=0, listings=4, locations=2)
SURAT, PUNE = "DVSANDBOX005", "DVSANDBOX036"


@pytest.fixture
async def two_pobs(connected: Addresses, keys: Vault) -> AsyncIterator[Desk]:
    async with desk(AJIO, SHOP, keys, sandbox_panel_keys(SHOP)) as d:
        yield d


async def chosen(d: Desk, wizard: ConnectWizard, shop: str) -> ConnectWizard:
    await service.choose_shop(d.seller_id, wizard.id, shop, jobs=d.jobs)
    await d.work()
    return await service.get(d.seller_id, wizard.id)


async def connected_to(d: Desk, shop: str) -> UUID:
    wizard = await chosen(d, await d.type_in(d.values), shop)
    assert wizard.test_state == TestState.PASSED, wizard.error_message
    await d.confirm(wizard)
    return UUID(str(wizard.account_id))


async def orders_of(d: Desk, account_id: UUID) -> set[str]:
    async with db.transaction(d.seller_id) as held:
        rows = await held.fetch("SELECT external_order_id FROM orders WHERE marketplace_account_id = $1", account_id)
    return {row["external_order_id"] for row in rows}


async def sold_at(d: Desk, shop: str) -> set[str]:
    books = (await d.side.get("/_sandbox/ledger", params={"method": "portal_session", "pob": shop})).json()
    return {one["external_order_id"] for one in books["orders"]}


async def test_nothing_is_connected_before_one_is_chosen(two_pobs: Desk) -> None:
    d = two_pobs
    asked = await d.type_in(d.values)
    assert [one.id for one in service.shops_of(asked)] == [SURAT, PUNE]
    assert (asked.test_state, asked.found_account_id) == (TestState.CHOOSING, "")
    assert service.checks_of(asked) == {Check.REACHED: "ok", Check.ACCEPTED: "ok", Check.PERMISSIONS: "waiting", Check.SHOP: "waiting"}
    with pytest.raises(Conflict):
        await service.confirm(d.seller_id, asked.id, first_days=30, jobs=d.jobs)
    for wrong in ("", "DVOFSOMEBODYELSE"):
        with pytest.raises(BadInput) as refused:
            await service.choose_shop(d.seller_id, asked.id, wrong, jobs=d.jobs)
        assert list(refused.value.fields) == ["shop"]
    assert await accounts.all_of(d.seller_id) == []


async def test_the_chosen_one_is_tested_connected_and_read(two_pobs: Desk) -> None:
    d = two_pobs
    wizard = await chosen(d, await d.type_in(d.values), PUNE)
    assert (wizard.test_state, wizard.found_account_id, wizard.found_name) == (TestState.PASSED, PUNE, "Sandbox Fashions 36")
    await d.confirm(wizard)
    (account,) = await accounts.all_of(d.seller_id)
    assert account.external_account_id == PUNE
    read = await orders_of(d, account.id)
    assert read == await sold_at(d, PUNE) != await sold_at(d, SURAT)


async def test_every_shop_of_the_login_becomes_an_account_and_none_twice(two_pobs: Desk) -> None:
    d = two_pobs
    first, second = await connected_to(d, SURAT), await connected_to(d, PUNE)
    assert {one.id: one.external_account_id for one in await accounts.all_of(d.seller_id)} == {first: SURAT, second: PUNE}
    assert await orders_of(d, first) == await sold_at(d, SURAT)
    assert await orders_of(d, second) == await sold_at(d, PUNE)
    again = await d.type_in(d.values)
    assert await service.connected_as(again) == {SURAT: "Surat store", PUNE: "Surat store"}
    again = await chosen(d, again, PUNE)
    assert (again.error_code, again.duplicate_of) == ("duplicate", second)
    await service.reconnect_the_other(d.seller_id, again.id, jobs=d.jobs)
    await d.work()
    again = await service.get(d.seller_id, again.id)
    assert (again.test_state, again.account_id, again.found_account_id) == (TestState.PASSED, second, PUNE)


async def test_a_choice_can_be_changed_and_ends_with_the_details(two_pobs: Desk) -> None:
    d = two_pobs
    wizard = await chosen(d, await d.type_in(d.values), PUNE)
    assert (await chosen(d, wizard, SURAT)).found_account_id == SURAT
    await service.test_again(d.seller_id, wizard.id, jobs=d.jobs)
    await d.work()
    assert (await service.get(d.seller_id, wizard.id)).found_account_id == SURAT, (
        "the same details tested once more are about the same shop"
    )
    typed = {name: value for name, value in d.values.items() if name != AJIO.method_column}
    await service.enter(d.seller_id, wizard.id, typed, version=None, vault=d.vault, jobs=d.jobs)
    await d.work()
    asked = await service.get(d.seller_id, wizard.id)
    assert (asked.test_state, asked.shop) == (TestState.CHOOSING, "")


async def test_a_reconnect_asks_nothing_and_a_check_stays_with_its_shop(two_pobs: Desk) -> None:
    d = two_pobs
    await connected_to(d, PUNE)
    (row,) = await accounts.all_of(d.seller_id)
    account = accounts.ref(row)
    typed = {name: value for name, value in d.values.items() if name != AJIO.method_column}
    again = await d.reconnect(account, typed)
    assert (again.test_state, again.found_account_id, service.shops_of(again)) == (TestState.PASSED, PUNE, [])
    assert (await d.check(account)).last_validation_status in ("valid", "missing_permission")
    assert (await d.sync(account, ScheduleTarget.ORDERS)).state == "succeeded"


async def test_a_setup_that_took_up_an_old_account_leaves_it_alone_when_it_finds_another_shop(two_pobs: Desk) -> None:
    """What came back with the first choice does not go to the shop that is chosen in its place."""
    d = two_pobs
    old = await connected_to(d, SURAT)
    await accounts.disconnect(d.seller_id, old, typed_name="Surat store", delete_history=False, by="Asha", jobs=d.jobs)
    wizard = await chosen(d, await d.type_in(d.values), SURAT)
    assert wizard.account_id == old
    wizard = await chosen(d, wizard, PUNE)
    assert (wizard.test_state, wizard.found_account_id) == (TestState.PASSED, PUNE)
    assert wizard.account_id != old
    await d.confirm(wizard)
    (account,) = await accounts.all_of(d.seller_id)
    assert (account.id, account.external_account_id) == (wizard.account_id, PUNE)
    assert await orders_of(d, account.id) == await sold_at(d, PUNE)
    assert await orders_of(d, old) == await sold_at(d, SURAT)


async def test_a_shop_that_the_session_was_not_captured_with_is_not_offered(two_pobs: Desk) -> None:
    d = two_pobs
    values = {**d.values, "seller_context": sandbox_panel_keys(Shop(seed=5))["seller_context"]}
    wizard = await d.type_in(values)
    assert (wizard.test_state, wizard.found_account_id, service.shops_of(wizard)) == (TestState.PASSED, SURAT, [])


async def test_a_failed_test_of_the_chosen_one_leaves_the_choice_open(two_pobs: Desk) -> None:
    d = two_pobs
    asked = await d.type_in(d.values)
    await d.fault(Fault.OUTAGE)
    failed = await chosen(d, asked, PUNE)
    assert (failed.test_state, [one.id for one in service.shops_of(failed)]) == (TestState.FAILED, [SURAT, PUNE])
    await d.well_again()
    assert (await chosen(d, failed, SURAT)).test_state == TestState.PASSED


async def test_the_pages_ask_once_and_without_a_script(
    two_pobs: Desk, connected: Addresses, keys: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step 5 asks, says what is connected already, takes a double click as one, and is asked anew by a tab that is behind."""
    d = two_pobs
    monkeypatch.setattr(proving, "CONFIRM_PATIENCE_S", 0.01)
    await connected_to(d, SURAT)
    async with opened(connected.web, keys, jobs=d.jobs) as app:
        asha = Browser(app)
        asha.http.cookies.set(SESSION_COOKIE, await open_session(d.seller_id, d.user_id), domain="127.0.0.1")
        wizard = await d.type_in(d.values)
        at = f"/connect/{wizard.id}"
        tested = await asha.get(f"{at}/4")
        assert "These details open several shops" in tested.text
        assert f'href="{at}/5"' in tested.text
        asked = await asha.get(f"{at}/5")
        assert asked.text.count('type="radio"') == 2
        assert "DV****05, connected as “Surat store”" in asked.text
        assert 'id="confirm"' not in asked.text
        refused = await asha.post(f"{at}/shop", {})
        assert (refused.status_code, refused.text.count("Choose a shop")) == (422, 2)
        form = {"shop": PUNE, "version": str(wizard.version), "form_token": "one-press"}
        for _ in range(2):
            assert (await asha.post(f"{at}/shop", form)).headers["location"] == f"{at}/4"
        assert len(d.jobs.waiting) == 1, "a second press of the same form asks for nothing"
        await d.work()
        assert (await service.get(d.seller_id, wizard.id)).test_attempt == wizard.test_attempt + 1
        late = await asha.post(f"{at}/shop", {"shop": SURAT, "version": str(wizard.version)})
        assert (late.status_code, "in another tab" in late.text) == (409, True)
        confirmed = await asha.get(f"{at}/5")
        assert ('id="confirm"' in confirmed.text, 'id="another-shop"' in confirmed.text) == (True, True)
        assert (await asha.post(f"{at}/5", {"choose": "1", "first_targets": "ORDERS"})).status_code == 303
        await d.work()
        assert {one.external_account_id for one in await accounts.all_of(d.seller_id)} == {SURAT, PUNE}
