"""A session out of the seller's browser: paired once and soon, sealed at once, told to nobody."""

import io
import json
import logging
import re
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from portal import clock
from portal.connecting import service
from portal.mail import LINKS, signed
from portal.marketplaces.ajio.sandbox import sandbox_panel_keys
from portal.marketplaces.opening import Doorway
from portal.marketplaces.registry import marketplace
from portal.marketplaces.sandbox import Shop
from portal.people.service import current
from portal.postgres import Addresses
from portal.settings import Settings
from portal.tables.wizards import ConnectWizard, TestState
from portal.vault import Vault
from tests.browsing import Browser, opened, signed_up
from tests.contract.desks import Line
from tests.serving import served
from tests.workshop import everything_in, seen, shop_of_today

pytestmark = pytest.mark.anyio

AJIO = marketplace("AJIO")
TO = "/connect/ajio/capture"
FROM_EXTENSION = {"origin": "chrome-extension://abcdefghijklmnopabcdefghijklmnop", "sec-fetch-site": "cross-site"}
CODE = re.compile(r'<code id="pairing-code">([^<]+)</code>')


@dataclass
class Panel:
    """A portal, the sandbox's panel, and the extension as a plain sender."""

    app: Litestar
    shop: Shop
    base: str
    settings: Settings
    vault: Vault
    jobs: Line
    said: list[str] = field(default_factory=list, repr=False)

    async def begun(self, who: Browser) -> str:
        await who.get("/accounts/new")
        wizard = (await who.post("/connect", {"marketplace": "AJIO"})).headers["location"].removesuffix("/1")
        await who.post(f"{wizard}/1", {"name": "Surat", "method": "portal_session"})
        await who.post(f"{wizard}/2")
        return str(wizard)

    async def code(self, who: Browser, wizard: str) -> str:
        await who.get(f"{wizard}/capture")
        shown = await who.post(f"{wizard}/capture", {"agreed": "1"})
        assert (shown.status_code, shown.headers["cache-control"]) == (200, "no-store")
        found = CODE.search(shown.text)
        assert found is not None
        return found[1]

    def message(self, code: str, **changed: Any) -> str:
        """What the extension sends from the sandbox's panel, some of it changed."""
        values = sandbox_panel_keys(self.shop)
        cookies = [{**one, "domain": "127.0.0.1", "path": "/", "secure": False} for one in json.loads(values["session_cookies"])]
        blobs = {
            "session_cookies": cookies,
            "access_token": values["access_token"],
            "refresh_token": None,
            "seller_context": json.loads(values["seller_context"]),
        }
        held = {"version": 1, "pairing_code": code, "captured_at": clock.now().isoformat(), "origin": self.base, "blobs": blobs}
        return json.dumps({**held, **changed})

    async def send(self, message: str, *, address: str = "10.0.0.7", headers: dict[str, str] | None = None) -> httpx.Response:
        """As the extension does: no cookie, no token, another origin."""
        stranger = Browser(self.app, address=address)
        answer = await stranger.http.post(TO, content=message, headers={**FROM_EXTENSION, "content-type": "text/plain", **(headers or {})})
        self.said.append(f"{answer.headers} {answer.text}")
        return answer

    async def row(self, who: Browser, wizard: str) -> ConnectWizard:
        viewer = await current(who.session)
        assert viewer is not None
        return await service.get(viewer.seller_id, UUID(wizard.rpartition("/")[2]))

    async def work(self) -> None:
        context = {"settings": self.settings, "vault": self.vault, "jobs": self.jobs, "doorway": Doorway(self.settings)}
        while self.jobs.waiting:
            await self.jobs.waiting.pop(0)(context)


