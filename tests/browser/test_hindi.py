"""A seller who reads Hindi, on her phone: the whole setup, a sync and its account say everything in Hindi and have room for it."""

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from portal.marketplaces.registry import marketplace
from tests.browser.conftest import MakeSeller
from tests.browser.errands import Errand
from tests.browser.pages import PATIENCE_MS, Seller
from tests.browser.stack import Stack
from tests.browser.test_everybody_can_use_it import complaints

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

MEESHO = marketplace("MEESHO")
NAME = "Surat store"
LOOK = os.environ.get("PORTAL_LOOK", "")
"""A folder: every page of the way is kept there as a picture, for whoever wants to see it."""

LENGTHEN = """() => {
  const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const words = node.data.trim().split(/\\s+/);
    if (words[0]) node.data += ' ' + words.slice(0, Math.ceil(words.length * 0.3)).join(' ');
  }
}"""
ENGLISH = "main [lang='en-IN']:not(#message)"
"""What could not be said in Hindi. The message to the marketplace's people is meant to be English."""


async def states(seller: Seller, stack: Stack) -> AsyncIterator[str]:
    """The way of a setup, by the ids of what she presses: no word of English helps. At each name the page stands still."""
    page = seller.page
    await seller.open("/accounts/new")
    await page.locator("#language button[value=hi]").click()
    await seller.at("/accounts/new")
    yield "marketplaces"
    await page.locator(f"#connect-{MEESHO.slug}").click()
    await seller.at("/connect/[^/]+/1")
    await page.locator("main form button[type=submit]").first.click()
    await expect(page.locator("#error-summary")).to_be_focused()
    yield "name-refused"
    await page.locator("#name").fill(NAME)
    await page.locator("main form button[type=submit]").first.click()
    await seller.at("/connect/[^/]+/2")
    yield "get-ready"
    await page.locator("main form button[type=submit]").first.click()
    await seller.at("/connect/[^/]+/3")
    yield "details"
    await page.locator("#test-and-continue").click()
    await expect(page.locator("#error-summary")).to_be_focused()
    yield "details-refused"
    wizard = page.url.removeprefix(stack.base).rpartition("/")[0]
    keys = stack.keys(MEESHO)
    for name, value in {**keys, "api_secret": "a-secret-of-another-supplier"}.items():
        await page.locator(f"[name={name}]").fill(value)
    await page.locator("#test-and-continue").click()
    await expect(page.locator("#test-again")).to_be_visible(timeout=PATIENCE_MS)
    yield "test-failed"
    await seller.open(f"{wizard}/3")
    await page.locator("button[name=replace][value=api_secret]").click()
    await page.locator("[name=api_secret]:not(button)").fill(keys["api_secret"])
    await page.locator("#test-and-continue").click()
    await expect(page.locator("#to-confirm")).to_be_visible(timeout=PATIENCE_MS)
    yield "test-passed"
    await page.locator("#to-confirm").click()
    await seller.at("/connect/[^/]+/5")
    yield "confirmation"
    await page.locator("#confirm").click()
    await seller.at("/syncs/[^/]+")
    await expect(page.locator("#run-state .badge.ok")).to_be_visible(timeout=2 * PATIENCE_MS)
    yield "sync"


async def after(seller: Seller, stack: Stack, most: int | None) -> AsyncIterator[str]:
    """The pages around the account that is there now; only the first ones, with `most`."""
    await seller.open("/accounts")
    account = await seller.page.locator("article h2 a").get_attribute("href")
    assert account is not None
    pages = {
        "account": account,
        "schedule": f"{account}/schedule?target=ORDERS",
        "schedules": f"{account}/schedule",
        "accounts": "/accounts",
        "home": "/home",
        "syncs": "/syncs",
        "help": "/help",
        "profile": "/settings/profile",
    }
    for name, address in list(pages.items())[:most]:
        await seller.open(address)
        yield name
    if most is not None:
        return
    change = "UPDATE marketplace_accounts SET needs_reconnect = true, refused_at = now(), reconnect_reason = $2 WHERE id = $1::uuid"
    reason = "Meesho no longer accepts these keys. Ask Meesho for new ones."
    await stack.sql(change, account.rpartition("/")[2], reason)
    await seller.open(account)
    yield "account-refused"
    await seller.open(f"{account}/reconnect")
    yield "reconnect"


async def drawn_with(seller: Seller, selector: str) -> set[str]:
    """The fonts that an element's letters really come from."""
    wire = await seller.page.context.new_cdp_session(seller.page)
    await wire.send("DOM.enable")
    await wire.send("CSS.enable")
    root = (await wire.send("DOM.getDocument"))["root"]["nodeId"]
    node = (await wire.send("DOM.querySelector", {"nodeId": root, "selector": selector}))["nodeId"]
    fonts = (await wire.send("CSS.getPlatformFontsForNode", {"nodeId": node}))["fonts"]
    await wire.detach()
    return {one["familyName"] for one in fonts}


async def found_on(seller: Seller, name: str) -> list[str]:
    """What is wrong with this page: axe, English, or no room for longer words."""
    page = seller.page
    assert await page.locator("html").get_attribute("lang") == "hi-IN"
    if LOOK:
        await page.screenshot(path=Path(LOOK) / f"{name}.png", animations="disabled", caret="hide", full_page=True)
    wrong = [f"{name}: {one}" for one in await complaints(page)]
    wrong += [f"{name}: in English: {text}" for text in await page.locator(ENGLISH).all_inner_texts()]
    await page.evaluate(LENGTHEN)
    if await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        wrong.append(f"{name}: longer words do not fit")
    return wrong


@pytest.mark.parametrize("most", [2, pytest.param(None, marks=pytest.mark.soak)], ids=["sample", "full"])
async def test_a_setup_and_its_account_are_in_hindi_on_a_phone(
    stack: Stack, errand: Errand, someone: MakeSeller, *, most: int | None
) -> None:
    """The whole setup, and of the pages around its account as many as `most` says."""
    seller = await someone(after=errand, width=360, dark=bool(LOOK.endswith("dark")))
    wrong = []
    async for name in states(seller, stack):
        wrong += await found_on(seller, name)
    assert "Noto Sans Devanagari" in await drawn_with(seller, "h1"), "boxes in place of letters have another width"
    async for name in after(seller, stack, most):
        wrong += await found_on(seller, name)
    assert wrong == []


async def test_the_language_is_changed_without_scripts_and_kept(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """The page stays, with what is in its address; another browser of the same person has the language too."""
    seller = await someone(after=errand, scripts=False)
    await seller.open("/orders?search=40312345")
    await seller.page.locator("#language button[value=hi]").click()
    await seller.at("/orders")
    assert seller.page.url == f"{stack.base}/orders?search=40312345"
    await expect(seller.page.locator("html")).to_have_attribute("lang", "hi-IN")
    elsewhere = await someone(after=errand)
    await elsewhere.open("/home")
    await expect(elsewhere.page.locator("h1")).to_have_text("आज")
    await elsewhere.page.locator("#language button[value=en]").click()
    await expect(elsewhere.page.locator("h1")).to_have_text("Today")


async def test_a_guest_keeps_the_language_of_her_browser(someone: MakeSeller) -> None:
    seller = await someone(locale="hi-IN")
    await seller.open("/sign-in")
    await expect(seller.page).to_have_title(re.compile("साइन इन"))
    await seller.page.locator("#language button[value=en]").click()
    await seller.open("/sign-up")
    await expect(seller.page.locator("html")).to_have_attribute("lang", "en-IN")
