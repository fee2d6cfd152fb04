"""A seller leaves: nothing of buyers opens any more, nothing runs any more, nobody is signed in, and what is the seller's own stays."""

from collections.abc import AsyncIterator
from unittest.mock import AsyncMock
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from litestar import Litestar

from portal import clock, db
from portal.accounts import service
from portal.errors import BadInput, NotFound
from portal.orders import finding
from portal.people.service import PROVEN_FOR, current, open_session, team
from portal.postgres import Addresses
from portal.runs import service as runs
from portal.tables.people import Role
from portal.tables.syncs import FINISHED, RunState
from portal.vault import Vault
from portal.web.security import SESSION_COOKIE
from tests.browsing import Browser, opened, signed_up
from tests.factories import PASSWORD, make_seller, make_user
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
        entries = await seen(connected, "SELECT actor, after FROM audit_entries WHERE action = 'business.closed'")
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
        token = await open_session(works.seller, await make_user(works.seller))
        with pytest.raises(BadInput):
            await service.close(works.seller, typed_name="asha", by="operator", jobs=works.jobs)
        with pytest.raises(NotFound):
            await service.close(works.account.id, typed_name="Asha Textiles", by="operator", jobs=works.jobs)
        assert (await works.sync()).state == RunState.SUCCEEDED
        assert await current(token) is not None


async def test_a_sync_that_had_just_begun_leaves_no_new_data_key(
    connected: Addresses, keys: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken before the end and opening its keys after it: it finds none, and no buyer can be sealed any more."""
    async with workshop(connected, keys, shop_of_today(orders=5)) as works:
        run = await runs.take(works.seller, await works.start(), lease=works.lease)
        assert run is not None
        await service.close(works.seller, typed_name="Asha Textiles", by="operator", jobs=works.jobs)
        monkeypatch.setattr(runs, "take", AsyncMock(return_value=run))
        await works.work(run.id)
        assert (await runs.get(works.seller, run.id)).state in FINISHED
        assert await seen(connected, "SELECT 1 FROM buyer_data_keys UNION ALL SELECT 1 FROM orders") == []


async def test_everybody_is_signed_out_and_the_owners_are_told(connected: Addresses, keys: Vault) -> None:
    async with workshop(connected, keys, shop_of_today(orders=5)) as works:
        owner, viewer = await make_user(works.seller), await make_user(works.seller, "bala@example.in", role=Role.VIEWER)
        chitra = await make_seller("Chitra Crafts")
        stranger = await open_session(chitra, await make_user(chitra, "chitra@example.in"))
        tokens = [await open_session(works.seller, one) for one in (owner, owner, viewer)]
        asha = await current(tokens[0])
        assert asha is not None
        await team.invite(asha, "dev@example.in", Role.VIEWER)
        found = await service.ahead(works.seller)
        assert (found.accounts, found.data_keys, found.sessions, found.invitations) == (["Surat store"], 0, 3, 1)

        await service.close(works.seller, typed_name="Asha Textiles", by="Asha", jobs=works.jobs)
        assert [await current(token) for token in tokens] == [None, None, None]
        assert await current(stranger) is not None
        assert await seen(connected, "SELECT 1 FROM invitations") == []
        mails = await seen(connected, "SELECT recipient, subject, body FROM mails WHERE subject LIKE '%is closed'")
        assert [(one["recipient"], one["subject"]) for one in mails] == [("asha@example.in", "Asha Textiles is closed")]
        assert "by Asha: 1 connections ended" in mails[0]["body"]


@pytest.fixture
async def app(database: Addresses, keys: Vault) -> AsyncIterator[Litestar]:
    async with opened(database.web, keys) as app:
        yield app


async def test_the_owner_closes_on_a_page_of_her_own(app: Litestar) -> None:
    """Without scripts: consequences, the wrong name, the right one; then she is signed out, and signs in to what stays."""
    asha = await signed_up(app)
    assert "/settings/close" in (await asha.get("/settings/profile")).text
    page = await asha.get("/settings/close")
    assert "unreadable for good" in page.text
    assert "/settings/audit.csv" in page.text
    wrong = await asha.post("/settings/close", {"name": "asha"})
    assert (wrong.status_code, "Type Asha Textiles exactly" in wrong.text) == (422, True)
    assert (await asha.get("/home")).status_code == 200

    done = await asha.post("/settings/close", {"name": "Asha Textiles"})
    assert (done.status_code, done.headers["location"]) == (303, "/sign-in")
    assert asha.session == ""
    assert "Asha Textiles is closed" in (await asha.get("/sign-in")).text
    await asha.sign_in()
    assert (await asha.get("/orders")).status_code == 200


async def test_closing_asks_again_who_it_is(app: Litestar) -> None:
    asha = await signed_up(app)
    with clock.stopped_at(clock.now() + PROVEN_FOR):
        answer = await asha.post("/settings/close", {"name": "Asha Textiles"})
        assert answer.headers["location"].startswith("/reauthenticate")
        assert (await asha.get("/home")).status_code == 200
        refused = await asha.post(answer.headers["location"], {"password": "a wrong one", "then": then_of(answer)})
        assert (refused.status_code, (await asha.get("/home")).status_code) == (422, 200)
        await asha.post("/reauthenticate", {"password": PASSWORD, "then": then_of(answer)})
    assert (await asha.get("/home")).headers["location"].startswith("/sign-in")


def then_of(answer: httpx.Response) -> str:
    return parse_qs(urlsplit(answer.headers["location"]).query)["then"][0]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.OWNER])
async def test_only_an_owner_closes(app: Litestar, role: Role) -> None:
    """Hidden from everybody else, admins too, and refused by address."""
    asha = await signed_up(app)
    me = await current(asha.session)
    assert me is not None
    other = Browser(app)
    token = await open_session(me.seller_id, await make_user(me.seller_id, "bala@example.in", role=role))
    other.http.cookies.set(SESSION_COOKIE, token, domain="127.0.0.1")
    assert "/settings/close" not in (await other.get("/settings/profile")).text
    assert (await other.get("/settings/close")).status_code == 403
    assert (await other.post("/settings/close", {"name": "Asha Textiles"})).status_code == 403
    assert await current(asha.session) is not None