@pytest.fixture
async def panel(connected: Addresses, keys: Vault) -> AsyncIterator[Panel]:
    assert AJIO.sandbox is not None
    assert AJIO.sandbox_settings is not None
    shop, jobs = shop_of_today(orders=5), Line()
    async with served(AJIO.sandbox(shop), door=AJIO.code) as base:
        group = {name.removeprefix("PORTAL_AJIO_"): value for name, value in AJIO.sandbox_settings(base).items()}
        # Nobody delivers here: what would be sent stays in its table.
        more: dict[str, Any] = {"allow_private_marketplaces": True, "marketplaces": {"AJIO": group}, "smtp_url": "smtp://127.0.0.1:9"}
        async with opened(connected.web, keys, jobs=jobs, **more) as app:
            yield Panel(app, shop, base, Settings(**more), keys, jobs)


def secrets_of(panel: Panel) -> list[str]:
    values = sandbox_panel_keys(panel.shop)
    return [values["access_token"], *(one["value"] for one in json.loads(values["session_cookies"]))]


async def test_a_captured_session_is_tested_and_found(panel: Panel) -> None:
    asha = await signed_up(panel.app)
    wizard = await panel.begun(asha)
    answer = await panel.send(panel.message(await panel.code(asha, wizard)))
    assert (answer.status_code, answer.json()["code"]) == (200, "received"), answer.text
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "Received" in (await asha.get(f"{wizard}/capture")).text
    part = await asha.get(f"/p{wizard}/capture", {"hx-request": "true"})
    assert "Continue" in part.text
    assert "every 2s" not in part.text, "it asks no more"
    await panel.work()
    row = await panel.row(asha, wizard)
    assert (row.test_state, row.method) == (TestState.PASSED, "portal_session"), row.error_message
    assert row.found_account_id == "DVSANDBOX001"


