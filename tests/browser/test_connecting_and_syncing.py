"""The way every seller goes: sign up, connect a shop, watch its first sync, find its orders."""

import pytest
from playwright.async_api import expect

from portal.marketplaces.registry import marketplace
from tests.browser.conftest import MakeSeller
from tests.browser.errands import Errand
from tests.browser.pages import Run, Seller
from tests.browser.stack import ORDERS, PAGE, Stack

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

AMAZON = marketplace("AMAZON_IN")


async def connect_and_hold(stack: Stack, seller: Seller) -> Run:
    """A new account whose first sync waits for its first page."""
    await seller.begin(AMAZON.slug)
    await seller.enter(stack.keys(AMAZON))
    await seller.see_test_end("The test passed")
    await stack.turnstile.close()
    return await seller.confirm(only="ORDERS")


async def follow_to_the_end(stack: Stack, seller: Seller, run: Run) -> None:
    """The sync moves under the seller's eyes, page by page, and ends with every order in the list."""
    await stack.turnstile.let_through()
    await run.reads(f"{PAGE} read")
    await stack.turnstile.let_through(2)
    await run.reads(f"{3 * PAGE} read")
    await stack.turnstile.open()
    await run.ends("Done")
    await seller.press(seller.link("View orders"))
    await expect(seller.page.locator("caption")).to_contain_text("1,000 orders")


async def the_whole_way(stack: Stack, seller: Seller) -> None:
    await seller.sign_up(f"whole-way-{id(seller)}@example.in")
    await connect_and_hold(stack, seller)
    await seller.open("/accounts")
    await expect(seller.badge()).to_have_text("Valid")
    run = await seller.sync_now()
    await expect(seller.page.locator(".notice")).to_contain_text("You joined it")
    await follow_to_the_end(stack, seller, run)


@pytest.mark.soak
async def test_by_mouse(stack: Stack, someone: MakeSeller) -> None:
    await the_whole_way(stack, await someone())


async def test_by_keyboard_alone(stack: Stack, someone: MakeSeller) -> None:
    await the_whole_way(stack, await someone(keyboard=True))


@pytest.mark.soak
async def test_without_scripts(stack: Stack, someone: MakeSeller) -> None:
    await the_whole_way(stack, await someone(scripts=False))


@pytest.mark.soak
async def test_the_counts_are_those_of_the_marketplace(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """What the page shows at the end is what came in; a second sync finds all of it unchanged."""
    address = await errand.confirm(await errand.enter_keys(AMAZON, stack.keys(AMAZON)))
    seller = await someone(after=errand)
    await seller.open(address)
    run = Run(seller)
    await run.ends()
    assert await run.count("New") == f"{ORDERS:,}"
    again = await seller.sync_now()
    await again.ends()
    assert await again.count("New") == "0"
