"""Every way to connect there is, by every pair of hands, and what goes otherwise than planned on it."""

import pytest
from playwright.async_api import expect

from portal.marketplaces.contract import Marketplace
from tests.browser import four
from tests.browser.conftest import MakeSeller
from tests.browser.errands import Errand
from tests.browser.matrix import Cell, shows
from tests.browser.pages import Seller
from tests.browser.stack import Stack
from tests.browser.test_everybody_can_use_it import complaints
from tests.browser.ways import ALLOWED, CAPTURED, EVERY, NAME, Allowed, Captured, Way
from tests.browser.wizard import age

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.soak]

each = pytest.mark.parametrize("way", EVERY, ids=lambda way: way.id)
each_allowed = pytest.mark.parametrize("way", ALLOWED, ids=lambda way: way.id)
each_captured = pytest.mark.parametrize("way", CAPTURED, ids=lambda way: way.id)


async def sees_it_timed_out(seller: Seller, place: Marketplace) -> None:
    """And can start again without choosing anything twice."""
    await expect(seller.page.get_by_role("heading", name="This setup timed out")).to_be_visible()
    assert await complaints(seller.page) == []
    await seller.press(seller.button(f"Start again {place.name}"))
    await seller.at("/connect/[^/]+/1")
    await expect(seller.page.get_by_label("Name for this account")).to_have_value(NAME)


async def nothing_is_held(stack: Stack, wizard: str) -> None:
    number = wizard.rpartition("/")[2]
    assert await stack.sql("SELECT 1 FROM connect_wizard_secrets WHERE wizard_id = $1::uuid", number) == []


async def one_account(seller: Seller) -> None:
    await seller.open("/accounts")
    await expect(seller.page.get_by_role("article")).to_have_count(1)


