"""From open orders to closed manifests on the screen: live, held and decided, printed, closed, reported; with and without JavaScript."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.browser.batches import RIGHT_GSTIN, batches
from tests.browser.conftest import MakeSeller
from tests.browser.errands import Errand
from tests.browser.pages import PATIENCE_MS, Run, Seller
from tests.browser.stack import Stack
from tests.browser.test_everybody_can_use_it import complaints, look
from tests.documents.seeing import texts

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

MODES = [(width, scheme) for width in (1280, 360, 320) for scheme in ("light", "dark")]


async def processes(stack: Stack, errand: Errand, someone: MakeSeller, *, scripts: bool, width: int) -> None:
    async with batches(stack, errand) as shop:
        shop.world.desk.hold_s = 0.0
        seller = await someone(after=errand, scripts=scripts, width=width, accept_downloads=True)
        page = seller.page
        await seller.open("/batches")
        await seller.press(seller.button("Process open orders Surat store"))
        await seller.at("/syncs/[^/]+")
        await Run(seller).ends("Waiting for you")
        await seller.open("/batches")
        await seller.press(seller.link("View held orders"))
        wrong, elsewhere = shop.bad
        await page.get_by_label("GSTIN of the buyer").fill(RIGHT_GSTIN)
        await seller.press(seller.button(f"Use these values {wrong.order_id}"))
        await expect(page.locator("#main")).to_contain_text(f"Order {wrong.order_id} is decided.")
        await seller.press(seller.button(f"Cancel the order {elsewhere.order_id}"))
        await expect(page.get_by_text("Nothing is held")).to_be_visible()
        await seller.open(await shop.batch())
        await seller.press(seller.button("Print all papers"))
        await seller.at("/batches/[^/]+/prints/[^/]+")
        await _is_made(seller)
        async with page.expect_download() as coming:
            await seller.press(seller.link("Download PDF"))
        made = await coming.value
        assert made.suggested_filename == "batch-1.pdf"
        assert texts((await made.path()).read_bytes())[0].startswith("Pick list, batch 1")
        await seller.press(seller.link("Back to the batch"))
        await seller.press(seller.button("Close manifests now"))
        await seller.at("/syncs/[^/]+")
        await Run(seller).ends("Done")
        await seller.press(seller.link("Report"))
        await expect(page.get_by_role("term").filter(has_text="Processed")).to_be_visible()
        if scripts:  # axe needs them, and the page is the same
            assert await complaints(page) == []


async def _is_made(seller: Seller) -> None:
    """Wait for the print file; without scripts, by asking again."""
    ready, again = seller.link("Download PDF"), seller.link("Check again")
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while not seller.scripts and not await ready.is_visible():
            await seller.press(again)
    await expect(ready).to_be_visible(timeout=PATIENCE_MS)


async def test_a_batch_from_open_orders_to_its_report(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    await processes(stack, errand, someone, scripts=True, width=360)


@pytest.mark.soak
@pytest.mark.parametrize("width", [1280, 320])
async def test_a_batch_without_scripts(stack: Stack, errand: Errand, someone: MakeSeller, width: int) -> None:
    await processes(stack, errand, someone, scripts=False, width=width)


@pytest.mark.soak
async def test_every_state_of_a_batch_in_every_mode(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """Running, on hold, waiting to be closed, held and corrected, printing and printed, done and reported."""
    async with batches(stack, errand) as shop:
        seller = await someone(after=errand)
        wrong = await look(seller, ["/batches", "/held", f"{shop.account}/processing"], *MODES)
        await stack.turnstile.close()
        await shop.start()
        await stack.turnstile.somebody_waits()
        wrong += await look(seller, ["/batches", await shop.batch()], *MODES)
        await stack.turnstile.open()
        address = await shop.on_hold()
        wrong += await look(seller, ["/batches", address, "/held"], *MODES)
        apart = await stack.sql("SELECT id, held_code, decisions FROM batch_orders WHERE state = 'held'")
        await stack.sql(
            "UPDATE batch_orders SET held_code = 'stock_unknown', decisions = $1::jsonb WHERE state = 'held'", apart[0]["decisions"]
        )
        # As one cause, with corrections: the list of orders stands open.
        wrong += await look(seller, ["/held"], *MODES)
        for one in apart:
            await stack.sql(
                "UPDATE batch_orders SET held_code = $2, decisions = $3::jsonb WHERE id = $1", one["id"], one["held_code"], one["decisions"]
            )
        await shop.hold_is_over(address)
        made = await shop.printed(address)
        order = shop.world.sold[0].order_id
        wrong += await look(seller, ["/batches", address, made, f"{address}/orders/{order}"], *MODES)
        run = await shop.closed(address)
        wrong += await look(seller, ["/batches", address, f"{run}/report"], *MODES)
        await stack.sql("UPDATE print_files SET state = 'printing', parts = 20, parts_done = 7, progressed_at = now()")
        wrong += await look(seller, [made], *MODES)
        await stack.sql("UPDATE print_files SET state = 'failed', problem = 'Our store of documents does not answer.'")
        wrong += await look(seller, [made], *MODES)
        assert wrong == []
