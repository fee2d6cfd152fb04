"""The history, a run's log and rows set aside on the screen: with scripts and without, and for everybody."""

import pytest
from playwright.async_api import expect

from portal.marketplaces.registry import marketplace
from portal.marketplaces.sandbox import Fault
from tests.browser.conftest import MakeSeller
from tests.browser.errands import Errand
from tests.browser.pages import Run, Seller
from tests.browser.stack import Stack
from tests.browser.test_everybody_can_use_it import complaints

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

AMAZON = marketplace("AMAZON_IN")


@pytest.fixture
async def account(stack: Stack, errand: Errand) -> str:
    """An account whose first sync set one order aside, and whose sync of returns failed twice."""
    wizard = await errand.enter_keys(AMAZON, stack.keys(AMAZON))
    await stack.fault(AMAZON, Fault.UNREADABLE_ROW, "searchOrders")
    await errand.see_end(await errand.confirm(wizard))
    await errand.get("/accounts")
    account = errand.link("/accounts/[0-9a-f-]{36}")
    for _ in range(2):
        await stack.fault(AMAZON, Fault.FORBIDDEN, "createReport", times=0)
        await stack.fault(AMAZON, Fault.FORBIDDEN, "getReports", times=0)
        await errand.sync(account, "RETURNS")
    await stack.well_again()
    return account


async def at_rest(seller: Seller, *addresses: str) -> list[str]:
    wrong: list[str] = []
    for address in addresses:
        await seller.open(address)
        for details in await seller.page.locator("main details > summary").all():
            await details.click()
        wrong += await complaints(seller.page)
    return wrong


@pytest.mark.parametrize("most", [3, pytest.param(None, marks=pytest.mark.soak)], ids=["sample", "full"])
async def test_problems_rows_and_log_are_open_to_everybody(account: str, errand: Errand, someone: MakeSeller, *, most: int | None) -> None:
    """Every disclosure open, at 360 pixels, in the dark. `most`: how many of the pages."""
    await errand.get(f"/syncs?account={account.rpartition('/')[2]}&type=ORDERS")
    run = errand.link("/syncs/[0-9a-f-]{36}")
    seller = await someone(after=errand, width=360, dark=True)
    pages = ("/syncs", "/set-asides", run, "/home", "/set-asides?view=resolved", account, f"{run}/log", f"{run}/report")
    assert await at_rest(seller, *pages[:most]) == []
    await seller.open("/syncs")
    await expect(seller.page.get_by_role("heading", name="sync of returns failed 2 times")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, pytest.param(False, marks=pytest.mark.soak)])
async def test_a_row_is_read_again_and_its_problem_goes(account: str, errand: Errand, someone: MakeSeller, *, scripts: bool) -> None:
    seller = await someone(after=errand, scripts=scripts)
    await seller.open("/home")
    await seller.press(seller.page.get_by_role("link", name="View the rows"))
    await seller.press(seller.page.get_by_role("button", name="Retry all"))
    await Run(seller).ends("Done")
    await seller.open("/set-asides")
    await expect(seller.page.get_by_text("No rows are set aside.")).to_be_visible()
    await seller.open("/home")
    await expect(seller.page.get_by_text("row set aside")).to_have_count(0)


@pytest.mark.parametrize("scripts", [True, pytest.param(False, marks=pytest.mark.soak)])
async def test_the_log_is_narrowed_and_a_call_is_one_step_deeper(
    account: str, errand: Errand, someone: MakeSeller, *, scripts: bool
) -> None:
    seller = await someone(after=errand, scripts=scripts)
    await seller.open(f"/syncs?account={account.rpartition('/')[2]}&type=ORDERS")
    await seller.press(seller.page.locator("#results tbody th a").first)
    page = seller.page
    line = page.locator("#ll > li", has_text="Page 1:")
    call = line.locator(".call", has_text="/orders/2026-01-01/orders").first
    await expect(call).to_be_hidden()
    await line.locator("summary").click()
    await expect(call).to_be_visible()
    await seller.press(seller.link("Search the log, or show only warnings and problems"))
    await page.get_by_label("Show").select_option("warning")
    await seller.press(seller.button("Apply filters"))
    await expect(page.locator("#ll > li")).to_have_count(1)
    await expect(page.locator("#ll > li")).to_contain_text("Done with problems: 1 set aside")
    assert "level=warning" in page.url