@shows(Cell.CONNECT, Cell.KEYBOARD, Cell.NO_SCRIPTS, Cell.PHONE)
@pytest.mark.parametrize("hands", ["keyboard", "no scripts", "360", "320"])
@each
async def test_by_every_pair_of_hands(way: Way, hands: str, stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """From the list of marketplaces to a finished first sync."""
    width = int(hands) if hands.isdigit() else 1280
    seller = await someone(after=errand, keyboard=hands == "keyboard", scripts=hands != "no scripts", width=width)
    await way.begin(seller)
    await way.give(seller, stack)
    await seller.see_test_end("The test passed")
    if seller.scripts:
        await seller.focus_is_somewhere()
    await expect(seller.page.get_by_role("heading", name="First proof")).to_be_visible()
    run = await four.confirm(seller, 7)
    await run.ends("Done")
    await seller.open("/accounts")
    await expect(seller.badge()).to_have_text("Valid")


@shows(Cell.DUPLICATE)
@each
async def test_a_shop_that_is_here_already_is_reconnected_instead(way: Way, stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    await way.account(errand, stack)
    seller = await someone(after=errand, width=360)
    await way.begin(seller, "Second store")
    await way.give(seller, stack)
    await seller.see_test_end("This shop is already connected")
    await expect(seller.page.locator("#test")).to_contain_text(f"“{NAME}”")
    await seller.focus_is_somewhere()
    assert await complaints(seller.page) == []
    await seller.press(seller.button("Reconnect that account"))
    await seller.see_test_end("The test passed")
    await seller.press(seller.link("Continue"))
    await seller.press(seller.button("Save the new details"))
    await seller.at("/(syncs|connect)/.+")
    await one_account(seller)


@shows(Cell.EXPIRED)
@each
async def test_a_setup_that_lay_too_long_takes_nothing(way: Way, stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """Its third step stayed open for more than a day."""
    seller = await someone(after=errand, width=320)
    wizard = await way.begin(seller)
    await age(stack, wizard, "expires_at = now() - interval '1 minute'")
    await way.gives_too_late(seller, stack)
    await sees_it_timed_out(seller, way.place)
    await nothing_is_held(stack, wizard)


@each_allowed
async def test_a_permission_for_a_setup_that_lay_too_long(way: Allowed, stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """Its day ended while she was at the marketplace: what she brings back is kept nowhere."""
    seller = await someone(after=errand, width=320)
    wizard = await way.begin(seller)
    await way.leave(seller, stack)
    await age(stack, wizard, "expires_at = now() - interval '1 minute'")
    await seller.press(seller.page.locator("button[value=allow]"))
    await sees_it_timed_out(seller, way.place)
    await nothing_is_held(stack, wizard)


@each_captured
async def test_a_session_for_a_setup_that_lay_too_long(way: Captured, stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """Its day ended while she signed in to the panel: the extension is told so, and so is she."""
    seller = await someone(after=errand, width=320)
    wizard = await way.begin(seller)
    code = await way.show_code(seller)
    await age(stack, wizard, "expires_at = now() - interval '1 minute'")
    answer = await way.send(stack, code)
    assert (answer.status_code, answer.json()["message"]) == (409, "This setup timed out. Nothing was saved to your account.")
    await seller.press(seller.page.locator("#show-code"))
    await sees_it_timed_out(seller, way.place)
    await nothing_is_held(stack, wizard)


@shows(Cell.TWO_TABS, by=ALLOWED)
@each_allowed
async def test_two_tabs_at_the_marketplace_make_one_account(way: Allowed, stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """Both were sent away by one setup; whichever comes back last counts, and the other one shows what became of it."""
    seller = await someone(after=errand)
    wizard = await way.begin(seller)
    other = Seller(await seller.page.context.new_page(), stack.base)
    await other.open(f"{wizard}/3")
    for tab in (seller, other):
        await way.leave(tab, stack)
    for tab in (other, seller):
        await tab.page.bring_to_front()
        await tab.press(tab.page.locator("button[value=allow]"))
        await tab.see_test_end("The test passed")
    await both_end_in_one_account(seller, other)


async def both_end_in_one_account(seller: Seller, other: Seller) -> None:
    """One tab is confirmed; the other, which shows the test still, leads to what that made."""
    await other.page.reload()
    await other.see_test_end("The test passed")
    await (await seller.confirm(only="ORDERS")).ends()
    await other.press(other.link("Continue"))
    await other.at("/syncs/[^/]+")
    await one_account(seller)


@shows(Cell.TWO_TABS, by=CAPTURED)
@each_captured
async def test_two_tabs_beside_the_extension_make_one_account(way: Captured, stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """The code of the tab that asked last is the one that counts, and both tabs hear what came in."""
    seller = await someone(after=errand)
    wizard = await way.begin(seller)
    other = Seller(await seller.page.context.new_page(), stack.base)
    await other.open(f"{wizard}/3")
    first, last = [await way.show_code(tab) for tab in (seller, other)]
    assert "do not know this pairing code" in (await way.send(stack, first)).json()["message"]
    assert (await way.send(stack, last)).json()["code"] == "received"
    for tab in (seller, other):
        await tab.page.bring_to_front()
        await way.to_the_test(tab)
        await tab.see_test_end("The test passed")
    await both_end_in_one_account(seller, other)


async def goes_back_to_the_beginning(seller: Seller, wizard: str) -> None:
    """From the third step to the first and forward again, reloading each."""
    for heading in ("Get ready", "Name this account"):
        await seller.page.go_back()
        await expect(seller.page.get_by_role("heading", name=heading)).to_be_visible()
        await seller.page.reload()
    await expect(seller.page.get_by_label("Name for this account")).to_have_value(NAME)
    await seller.open(f"{wizard}/3")
    await seller.page.reload()


async def looks_around_at_the_end(seller: Seller) -> None:
    """From the test that has passed to the last step and back, reloading each."""
    await seller.see_test_end("The test passed")
    await seller.page.reload()
    await seller.see_test_end("The test passed")
    await seller.press(seller.link("Continue"))
    await seller.at("/connect/[^/]+/5")
    await seller.page.reload()
    await expect(seller.page.get_by_role("heading", name="Is this your shop?")).to_be_visible()
    await seller.page.go_back()
    await seller.see_test_end("The test passed")


async def is_finished_for_good(seller: Seller, wizard: str) -> None:
    """Confirmed, there is one account; the setup leads to it, and takes nothing more."""
    await (await seller.confirm(only="ORDERS")).ends()
    await one_account(seller)
    await seller.open(f"{wizard}/3")
    await seller.at("/accounts/[0-9a-f-]{36}")


@shows(Cell.BACK_AND_RELOAD, by=ALLOWED)
@each_allowed
async def test_back_and_reload_around_the_marketplace(way: Allowed, stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """Back from the marketplace's page, away again, and back to it once more when it is all done: an answer counts once."""
    seller = await someone(after=errand)
    wizard = await way.begin(seller)
    await goes_back_to_the_beginning(seller, wizard)
    await way.leave(seller, stack)
    await seller.page.go_back()
    await seller.at("/connect/[^/]+/3")
    await seller.page.reload()
    await way.give(seller, stack)
    await looks_around_at_the_end(seller)
    await seller.page.go_back()
    await seller.page.wait_for_url(f"{stack.sandbox}/{way.place.slug}/**")
    await seller.press(seller.page.locator("button[value=allow]"))
    await expect(seller.page.get_by_role("heading", name="This answer was used already")).to_be_visible()
    assert await complaints(seller.page) == []
    await seller.press(seller.link("Go on with this setup"))
    await seller.at("/connect/[^/]+/[45]")
    await seller.open(f"{wizard}/4")
    await is_finished_for_good(seller, wizard)


@shows(Cell.BACK_AND_RELOAD, by=CAPTURED)
@each_captured
async def test_back_and_reload_beside_the_extension(way: Captured, stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """A reloaded page shows a fresh code and ends the one before; going away and coming back loses no session."""
    seller = await someone(after=errand)
    wizard = await way.begin(seller)
    await goes_back_to_the_beginning(seller, wizard)
    first = await way.show_code(seller)
    await seller.page.reload()
    last = await seller.page.locator("#pairing-code").inner_text()
    assert first != last
    await seller.press(seller.link("Back"))
    await seller.at("/connect/[^/]+/3")
    await seller.open(f"{wizard}/capture")
    await expect(seller.page.get_by_role("heading", name="Waiting for the extension")).to_be_visible()
    assert (await way.send(stack, last)).json()["code"] == "received"
    await expect(seller.page.get_by_role("heading", name="Received")).to_be_visible()
    await seller.page.reload()
    await way.to_the_test(seller)
    await looks_around_at_the_end(seller)
    await seller.page.go_back()
    await expect(seller.page.get_by_role("heading", name="Received")).to_be_visible()
    await seller.open(f"{wizard}/4")
    await is_finished_for_good(seller, wizard)
    await seller.open(f"{wizard}/capture")
    await seller.at("/accounts/[0-9a-f-]{36}")


@shows(Cell.WRONG_VALUE, by=CAPTURED)
@each_captured
async def test_a_session_that_has_ended_is_captured_again(way: Captured, stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    seller = await someone(after=errand, width=360, dark=True)
    await way.begin(seller)
    stale = {name: way.keys(stack.shop)[name].replace("sandbox-", "yesterday-") for name in ("session_cookies", "access_token")}
    assert (await way.send(stack, await way.show_code(seller), **stale)).json()["code"] == "received"
    await way.to_the_test(seller)
    await seller.see_test_end("The test found a problem")
    await expect(seller.page.locator("#test .mistake")).to_contain_text("session has ended")
    await seller.focus_is_somewhere()
    assert await complaints(seller.page) == []
    await seller.press(seller.link("Go back and correct it"))
    await seller.at("/connect/[^/]+/3")
    await way.give(seller, stack)
    await seller.see_test_end("The test passed")
