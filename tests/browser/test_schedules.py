"""Writing a schedule, pausing it, reading older days: with scripts, without, by keyboard, and under axe."""

import pytest
from playwright.async_api import expect

from portal.marketplaces.registry import marketplace
from tests.browser.conftest import MakeSeller
from tests.browser.errands import Errand
from tests.browser.pages import PATIENCE_MS, Run, Seller
from tests.browser.stack import Stack
from tests.browser.test_everybody_can_use_it import complaints

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

AMAZON = marketplace("AMAZON_IN")


async def connected(stack: Stack, errand: Errand) -> str:
    """An account whose first sync has ended: its address."""
    await errand.see_end(await errand.confirm(await errand.enter_keys(AMAZON, stack.keys(AMAZON))))
    await errand.get("/accounts")
    return errand.link("/accounts/[0-9a-f-]{36}")


async def write_a_sentence(seller: Seller, account: str) -> None:
    page = seller.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await seller.open(account)
    await seller.press(seller.link("Change or pause the schedule"))
    await seller.at(f"{account}/schedule")
    await seller.press(seller.link("Change New orders"))
    await page.get_by_label("Every").select_option(label="1 hour")
    await page.get_by_label("And", exact=True).fill("23:00")
    if not seller.scripts:
        await seller.press(seller.button("Preview"))
    await expect(page.locator("#next-runs")).to_contain_text("Every hour between 7:00 am and 11:00 pm IST, every day.")
    await expect(page.locator("#next-runs")).to_contain_text("17 runs a day.")
    await expect(page.locator("#next-runs li")).to_have_count(5)
    assert [address for address in asked if "csrf" in address] == []
    assert await complaints(page) == [] if seller.scripts else True
    await seller.press(seller.button("Save schedule"))
    await seller.at(f"{account}/schedule")
    await expect(page.locator(".notice")).to_contain_text("Saved. Next run ")


async def pause_and_resume(seller: Seller, account: str) -> None:
    page = seller.page
    card = page.locator("#job-orders")
    await seller.press(card.locator("summary"))
    await seller.press(seller.button("Pause for 1 hour New orders"))
    await expect(page.locator(".notice")).to_contain_text("Paused until ")
    await expect(card.locator(".badge")).to_have_text("Paused")
    await seller.open("/accounts")
    await expect(page.get_by_role("article", name="Surat store")).to_contain_text("Paused until ")
    await seller.open(f"{account}/schedule")
    await seller.press(seller.button("Resume schedule New orders"))
    await expect(page.locator(".notice")).to_contain_text("On again. Next run ")
    await expect(card.locator(".badge")).to_have_text("On")


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({}, id="mouse", marks=pytest.mark.soak),
        pytest.param({"scripts": False}, id="no scripts", marks=pytest.mark.soak),
        pytest.param({"keyboard": True, "width": 360, "dark": True}, id="keyboard"),
    ],
)
async def test_a_schedule_is_written_paused_and_resumed(stack: Stack, errand: Errand, someone: MakeSeller, how: dict[str, bool]) -> None:
    account = await connected(stack, errand)
    seller = await someone(after=errand, **how)
    await write_a_sentence(seller, account)
    await pause_and_resume(seller, account)


@pytest.mark.soak
async def test_the_schedules_pages_are_for_everybody(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """As they are, refused, paused, turned off and on hold."""
    account = await connected(stack, errand)
    schedule = f"{account}/schedule"
    seller = await someone(after=errand, width=360)
    for address in (account, schedule, f"{schedule}?target=ORDERS", f"{schedule}?target=INVENTORY", f"{account}/backfill"):
        await seller.open(address)
        assert await complaints(seller.page) == []
    await seller.open(f"{schedule}?target=RETURNS")
    await seller.page.get_by_label("Every").select_option(label="15 minutes")
    await seller.press(seller.button("Save schedule"))
    await seller.focus_is_somewhere()
    await expect(seller.page.locator("#error-summary")).to_contain_text("allows every hour or slower here.")
    assert await complaints(seller.page) == []
    for target, length in (("ORDERS", "morning"), ("RETURNS", "off")):
        await errand.get(schedule)
        await errand.post(f"{schedule}/pause", {"target": target, "for": length})
    await stack.sql("UPDATE schedules SET held_since = now(), held_slots = 3 WHERE target = 'PAYOUTS'")
    await stack.sql("UPDATE marketplace_accounts SET needs_reconnect = true, refused_at = now() WHERE id = $1", account.rpartition("/")[2])
    try:
        for address in (schedule, account):
            await seller.open(address)
            await expect(seller.page.get_by_role("main")).to_contain_text("3 planned syncs were left out since ")
            assert await complaints(seller.page) == []
    finally:
        await stack.sql("UPDATE marketplace_accounts SET needs_reconnect = false, refused_at = NULL")


@pytest.mark.soak
async def test_older_days_stand_next_in_line_and_follow(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    account = await connected(stack, errand)
    await stack.turnstile.close()
    await errand.get(account)
    live = (await errand.post(f"{account}/syncs", {"target": "ORDERS"})).url.path
    seller = await someone(after=errand, width=360)
    await seller.open(account)
    await seller.press(seller.link("Read some days again"))
    await seller.press(seller.button("Read these days"))
    await seller.at(account)
    await expect(seller.page.locator(".notice")).to_contain_text("It stands next in line")
    assert await complaints(seller.page) == []
    await seller.open(live)
    await expect(seller.page.get_by_role("region", name="Next in line")).to_contain_text("Orders: Older days")
    assert await complaints(seller.page) == []
    await stack.turnstile.open()
    await Run(seller).ends()
    await seller.open("/syncs")
    row = seller.page.get_by_role("row").filter(has_text="Older days")
    await expect(row).to_be_visible(timeout=PATIENCE_MS)
    await seller.press(row.get_by_role("link"))
    await Run(seller).ends()
    await seller.open(account)
    await expect(seller.page.get_by_role("region", name="Older days")).to_contain_text("Done")
    assert await complaints(seller.page) == []
