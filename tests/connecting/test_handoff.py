"""Through the marketplace and back: what a permission leads to, and every way in which it leads nowhere."""

import asyncio
import html
import logging
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from portal import clock, db
from portal.accounts import service as accounts
from portal.accounts.job import check_account
from portal.connecting import service
from portal.marketplaces import details
from portal.marketplaces.amazon_in.sandbox.state import seller_id
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.opening import Doorway
from portal.marketplaces.registry import marketplace
from portal.marketplaces.sandbox import Fault
from portal.people.service import current, open_session
from portal.postgres import Addresses
from portal.tables.people import Role
from portal.tables.wizards import TestState, WizardState
from portal.vault import Vault
from portal.web.security import SESSION_COOKIE
from tests.browsing import Browser, signed_up
from tests.connecting.consenting import SENDING, Consents, consents, query_of, replace_group
from tests.factories import make_account, make_user
from tests.workshop import everything_in, seen, shop_of_today

pytestmark = pytest.mark.anyio

AMAZON = marketplace("AMAZON_IN")


@pytest.fixture(params=SENDING, ids=lambda place: place.slug)
async def way(request: pytest.FixtureRequest, connected: Addresses, keys: Vault) -> AsyncIterator[Consents]:
    async with consents(request.param, connected, keys) as way:
        yield way


@pytest.fixture
async def amazon(connected: Addresses, keys: Vault) -> AsyncIterator[Consents]:
    """For what is the same whatever the marketplace."""
    async with consents(AMAZON, connected, keys) as way:
        yield way


async def another_browser(way: Consents, who: Browser, *, role: Role | None = None) -> Browser:
    """Somebody else's of the same business, or a second one of hers."""
    viewer = await current(who.session)
    assert viewer is not None
    user = viewer.user_id if role is None else await make_user(viewer.seller_id, f"{role.lower()}@example.in", role=role)
    browser = Browser(way.app)
    browser.http.cookies.set(SESSION_COOKIE, await open_session(viewer.seller_id, user), domain="127.0.0.1")
    return browser


async def test_a_permission_becomes_an_account(way: Consents, connected: Addresses) -> None:
    asha = await signed_up(way.app)
    done = await way.connected(asha)
    assert (done.state, done.method) == (WizardState.DONE, way.method)
    account = AccountRef(
        id=done.account_id, seller_id=done.seller_id, code=way.place.code, external_account_id=done.found_account_id, name=done.name
    )
    async with db.transaction(done.seller_id):
        keys = (await details.fetch(way.place, account, way.vault, purpose="a test", actor="a test")).keys
    assert isinstance(keys, way.place.method(way.method).keys)
    assert keys.refresh_token
    assert keys.refresh_token not in await everything_in(connected)
    assert await seen(connected, "SELECT 1 FROM connect_wizard_secrets") == []
    row = await accounts.get(done.seller_id, account.id)
    days = {"AMAZON_IN": 365, "FLIPKART": 180}[way.place.code]
    assert abs((row.credential_expires_at - row.last_validated_at).days - days) <= 1, "how long sellers' permissions last there"


async def test_the_account_goes_on_living_from_the_permission(way: Consents) -> None:
    """The worker opens it again with the operator's application, hours later as now."""
    asha = await signed_up(way.app)
    done = await way.connected(asha)
    account = AccountRef(
        id=done.account_id, seller_id=done.seller_id, code=way.place.code, external_account_id=done.found_account_id, name=done.name
    )
    async with db.transaction(done.seller_id):
        keys = (await details.fetch(way.place, account, way.vault, purpose="a test", actor="a test")).keys
    found = await way.context()["doorway"].validated(way.place, account, keys)
    assert found.external_account_id == done.found_account_id


