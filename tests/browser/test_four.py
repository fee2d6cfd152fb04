"""The four marketplaces on the screen: every way to connect, a payout file with bad rows, a stock push that is refused in part."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from portal.marketplaces.registry import marketplace
from tests.browser import four
from tests.browser.conftest import MakeSeller
from tests.browser.errands import Errand
from tests.browser.four import BAD_ROWS, WAYS, Way
from tests.browser.matrix import Cell, shows
from tests.browser.pages import Run, Seller
from tests.browser.stack import Stack

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

AMAZON, MEESHO = marketplace("AMAZON_IN"), marketplace("MEESHO")
TOO_MANY = 10_000
"""More pieces than the sandbox's Amazon takes."""

DAYS = 7
"""How far back a first sync reads here; long enough to bring something."""


def test_no_way_to_connect_is_left_out() -> None:
    assert {way.id for way in WAYS} == four.offered()


@shows(Cell.CONNECT, Cell.WRONG_VALUE, by=WAYS)
@four.every_way
async def test_every_way_to_connect(way: Way, stack: Stack, errand: Errand, someone: MakeSeller, tmp_path: Path) -> None:
    """A wrong detail is refused at its own field in the marketplace's own sentence; the right ones lead to a finished first sync."""
    recording = tmp_path / "heard.har"
    seller = await someone(after=errand, record_har_path=recording, record_har_content="embed")
    keys = way.keys(stack.shop)
    await way.begin(seller)
    await seller.enter({**keys, **way.slips})
    await seller.see_test_end("The test found a problem")
    await expect(seller.page.locator("#test .mistake")).to_contain_text(way.said)
    await seller.press(seller.link("Go back and correct it"))
    await expect(four.mistake(seller, way.field)).to_contain_text(way.said)
    await four.type_again(seller, way, keys)
    await seller.see_test_end("The test passed")
    run = await four.confirm(seller, DAYS)
    await run.ends("Done")
    assert await run.count("New") != "0"
    await seller.open("/accounts")
    await expect(seller.badge()).to_have_text("Valid")
    await seller.page.context.close()
    pages, secrets = await four.pages_in(recording), way.secrets(stack.shop)
    assert secrets
    assert len(pages) > 8
    assert [address for address, text in pages if not text] == []
    assert [address for address, text in pages for secret in secrets if secret in text] == []


