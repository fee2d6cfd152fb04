"""The setup of a connection on the screen: every state it can be in, reached the way a seller reaches it."""

import asyncio
import json
from collections.abc import AsyncIterator

from playwright.async_api import expect

from tests.browser import four
from tests.browser.four import Way
from tests.browser.pages import PATIENCE_MS, Seller
from tests.browser.stack import Stack
from tests.browser.ways import NAME, choose


async def states(seller: Seller, stack: Stack, way: Way) -> AsyncIterator[str]:
    """Leads through the whole setup of one way to connect. At each name its page stands on the screen and nothing is under way."""
    async for state in to_the_test(seller, stack, way):
        yield state
    async for state in _test(seller, stack, way):
        yield state
    async for state in _confirmation(seller):
        yield state
    async for state in _again(seller, stack, way):
        yield state


async def to_the_test(seller: Seller, stack: Stack, way: Way) -> AsyncIterator[str]:
    """The part of it that asks the marketplace nothing: up to details that are ready to be tested."""
    async for state in _to_the_details(seller, way):
        yield state
    async for state in _details(seller, stack, way):
        yield state


async def _to_the_details(seller: Seller, way: Way) -> AsyncIterator[str]:
    await seller.open("/accounts/new")
    yield "marketplaces"
    await seller.press(seller.page.locator(f"#connect-{way.place.slug}"))
    await seller.at("/connect/[^/]+/1")
    yield "name"
    await seller.press(seller.button("Continue"))
    await refused(seller)
    yield "name refused"
    await seller.type(seller.page.get_by_label("Name for this account"), NAME)
    await choose(seller, way.method)
    await seller.press(seller.button("Continue"))
    await seller.at("/connect/[^/]+/2")
    yield "get ready"
    await seller.press(seller.button("I have these, continue"))
    await seller.at("/connect/[^/]+/3")
    yield "details"


async def _details(seller: Seller, stack: Stack, way: Way) -> AsyncIterator[str]:
    await seller.press(seller.button("Test and continue"))
    await refused(seller)
    yield "details refused"
    await seller.press(seller.page.get_by_text("Paste everything at once"))
    await seller.type(seller.page.get_by_label("The whole message"), "Good morning, the details follow tomorrow.")
    await seller.press(seller.button("Fill the boxes"))
    await refused(seller)
    yield "nothing found"
    await seller.press(seller.button("I do not have these yet"))
    await seller.at("/connect/[^/]+/waiting")
    yield "waiting"
    await seller.open("/accounts")
    yield "in the list of accounts"
    await seller.press(seller.link(f"Continue {NAME}"))
    await seller.press(seller.link("I have them now"))
    await paste(seller, json.dumps(way.keys(stack.shop)))
    yield "details kept"


async def _test(seller: Seller, stack: Stack, way: Way) -> AsyncIterator[str]:
    keys = way.keys(stack.shop)
    for name in way.slips:
        if name in keys:
            await seller.press(seller.page.locator(f"button[name=replace][value={name}]"))
    await seller.enter(way.slips)
    await seller.see_test_end("The test found a problem")
    yield "test failed"
    await seller.press(seller.link("Go back and correct it"))
    await expect(four.mistake(seller, way.field)).to_contain_text(way.said)
    yield "refused by the marketplace"
    await paste(seller, json.dumps(keys))
    await stack.worker.end()
    await seller.press(seller.button("Test and continue"))
    await seller.at("/connect/[^/]+/4")
    await expect(seller.page.get_by_role("heading", name="Testing")).to_be_visible()
    yield "testing"
    await stack.worker.start()
    await seller.see_test_end("The test passed")
    yield "test passed"


async def _confirmation(seller: Seller) -> AsyncIterator[str]:
    await seller.press(seller.link("Continue"))
    await seller.at("/connect/[^/]+/5")
    yield "confirmation"
    for box in await seller.page.locator("input[name=first_targets]").all():
        await box.uncheck()
    await seller.press(seller.button("Connect and start first sync"))
    await refused(seller)
    yield "confirmation refused"
    await seller.page.locator("input[name=first_targets]").first.check()
    await seller.press(seller.button("Connect and start first sync"))
    await seller.at("/syncs/[^/]+")


async def _again(seller: Seller, stack: Stack, way: Way) -> AsyncIterator[str]:
    """The same shop a second time, then a setup that lies too long."""
    await way.begin(seller, "Second store")
    await paste(seller, json.dumps(way.keys(stack.shop)))
    await seller.press(seller.button("Test and continue"))
    await seller.see_test_end("This shop is already connected")
    yield "duplicate"
    wizard = seller.page.url.removeprefix(stack.base).rpartition("/")[0]
    await age(stack, wizard, "touched_at = now() - interval '61 minutes'")
    await wiped(seller, wizard)
    yield "secrets wiped"
    await age(stack, wizard, "expires_at = now() - interval '1 minute'")
    await seller.open(f"{wizard}/3")
    await expect(seller.page.get_by_role("heading", name="This setup timed out")).to_be_visible()
    yield "timed out"


async def refused(seller: Seller) -> None:
    """The summary of mistakes is there and has the focus."""
    await expect(seller.page.get_by_role("alert", name="There is a problem")).to_be_focused()


async def paste(seller: Seller, block: str) -> None:
    await seller.press(seller.page.get_by_text("Paste everything at once"))
    await seller.type(seller.page.get_by_label("The whole message"), block)
    await seller.press(seller.button("Fill the boxes"))
    await expect(seller.page.locator(".notice")).to_contain_text("We found")


async def age(stack: Stack, wizard: str, change: str) -> None:
    """Let time pass for one setup."""
    await stack.sql(f"UPDATE connect_wizards SET {change} WHERE id = $1::uuid", wizard.rpartition("/")[2])


async def wiped(seller: Seller, wizard: str) -> None:
    """Wait for the sweep, which comes by itself."""
    notice = seller.page.get_by_text("For safety we removed what you pasted")
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while True:
            await seller.open(f"{wizard}/3")
            if await notice.count():
                return
            await asyncio.sleep(0.2)
