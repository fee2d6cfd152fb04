"""Shops and locations to choose from, on the screen: a login that sees two POBs, and a shop that ships from several places."""

import pytest
from playwright.async_api import expect

from portal.marketplaces.registry import marketplace
from tests.browser.conftest import MakeSeller
from tests.browser.errands import Errand
from tests.browser.four import WAYS
from tests.browser.pages import Seller
from tests.browser.stack import Stack
from tests.browser.test_everybody_can_use_it import MODES, complaints_in

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.soak]

PANEL = next(way for way in WAYS if way.method.code == "portal_session")


async def to_the_choice(seller: Seller, stack: Stack, name: str) -> None:
    await PANEL.begin(seller, name)
    values = stack.turnstile.world(PANEL.place).panel_values()
    await seller.enter({field: value for field, value in values.items() if value})
    await seller.see_test_end("These details open several shops")
    await seller.focus_is_somewhere()


async def connects(seller: Seller, shop: str, account: str) -> None:
    """From the choice to a finished first sync of that shop."""
    await seller.press(seller.link("Choose a shop"))
    await seller.at("/connect/[^/]+/5")
    await seller.page.get_by_role("radio", name=shop).check()
    await seller.press(seller.button("Test this shop"))
    await seller.see_test_end("The test passed, with limits")
    await expect(seller.page.locator("#test")).to_contain_text(shop)
    run = await seller.confirm()
    await run.ends("Done")
    await seller.open("/accounts")
    await expect(seller.badge(account)).to_have_text("Valid")


async def test_each_pob_of_a_login_is_connected_by_choice(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """The second one without scripts; the third time there is none left, and the one that is chosen is reconnected instead."""
    world = stack.turnstile.world(PANEL.place)
    other = world.open_pob()
    try:
        seller = await someone(after=errand)
        await to_the_choice(seller, stack, "Surat POB")
        assert await complaints_in(seller, *MODES) == []
        await seller.press(seller.link("Choose a shop"))
        await seller.press(seller.button("Test this shop"))
        await expect(seller.page.get_by_role("alert", name="There is a problem")).to_be_focused()
        assert await complaints_in(seller, *MODES) == []
        await seller.page.go_back()
        await seller.open(f"{seller.page.url.removeprefix(stack.base).rpartition('/')[0]}/4")
        await connects(seller, world.store_name, "Surat POB")

        plain = await someone(after=errand, scripts=False, width=320)
        await to_the_choice(plain, stack, "Pune POB")
        await plain.press(plain.link("Choose a shop"))
        await expect(plain.page.locator(".choice", has_text="connected as “Surat POB”")).to_have_count(1)
        await plain.page.go_back()
        await connects(plain, other.store_name, "Pune POB")

        await to_the_choice(seller, stack, "A third one")
        await seller.press(seller.link("Choose a shop"))
        await seller.page.get_by_role("radio", name=other.store_name).check()
        await seller.press(seller.button("Test this shop"))
        await seller.see_test_end("This shop is already connected")
        await expect(seller.link("Choose another shop")).to_be_visible()
        assert await complaints_in(seller, *MODES) == []
    finally:
        del world.pobs[other.pob_id]


async def test_one_of_several_locations_is_chosen_at_the_last_step(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """Asked, refused without an answer, kept, and changed on the account's page."""
    place = marketplace("MEESHO")
    store = stack.turnstile.world(place).store
    first = next(iter(store.locations))
    store.locations["LOC7777"] = ("Bhiwandi", "421302")
    try:
        seller = await someone(after=errand, keyboard=True)
        await seller.begin(place.slug)
        await seller.enter({name: value for name, value in stack.keys(place).items() if name in place.methods[0].fields()})
        await seller.see_test_end("The test passed")
        await seller.press(seller.link("Continue"))
        await seller.at("/connect/[^/]+/5")
        assert await complaints_in(seller, *MODES) == []
        await seller.press(seller.button("Connect and start first sync"))
        await expect(seller.page.get_by_role("alert", name="There is a problem")).to_be_focused()
        assert await complaints_in(seller, *MODES) == []
        await seller.page.get_by_role("radio", name="Bhiwandi").check()
        await seller.press(seller.button("Connect and start first sync"))
        await seller.at("/syncs/[^/]+")
        await seller.open("/accounts")
        account = await seller.link("Surat store").get_attribute("href")
        assert account is not None
        await seller.open(account)
        choice = seller.page.get_by_label("Which location does your stock go to?")
        await expect(choice).to_have_value("LOC7777")
        await choice.select_option(first)
        await seller.press(seller.button("Change location"))
        await expect(choice).to_have_value(first)
    finally:
        del store.locations["LOC7777"]