async def test_nothing_captured_is_readable_anywhere(
    panel: Panel, connected: Addresses, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    asha = await signed_up(panel.app)
    wizard = await panel.begun(asha)
    code = await panel.code(asha, wizard)
    waiting = await everything_in(connected)
    await panel.send(panel.message(code))
    await panel.send(panel.message(code))
    await panel.send(panel.message("ABCD-2345", blobs={}))
    sealed = await everything_in(connected)
    await panel.work()
    pages = [(await asha.get(path)).text for path in (f"{wizard}/3", f"{wizard}/4", f"{wizard}/capture")]
    out = capsys.readouterr()
    logged = f"{caplog.text} {out.out} {out.err} {[vars(one) for one in caplog.records]}"
    for secret in (*secrets_of(panel), code):
        for place in (waiting, sealed, logged, *panel.said, *pages):
            assert secret not in place


async def test_a_code_is_good_once(panel: Panel, connected: Addresses) -> None:
    asha = await signed_up(panel.app)
    code = await panel.code(asha, await panel.begun(asha))
    assert (await panel.send(panel.message(code))).status_code == 200
    again = await panel.send(panel.message(code))
    assert (again.status_code, again.json()["message"][:35]) == (422, "This pairing code was used already.")
    assert len(panel.jobs.waiting) == 1


async def test_a_code_dies_after_ten_minutes(panel: Panel, connected: Addresses) -> None:
    asha = await signed_up(panel.app)
    wizard = await panel.begun(asha)
    code = await panel.code(asha, wizard)
    with clock.stopped_at(clock.now() + timedelta(minutes=10, seconds=1)):
        late = await panel.send(panel.message(code))
        assert "older than ten minutes" in late.json()["message"]
        assert "Nothing came in yet" in (await asha.get(f"{wizard}/capture")).text
    assert await seen(connected, "SELECT 1 FROM connect_wizard_secrets") == []


async def test_a_new_code_ends_the_one_before(panel: Panel) -> None:
    asha = await signed_up(panel.app)
    wizard = await panel.begun(asha)
    old, new = [await panel.code(asha, wizard) for _ in range(2)]
    assert "do not know this pairing code" in (await panel.send(panel.message(old))).json()["message"]
    assert (await panel.send(panel.message(new))).status_code == 200


async def test_a_message_that_cannot_be_read_leaves_the_code_good(panel: Panel) -> None:
    asha = await signed_up(panel.app)
    code = await panel.code(asha, await panel.begun(asha))
    wrong = {
        "captured on AJIO's seller panel": panel.message(code, origin="https://seller.ajio.com.evil.example"),
        "cut off or is not from our extension": panel.message(code)[:-9],
        "another version": panel.message(code, version=2),
        "larger than 256 KB": panel.message(code, more="x" * 262_144),
        "far larger than a session": panel.message(code, more="x" * 600_000),
    }
    for words, message in wrong.items():
        answer = await panel.send(message)
        assert answer.status_code in (413, 422), words
        assert words in answer.json()["message"]
        assert answer.headers["access-control-allow-origin"] == "*", "or the extension could not say why"
    foreign = json.loads(panel.message(code))
    foreign["blobs"]["session_cookies"].append({"name": "sid", "value": "x", "domain": "bank.example"})
    assert "from another site" in (await panel.send(json.dumps(foreign))).json()["message"]
    assert (await panel.send(panel.message(code))).status_code == 200


async def test_guessing_is_slowed_down_for_the_guesser_alone(panel: Panel) -> None:
    asha = await signed_up(panel.app)
    code = await panel.code(asha, await panel.begun(asha))
    for number in range(10):
        assert (await panel.send(panel.message(f"ABCD-23{number:02d}"), address="10.0.0.9")).status_code == 422
    blocked = await panel.send(panel.message(code), address="10.0.0.9")
    assert (blocked.status_code, blocked.json()["code"]) == (429, "too_many_tries")
    assert (await panel.send(panel.message(code))).status_code == 200


async def test_web_pages_may_not_send(panel: Panel) -> None:
    asha = await signed_up(panel.app)
    code = await panel.code(asha, await panel.begun(asha))
    assert (await panel.send(panel.message(code), headers={"origin": "https://evil.example"})).status_code == 403
    assert (await panel.send(panel.message(code))).status_code == 200


async def test_a_setup_that_is_over_takes_nothing(panel: Panel, connected: Addresses) -> None:
    asha = await signed_up(panel.app)
    wizard = await panel.begun(asha)
    code = await panel.code(asha, wizard)
    await asha.post(f"{wizard}/discard")
    answer = await panel.send(panel.message(code))
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert await seen(connected, "SELECT 1 FROM connect_wizard_secrets") == []
    for page in (await asha.get(f"{wizard}/capture"), await asha.post(f"{wizard}/capture", {"agreed": "1"})):
        assert (page.status_code, page.headers["location"]) == (303, wizard), "the setup's own address says what became of it"


async def test_the_page_is_hers_and_asks_for_agreement(panel: Panel) -> None:
    asha, chitra = await signed_up(panel.app), await signed_up(panel.app, "chitra@example.in", "Chitra Crafts")
    wizard = await panel.begun(asha)
    await asha.get(f"{wizard}/capture")
    refused = await asha.post(f"{wizard}/capture")
    assert (refused.status_code, CODE.search(refused.text)) == (422, None)
    assert "Tick the box" in refused.text
    for path in (f"{wizard}/capture", f"/p{wizard}/capture", f"{wizard}/extension.zip"):
        assert (await chitra.get(path)).status_code == 404
    assert (await chitra.post(f"{wizard}/capture", {"agreed": "1"})).status_code == 404


async def mailed(connected: Addresses, keys: Vault) -> str:
    """The link in the last mail, as its reader sees it."""
    row = (await seen(connected, "SELECT recipient, link, signed FROM mails ORDER BY created_at DESC LIMIT 1"))[0]
    assert (row["recipient"], row["signed"]) == ("asha@example.in", True)
    return signed(keys.derived(LINKS), row["link"])


async def test_a_link_leads_from_the_phone_to_the_computer_once(panel: Panel, connected: Addresses, keys: Vault) -> None:
    """Signed in there or not; the second time, too late, tampered with or for somebody else it leads nowhere."""
    asha = await signed_up(panel.app)
    wizard = await panel.begun(asha)
    assert "Send link to my computer" in (await asha.get(f"{wizard}/capture")).text
    sent = await asha.post(f"{wizard}/capture/link")
    assert sent.headers["location"] == f"{wizard}/capture"
    link = await mailed(connected, keys)

    outside = await Browser(panel.app).get(link)
    assert outside.headers["location"].startswith(f"/sign-in?next={wizard}/computer/"), "nobody's yet, and so not used up"
    for wrong in (link[:-1], link.replace("/computer/", "/computer/0000")):
        assert (await asha.get(wrong)).headers.get("location") != f"{wizard}/capture"
    chitra = await signed_up(panel.app, "chitra@example.in", "Chitra Crafts")
    assert (await chitra.get(link)).status_code == 404
    assert [(await asha.get(link)).headers["location"] for _ in range(2)] == [f"{wizard}/capture", "/accounts"]

    await asha.post(f"{wizard}/capture/link")
    with clock.stopped_at(clock.now() + timedelta(minutes=30, seconds=1)):
        assert (await asha.get(await mailed(connected, keys))).headers["location"] == "/accounts"


async def test_a_page_with_a_pairing_code_goes_unpacked(panel: Panel) -> None:
    """It says back what a stranger may choose, in its address, so its length must tell nothing about the code."""
    asha = await signed_up(panel.app)
    wizard = await panel.begun(asha)
    asked = await asha.get(f"{wizard}/capture")
    shown = await asha.post(f"{wizard}/capture", {"agreed": "1"})
    assert ("content-encoding" in asked.headers, "content-encoding" in shown.headers) == (True, False)


async def test_only_a_marketplace_with_an_extension_has_the_page(panel: Panel) -> None:
    asha = await signed_up(panel.app)
    await asha.get("/accounts/new")
    wizard = (await asha.post("/connect", {"marketplace": "MEESHO"})).headers["location"].removesuffix("/1")
    assert (await asha.get(f"{wizard}/capture")).status_code == 404
    assert (await panel.send("{}", headers={})).status_code == 422
    assert (await Browser(panel.app).http.post("/connect/meesho/capture", content="{}")).status_code in (403, 404)


async def test_the_extension_may_read_the_panel_and_send_to_this_portal(panel: Panel) -> None:
    asha = await signed_up(panel.app)
    wizard = await panel.begun(asha)
    answer = await asha.get(f"{wizard}/extension.zip")
    assert answer.headers["content-disposition"] == 'attachment; filename="ajio-extension.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        files = {name: packed.read(name).decode() for name in packed.namelist()}
    manifest = json.loads(files["manifest.json"])
    assert manifest["manifest_version"] == 3
    assert manifest["host_permissions"] == ["http://127.0.0.1/*"]
    assert set(manifest["permissions"]) == {"cookies", "scripting"}
    assert "connect-src http://127.0.0.1:8000;" in manifest["content_security_policy"]["extension_pages"]
    assert 'RECEIVER = "http://127.0.0.1:8000/connect/ajio/capture"' in files["place.js"]
    named = set(re.findall(r'(?:src|href)="([^"]+)"|from "\./([^"]+)"', " ".join(files.values())))
    assert {one or other for one, other in named} <= files.keys()


def test_without_a_setting_the_panel_is_the_real_one() -> None:
    capturing = AJIO.method("portal_session").capturing
    assert capturing is not None
    with zipfile.ZipFile(io.BytesIO(capturing.pack({}, "https://portal.example.in", "https://portal.example.in" + TO))) as packed:
        assert json.loads(packed.read("manifest.json"))["host_permissions"] == ["https://seller.ajio.com/*"]
    assert capturing.panel({}) == "https://seller.ajio.com"
