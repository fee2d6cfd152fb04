"""Through the marketplace's own page and back, and a session out of the browser: the ways to connect that type nothing."""

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from portal.marketplaces.contract import Marketplace
from portal.marketplaces.registry import marketplace
from tests.browser import provide
from tests.browser.conftest import FLAGS, MakeSeller
from tests.browser.errands import Errand
from tests.browser.matrix import Cell, shows
from tests.browser.pages import PATIENCE_MS, Seller
from tests.browser.stack import Stack
from tests.browser.test_everybody_can_use_it import Mode, complaints, every_mode
from tests.browser.ways import ALLOWED, CAPTURED, Allowed

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

AMAZON, AJIO = marketplace("AMAZON_IN"), marketplace("AJIO")
THROUGH_AMAZON = next(way for way in ALLOWED if way.place.code == AMAZON.code)
PANEL = next(way for way in CAPTURED if way.place.code == AJIO.code)
each = pytest.mark.parametrize("way", ALLOWED, ids=lambda way: way.id)


async def decide(seller: Seller, stack: Stack, place: Marketplace, decision: str) -> None:
    """On the marketplace's own page."""
    await seller.page.wait_for_url(f"{stack.sandbox}/{place.slug}/**", timeout=PATIENCE_MS)
    await seller.press(seller.page.locator(f"button[value={decision}]"))


async def the_whole_way(seller: Seller, stack: Stack, way: Allowed) -> None:
    """Once refused, once allowed, and there is an account."""
    await seller.sign_up(f"hand-off-{id(seller)}@example.in")
    await way.begin(seller)
    await way.leave(seller, stack)
    await decide(seller, stack, way.place, "deny")
    await expect(seller.page.get_by_role("heading", name=f"{way.place.name} was not connected")).to_be_visible()
    await seller.press(seller.link("Try again"))
    await decide(seller, stack, way.place, "allow")
    await seller.see_test_end("The test passed")
    assert "code" not in seller.page.url
    await seller.confirm()
    await seller.open("/accounts")
    await expect(seller.badge()).to_have_text("Valid")


async def test_amazon_without_scripts(stack: Stack, someone: MakeSeller) -> None:
    await the_whole_way(await someone(scripts=False), stack, THROUGH_AMAZON)


@shows(Cell.WRONG_VALUE, by=ALLOWED)
@pytest.mark.soak
@each
async def test_a_permission_is_refused_and_then_given(way: Allowed, stack: Stack, someone: MakeSeller) -> None:
    await the_whole_way(await someone(width=360), stack, way)


@pytest.mark.soak
async def test_who_begins_at_seller_central(stack: Stack, someone: MakeSeller, errand: Errand) -> None:
    seller = await someone(after=errand, scripts=False)
    await seller.page.goto(f"{stack.sandbox}/amazon/apps/manage?log_in_uri={stack.base}/oauth/amazon/start")
    await seller.press(seller.link("Authorise the portal"))
    await expect(seller.page.get_by_role("heading", name="Connect Amazon India")).to_be_visible()
    await seller.press(seller.link("Continue to Amazon India"))
    await decide(seller, stack, AMAZON, "allow")
    await seller.see_test_end("The test passed")


@every_mode
async def test_nobody_is_kept_out_of_these_pages(mode: Mode, most: int | None, stack: Stack, someone: MakeSeller, errand: Errand) -> None:
    """axe-core and no sideways scrolling, light and dark, wide and narrow."""
    seller = await someone(after=errand, width=mode[0], dark=mode[1] == "dark")
    await THROUGH_AMAZON.begin(seller)
    away = seller.page.url.removeprefix(stack.base)
    await seller.press(seller.link("Continue to Amazon India"))
    await decide(seller, stack, AMAZON, "deny")
    refused = seller.page.url.removeprefix(stack.base)
    await PANEL.begin(seller)
    capture = seller.page.url.removeprefix(stack.base).removesuffix("/3") + "/capture"
    invited = (
        f"/oauth/amazon/start?amazon_state=s&selling_partner_id=A1&amazon_callback_uri={stack.sandbox}/amazon/apps/authorize/confirm/x"
    )
    wrong: list[str] = []
    for address in (away, refused, away.removesuffix("3") + "2", invited, capture, capture.removesuffix("capture") + "3")[:most]:
        await seller.open(address)
        wrong += await complaints(seller.page)
    await seller.open(capture)
    await seller.press(seller.page.locator("#show-code"))
    await expect(seller.page.locator("#error-summary")).to_be_focused()
    wrong += await complaints(seller.page)
    await seller.page.get_by_label("I agree").check()
    await seller.press(seller.page.locator("#show-code"))
    await expect(seller.page.locator("#pairing-code")).to_be_visible()
    wrong += await complaints(seller.page)
    assert wrong == []


