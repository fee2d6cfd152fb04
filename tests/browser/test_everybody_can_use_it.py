"""Every page under axe-core, light and dark, wide and narrow; nothing scrolls sideways; what a page weighs."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from portal.marketplaces.registry import marketplace
from tests.bench.visit import KILOBYTES, LOADED, REQUESTS, SHIFT, WATCH, weighed
from tests.browser.conftest import MakeSeller
from tests.browser.errands import Errand, Shop
from tests.browser.pages import Run, Seller
from tests.browser.stack import Stack

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

AMAZON = marketplace("AMAZON_IN")
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
BEFORE = ("/sign-in", "/nothing-here", "/", "/sign-up", "/help")
"""Addresses for people who are not signed in."""

BUSIEST = ("/home", "/orders", "account", "run")

Mode = tuple[int, str]
"""Width in pixels and colour scheme."""

MODES: tuple[Mode, ...] = ((360, "dark"), (1280, "light"), (320, "light"), (360, "light"), (1280, "dark"), (320, "dark"))
every_mode = pytest.mark.parametrize(
    ("mode", "most"),
    [
        pytest.param(MODES[0], 2, id="sample"),
        *(pytest.param(mode, None, id=f"{mode[0]}-{mode[1]}", marks=pytest.mark.soak) for mode in MODES),
    ],
)
"""A mode, and how many pages of each list are looked at in it: on a phone in the dark the first two in `make test`, all in `make soak`."""


async def complaints(page: Page) -> list[str]:
    """What axe finds on this page, and whether it scrolls sideways. The page must stand still.

    Looked at from its top: a link that has been scrolled halfway under the header is none that nobody can press.
    """
    await page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
    # Evaluated in the page by the driver, which its policy does not concern.
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
        # Sent once for all pages that follow here: sent for each of them, it costs as much as what it finds out.
        await page.add_init_script(AXE)
    found: dict[str, Any] = await page.evaluate("tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", TAGS)
    wrong = [
        f"{page.url}: {rule['id']}: {node['html'][:160]} {json.dumps(node['any'][:1])[:200]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
    if await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        wrong.append(f"{page.url}: scrolls sideways")
    return wrong


async def _turn(seller: Seller, mode: Mode) -> None:
    """Her window as wide and her colours as dark as that."""
    width, scheme = mode
    await seller.page.set_viewport_size({"width": width, "height": 800})
    await seller.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")


async def complaints_in(seller: Seller, *modes: Mode) -> list[str]:
    """The complaints about the page as it stands, in each mode."""
    wrong = []
    for mode in modes:
        await _turn(seller, mode)
        wrong += [f"{mode[0]} {mode[1]} {one}" for one in await complaints(seller.page)]
    return wrong


async def look(seller: Seller, addresses: list[str], *modes: Mode) -> list[str]:
    """The complaints about all addresses in all modes."""
    wrong = []
    for mode in modes:
        await _turn(seller, mode)
        for address in addresses:
            await seller.open(address)
            wrong += [f"{mode[0]} {mode[1]} {one}" for one in await complaints(seller.page)]
    return wrong


@every_mode
async def test_every_page_for_guests(mode: Mode, most: int | None, someone: MakeSeller) -> None:
    seller = await someone()
    assert await look(seller, list(BEFORE[:most]), mode) == []


async def test_the_busiest_pages_of_a_shop_at_work(shop: Shop, someone: MakeSeller) -> None:
    """The others, and all other modes, in `make soak`."""
    addresses = [shop.pages[name] for name in BUSIEST]
    assert await look(await someone(after=shop.errand), addresses, (360, "dark")) == []


@pytest.mark.soak
async def test_every_page_in_every_mode(shop: Shop, someone: MakeSeller) -> None:
    seller = await someone(after=shop.errand)
    modes = [(width, scheme) for width in (1280, 768, 360, 320) for scheme in ("light", "dark")]
    assert await look(seller, [*shop.pages.values(), *BEFORE], *modes) == []


@pytest.mark.soak
async def test_pages_of_an_account_in_trouble(shop: Shop, stack: Stack, someone: MakeSeller) -> None:
    """Reconnect wanted: the banner, the badge, the age of the data, the way on."""
    seller = await someone(after=shop.errand)
    account = shop.account.rpartition("/")[2]
    change = "UPDATE marketplace_accounts SET needs_reconnect = $1, refused_at = now(), reconnect_reason = 'The shop refuses its key.' WHERE id = $2"
    await stack.sql(change, True, account)
    try:
        assert await look(seller, ["/home", "/orders", "/accounts", shop.account, f"{shop.account}/reconnect"], *MODES) == []
        await seller.open("/orders")
        await expect(seller.page.locator("#results .notice")).to_contain_text("Surat store: data as of")
        notices = seller.page.get_by_role("region", name="Notices")
        await expect(notices).to_contain_text("Surat store needs reconnecting.")
        await seller.press(notices.get_by_role("link", name="Reconnect"))
        await seller.at(f"{shop.account}/reconnect")
    finally:
        await stack.sql(change, False, account)


async def test_a_refused_form(someone: MakeSeller) -> None:
    seller = await someone(width=360, dark=True)
    await seller.open("/sign-up")
    await seller.press(seller.button("Create account"))
    await seller.focus_is_somewhere()
    assert await complaints(seller.page) == []


async def test_a_live_sync_and_its_end(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """The proven keys; lines arriving, with the question about cancelling open; the end."""
    wizard = await errand.enter_keys(AMAZON, stack.keys(AMAZON))
    await stack.turnstile.close()
    seller = await someone(after=errand, width=360)
    for step in (4, 5):
        await seller.open(f"{wizard}/{step}")
        assert await complaints(seller.page) == []
    run = Run(seller)
    await seller.open(await errand.confirm(wizard))
    await stack.turnstile.let_through()
    await run.reads("100 read")
    await seller.page.get_by_text("Cancel sync").click()
    assert await complaints(seller.page) == []
    await stack.turnstile.open()
    await run.ends()
    assert await complaints(seller.page) == []


@pytest.mark.parametrize("address", [*(pytest.param(one, marks=pytest.mark.soak) for one in ("/", "/home", "/accounts")), "/orders"])
async def test_a_visit_is_light(address: str, shop: Shop, someone: MakeSeller) -> None:
    """Few requests, few bytes, nothing from anywhere else, nothing that moves; the second visit fetches the page alone."""
    seller = await someone(after=None if address == "/" else shop.errand, width=360)
    await seller.page.add_init_script(WATCH)
    for visit in ("cold", "warm"):
        await seller.open(address)
        loaded: list[dict[str, Any]] = await seller.page.evaluate(LOADED)
        assert {one["name"].startswith(seller.base) for one in loaded} == {True}
        cost = await weighed(seller.page)
        assert cost.requests <= REQUESTS[visit], [one["name"] for one in loaded]
        assert cost.kilobytes <= KILOBYTES[visit]
        assert cost.shift <= SHIFT
