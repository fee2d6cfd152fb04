"""A batch that waits for its seller, on a phone: the file is fetched, taken to the panel and brought back, until the manifests are closed."""

import httpx
import pytest
from playwright.async_api import expect

from portal.marketplaces.ajio.sandbox import sandbox_panel_keys
from tests.browser.batches import AJIO, Batches, batches
from tests.browser.conftest import MakeSeller
from tests.browser.errands import Errand
from tests.browser.pages import PATIENCE_MS, Run, Seller
from tests.browser.stack import Stack
from tests.browser.test_everybody_can_use_it import complaints

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.soak]


async def taken_to_the_panel(stack: Stack, shop: Batches, sheet: str, content: bytes) -> bytes:
    """What the panel gives for this sheet."""
    base, cookies = f"{stack.sandbox}/{AJIO.slug}/vmsui/orders", {"vms_session": shop.world.panel_cookie}
    async with httpx.AsyncClient(cookies=cookies) as browser:
        answer = await browser.post(f"{base}/{sheet}", files={"sheet": ("sheet.xlsx", content)})
        assert answer.status_code == 200, answer.text
        return answer.content


async def printed_by_the_panel(stack: Stack, shop: Batches, papers: str) -> bytes:
    async with httpx.AsyncClient(cookies={"vms_session": shop.world.panel_cookie}) as browser:
        return (await browser.get(f"{stack.sandbox}/{AJIO.slug}/vmsui/orders/{papers}.pdf")).content


async def fetched(seller: Seller) -> bytes:
    """The file that the batch's page hands out."""
    async with seller.page.expect_download() as coming:
        await seller.press(seller.page.get_by_role("link", name="Download "))
    return (await (await coming.value).path()).read_bytes()


async def brought(seller: Seller, label: str, name: str, content: bytes) -> None:
    await seller.page.get_by_label(label).set_input_files({"name": name, "mimeType": "", "buffer": content})
    await seller.press(seller.button("Upload"))


async def asked_for(seller: Seller, words: str) -> None:
    """Wait until the page asks for the next thing by itself; without scripts, by asking again."""
    wanted = seller.page.locator("#errand").filter(has_text=words)
    if not seller.scripts:
        while not await wanted.count():
            await seller.page.reload()
    await expect(wanted).to_be_visible(timeout=PATIENCE_MS)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "none"])
async def test_a_batch_waits_for_a_file(stack: Stack, errand: Errand, someone: MakeSeller, scripts: bool) -> None:
    async with batches(stack, errand, {"method": "portal_session", **sandbox_panel_keys(stack.shop)}) as shop:
        shop.world.desk.hold_s = 0.0
        await shop.start()
        await shop.reads("/batches", "Upload this confirmation")
        address = await shop.batch()
        seller = await someone(after=errand, scripts=scripts, width=360, accept_downloads=True)
        await seller.open(address)
        sheet = await fetched(seller)
        if scripts:
            assert await complaints(seller.page) == []
        await brought(seller, "The result that the panel gave for it", "wrong.csv", b"Order,Colour\n1,red\n")
        await asked_for(seller, "No sheet of this file has the columns Cust Order No and Status.")
        if scripts:
            assert await complaints(seller.page) == []
        result = await taken_to_the_panel(stack, shop, "confirmation", sheet)
        await brought(seller, "The result that the panel gave for it", "result.xlsx", result)
        await asked_for(seller, "Pack these orders in the seller panel")
        await taken_to_the_panel(stack, shop, "packing", await fetched(seller))
        for papers, label, following in (
            ("labels", "The labels, as PDF", "Download the vendor invoices"),
            ("vendor-invoices", "The vendor invoices, as PDF", "Download the customer invoices"),
        ):
            await brought(seller, label, "papers.pdf", await printed_by_the_panel(stack, shop, papers))
            await asked_for(seller, following)
        await brought(seller, "The customer invoices, as PDF", "papers.pdf", await printed_by_the_panel(stack, shop, "customer-invoices"))
        await shop.reads(address, "Close manifests now")
        await seller.open(address)
        await seller.press(seller.button("Close manifests now"))
        await seller.at("/syncs/[^/]+")
        run = seller.page.url
        await shop.reads(address, "Close these manifests in the seller panel")
        await seller.open(address)
        manifests = await taken_to_the_panel(stack, shop, "manifests", await fetched(seller))
        await brought(seller, "The closed manifests, as PDF", "manifests.pdf", manifests)
        await shop.reads(address, "Closed")
        await seller.page.goto(run)
        await Run(seller).ends("Done")
