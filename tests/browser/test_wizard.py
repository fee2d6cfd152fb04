"""Connecting, state by state: everybody can use each of them, no way back loses anything, and nothing jumps while a test goes on."""

import json
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from tests.browser import four
from tests.browser.conftest import MakeSeller
from tests.browser.errands import Errand
from tests.browser.four import WAYS, Way
from tests.browser.matrix import Cell, shows
from tests.browser.pages import Seller, shifts
from tests.browser.stack import Stack
from tests.browser.test_everybody_can_use_it import MODES, complaints_in
from tests.browser.ways import ALLOWED, CAPTURED, NAME, Allowed, Captured
from tests.browser.without_typing import captured, permitted
from tests.browser.wizard import paste, refused, states, to_the_test

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

every_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.id)
MOVED_BY_A_SELLER = {"name refused", "details refused", "nothing found", "confirmation refused", "test failed", "test passed", "duplicate"}
MOVED_WITHOUT_TYPING = {"not agreed", "code", "test passed", "another shop", "duplicate"}
"""States that follow on something she did, where the focus has to be on what they say."""


async def walk(seller: Seller, states: AsyncIterator[str], *modes: tuple[int, str]) -> tuple[set[str], list[str]]:
    """Which states there were, and the complaints about all of them."""
    wrong, met = [], set()
    async for state in states:
        met.add(state)
        wrong += [f"{state}: {one}" for one in await complaints_in(seller, *modes)]
        if state in MOVED_BY_A_SELLER | MOVED_WITHOUT_TYPING:
            await seller.focus_is_somewhere()
    return met, wrong


async def test_every_state_before_the_test(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """One way to connect, on a phone in the dark; what follows, the other ways and all other modes, in `make soak`."""
    seller = await someone(after=errand, width=360, dark=True)
    met, wrong = await walk(seller, to_the_test(seller, stack, WAYS[0]), (360, "dark"))
    assert wrong == []
    assert met & MOVED_BY_A_SELLER == {"name refused", "details refused", "nothing found"}


@shows(Cell.EVERYBODY, by=WAYS)
@pytest.mark.soak
@every_way
async def test_every_state_of_every_way_in_every_mode(way: Way, stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    seller = await someone(after=errand)
    met, wrong = await walk(seller, states(seller, stack, way), *MODES)
    assert wrong == []
    assert met >= MOVED_BY_A_SELLER


@shows(Cell.EVERYBODY, by=ALLOWED)
@pytest.mark.soak
@pytest.mark.parametrize("way", ALLOWED, ids=lambda way: way.id)
async def test_every_state_around_a_permission_in_every_mode(way: Allowed, stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    seller = await someone(after=errand)
    met, wrong = await walk(seller, permitted(seller, stack, way), *MODES)
    assert wrong == []
    assert met >= {"not connected", "test passed", "another shop", "duplicate", "timed out"}


@shows(Cell.EVERYBODY, by=CAPTURED)
@pytest.mark.soak
@pytest.mark.parametrize("way", CAPTURED, ids=lambda way: way.id)
async def test_every_state_beside_the_extension_in_every_mode(way: Captured, stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    seller = await someone(after=errand)
    met, wrong = await walk(seller, captured(seller, stack, way), *MODES)
    assert wrong == []
    assert met >= {*MOVED_WITHOUT_TYPING, "received", "timed out"}


@pytest.mark.soak
async def test_swapped_values_are_put_right_with_one_click(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    way = WAYS[0]
    keys = way.keys(stack.shop)
    seller = await someone(after=errand, keyboard=True, width=320)
    await way.begin(seller)
    await seller.enter({**keys, "lwa_client_secret": keys["refresh_token"], "refresh_token": keys["lwa_client_secret"]})
    await refused(seller)
    await expect(seller.page.locator("#swaps")).to_contain_text("LWA client secret ⇄ Refresh token")
    assert await complaints_in(seller, (320, "light"), (1280, "dark")) == []
    await seller.press(seller.button("Swap them"))
    await expect(seller.page.locator(".notice")).to_contain_text("Swapped.")
    await seller.press(seller.button("Test and continue"))
    await seller.see_test_end("The test passed")


@shows(Cell.BACK_AND_RELOAD, Cell.TWO_TABS, by=WAYS)
@four.every_way
async def test_back_and_reload_at_every_step_and_a_second_tab(way: Way, stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """Neither asks to send a form again nor loses what was chosen; a tab that is behind shows what the other one did."""
    keys, fields = way.keys(stack.shop), way.method.fields()
    hidden, shown = [name for name in keys if fields[name].secret], [name for name in keys if not fields[name].secret]
    seller = await someone(after=errand)
    await way.begin(seller)
    for heading in ("Get ready", "Name this account"):
        await seller.page.go_back()
        await expect(seller.page.get_by_role("heading", name=heading)).to_be_visible()
        await seller.page.reload()
    await expect(seller.page.get_by_label("Name for this account")).to_have_value(NAME)
    wizard = seller.page.url.removeprefix(stack.base).rpartition("/")[0]
    await seller.open(f"{wizard}/3")
    other = await second_tab(seller, wizard)
    await paste(seller, json.dumps(keys))
    await other.enter({name: keys[name][::-1] for name in [*shown, *hidden][:1]})
    await expect(other.page.get_by_role("alert", name="There is a problem")).to_contain_text("You changed this in another tab.")
    for name in shown:
        await expect(other.page.locator(f"[name={name}]")).to_have_value(keys[name])
    await seller.press(seller.button("Test and continue"))
    await seller.see_test_end("The test passed")
    await seller.page.reload()
    await seller.see_test_end("The test passed")
    await seller.press(seller.link("Continue"))
    await seller.at("/connect/[^/]+/5")
    await seller.page.reload()
    await expect(seller.page.get_by_role("heading", name="Is this your shop?")).to_be_visible()
    await seller.page.go_back()
    await seller.see_test_end("The test passed")
    await seller.page.go_back()
    for name in hidden:
        await expect(seller.page.locator(f"#{name}")).to_contain_text("Saved for this attempt")


async def second_tab(seller: Seller, wizard: str) -> Seller:
    page: Page = await seller.page.context.new_page()
    other = Seller(page, seller.base)
    await other.open(f"{wizard}/3")
    return other


@pytest.mark.parametrize("width", [pytest.param(1280, marks=pytest.mark.soak), 360, pytest.param(320, marks=pytest.mark.soak)])
async def test_nothing_jumps_while_a_test_goes_on(width: int, stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """The page is opened before the worker is back, so every line of the test arrives by a swap."""
    way = WAYS[0]
    seller = await someone(after=errand, width=width)
    await way.begin(seller)
    await paste(seller, json.dumps(way.keys(stack.shop)))
    await stack.worker.end()
    await seller.press(seller.button("Test and continue"))
    await seller.at("/connect/[^/]+/4")
    # What counts is what moves by itself: by the first answer to its own question the page has left the click behind.
    async with seller.page.expect_response("**/test"):
        pass
    await stack.worker.start()
    await seller.see_test_end("The test passed")
    assert await shifts(seller.page) == []
    await expect(seller.page.locator("#test-title")).to_be_focused()
