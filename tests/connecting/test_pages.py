"""The wizard as a browser without scripts sees it: the web's own login, a real worker, and no secret in any answer."""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from portal import clock, db
from portal.connecting import service
from portal.marketplaces.amazon_in.sandbox import sandbox_keys
from portal.nudges import Ears
from portal.postgres import Addresses
from portal.tables.wizards import ConnectWizard, TestState
from portal.vault import Vault
from tests.browsing import Browser, opened, signed_up
from tests.connecting.conftest import SECRETS
from tests.marketplaces.amazon_in.bench import Bench, running
from tests.workers import PATIENCE_S, Rings, worker, worker_settings
from tests.workshop import seen, shop_of_today

pytestmark = pytest.mark.anyio


@dataclass
class Recorded:
    """Everything the portal has answered to one browser: bodies and headers."""

    text: str = field(default="", repr=False)

    async def note(self, response: httpx.Response) -> None:
        await response.aread()
        self.text += f"{response.headers}\n{response.text}\n"


@pytest.fixture
async def app(database: Addresses, keys: Vault) -> AsyncIterator[Litestar]:
    async with opened(database.web, keys) as app:
        yield app


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with running(shop_of_today(orders=5)) as bench:
        yield bench


async def to_step_3(browser: Browser) -> str:
    """The wizard's address, with a name chosen and everything at hand."""
    await browser.get("/accounts/new")
    at = (await browser.post("/connect", {"marketplace": "AMAZON_IN"})).headers["location"].removesuffix("/1")
    await browser.get(f"{at}/1")
    await browser.post(f"{at}/1", {"name": "Surat store", "method": "private_app"})
    await browser.post(f"{at}/2")
    return str(at)


def hidden(page: httpx.Response) -> dict[str, str]:
    """The form's own number and version, as the page brought them."""
    found = {name: re.search(rf'name="{name}" value="([^"]*)"', page.text) for name in ("form_token", "version")}
    return {name: match[1] for name, match in found.items() if match}


async def proven(app: Litestar, at: str) -> ConnectWizard:
    """The wizard as soon as its test has ended."""
    wizard_id = UUID(at.rpartition("/")[2])
    seller = await db.seller_of("door_seller_of_wizard", wizard_id)
    assert seller is not None
    ears: Ears = app.state["ears"]
    async with asyncio.timeout(PATIENCE_S), ears.about(service.topic(wizard_id)) as nudged:
        while True:
            row = await service.get(seller, wizard_id)
            if row.test_state in (TestState.PASSED, TestState.FAILED):
                return row
            await nudged.wait(silence_s=PATIENCE_S)


async def test_a_shop_is_connected_and_no_page_ever_shows_a_secret(app: Litestar, bench: Bench, database: Addresses, rings: Rings) -> None:
    typed = sandbox_keys(bench.shop)
    recorded = Recorded()
    async with worker({**worker_settings(database, rings, bench.base), "PORTAL_LOG_LEVEL": "DEBUG"}) as one:
        asha = await signed_up(app)
        asha.http.event_hooks = {"response": [recorded.note]}
        at = await to_step_3(asha)
        await asha.get(f"{at}/3")
        wrong = {**typed, "refresh_token": "Atza|this-one-ends-after-an-hour"}
        answer = await asha.post(f"{at}/3", {**wrong, **hidden(await asha.get(f"{at}/3"))})
        assert answer.status_code == 422
        assert "One that starts with Atza| is an access token" in answer.text
        page = await asha.get(f"{at}/3")
        assert len(re.findall(r"[0-9A-F]{4}-[0-9A-F]{4}", page.text)) >= 2, "what is kept shows its fingerprint"
        rest = {**dict.fromkeys(typed, ""), **{name: typed[name] for name in ("selling_partner_id", "refresh_token")}}
        answer = await asha.post(f"{at}/3", {**rest, **hidden(page)})
        assert (answer.status_code, answer.headers["location"]) == (303, f"{at}/4")
        assert (await proven(app, at)).test_state == TestState.PASSED
        for path in (f"{at}/4", f"{at}/3", f"{at}/5", f"{at}/1", "/accounts"):
            assert (await asha.get(path)).status_code == 200, path
        await asha.get(f"/p{at}/test", {"hx-request": "true"})
        answer = await asha.post(f"{at}/5", {"first_days": "30"})
        assert answer.headers["location"].startswith("/syncs/")
        assert (await asha.get(answer.headers["location"])).status_code == 200
        account = (await seen(database, "SELECT id FROM marketplace_accounts"))[0]["id"]
        for path in ("", "/1", "/4", "/waiting"):
            assert (await asha.get(f"{at}{path}")).headers["location"] == f"/accounts/{account}", "a finished setup leads to its account"
        assert (await asha.get(f"{at}/5")).headers["location"].startswith("/syncs/")
        assert "Surat store" in (await asha.get(f"/accounts/{account}")).text
        said = one.said
    secrets = [*(typed[name] for name in SECRETS), wrong["refresh_token"]]
    assert "Surat store" in recorded.text
    for place in (recorded.text, said):
        assert [secret for secret in secrets if secret in place] == []


