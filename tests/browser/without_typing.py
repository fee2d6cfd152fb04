"""The setup of a connection where nothing is typed, on the screen: every state it can be in, reached the way a seller reaches it."""

from collections.abc import AsyncIterator

from playwright.async_api import expect

from tests.browser.pages import Seller
from tests.browser.stack import Stack
from tests.browser.ways import Allowed, Captured, Way
from tests.browser.wizard import age, refused


async def permitted(seller: Seller, stack: Stack, way: Allowed) -> AsyncIterator[str]:
    """Through the marketplace's page. At each name the portal's page stands on the screen and nothing is under way."""
    await way.begin(seller)
    yield "permission"
    await seller.page.go_back()
    yield "get ready"
    await seller.page.go_forward()
    await way.leave(seller, stack)
    await seller.press(seller.page.locator("button[value=deny]"))
    await expect(seller.page.get_by_role("heading", name=f"{way.place.name} was not connected")).to_be_visible()
    yield "not connected"
    await seller.press(seller.link("Try again"))
    await seller.page.wait_for_url(f"{stack.sandbox}/{way.place.slug}/**")
    await stack.worker.end()
    await seller.press(seller.page.locator("button[value=allow]"))
    async for state in _from_the_test_on(seller, stack, way):
        yield state


async def captured(seller: Seller, stack: Stack, way: Captured) -> AsyncIterator[str]:
    """Beside the extension. At each name the page stands still."""
    await way.begin(seller)
    yield "details, or the extension"
    await seller.press(seller.link("Use the extension"))
    await seller.at("/connect/[^/]+/capture")
    yield "beside the extension"
    await seller.press(seller.page.locator("#show-code"))
    await refused(seller)
    yield "not agreed"
    code = await way.show_code(seller)
    await expect(seller.page.locator("#code-title")).to_be_focused()
    yield "code"
    await stack.worker.end()
    await way.send(stack, code)
    await expect(seller.page.get_by_role("heading", name="Received")).to_be_visible()
    yield "received"
    await way.to_the_test(seller)
    async for state in _from_the_test_on(seller, stack, way):
        yield state


async def _from_the_test_on(seller: Seller, stack: Stack, way: Way) -> AsyncIterator[str]:
    """Begins where no worker is at work."""
    await seller.at("/connect/[^/]+/4")
    await expect(seller.page.get_by_role("heading", name="Testing")).to_be_visible()
    yield "testing"
    await stack.worker.start()
    await seller.see_test_end("The test passed")
    yield "test passed"
    await seller.press(seller.link("Continue"))
    await seller.at("/connect/[^/]+/5")
    yield "confirmation"
    await seller.press(seller.button("Connect and start first sync"))
    await seller.at("/syncs/[^/]+")
    async for state in _another_shops(seller, stack, way):
        yield state
    async for state in _a_second_time(seller, stack, way):
        yield state


async def _another_shops(seller: Seller, stack: Stack, way: Way) -> AsyncIterator[str]:
    """A reconnect of an account that was another shop's all along; afterwards it is this one's again."""
    await seller.open("/accounts")
    account = await seller.link("Surat store").get_attribute("href")
    assert account is not None
    number = account.rpartition("/")[2]
    (found,) = await stack.sql("SELECT external_account_id FROM marketplace_accounts WHERE id = $1", number)
    await stack.sql("UPDATE marketplace_accounts SET external_account_id = 'DVELSEWHERE21' WHERE id = $1", number)
    await seller.open(f"{account}/reconnect")
    yield "reconnect"
    await seller.press(seller.button("Enter new details"))
    await seller.at("/connect/[^/]+/3")
    await expect(seller.link("Use another way to connect")).to_be_visible()
    yield "once more"
    await way.give(seller, stack)
    await seller.see_test_end("These details belong to another shop")
    yield "another shop"
    await stack.sql("UPDATE marketplace_accounts SET external_account_id = $2 WHERE id = $1", number, found["external_account_id"])


async def _a_second_time(seller: Seller, stack: Stack, way: Way) -> AsyncIterator[str]:
    """The same shop in a second setup, which then lies too long."""
    wizard = await way.begin(seller, "Second store")
    await way.give(seller, stack)
    await seller.see_test_end("This shop is already connected")
    yield "duplicate"
    await age(stack, wizard, "expires_at = now() - interval '1 minute'")
    await seller.open(f"{wizard}/3")
    await expect(seller.page.get_by_role("heading", name="This setup timed out")).to_be_visible()
    yield "timed out"
