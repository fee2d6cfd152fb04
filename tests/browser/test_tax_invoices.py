"""From an order without an invoice to the paper in a seller's hand, on a phone: settings, codes, the button, the list, the file."""

import io
import re
import zipfile

import pytest
from playwright.async_api import expect

from tests.browser.conftest import MakeSeller
from tests.browser.errands import Shop
from tests.browser.pages import Seller
from tests.browser.test_everybody_can_use_it import complaints
from tests.documents.seeing import read, texts
from tests.invoicing.making import TYPED

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.soak]

CODES = b"SKU,HSN,GST rate\nKURTA-BLUE-M,6103,5\nKURTA-RED-L,61,5\n"


async def a_shipped_order(shop: Shop) -> str:
    await shop.errand.get("/orders?status=shipped")
    return shop.errand.link(r"/orders/\d+")


async def look(seller: Seller) -> None:
    """Nothing on this page may keep anybody out; axe needs scripts, and the page is the same without."""
    if seller.scripts:
        assert await complaints(seller.page) == []


async def settle(seller: Seller, order: str) -> None:
    """From the order's own hint to saved settings, past a GSTIN that is none."""
    page = seller.page
    await seller.open(order)
    await look(seller)
    await seller.press(page.locator("#invoice").get_by_role("link", name="Invoice settings"))
    await seller.at("/accounts/[^/]+/tax")
    for name in ("legal_name", "address", "gstin", "prefix", "default_hsn"):
        await seller.type(page.locator(f"#{name}"), "24ABCDE1234F1Z7" if name == "gstin" else TYPED[name])
    await page.get_by_label("Rate of GST").select_option("5%")
    await seller.press(seller.button("Save"))
    await expect(page.locator("#error-summary")).to_contain_text("its 15th character does not fit")
    await look(seller)
    await seller.type(page.locator("#gstin"), TYPED["gstin"])
    await seller.press(seller.button("Save"))
    await seller.at("/accounts/[^/]+")
    await expect(page.locator("#main")).to_contain_text("Tax invoices are made out like this from now on.")


async def add_codes(seller: Seller) -> None:
    page = seller.page
    await seller.open("/listings/tax")
    await page.locator("#file").set_input_files({"name": "codes.csv", "mimeType": "text/csv", "buffer": CODES})
    await seller.press(seller.button("Read file"))
    await expect(page.locator("#main")).to_contain_text("row 3: An HSN code has 4, 6 or 8 digits.")
    await expect(page.get_by_role("rowheader", name="KURTA-BLUE-M")).to_be_visible()
    await look(seller)


async def make_invoice(seller: Seller, order: str) -> None:
    """Press the button, and see the way to the paper."""
    page = seller.page
    await seller.open(order)
    place = page.get_by_label("State it was shipped to")
    if await place.is_visible():
        await place.select_option(label="Maharashtra")
    await seller.press(seller.button("Make tax invoice"))
    await expect(page.locator("#open-invoice")).to_be_visible()
    await look(seller)


async def find_it_in_the_list(seller: Seller, number: str) -> None:
    await seller.open("/invoices")
    await expect(seller.page.locator("#main")).to_contain_text(number)
    await look(seller)


async def take_everything_along(seller: Seller) -> dict[str, str]:
    """From the profile to a ZIP on the phone; the page says by itself when it is made. Answers its tables."""
    page = seller.page
    await seller.open("/settings/profile")
    await seller.press(page.locator('a[href="/settings/export"]'))
    await seller.at("/settings/export")
    await look(seller)
    await seller.press(page.locator("#make-export"))
    await expect(page.locator("#download")).to_be_visible()
    await look(seller)
    async with page.expect_download() as coming:
        await seller.press(page.locator("#download"))
    with zipfile.ZipFile(io.BytesIO((await (await coming.value).path()).read_bytes())) as bundle:
        return {name: bundle.read(name).decode("utf-8-sig") for name in bundle.namelist()}


async def test_a_seller_prints_her_own_invoice_on_a_phone(shop: Shop, someone: MakeSeller) -> None:
    """And presses the last button without scripts: it is the same paper."""
    order = await a_shipped_order(shop)
    seller = await someone(after=shop.errand, width=360, accept_downloads=True)
    await settle(seller, order)
    await add_codes(seller)
    await make_invoice(seller, order)
    await seller.open(shop.pages["one of /listings"])
    await look(seller)
    plain = await someone(after=shop.errand, width=360, scripts=False, accept_downloads=True)
    await plain.open(order)
    async with plain.page.expect_download() as coming:
        await plain.press(plain.page.locator("#open-invoice"))
    made = await coming.value
    content = (await made.path()).read_bytes()
    number = re.fullmatch(r"invoice-(AT-\d{4}-1)\.pdf", made.suggested_filename)
    assert number is not None
    assert TYPED["gstin"] in texts(content)[0]
    written = number[1].replace("-", "/")
    assert written in read(content)[0].values()
    await find_it_in_the_list(seller, written)
    assert written in (await take_everything_along(seller))["tax-invoices.csv"]