async def test_a_double_click_acts_once_and_another_tab_is_told(app: Litestar, bench: Bench, database: Addresses) -> None:
    asha = await signed_up(app)
    at = await to_step_3(asha)
    page = await asha.get(f"{at}/3")
    form = {**sandbox_keys(bench.shop), **hidden(page)}
    answers = await asyncio.gather(*(asha.post(f"{at}/3", form) for _ in range(3)))
    assert [(one.status_code, one.headers["location"]) for one in answers] == [(303, f"{at}/4")] * 3
    assert len(await seen(database, "SELECT 1 FROM saq_jobs")) == 1
    other_tab = await asha.post(f"{at}/3", {**form, "form_token": "0" * 32})
    assert other_tab.status_code == 409
    assert "You changed this in another tab" in other_tab.text
    assert not any(form[name] in other_tab.text for name in SECRETS)


async def test_steps_are_not_skipped_and_strangers_find_nothing(app: Litestar, bench: Bench) -> None:
    asha, chitra = await signed_up(app), await signed_up(app, "chitra@example.in", "Chitra Crafts")
    at = await to_step_3(asha)
    assert (await asha.get(f"{at}/5")).headers["location"] == f"{at}/3"
    assert (await asha.post(f"{at}/5", {"first_days": "30"})).status_code == 409
    for step in range(1, 6):
        assert (await chitra.get(f"{at}/{step}")).status_code == 404
        assert (await chitra.post(f"{at}/{step}", {**sandbox_keys(bench.shop), "name": "Mine"})).status_code == 404
    for act in ("discard", "sandbox-keys"):
        assert (await chitra.post(f"{at}/{act}")).status_code == 404


async def test_a_whole_mail_fills_the_boxes_and_does_not_come_back(app: Litestar, bench: Bench, database: Addresses) -> None:
    typed = sandbox_keys(bench.shop)
    asha = await signed_up(app)
    at = await to_step_3(asha)
    recorded = Recorded()
    asha.http.event_hooks = {"response": [recorded.note]}
    mail = f"Hi,\n> Client identifier: {typed['lwa_client_id']}\n*Client secret* = {typed['lwa_client_secret']}\nrefresh token\n{typed['refresh_token']}"
    answer = await asha.post(f"{at}/paste", {"block": mail})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{at}/3")
    page = await asha.get(f"{at}/3")
    assert "We found LWA client identifier, LWA client secret, Refresh token. Still missing: Merchant token." in page.text
    assert page.text.count("Saved for this attempt") == 3
    answer = await asha.post(f"{at}/3", {"selling_partner_id": typed["selling_partner_id"], **hidden(page)})
    assert answer.headers["location"] == f"{at}/4"
    assert [secret for secret in SECRETS if typed[secret] in recorded.text] == []


async def test_a_text_without_details_says_so_and_is_forgotten(app: Litestar) -> None:
    asha = await signed_up(app)
    at = await to_step_3(asha)
    answer = await asha.post(f"{at}/paste", {"block": "Dear seller, my secret hello"})
    assert answer.status_code == 422
    assert "We found none of the details in this text." in answer.text
    assert 'href="#block"' in answer.text
    assert re.search(r"<details class=\"paste\" open>", answer.text)
    assert "my secret hello" not in answer.text


