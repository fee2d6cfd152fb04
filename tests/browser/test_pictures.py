"""The pictures of the README, taken on the way a seller goes. Only when asked: `PORTAL_PICTURES=1 pytest tests/browser/test_pictures.py`."""

import os
from pathlib import Path

import pytest

from portal.marketplaces.registry import marketplace
from tests.browser.batches import batches
from tests.browser.conftest import MakeSeller
from tests.browser.errands import Errand, Shop
from tests.browser.pages import Run, Seller
from tests.browser.stack import Stack
from tests.browser.test_tax_invoices import a_shipped_order, make_invoice, settle

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.browser,
    pytest.mark.skipif(os.environ.get("PORTAL_PICTURES") != "1", reason="pictures are taken only when asked"),
]

AMAZON = marketplace("AMAZON_IN")
FOLDER = Path(__file__).parent / "pictures"
LARGEST = 60 * 1024
SCREENS = {"desktop": (1024, 600), "phone": (360, 640)}
"""The phone is taken in the dark."""


async def take(seller: Seller, name: str) -> None:
    """The visible part of the page, light enough for a README. What weighs too much is cut off at the bottom."""
    path, size = FOLDER / f"{name}.png", seller.page.viewport_size
    assert size is not None
    for part in (1.0, 0.8, 0.6):
        clip = {"x": 0.0, "y": 0.0, "width": float(size["width"]), "height": float(int(size["height"] * part))}
        await seller.page.screenshot(path=path, animations="disabled", caret="hide", clip=clip)  # type: ignore[arg-type]  # of the right shape
        if path.stat().st_size < LARGEST:
            return
    raise AssertionError(f"{name} weighs too much")


async def in_front_of(screen: str, someone: MakeSeller, errand: Errand) -> Seller:
    seller = await someone(after=errand, width=SCREENS[screen][0], dark=screen == "phone")
    await seller.page.set_viewport_size({"width": SCREENS[screen][0], "height": SCREENS[screen][1]})
    return seller


async def test_pictures_of_connecting_and_of_a_live_sync(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    await stack.sql("UPDATE sellers SET name = 'Asha Textiles'")
    wizard = await errand.enter_keys(AMAZON, stack.keys(AMAZON), name="Priya Fashions – Surat")
    sellers = {screen: await in_front_of(screen, someone, errand) for screen in SCREENS}
    for screen, seller in sellers.items():
        for name, address in {"marketplaces": "/accounts/new", "test": f"{wizard}/4", "confirm": f"{wizard}/5"}.items():
            await seller.open(address)
            await take(seller, f"{name}-{screen}")
    await stack.turnstile.close()
    address = await errand.confirm(wizard)
    for seller in sellers.values():
        await seller.open(address)
    await stack.turnstile.let_through(4)
    for screen, seller in sellers.items():
        await seller.page.bring_to_front()
        await Run(seller).reads("400 read")
        await take(seller, f"sync-{screen}")


async def test_pictures_of_a_shop_at_work(shop: Shop, stack: Stack, someone: MakeSeller) -> None:
    pages = {
        "home": "/home",
        "orders": "/orders",
        "account": shop.account,
        "keys": shop.pages["step 3"],
        "schedule": shop.pages["sentence"],
    }
    sellers = {screen: await in_front_of(screen, someone, shop.errand) for screen in SCREENS}
    for screen, seller in sellers.items():
        for page, address in pages.items():
            await seller.open(address)
            await take(seller, f"{page}-{screen}")
    refused = "Amazon access was removed. Someone withdrew our permission in Seller Central, or the yearly renewal was missed."
    change = "UPDATE marketplace_accounts SET needs_reconnect = $1, refused_at = now(), reconnect_reason = $2 WHERE id = $3::uuid"
    await stack.sql(change, True, refused, shop.account.rpartition("/")[2])
    for screen, seller in sellers.items():
        for page, address in {"refused": shop.account, "reconnect": shop.pages["reconnect"]}.items():
            await seller.open(address)
            await take(seller, f"{page}-{screen}")
    await stack.sql(change, False, "", shop.account.rpartition("/")[2])


async def test_pictures_of_a_batch(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    await stack.sql("UPDATE sellers SET name = 'Asha Textiles'")
    async with batches(stack, errand) as shop:
        sellers = {screen: await in_front_of(screen, someone, errand) for screen in SCREENS}
        await stack.turnstile.close()
        await shop.start()
        await stack.turnstile.somebody_waits()
        await pictures(sellers, {"batch-running": f"{await shop.batch()}#stages"})
        await stack.turnstile.open()
        address = await shop.on_hold()
        await pictures(sellers, {"batch-hold": address, "held": "/held"})
        await shop.hold_is_over(address)
        made = await shop.printed(address)
        await pictures(sellers, {"batches": "/batches", "batch-close": address, "batch-print": f"{address}#printing", "print": made})
        run = await shop.closed(address)
        await pictures(sellers, {"batch-done": f"{address}#stages", "report": f"{run}/report"})


async def test_pictures_of_a_tax_invoice(shop: Shop, stack: Stack, someone: MakeSeller) -> None:
    await stack.sql("UPDATE sellers SET name = 'Asha Textiles'")
    order = await a_shipped_order(shop)
    seller = await in_front_of("phone", someone, shop.errand)
    await settle(seller, order)
    await pictures({"phone": seller}, {"tax": f"{shop.account}/tax", "invoice-ready": f"{order}#invoice"})
    await make_invoice(seller, order)
    await pictures({"phone": seller}, {"invoice": f"{order}#invoice"})


async def pictures(sellers: dict[str, Seller], pages: dict[str, str]) -> None:
    for screen, seller in sellers.items():
        for name, address in pages.items():
            await seller.open(address)
            await take(seller, f"{name}-{screen}")
