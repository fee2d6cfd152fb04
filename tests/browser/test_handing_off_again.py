"""Through the marketplace's own page a second time: a shop that is here already, a setup that lay too long, two tabs at once."""

import pytest
from playwright.async_api import expect

from portal.marketplaces.contract import Marketplace
from tests.browser.conftest import MakeSeller
from tests.browser.errands import Errand
from tests.browser.pages import Seller
from tests.browser.stack import Stack
from tests.browser.test_everybody_can_use_it import complaints
from tests.browser.test_handing_off import SENDING, decide, oauth_of, to_step_3
from tests.browser.wizard import age

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.soak]

every_marketplace = pytest.mark.parametrize("place", SENDING, ids=lambda place: place.slug)


async def setup_of(seller: Seller, stack: Stack, place: Marketplace) -> str:
    """A setup that waits for her to go to the marketplace: its address."""
    await to_step_3(seller, place, oauth_of(place))
    return seller.page.url.removeprefix(stack.base).rpartition("/")[0]


async def allows(seller: Seller, stack: Stack, place: Marketplace) -> None:
    await seller.press(seller.link(f"Continue to {place.name}"))
    await decide(seller, stack, place, "allow")


async def sees_it_timed_out(seller: Seller, place: Marketplace) -> None:
    """And can start again without choosing anything twice."""
    await expect(seller.page.get_by_role("heading", name="This setup timed out")).to_be_visible()
    assert await complaints(seller.page) == []
    await seller.press(seller.button(f"Start again {place.name}"))
    await seller.at("/connect/[^/]+/1")
    await expect(seller.page.get_by_label("Name for this account")).to_have_value("Surat store")


@every_marketplace
async def test_a_shop_that_is_here_already_is_reconnected_instead(
    place: Marketplace, stack: Stack, errand: Errand, someone: MakeSeller
) -> None:
    seller = await someone(after=errand, width=360)
    await setup_of(seller, stack, place)
    await allows(seller, stack, place)
    await seller.see_test_end("The test passed")
    await (await seller.confirm(only="ORDERS")).ends()
    await setup_of(seller, stack, place)
    await allows(seller, stack, place)
    await seller.see_test_end("This shop is already connected")
    await seller.focus_is_somewhere()
    assert await complaints(seller.page) == []
    await seller.press(seller.button("Reconnect that account"))
    await seller.see_test_end("The test passed")
    await seller.press(seller.link("Continue"))
    await seller.press(seller.button("Save the new details"))
    await seller.at("/(syncs|connect)/.+")
    await seller.open("/accounts")
    await expect(seller.page.get_by_role("article")).to_have_count(1)


@every_marketplace
async def test_a_setup_that_lay_too_long_sends_nobody_away(place: Marketplace, stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """The page with the link stayed open for more than a day."""
    seller = await someone(after=errand, width=320)
    wizard = await setup_of(seller, stack, place)
    await age(stack, wizard, "expires_at = now() - interval '1 minute'")
    await seller.press(seller.link(f"Continue to {place.name}"))
    await sees_it_timed_out(seller, place)


@every_marketplace
async def test_a_permission_for_a_setup_that_lay_too_long(place: Marketplace, stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """Its day ended while she was at the marketplace: what she brings back is kept nowhere."""
    seller = await someone(after=errand, width=320)
    wizard = await setup_of(seller, stack, place)
    await seller.press(seller.link(f"Continue to {place.name}"))
    await seller.page.wait_for_url(f"{stack.sandbox}/{place.slug}/**")
    await age(stack, wizard, "expires_at = now() - interval '1 minute'")
    await decide(seller, stack, place, "allow")
    await sees_it_timed_out(seller, place)
    number = wizard.rpartition("/")[2]
    assert await stack.sql("SELECT 1 FROM connect_wizard_secrets WHERE wizard_id = $1::uuid", number) == []


@every_marketplace
async def test_two_tabs_at_the_marketplace_make_one_account(place: Marketplace, stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """Both were sent away by one setup; whichever comes back last counts, and the other one shows what became of it."""
    seller = await someone(after=errand)
    wizard = await setup_of(seller, stack, place)
    other = Seller(await seller.page.context.new_page(), stack.base)
    await other.open(f"{wizard}/3")
    for tab in (seller, other):
        await tab.press(tab.link(f"Continue to {place.name}"))
        await tab.page.wait_for_url(f"{stack.sandbox}/{place.slug}/**")
    for tab in (other, seller):
        await tab.page.bring_to_front()
        await decide(tab, stack, place, "allow")
        await tab.see_test_end("The test passed")
    await other.page.reload()
    await other.see_test_end("The test passed")
    await (await seller.confirm(only="ORDERS")).ends()
    await other.press(other.link("Continue"))
    await other.at("/syncs/[^/]+")
    await seller.open("/accounts")
    await expect(seller.page.get_by_role("article")).to_have_count(1)
