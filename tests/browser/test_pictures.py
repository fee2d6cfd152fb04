"""The pictures of the README, taken on the way a seller goes. Only when asked: `PORTAL_PICTURES=1 pytest tests/browser/test_pictures.py`."""

import os
from pathlib import Path

import pytest

from portal.marketplaces.registry import marketplace
from tests.browser.conftest import MakeSeller
from tests.browser.errands import Errand, Shop
from tests.browser.pages import Run, Seller
from tests.browser.stack import Stack

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.browser,
    pytest.mark.skipif(os.environ.get("PORTAL_PICTURES") != "1", reason="pictures are taken only when asked"),
]

AMAZON = marketplace("AMAZON_IN")
FOLDER = Path(__file__).parent / "pictures"
LARGEST = 150 * 1024


async def take(seller: Seller, name: str) -> None:
    """The visible part of the page, light enough for a README."""
    path = FOLDER / f"{name}.png"
    await seller.page.screenshot(path=path, animations="disabled", caret="hide")
    assert path.stat().st_size < LARGEST


async def test_pictures_of_a_live_sync(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    await stack.sql("UPDATE sellers SET name = 'Asha Textiles'")
    wizard = await errand.enter_keys(AMAZON, stack.keys(AMAZON), name="Priya Fashions – Surat")
    desktop, phone = await someone(after=errand), await someone(after=errand, width=360, dark=True)
    await desktop.open(f"{wizard}/4")
    await take(desktop, "test-desktop")
    await stack.turnstile.close()
    address = await errand.confirm(wizard)
    for seller in (desktop, phone):
        await seller.open(address)
    await stack.turnstile.let_through(4)
    for seller, name in ((desktop, "desktop"), (phone, "phone")):
        await seller.page.bring_to_front()
        await Run(seller).reads("400 read")
        await take(seller, f"sync-{name}")


async def test_pictures_of_a_shop_at_work(shop: Shop, someone: MakeSeller) -> None:
    pages = {"home": "/home", "orders": "/orders", "account": shop.account, "keys": shop.pages["step 3"]}
    for width, name in ((1280, "desktop"), (360, "phone")):
        seller = await someone(after=shop.errand, width=width, dark=width == 360)
        for page, address in pages.items():
            await seller.open(address)
            await take(seller, f"{page}-{name}")