async def test_no_code_and_no_state_is_written_down(
    way: Consents, connected: Addresses, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not in a log at its most talkative, not in the database with its queue, not on a page, not in an address after the return."""
    caplog.set_level(logging.DEBUG)
    asha = await signed_up(way.app)
    wizard = await way.begun(asha)
    consent = await way.leave(asha, wizard)
    state = query_of(consent)["state"]
    back = await way.press(consent)
    code = next(value for name, value in query_of(back).items() if name.endswith("code"))
    answers = [await way.come_back(asha, back), await way.come_back(asha, back)]
    dumped = await everything_in(connected)
    await way.work()
    for path in (f"{wizard}/4", f"{wizard}/3", "/accounts"):
        await way.get(asha, path)
    assert (await way.row(asha, wizard)).test_state == TestState.PASSED
    out = capsys.readouterr()
    logged = f"{caplog.text} {out.out} {out.err} {[vars(one) for one in caplog.records]}"
    assert "keys_" in logged or "request" in logged
    after = dumped + await everything_in(connected) + " ".join(f"{one.headers} {one.text}" for one in answers)
    for secret in (code, state):
        assert secret not in logged
        assert secret not in after


async def test_cancel_saves_nothing_and_offers_the_way_again(way: Consents) -> None:
    asha = await signed_up(way.app)
    wizard = await way.begun(asha, "Priya Fashions")
    answer = await way.come_back(asha, await way.press(await way.leave(asha, wizard), "deny"))
    assert answer.status_code == 200
    assert f"{way.place.name} was not connected" in answer.text
    assert f"You pressed Cancel on {way.place.name}. Nothing was saved." in answer.text
    assert f'href="/oauth/{way.place.slug}/start?w={wizard.rpartition("/")[2]}"' in answer.text
    assert f'href="{wizard}/1"' in answer.text
    row = await way.row(asha, wizard)
    assert (row.test_state, row.name) == (TestState.NONE, "Priya Fashions")
    assert way.jobs.waiting == []
    await way.allowed(asha, wizard)


async def test_who_comes_back_too_late_gets_a_new_link(way: Consents) -> None:
    asha = await signed_up(way.app)
    wizard = await way.begun(asha)
    back = await way.press(await way.leave(asha, wizard))
    with clock.stopped_at(clock.now() + timedelta(minutes=15, seconds=1)):
        answer = await way.come_back(asha, back)
        assert answer.status_code == 410
        assert "more than 15 minutes" in answer.text
        assert f"/oauth/{way.place.slug}/start?w=" in answer.text
        assert way.jobs.waiting == []
        assert await way.leave(asha, wizard)


async def test_an_answer_counts_once(amazon: Consents, connected: Addresses) -> None:
    asha = await signed_up(amazon.app)
    wizard = await amazon.begun(asha)
    back = await amazon.press(await amazon.leave(asha, wizard))
    answers = await asyncio.gather(*(amazon.come_back(asha, back) for _ in range(4)))
    assert sorted(one.status_code for one in answers) == [303, 409, 409, 409]
    replayed = next(one for one in answers if one.status_code == 409)
    assert "This answer was used already" in replayed.text
    assert f'href="{wizard}"' in replayed.text
    assert len(amazon.jobs.waiting) == 1
    assert len(await seen(connected, "SELECT 1 FROM connect_wizard_secrets")) == 1


async def test_another_browser_of_hers_gets_nothing_and_the_state_is_burnt(amazon: Consents) -> None:
    asha = await signed_up(amazon.app)
    wizard = await amazon.begun(asha)
    back = await amazon.press(await amazon.leave(asha, wizard))
    answer = await amazon.come_back(await another_browser(amazon, asha), back)
    assert answer.status_code == 403
    assert "by somebody else or in another browser" in answer.text
    assert wizard not in answer.text
    assert (await amazon.come_back(asha, back)).status_code == 409
    assert amazon.jobs.waiting == []


async def test_another_business_gets_nothing_and_learns_nothing(amazon: Consents) -> None:
    asha, chitra = await signed_up(amazon.app), await signed_up(amazon.app, "chitra@example.in", "Chitra Crafts")
    wizard = await amazon.begun(asha)
    back = await amazon.press(await amazon.leave(asha, wizard))
    answer = await amazon.come_back(chitra, back)
    assert answer.status_code == 404
    assert "We did not ask for this answer" in answer.text
    assert wizard not in answer.text
    assert (await amazon.come_back(asha, back)).status_code == 303, "nobody else can burn her state"
    assert (await amazon.get(chitra, f"/oauth/amazon/start?w={wizard.rpartition('/')[2]}")).status_code == 404


async def test_who_may_not_connect_and_who_is_signed_out_get_nothing(amazon: Consents) -> None:
    asha = await signed_up(amazon.app)
    wizard = await amazon.begun(asha)
    back = await amazon.press(await amazon.leave(asha, wizard))
    viewer = await another_browser(amazon, asha, role=Role.VIEWER)
    assert (await amazon.come_back(viewer, back)).status_code == 403
    assert (await viewer.get(f"/oauth/amazon/start?w={wizard.rpartition('/')[2]}")).status_code == 403
    guest = await amazon.come_back(Browser(amazon.app), back)
    assert guest.status_code == 401
    assert "You were signed out" in guest.text
    code = query_of(back)["spapi_oauth_code"]
    assert code not in f"{guest.headers} {guest.text}", "the code is not carried along to the sign-in page"
    assert (await amazon.come_back(asha, back)).status_code == 303


@pytest.mark.parametrize("query", ["", "state=", "state=nobody-made-this&code=x&spapi_oauth_code=x", "error=access_denied"])
async def test_an_answer_nobody_asked_for(amazon: Consents, query: str) -> None:
    asha = await signed_up(amazon.app)
    answer = await amazon.come_back(asha, f"/oauth/amazon/return?{query}")
    assert (answer.status_code, amazon.jobs.waiting) == (404, [])


async def test_a_code_that_waited_too_long_is_not_even_tried(way: Consents) -> None:
    asha = await signed_up(way.app)
    wizard = await way.begun(asha)
    await way.allowed(asha, wizard)
    exchanges = (await way.side.get("/_sandbox/calls")).json()
    with clock.stopped_at(clock.now() + timedelta(minutes=5, seconds=1)):
        await way.work()
        row = await way.row(asha, wizard)
        assert (row.test_state, row.error_code) == (TestState.FAILED, "handoff_failed")
        assert "more than five minutes" in row.error_message
        assert (await way.side.get("/_sandbox/calls")).json() == exchanges
        assert "Go back and try once more" in (await way.get(asha, f"{wizard}/4")).text
        await way.allowed(asha, wizard)


async def test_a_code_that_the_marketplace_refuses(way: Consents, connected: Addresses) -> None:
    asha = await signed_up(way.app)
    wizard = await way.begun(asha)
    back = await way.press(await way.leave(asha, wizard))
    query = {name: f"{value}x" if name.endswith("code") else value for name, value in query_of(back).items()}
    await way.come_back(asha, f"/oauth/{way.place.slug}/return?{urlencode(query)}")
    await way.work()
    row = await way.row(asha, wizard)
    assert (row.test_state, row.error_code) == (TestState.FAILED, "keys_rejected")
    assert "too late or was used already" in row.error_message
    assert await seen(connected, "SELECT 1 FROM connect_wizard_secrets") == []
    assert await seen(connected, "SELECT 1 FROM operator_refusals") == []
    # Testing again has nothing to test, and says so.
    await service.test_again(row.seller_id, row.id, jobs=way.jobs)
    await way.work()
    assert "There is no permission" in (await way.row(asha, wizard)).error_message


async def test_a_marketplace_that_does_not_answer_the_exchange(way: Consents) -> None:
    """The code may have arrived, so it is not sent again: she presses Allow once more."""
    asha = await signed_up(way.app)
    wizard = await way.begun(asha)
    await way.fault(Fault.OUTAGE)
    await way.allowed(asha, wizard)
    await way.work()
    row = await way.row(asha, wizard)
    assert row.error_code == "handoff_failed"
    assert "did not answer while we took up your permission" in row.error_message
    await way.allowed(asha, wizard)
    await way.work()
    assert (await way.row(asha, wizard)).test_state == TestState.PASSED


async def test_the_operators_wrong_secret_marks_nobody_and_alerts_him(
    way: Consents, connected: Addresses, capsys: pytest.CaptureFixture[str]
) -> None:
    asha = await signed_up(way.app)
    wizard = await way.begun(asha)
    await way.allowed(asha, wizard)
    await way.work(CLIENT_SECRET="wrong-secret-of-the-operator", APP_SECRET="wrong-secret-of-the-operator")
    row = await way.row(asha, wizard)
    assert "the operator of the portal has to repair it" in row.error_message
    assert row.error_field == ""
    told = [tuple(one) for one in await seen(connected, "SELECT marketplace_code, refusals FROM operator_refusals")]
    assert told == [(way.place.code, 1)]
    said = capsys.readouterr()
    assert "operator_application_refused" in said.out + said.err
    assert "wrong-secret-of-the-operator" not in said.out + said.err
    metrics = (await Browser(way.app).http.get("/metrics", headers={"authorization": "Bearer scrape me"})).text
    assert f'portal_operator_refusals{{marketplace="{way.place.code}"}} 1.0' in metrics


async def test_an_account_is_not_marked_for_the_operators_secret(way: Consents, connected: Addresses) -> None:
    """Neither in a run nor in a check: it is his application that is refused, not her shop."""
    asha = await signed_up(way.app)
    done = await way.connected(asha)
    group = {**way.settings.of(way.place.code), "CLIENT_SECRET": "wrong", "APP_SECRET": "wrong"}
    wrong = replace_group(way.settings, way.place.code, group)
    await check_account({**way.context(), "doorway": Doorway(wrong)}, account_id=str(done.account_id))
    account = (await seen(connected, "SELECT needs_reconnect, last_validation_status FROM marketplace_accounts"))[0]
    assert tuple(account) == (False, "valid")
    assert (await seen(connected, "SELECT refusals FROM operator_refusals"))[0]["refusals"] == 1


async def test_two_tabs_two_permissions_the_newest_counts(amazon: Consents, connected: Addresses) -> None:
    asha = await signed_up(amazon.app)
    wizard = await amazon.begun(asha)
    first, second = [await amazon.press(await amazon.leave(asha, wizard)) for _ in range(2)]
    assert [(await amazon.come_back(asha, one)).status_code for one in (second, first)] == [303, 303]
    assert len(await seen(connected, "SELECT 1 FROM connect_wizard_secrets")) == 1
    await amazon.work()
    assert (await amazon.row(asha, wizard)).test_state == TestState.PASSED


async def test_a_setup_that_is_over_takes_nothing_back(amazon: Consents, connected: Addresses) -> None:
    asha = await signed_up(amazon.app)
    wizard = await amazon.begun(asha)
    back = await amazon.press(await amazon.leave(asha, wizard))
    await asha.post(f"{wizard}/discard")
    answer = await amazon.come_back(asha, back)
    assert answer.status_code == 410
    assert "finished, discarded or changed" in answer.text
    assert (await seen(connected, "SELECT 1 FROM connect_wizard_secrets"), amazon.jobs.waiting) == ([], [])


@pytest.mark.parametrize("swept", [False, True])
async def test_a_setup_that_timed_out_leads_to_its_own_page(amazon: Consents, connected: Addresses, swept: bool) -> None:
    """From where she leaves as from where she comes back; also after the sweep has been there. Nothing that was brought is kept."""
    asha = await signed_up(amazon.app)
    wizard = await amazon.begun(asha)
    back = await amazon.press(await amazon.leave(asha, wizard))
    await seen(connected, "UPDATE connect_wizards SET expires_at = now() - interval '1 second'")
    if swept:
        assert await service.wipe_stale() == 1
    for answer in (
        await amazon.come_back(asha, f"/oauth/amazon/start?w={wizard.rpartition('/')[2]}"),
        await amazon.come_back(asha, back),
    ):
        assert (answer.status_code, answer.headers["location"]) == (303, wizard)
    shown = await asha.get(wizard)
    assert (shown.status_code, "This setup timed out" in shown.text) == (410, True)
    assert (await seen(connected, "SELECT 1 FROM connect_wizard_secrets"), amazon.jobs.waiting) == ([], [])


async def test_a_setup_that_ended_while_the_worker_was_at_it_keeps_no_key(amazon: Consents, connected: Addresses) -> None:
    asha = await signed_up(amazon.app)
    wizard = await amazon.begun(asha)
    await amazon.allowed(asha, wizard)
    await asha.post(f"{wizard}/discard")
    await amazon.work()
    assert await seen(connected, "SELECT 1 FROM connect_wizard_secrets") == []


async def test_addresses_of_nothing(amazon: Consents) -> None:
    asha = await signed_up(amazon.app)
    wizard = await amazon.begun(asha)
    for path in (
        "/oauth/nowhere/start",
        "/oauth/meesho/start",
        f"/oauth/meesho/start?w={wizard.rpartition('/')[2]}",
        "/oauth/amazon/start",
    ):
        assert (await asha.get(path)).status_code == 404, path
    assert (await asha.get("/oauth/meesho/return?code=x&state=y")).status_code == 404


async def test_reconnecting_keeps_the_account(way: Consents, connected: Addresses) -> None:
    asha = await signed_up(way.app)
    done = await way.connected(asha)
    before = (await seen(connected, "SELECT * FROM marketplace_accounts"))[0]
    wizard = await service.begin_reconnect(done.seller_id, done.user_id, done.account_id)
    await way.allowed(asha, f"/connect/{wizard.id}")
    await way.work()
    row = await way.row(asha, f"/connect/{wizard.id}")
    assert row.test_state == TestState.PASSED, row.error_message
    await service.confirm(row.seller_id, row.id, first_days=30, jobs=way.jobs)
    await way.jobs.waiting.pop(0)(way.context())
    rows = await seen(connected, "SELECT * FROM marketplace_accounts")
    assert [one["id"] for one in rows] == [before["id"]]
    events = await seen(connected, "SELECT * FROM marketplace_credential_events ORDER BY occurred_at")
    assert "reconnected" in {one["kind"] for one in events}
    opened = [one["message"] for one in events if one["kind"] == "opened"]
    assert opened == ["exchange of a permission for keys", "test of a reconnect"], "each secret of the way is on record, once"


async def test_an_account_with_typed_keys_can_go_over_to_a_permission(amazon: Consents, connected: Addresses) -> None:
    asha = await signed_up(amazon.app)
    viewer = await current(asha.session)
    assert viewer is not None
    account = await make_account(viewer.seller_id, external=seller_id(shop_of_today()))
    typed = {"selling_partner_id": account.external_account_id}
    async with db.transaction(viewer.seller_id):
        await details.move_in(AMAZON, account, AMAZON.method("private_app"), typed, {}, by="a test")
    wizard = await service.begin_reconnect(viewer.seller_id, viewer.user_id, account.id)
    await amazon.allowed(asha, f"/connect/{wizard.id}")
    await amazon.work()
    row = await amazon.row(asha, f"/connect/{wizard.id}")
    assert (row.test_state, row.method) == (TestState.PASSED, "public_app"), row.error_message
    await service.confirm(row.seller_id, row.id, first_days=30, jobs=amazon.jobs)
    await amazon.jobs.waiting.pop(0)(amazon.context())
    kept = (await seen(connected, "SELECT * FROM amazon_account_details"))[0]
    assert (kept["marketplace_account_id"], kept["method"], kept["lwa_client_secret"]) == (account.id, "public_app", None)


async def test_reconnecting_refuses_another_shop(way: Consents, connected: Addresses) -> None:
    asha = await signed_up(way.app)
    viewer = await current(asha.session)
    assert viewer is not None
    account = await make_account(viewer.seller_id, code=way.place.code, external="AOTHERSHOP99")
    # Its satellite says how it was connected.
    done = await way.connected(asha)
    async with db.transaction(viewer.seller_id):
        await details.move_in(way.place, account, way.place.method(way.method), {"selling_partner_id": "AOTHERSHOP99"}, {}, by="a test")
    wizard = await service.begin_reconnect(viewer.seller_id, viewer.user_id, account.id)
    await way.allowed(asha, f"/connect/{wizard.id}")
    await way.work()
    row = await way.row(asha, f"/connect/{wizard.id}")
    assert (row.test_state, row.error_code) == (TestState.FAILED, "other_shop")
    kept = {one["id"]: one["external_account_id"] for one in await seen(connected, "SELECT * FROM marketplace_accounts")}
    assert kept == {account.id: "AOTHERSHOP99", done.account_id: done.found_account_id}


async def test_who_begins_at_the_marketplace_is_asked_here_and_sent_back(amazon: Consents, connected: Addresses) -> None:
    """First a new shop; afterwards the same invitation renews the account."""
    asha = await signed_up(amazon.app)
    for label, connected_before in (("Continue to Amazon India", 0), ("Reconnect Amazon India", 1)):
        assert len(await seen(connected, "SELECT 1 FROM marketplace_accounts")) == connected_before
        listed = await amazon.side.get("/apps/manage", params={"log_in_uri": "http://127.0.0.1:8000/oauth/amazon/start"})
        invitation = _href(listed.text, "http://127.0.0.1:8000/oauth/amazon/start")
        asked = await amazon.get(asha, invitation)
        assert asked.status_code == 200
        assert label in asked.text
        assert await seen(connected, "SELECT 1 FROM connect_wizards WHERE state = 'open'") == [], "nothing begins before she says so"
        consent = await amazon.follow(asha, _href(asked.text, "/oauth/amazon/start"))
        back = await amazon.press(consent)
        answer = await amazon.come_back(asha, back)
        assert answer.status_code == 303, answer.text
        await amazon.work()
        row = await amazon.row(asha, answer.headers["location"].removesuffix("/4"))
        assert row.test_state == TestState.PASSED, row.error_message
        await service.confirm(row.seller_id, row.id, first_days=30, jobs=amazon.jobs)
        await amazon.jobs.waiting.pop(0)(amazon.context())
        amazon.jobs.waiting.clear()
    assert len(await seen(connected, "SELECT 1 FROM marketplace_accounts")) == 1


async def test_renewing_by_invitation_takes_a_fresh_proof(amazon: Consents, connected: Addresses) -> None:
    """As every reconnect does. It is asked on the page before, whose form stays on this site."""
    asha = await signed_up(amazon.app)
    done = await amazon.connected(asha)
    query = urlencode(
        {"amazon_callback_uri": "https://sellercentral.amazon.in/x", "amazon_state": "s", "selling_partner_id": done.found_account_id}
    )
    for more in ("", f"&as={done.account_id}"):
        with clock.stopped_at(clock.now() + timedelta(minutes=11)):
            answer = await asha.get(f"/oauth/amazon/start?{query}{more}")
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/reauthenticate")
    assert await seen(connected, "SELECT 1 FROM connect_wizards WHERE state = 'open'") == []
    assert "Reconnect Surat store" in (await asha.get(f"/oauth/amazon/start?{query}")).text


async def test_an_invitation_that_leads_elsewhere_is_none(amazon: Consents) -> None:
    asha = await signed_up(amazon.app)
    query = urlencode({"amazon_callback_uri": "https://evil.example/apps/authorize", "amazon_state": "s", "as": "new"})
    assert (await asha.get(f"/oauth/amazon/start?{query}")).status_code == 404


async def test_another_site_cannot_begin_for_her(amazon: Consents, connected: Addresses) -> None:
    asha = await signed_up(amazon.app)
    query = urlencode({"amazon_callback_uri": "https://sellercentral.amazon.in/x", "amazon_state": "s", "as": "new"})
    answer = await asha.get(f"/oauth/amazon/start?{query}", {"sec-fetch-site": "cross-site"})
    assert (answer.status_code, await seen(connected, "SELECT 1 FROM connect_wizards")) == (200, [])


def _href(text: str, beginning: str) -> str:
    found = re.search(rf'href="({re.escape(beginning)}[^"]*)"', text)
    assert found is not None, text
    return html.unescape(found[1]).removeprefix("http://127.0.0.1:8000")
