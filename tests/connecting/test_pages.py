"""The wizard as a browser without scripts sees it: the web's own login, a real worker, and no secret in any answer."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from portal import db
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
        answer = await asha.get(answer.headers["location"])
        assert answer.headers["location"].startswith("/syncs/")
        assert (await asha.get(answer.headers["location"])).status_code == 200
        account = (await seen(database, "SELECT id FROM marketplace_accounts"))[0]["id"]
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