async def test_swapped_values_are_offered_and_exchanged_without_a_script(app: Litestar, bench: Bench, database: Addresses) -> None:
    typed = sandbox_keys(bench.shop)
    asha = await signed_up(app)
    at = await to_step_3(asha)
    recorded = Recorded()
    asha.http.event_hooks = {"response": [recorded.note]}
    wrong = {**typed, "selling_partner_id": typed["refresh_token"], "refresh_token": typed["selling_partner_id"]}
    answer = await asha.post(f"{at}/3", {**wrong, **hidden(await asha.get(f"{at}/3"))})
    assert answer.status_code == 422
    assert "Merchant token ⇄ Refresh token" in answer.text
    assert (await asha.post(f"{at}/swap")).headers["location"] == f"{at}/3"
    page = await asha.get(f"{at}/3")
    assert f'value="{typed["selling_partner_id"]}"' in page.text
    assert page.text.count("Saved for this attempt") == 3
    answer = await asha.post(f"{at}/3", {"selling_partner_id": typed["selling_partner_id"], **hidden(page)})
    assert answer.headers["location"] == f"{at}/4"
    assert [secret for secret in SECRETS if typed[secret] in recorded.text] == []


async def test_enter_in_a_box_presses_test_and_not_the_nearest_replace(app: Litestar, bench: Bench) -> None:
    """A browser presses the first button of the form that a box belongs to."""
    asha = await signed_up(app)
    at = await to_step_3(asha)
    await asha.post(f"{at}/paste", {"block": f"refresh token: {sandbox_keys(bench.shop)['refresh_token']}"})
    page = await asha.get(f"{at}/3")
    form = page.text[page.text.index('id="details"') :]
    first = re.search(r"<button[^>]*>", form)
    assert first is not None
    assert "name=" not in first[0]
    assert 'name="replace"' in form


async def test_replacing_a_secret_keeps_what_stands_in_the_open_boxes(app: Litestar, bench: Bench) -> None:
    asha = await signed_up(app)
    at = await to_step_3(asha)
    await asha.post(f"{at}/paste", {"block": f"refresh token: {sandbox_keys(bench.shop)['refresh_token']}"})
    await asha.post(f"{at}/3", {"replace": "refresh_token", "selling_partner_id": "A2EXAMPLE34567"})
    page = await asha.get(f"{at}/3")
    assert 'value="A2EXAMPLE34567"' in page.text
    assert "Saved for this attempt" not in page.text


async def test_waiting_for_details_offers_a_message_to_send(app: Litestar) -> None:
    asha = await signed_up(app)
    at = await to_step_3(asha)
    answer = await asha.post(f"{at}/waiting")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{at}/waiting")
    page = await asha.get(f"{at}/waiting")
    assert "mailto:?subject=" in page.text
    assert "https://wa.me/?text=" in page.text
    assert "Refresh token: Develop Apps" in page.text
    assert (await asha.get(at)).headers["location"] == f"{at}/waiting"
    for path in ("/accounts", "/home"):
        assert "waiting for your details, kept until" in (await asha.get(path)).text
    assert (await asha.get(f"{at}/3")).status_code == 200, "whoever has them now goes on"
    with clock.stopped_at(clock.now() + timedelta(days=3)):
        asha = await signed_in_again(app, asha)
        assert "Do you have them now?" in (await asha.get("/home")).text


@pytest.mark.parametrize(
    ("smtp", "told"), [(None, "We remind you on the home page"), ("smtp://127.0.0.1:9", "We remind you by mail, on the home page")]
)
async def test_the_reminder_says_where_it_comes(smtp: str | None, told: str, database: Addresses, keys: Vault) -> None:
    async with opened(database.web, keys, smtp_url=smtp) as app:
        asha = await signed_up(app)
        at = await to_step_3(asha)
        await asha.post(f"{at}/waiting")
        assert told in (await asha.get(f"{at}/waiting")).text


async def signed_in_again(app: Litestar, before: Browser) -> Browser:
    """The same person days later: her session has ended meanwhile."""
    later = Browser(app)
    await later.sign_in()
    return later


async def test_another_device_goes_on_where_the_first_one_stopped(app: Litestar, bench: Bench) -> None:
    asha = await signed_up(app)
    at = await to_step_3(asha)
    await asha.post(f"{at}/paste", {"block": f"merchant token: {sandbox_keys(bench.shop)['selling_partner_id']}"})
    phone = Browser(app)
    sent = await phone.get(f"{at}/3")
    assert sent.headers["location"].startswith("/sign-in?next=")
    answer = await phone.sign_in(next=f"{at}/3")
    assert answer.headers["location"] == f"{at}/3"
    page = await phone.get(f"{at}/3")
    assert sandbox_keys(bench.shop)["selling_partner_id"] in page.text


