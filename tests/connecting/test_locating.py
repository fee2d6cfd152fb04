"""A shop that ships from several places: its seller says where stock goes, when connecting and later."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from portal import db
from portal.accounts import service as accounts
from portal.connecting import service
from portal.connecting.routes import proving
from portal.errors import BadInput
from portal.marketplaces.contract import AccountRef, Location, ScheduleTarget
from portal.marketplaces.registry import marketplace
from portal.marketplaces.sandbox import Shop
from portal.people.service import open_session
from portal.postgres import Addresses
from portal.runs import service as runs
from portal.runs.refs import account_ref
from portal.tables.people import Role
from portal.tables.wizards import ConnectWizard
from portal.vault import Vault
from portal.web.security import SESSION_COOKIE
from tests.browsing import Browser, opened
from tests.contract.desks import Desk, desk
from tests.factories import make_user

pytestmark = pytest.mark.anyio

SHOP = Shop(seed=5, orders=6, returns=0, payouts=0, listings=4)
SURAT, BHIWANDI = "LOC0005", "LOC0006"


@pytest.fixture
async def two_places(connected: Addresses, keys: Vault) -> AsyncIterator[Desk]:
    async with desk(marketplace("MEESHO"), replace(SHOP, locations=2), keys) as d:
        yield d


async def confirmed(d: Desk, ships_from: str) -> tuple[ConnectWizard, AccountRef]:
    wizard = await d.type_in(d.values)
    await service.confirm(d.seller_id, wizard.id, first_days=30, jobs=d.jobs, ships_from=ships_from)
    await d.work()
    return wizard, await account_ref(d.seller_id, wizard.account_id)


async def test_one_of_several_locations_has_to_be_chosen(two_places: Desk) -> None:
    d = two_places
    tested = await d.type_in(d.values)
    assert service.locations_of(tested) == [Location(id=SURAT, name="Surat"), Location(id=BHIWANDI, name="Bhiwandi")]
    for wrong in ("", "LOC-of-another-shop"):
        with pytest.raises(BadInput) as refused:
            await service.confirm(d.seller_id, tested.id, first_days=30, jobs=d.jobs, ships_from=wrong)
        assert list(refused.value.fields) == ["ships_from"]
    _, account = await confirmed(d, BHIWANDI)
    assert account.ships_from == BHIWANDI


async def test_a_single_location_is_taken_without_asking(connected: Addresses, keys: Vault) -> None:
    async with desk(marketplace("MEESHO"), SHOP, keys) as d:
        _, account = await confirmed(d, "")
        assert account.ships_from == SURAT


async def test_a_reconnect_keeps_the_choice_and_offers_it(two_places: Desk) -> None:
    d = two_places
    _, account = await confirmed(d, BHIWANDI)
    again = await d.reconnect(account, d.values)
    assert again.ships_from == BHIWANDI
    await service.confirm(d.seller_id, again.id, first_days=30, jobs=d.jobs, ships_from=SURAT)
    await d.work()
    assert (await account_ref(d.seller_id, account.id)).ships_from == SURAT


async def test_the_choice_changes_later_and_only_to_a_place_of_this_shop(two_places: Desk) -> None:
    d = two_places
    _, account = await confirmed(d, BHIWANDI)
    with pytest.raises(BadInput):
        await accounts.ship_from(d.seller_id, account.id, "LOC9999", by="Asha")
    assert await accounts.ship_from(d.seller_id, account.id, SURAT, by="Asha") == "Surat"
    run = await runs.start(d.seller_id, account.id, ScheduleTarget.ORDERS, jobs=d.jobs)
    taken = await runs.take(d.seller_id, run.run_id, lease=timedelta(minutes=1))
    assert taken is not None
    assert taken.ships_from == SURAT, "every later run knows it"


async def test_a_place_that_is_gone_is_no_choice_any_more(two_places: Desk) -> None:
    d = two_places
    _, account = await confirmed(d, BHIWANDI)
    row = await accounts.get(d.seller_id, account.id)
    accounts.meet(row, [])
    assert row.ships_from == BHIWANDI, "a check that met none knows no better"
    accounts.meet(row, [Location(id=SURAT)])
    assert row.ships_from == ""


@pytest.fixture
async def three_places(connected: Addresses, keys: Vault) -> AsyncIterator[Desk]:
    """A shop of a marketplace that has no list of locations: they are known from what is read."""
    async with desk(marketplace("FLIPKART"), replace(SHOP, listings=12, locations=3), keys) as d:
        yield d


async def test_without_a_list_the_places_are_those_of_the_rows_and_one_is_chosen(three_places: Desk) -> None:
    d = three_places
    tested = await d.type_in(d.values)
    known = [one.id for one in service.locations_of(tested)]
    assert len(known) == 3
    with pytest.raises(BadInput):
        await service.confirm(d.seller_id, tested.id, first_days=30, jobs=d.jobs)
    _, account = await confirmed(d, known[2])
    assert account.ships_from == known[2]
    row = await accounts.get(d.seller_id, account.id)
    accounts.meet(row, [Location(id="LOC-of-a-new-godown")])
    assert [one.id for one in accounts.locations_of(row)] == sorted([*known, "LOC-of-a-new-godown"])
    assert row.ships_from == known[2], "a place that is not met this time is not gone"


async def test_a_reading_of_the_catalogue_names_the_places_that_nobody_met_before(three_places: Desk) -> None:
    d = three_places
    known = service.locations_of(await d.type_in(d.values))
    _, account = await confirmed(d, known[0].id)
    async with db.transaction(d.seller_id) as held:
        await held.execute("UPDATE marketplace_accounts SET locations = '[]' WHERE id = $1", account.id)
    await d.sync(account, ScheduleTarget.LISTINGS)
    row = await accounts.get(d.seller_id, account.id)
    assert (accounts.locations_of(row), row.ships_from) == (known, known[0].id)


async def test_a_place_that_may_not_be_the_only_one_is_not_taken_without_asking(connected: Addresses, keys: Vault) -> None:
    async with desk(marketplace("FLIPKART"), SHOP, keys) as d:
        _, account = await confirmed(d, "")
        assert account.ships_from == ""
        row = await accounts.get(d.seller_id, account.id)
        assert len(accounts.locations_of(row)) == 1


async def test_the_pages_ask_show_and_change_it(
    two_places: Desk, connected: Addresses, keys: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step 5 asks and says so at the field when nothing was chosen; the account's page shows the choice to all and the form to some."""
    d = two_places
    monkeypatch.setattr(proving, "CONFIRM_PATIENCE_S", 0.01)
    async with opened(connected.web, keys, jobs=d.jobs) as app:
        asha, bala = Browser(app), Browser(app)
        people = {asha: d.user_id, bala: await make_user(d.seller_id, "bala@example.in", role=Role.VIEWER)}
        for browser, user_id in people.items():
            browser.http.cookies.set(SESSION_COOKIE, await open_session(d.seller_id, user_id), domain="127.0.0.1")
        wizard = await d.type_in(d.values)
        step = f"/connect/{wizard.id}/5"
        asked = (await asha.get(step)).text
        assert asked.count('type="radio"') == 2
        assert "Every 30 minutes between" in asked, "what comes by itself is said before it begins"
        refused = await asha.post(step, {"choose": "1", "first_targets": "ORDERS"})
        assert (refused.status_code, refused.text.count("Choose a location")) == (422, 2)
        assert (await asha.post(step, {"choose": "1", "first_targets": "ORDERS", "ships_from": BHIWANDI})).status_code == 303
        await d.work()
        account = f"/accounts/{wizard.account_id}"
        assert f'<option value="{BHIWANDI}" selected>' in (await asha.get(account)).text
        assert (await asha.post(f"{account}/location", {"ships_from": SURAT})).headers["location"] == account
        assert f'<option value="{SURAT}" selected>' in (await asha.get(account)).text
        seen = (await bala.get(account)).text
        assert ("<p>Surat</p>" in seen, "change-location" in seen) == (True, False)
        assert (await bala.post(f"{account}/location", {"ships_from": BHIWANDI})).status_code == 403