@pytest.mark.soak
async def test_a_session_can_always_be_pasted(stack: Stack, someone: MakeSeller) -> None:
    seller = await someone(scripts=False)
    await seller.sign_up(f"paste-{id(seller)}@example.in")
    await PANEL.begin(seller)
    await seller.enter(PANEL.keys(stack.shop))
    await seller.see_test_end("The test passed")


async def test_the_extension_brings_the_session(stack: Stack, errand: Errand, tmp_path: Path) -> None:
    """Downloaded from the portal, loaded into Chromium as a seller would, pressed on the panel's tab."""
    await errand.get("/accounts/new")
    wizard = (await errand.post("/connect", {"marketplace": AJIO.code})).url.path.rpartition("/")[0]
    await errand.post(f"{wizard}/1", {"name": "Surat store", "method": "portal_session"})
    await errand.post(f"{wizard}/2")
    folder = tmp_path / "extension"
    with zipfile.ZipFile(io.BytesIO((await errand.get(f"{wizard}/extension.zip")).content)) as packed:
        packed.extractall(folder)
    async with _chromium_with(folder, tmp_path / "profile") as context:
        await context.add_cookies([errand.cookie()])  # type: ignore[list-item]  # a dictionary of the right shape
        portal = await context.new_page()
        await portal.goto(f"{stack.base}{wizard}/3")
        await portal.get_by_role("link", name="Use the extension").click()
        await portal.get_by_label("I agree").check()
        await portal.locator("#show-code").click()
        code = await portal.locator("#pairing-code").inner_text()
        await expect(portal.get_by_role("heading", name="Waiting for the extension")).to_be_visible()

        popup = await _popup(context, folder)
        await _send(popup, code)
        await expect(popup.locator("#outcome")).to_contain_text("Open the AJIO seller panel in a tab, sign in there")

        panel = await context.new_page()
        await panel.goto(f"{stack.sandbox}/ajio/")
        await panel.get_by_role("button", name="Sign in").click()
        await expect(panel.get_by_text("Signed in as")).to_be_visible()
        await _send(popup, code.lower().replace("-", " "))
        await expect(popup.locator("#outcome")).to_contain_text("Received.", timeout=PATIENCE_MS)

        await portal.bring_to_front()
        await expect(portal.get_by_role("heading", name="Received")).to_be_visible(timeout=PATIENCE_MS)
        await portal.get_by_role("link", name="Continue").click()
        await expect(portal.get_by_role("heading", name="The test passed")).to_be_visible(timeout=PATIENCE_MS)
        await _send(popup, code)
        await expect(popup.locator("#outcome")).to_contain_text("used already")
    worker, web = ((part.log.read_text()) for part in (stack.worker, stack.web))
    assert not [word for word in ("sandbox-panel-token", "sandbox-session-", code) if word in worker + web]


@asynccontextmanager
async def _chromium_with(extension: Path, profile: Path) -> AsyncIterator[BrowserContext]:
    executable = provide.found()
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            str(profile),
            executable_path=str(executable),
            # The old headless mode has no extensions; this one is the whole browser without a window.
            headless=False,
            args=[*FLAGS, "--headless=new", f"--disable-extensions-except={extension}", f"--load-extension={extension}"],
            ignore_default_args=["--disable-extensions"],
        )
        context.set_default_timeout(PATIENCE_MS)
        yield context
        await context.close()


async def _popup(context: BrowserContext, folder: Path) -> Page:
    """The extension's popup in a tab: Chromium names an unpacked extension after the path it lies at."""
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:32]
    name = "".join(chr(ord("a") + int(digit, 16)) for digit in digest)
    popup = await context.new_page()
    await popup.goto(f"chrome-extension://{name}/popup.html")
    return popup


async def _send(popup: Page, code: str) -> None:
    await popup.bring_to_front()
    await popup.get_by_label("Pairing code").fill(code)
    await popup.get_by_role("button", name="Send").click()