async def test_an_hour_later_the_page_says_that_the_secrets_are_gone(app: Litestar, bench: Bench) -> None:
    asha = await signed_up(app)
    at = await to_step_3(asha)
    typed = sandbox_keys(bench.shop)
    await asha.post(f"{at}/3", {**typed, **hidden(await asha.get(f"{at}/3"))})
    with clock.stopped_at(clock.now() + timedelta(minutes=61)):
        assert await service.wipe_stale() == 1
        assert (await asha.get(f"{at}/4")).headers["location"] == f"{at}/3"
        page = await asha.get(f"{at}/3")
    assert "For safety we removed what you pasted after 60 minutes without activity." in page.text
    assert "Saved for this attempt" not in page.text
    assert typed["selling_partner_id"] in page.text


@pytest.mark.parametrize("swept", [False, True])
async def test_a_setup_that_timed_out_is_begun_again_with_its_name(app: Litestar, bench: Bench, swept: bool) -> None:
    """Also after the sweep has been there; and whatever form is sent from an old page leads to the same place."""
    asha = await signed_up(app)
    at = await to_step_3(asha)
    with clock.stopped_at(clock.now() + timedelta(hours=24, minutes=1)):
        if swept:
            await service.wipe_stale()
        asha = await signed_in_again(app, asha)
        for path in ("", "/1", "/3", "/4", "/waiting"):
            page = await asha.get(f"{at}{path}")
            assert (page.status_code, "This setup timed out" in page.text) == (410, True), path
        assert 'name="name" value="Surat store"' in page.text
        forms: dict[str, dict[str, str]] = {"1": {"name": "x"}, "2": {}, "3": sandbox_keys(bench.shop), "4": {}, "5": {}, "swap": {}}
        for path, form in {**forms, "paste": {"block": "refresh token: Atzr|x"}, "waiting": {}}.items():
            answer = await asha.post(f"{at}/{path}", form)
            assert (answer.status_code, "This setup timed out" in answer.text) == (410, True), path
        answer = await asha.post("/connect", {"marketplace": "AMAZON_IN", "name": "Surat store"})
        assert 'value="Surat store"' in (await asha.get(answer.headers["location"])).text


async def test_unfinished_setups_do_not_push_the_day_off_its_page(app: Litestar) -> None:
    asha = await signed_up(app)
    ways = {"AJIO": "partner_api", "AMAZON_IN": "private_app", "FLIPKART": "self_access"}
    for begun, (code, method) in enumerate(ways.items(), start=1):
        at = (await asha.post("/connect", {"marketplace": code})).headers["location"]
        await asha.get(at)
        await asha.post(at, {"name": f"Store {begun}", "method": method})
        assert (await asha.get("/accounts")).text.count("setup not finished") == begun
        home = (await asha.get("/home")).text
        assert home.count("setup not finished") == min(begun, 2)
        assert ("All 3 setups that are not finished" in home) is (begun == 3)


async def test_going_back_and_reloading_any_step_keeps_what_was_chosen(app: Litestar, bench: Bench, database: Addresses) -> None:
    asha = await signed_up(app)
    at = await to_step_3(asha)
    await asha.post(f"{at}/3", {**sandbox_keys(bench.shop), **hidden(await asha.get(f"{at}/3"))})
    shop = sandbox_keys(bench.shop)["selling_partner_id"]
    told = ((4, "Testing"), (3, "Saved for this attempt"), (2, "Get ready"), (1, "Surat store"), (3, shop), (4, "Testing"))
    for step, shown in told:
        for _ in range(2):
            page = await asha.get(f"{at}/{step}")
            assert (page.status_code, shown in page.text) == (200, True), step
            assert page.headers["cache-control"] == "no-store"


async def test_every_page_of_a_setup_is_light(app: Litestar, bench: Bench, database: Addresses) -> None:
    """6 KB, packed, is what a page may weigh."""
    asha = await signed_up(app)
    at = await to_step_3(asha)
    await asha.post(f"{at}/3", {**sandbox_keys(bench.shop), **hidden(await asha.get(f"{at}/3"))})
    for path in ("/accounts/new", f"{at}/1", f"{at}/2", f"{at}/3", f"{at}/4"):
        assert len(gzip.compress((await asha.get(path)).content, 9)) <= 6_000, path
    await asha.post(f"{at}/waiting")
    assert len(gzip.compress((await asha.get(f"{at}/waiting")).content, 9)) <= 6_000