async def test_a_payout_file_with_five_bad_rows(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """Wrong files first. The right one is looked at before it is kept, kept without the bad rows, its difference said plainly; handed
    in again it changes nothing.
    """
    await errand.confirm(await errand.enter_keys(MEESHO, stack.keys(MEESHO)))
    seller = await someone(after=errand)
    await wrong_files(seller)
    file = four.payment_file(20, short=7)
    await four.to_the_preview(seller, "payments.xlsx", file)
    assert await four.fact(seller, "tally", "Settlements") == "1"
    assert await four.fact(seller, "tally", "Lines") == "60"
    assert await four.fact(seller, "tally", "Rows we cannot read") == "5"
    assert await four.bad_rows(seller) == {number: said for number, (_, _, said) in BAD_ROWS.items()}
    await nothing_kept(seller)
    await seller.page.go_back()
    await seller.press(seller.button("Add to payouts"))
    await expect(seller.page.locator(".notice")).to_contain_text("Kept.")
    await seller.press(seller.link("2026-11-10"))
    sums = seller.page.locator("#sums")
    await expect(sums.get_by_role("row", name="All lines")).to_contain_text("₹6,900.00")
    await expect(sums.get_by_role("row", name="Net, as told")).to_contain_text("₹6,893.00")
    await expect(seller.page.locator(".problem")).to_contain_text("-₹7.00 is not explained by the lines")
    await expect(seller.page.locator("#lines caption")).to_contain_text("60 lines")
    shown = await seller.page.locator("#sums").inner_text()
    await four.to_the_preview(seller, "payments again.xlsx", file)
    await expect(seller.page.locator(".notice")).to_contain_text("Adding it again changes nothing.")
    await seller.press(seller.button("Add to payouts"))
    await expect(seller.page.locator(".notice")).to_contain_text("Nothing has changed.")
    await seller.press(seller.link("2026-11-10"))
    assert await seller.page.locator("#sums").inner_text() == shown


async def nothing_kept(seller: Seller) -> None:
    await seller.open("/payouts")
    await expect(seller.page.get_by_text("No payouts yet")).to_be_visible()


async def wrong_files(seller: Seller) -> None:
    """Another marketplace's, a picture called a spreadsheet, another kind of file: a sentence at its field, and nothing is kept."""
    for name, content, said in (
        ("settlement.txt", four.settlement_file("90001"), "is not an Excel file"),
        ("payments.xlsx", b"\x89PNG\r\n\x1a\n and a picture", "is not an Excel file"),
        ("payments.pdf", b"%PDF-1.7", "ends in .xlsx, .csv, .tsv or .txt"),
    ):
        await four.upload(seller, name, content)
        await expect(seller.page.get_by_role("alert", name="There is a problem")).to_be_focused()
        await expect(seller.page.locator("#file-error")).to_contain_text(said)
        await nothing_kept(seller)


async def has_listings(errand: Errand, stack: Stack) -> str:
    """An Amazon account whose listings are here: its address."""
    await errand.confirm(await errand.enter_keys(AMAZON, stack.keys(AMAZON)))
    await errand.get("/accounts")
    return errand.link("/accounts/[0-9a-f-]{36}")


async def push_with_one_refused(seller: Seller, *quantities: int) -> tuple[Run, list[str]]:
    """These quantities, none of which is there already, and one more typed, looked at and pushed; the marketplace refuses the last."""
    skus = await four.set_stock(seller, (*quantities, TOO_MANY))
    for sku in skus:
        await expect(seller.page.get_by_role("row", name=sku)).to_be_visible()
    run = await four.push(seller)
    await run.ends("Done with problems")
    assert (await run.count("Changed"), await run.count("Set aside")) == ("3", "1")
    await expect(seller.page.get_by_text("The value of quantity must be from 0 to 9999.")).to_be_visible()
    await expect(seller.page.locator("ul li small", has_text=skus[2])).to_be_visible()
    return run, skus


async def test_a_stock_push_with_one_refused_sku(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """Two quantities arrive; the third keeps the marketplace's words and can be tried again, as it is or corrected."""
    account = await has_listings(errand, stack)
    seller = await someone(after=errand)
    await seller.open(account)
    await seller.press(seller.button("Sync listings"))
    await seller.at("/syncs/[^/]+")
    await Run(seller).ends("Done")
    await expect(seller.link("View listings")).to_be_visible()
    run, (first, _, refused) = await push_with_one_refused(seller, 525, 531)
    before = run.id
    await seller.press(seller.button("Retry failed part"))
    await expect(seller.page).not_to_have_url(f"{stack.base}/syncs/{before}")
    again = Run(seller)
    await again.ends("Done with problems")
    assert (await again.count("Changed"), await again.count("Set aside")) == ("1", "1")
    await seller.press(seller.link("View stock"))
    await expect(seller.page.locator(".problem")).to_contain_text("Surat store refused 1 quantity")
    row = four.stock_row(seller, refused)
    await expect(row).to_contain_text("Refused")
    await expect(row).to_contain_text("The value of quantity must be from 0 to 9999.")
    await seller.type(row.locator("input[name^=quantity-]"), "40")
    await seller.press(seller.button("Review changes"))
    await (await four.push(seller)).ends("Done")
    await seller.open("/inventory")
    await expect(seller.page.locator(".problem")).to_have_count(0)
    await seller.press(four.stock_row(seller, first).get_by_role("link"))
    assert await four.fact(seller, "facts", "Last pushed") == "525"


@pytest.mark.soak
async def test_files_and_stock_without_scripts(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    account = await has_listings(errand, stack)
    await errand.sync(account, "LISTINGS")
    seller = await someone(after=errand, scripts=False)
    await four.to_the_preview(seller, "settlement.txt", four.settlement_file("90001"))
    assert await four.fact(seller, "tally", "Lines") == "1"
    assert (await four.bad_rows(seller)).keys() == {4}
    await seller.press(seller.button("Add to payouts"))
    await expect(seller.page.locator(".notice")).to_contain_text("Kept.")
    await seller.press(seller.link("90001"))
    await expect(seller.page.locator("#sums").get_by_role("row", name="Difference")).to_contain_text("none")
    _, (_, second, refused) = await push_with_one_refused(seller, 526, 532)
    await expect(seller.button("Retry failed part")).to_be_visible()
    await seller.press(seller.link("View stock"))
    await expect(four.stock_row(seller, refused)).to_contain_text("The value of quantity must be from 0 to 9999.")
    await seller.press(four.stock_row(seller, second).get_by_role("link"))
    assert await four.fact(seller, "facts", "Last pushed") == "532"
