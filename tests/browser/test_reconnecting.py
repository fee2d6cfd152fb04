"""Losing a shop's access and getting it back, replacing a part, leaving and coming back: as a seller does it on the screen."""

import pytest
from playwright.async_api import expect

from portal.marketplaces.registry import marketplace
from portal.marketplaces.sandbox import Fault
from tests.browser.conftest import MakeSeller
from tests.browser.errands import Errand
from tests.browser.matrix import Cell, shows
from tests.browser.pages import PATIENCE_MS, Run, Seller
from tests.browser.stack import Stack
from tests.browser.test_everybody_can_use_it import MODES, Mode, complaints, complaints_in, every_mode, look
from tests.browser.ways import EVERY, SAMPLE, Way, every_way
from tests.factories import PASSWORD

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

AMAZON = marketplace("AMAZON_IN")
OURS = next(way for way in EVERY if way.id == SAMPLE)


async def loses_access(seller: Seller, stack: Stack, way: Way, account: str) -> None:
    """The marketplace refuses from now on, and the seller finds out by asking."""
    await way.loses_access(stack)
    await finds_out(seller, account)


async def finds_out(seller: Seller, account: str) -> None:
    """She has the connection checked, and is told that it needs her."""
    await seller.open(account)
    await seller.press(seller.button("Check now Surat store"))
    if not seller.scripts:
        await expect(seller.page.locator(".notice")).to_contain_text("Checking now")
    badge = seller.badge().filter(has_text="Needs reconnect")
    for _ in range(0 if seller.scripts else 40):
        if await badge.count():
            break
        await seller.page.wait_for_timeout(250)
        await seller.open(account)
    await expect(badge).to_be_visible(timeout=PATIENCE_MS)
    if seller.scripts:
        await seller.focus_is_somewhere()


async def follows_the_prompt(seller: Seller, stack: Stack, way: Way) -> None:
    """From the line above any page to the test of what she gives."""
    await seller.open("/orders")
    notices = seller.page.get_by_role("region", name="Notices")
    await expect(notices).to_contain_text("Surat store needs reconnecting.")
    await seller.press(notices.get_by_role("link", name="Reconnect"))
    await seller.at("/accounts/[^/]+/reconnect")
    await gives_anew(seller, stack, way)


async def gives_anew(seller: Seller, stack: Stack, way: Way) -> None:
    """From the page that says what a reconnect keeps, to the test."""
    await seller.press(seller.button("Enter new details"))
    await seller.at("/connect/[^/]+/3")
    await way.give(seller, stack)


async def saves(seller: Seller, stack: Stack, account: str) -> None:
    """The details are accepted again; the seller saves them and sees what came in meanwhile."""
    await seller.see_test_end("The test passed")
    await seller.press(seller.link("Continue"))
    await seller.at("/connect/[^/]+/5")
    await seller.press(seller.button("Save the new details"))
    run, again = Run(seller), seller.link("Check again")
    await expect(run.state.or_(again)).to_be_visible(timeout=PATIENCE_MS)
    while await again.is_visible():
        await seller.press(again)
        await expect(run.state.or_(again)).to_be_visible()
    await run.ends()
    await seller.open(account)
    await expect(seller.badge()).to_have_text("Valid")
    await expect(seller.page.locator("#gap")).to_contain_text("recovered.")
    await expect(seller.page.locator("#banner")).to_be_empty()
    await expect(seller.page.locator("#story")).to_contain_text("Reconnected")
    events = await stack.sql(
        "SELECT kind FROM marketplace_credential_events WHERE marketplace_account_id = $1 AND kind <> 'opened' ORDER BY occurred_at",
        account.rpartition("/")[2],
    )
    assert [row["kind"] for row in events][-2:] == ["reconnected", "validated"]


@shows(Cell.RECONNECT)
@every_way
async def test_access_is_lost_and_given_back(way: Way, stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    account = await way.account(errand, stack)
    seller = await someone(after=errand)
    await loses_access(seller, stack, way, account)
    await follows_the_prompt(seller, stack, way)
    if way.holds_out:
        await seller.see_test_end("The test found a problem")
        await seller.focus_is_somewhere()
        await stack.well_again()
        await seller.press(seller.button("Test again"))
    await saves(seller, stack, account)


@pytest.mark.soak
async def test_the_prompt_goes_by_itself_when_the_marketplace_accepts_again(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """On the page that she has open, in the line above it, and in the list; nobody reloads anything."""
    account = await OURS.account(errand, stack)
    seller = await someone(after=errand, width=360)
    await loses_access(seller, stack, OURS, account)
    refused = seller.page.locator("#refused")
    await expect(refused).to_contain_text("Surat store needs reconnecting")
    await stack.well_again()
    await seller.press(seller.button("Check now Surat store"))
    await expect(seller.badge()).to_have_text("Valid", timeout=PATIENCE_MS)
    await expect(refused).to_be_empty()
    await expect(seller.page.locator("#banner")).to_be_empty()
    await seller.focus_is_somewhere()


@pytest.mark.soak
async def test_every_state_of_a_reconnect_in_every_mode(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    account = await OURS.account(errand, stack)
    seller = await someone(after=errand)
    await loses_access(seller, stack, OURS, account)
    wrong = {"account in need": await complaints_in(seller, *MODES)}
    await follows_the_prompt(seller, stack, OURS)
    await seller.see_test_end("The test found a problem")
    wrong["test failed"] = await complaints_in(seller, *MODES)
    await seller.press(seller.link("Go back and correct it"))
    await seller.at("/connect/[^/]+/3")
    wrong["details"] = await complaints_in(seller, *MODES)
    await seller.page.go_back()
    await stack.well_again()
    await seller.press(seller.button("Test again"))
    await seller.see_test_end("The test passed")
    wrong["test passed"] = await complaints_in(seller, *MODES)
    await seller.press(seller.link("Continue"))
    await seller.at("/connect/[^/]+/5")
    wrong["confirmation"] = await complaints_in(seller, *MODES)
    await seller.page.go_back()
    await saves(seller, stack, account)
    wrong["account with its gap"] = await complaints_in(seller, *MODES)
    assert {state: said for state, said in wrong.items() if said} == {}


@pytest.mark.soak
async def test_a_shop_saved_while_its_marketplace_is_away_in_every_mode(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """Offered on the test's page, checked by itself afterwards, and looked at in between."""
    await stack.fault(AMAZON, Fault.OUTAGE, "signIn", times=0)
    seller = await someone(after=errand)
    await seller.begin(AMAZON.slug)
    await seller.enter(stack.keys(AMAZON))
    await seller.see_test_end("The test found a problem")
    wrong = {"away": await complaints_in(seller, *MODES)}
    await seller.press(seller.button("Save and test later"))
    await seller.at("/accounts/[^/]+")
    await expect(seller.badge()).to_have_text("Never checked")
    wrong["never checked"] = await complaints_in(seller, *MODES)
    await stack.well_again()
    await seller.press(seller.button("Check now Surat store"))
    await expect(seller.badge()).to_have_text("Valid", timeout=PATIENCE_MS)
    await seller.focus_is_somewhere()
    wrong["valid"] = await complaints_in(seller, *MODES)
    assert {state: said for state, said in wrong.items() if said} == {}


@pytest.mark.soak
async def test_without_scripts(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    account = await OURS.account(errand, stack)
    seller = await someone(after=errand, scripts=False)
    await loses_access(seller, stack, OURS, account)
    await stack.well_again()
    await follows_the_prompt(seller, stack, OURS)
    await saves(seller, stack, account)


@pytest.mark.soak
async def test_one_part_replaced_and_another_shop_refused(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """By keyboard. What is not typed stays; another shop's details are named, and every state of it passes axe."""
    account = await errand.connected(AMAZON, stack.keys(AMAZON))
    shop = stack.keys(AMAZON)["selling_partner_id"]
    seller = await someone(after=errand, keyboard=True)
    await seller.open(account)
    await seller.press(seller.link("Replace details"))
    await seller.press(seller.button("Enter new details"))
    await seller.at("/connect/[^/]+/3")
    await expect(seller.page.locator("#lwa_client_id-hint")).to_contain_text("Leave it empty to keep the saved one, fingerprint")
    assert await complaints(seller.page) == []
    await stack.sql("UPDATE marketplace_accounts SET external_account_id = 'DVELSEWHERE21' WHERE id = $1", account.rpartition("/")[2])
    await seller.enter({"refresh_token": stack.keys(AMAZON)["refresh_token"]})
    await seller.see_test_end("These details belong to another shop")
    await expect(seller.page.locator("#test .mistake")).to_have_text(f"They are for {shop[:2]}****{shop[-2:]}. This account is DV****21.")
    await seller.focus_is_somewhere()
    for width in sorted({width for width, _ in MODES}):
        await seller.page.set_viewport_size({"width": width, "height": 800})
        assert await complaints(seller.page) == []
    await expect(seller.link("Go back")).to_be_visible()
    await seller.press(seller.button("Connect as new account"))
    await seller.at("/connect/[^/]+/1")
    await expect(seller.page.get_by_label("Name for this account")).to_be_empty()


@shows(Cell.OTHER_SHOP)
@pytest.mark.soak
@pytest.mark.parametrize("way", EVERY, ids=lambda way: way.id)
async def test_another_shops_details_are_refused_by_name(way: Way, stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """The account was another shop's all along; what it has stays, and there are two ways on."""
    account = await way.account(errand, stack)
    await stack.sql("UPDATE marketplace_accounts SET external_account_id = 'DVELSEWHERE21' WHERE id = $1", account.rpartition("/")[2])
    seller = await someone(after=errand, width=360, dark=True)
    await seller.open(f"{account}/reconnect")
    await gives_anew(seller, stack, way)
    await seller.see_test_end("These details belong to another shop")
    await expect(seller.page.locator("#test .mistake")).to_contain_text("This account is DV****21.")
    await expect(seller.button("Connect as new account")).to_be_visible()
    await seller.focus_is_somewhere()
    assert await complaints(seller.page) == []


async def test_leaving_and_coming_back(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """The name has to be typed; the secrets go; the same shop connected again is the same account with its history."""
    keys = stack.keys(AMAZON)
    account = await errand.connected(AMAZON, keys)
    seller = await someone(after=errand)
    await seller.open(account)
    await seller.press(seller.link("Disconnect Surat store"))
    await seller.at("/accounts/[^/]+/disconnect")
    await seller.type(seller.page.get_by_label("Type the name of the account to confirm"), "surat")
    await seller.press(seller.button("Disconnect account"))
    await expect(seller.page.get_by_role("alert", name="There is a problem")).to_be_focused()
    assert await complaints(seller.page) == []
    await seller.type(seller.page.get_by_label("Type the name of the account to confirm"), "Surat store")
    # The window of a fresh sign-in has passed: she is asked once more, and what she pressed goes on by itself.
    await stack.sql("UPDATE sessions SET proven_at = now() - interval '11 minutes'")
    await seller.press(seller.button("Disconnect account"))
    await seller.at("/reauthenticate")
    await seller.type(seller.page.get_by_label("Password", exact=True), PASSWORD)
    await seller.page.keyboard.press("Enter")
    await expect(seller.page.get_by_text("Disconnected on")).to_be_visible(timeout=PATIENCE_MS)
    await expect(seller.page.get_by_role("heading", name="Also remove access on Amazon India")).to_be_visible()
    found = await stack.sql(
        "SELECT refresh_token FROM amazon_account_details WHERE marketplace_account_id = $1", account.rpartition("/")[2]
    )
    assert [row["refresh_token"] for row in found] == [None]
    assert await look(seller, [account, f"{account}/timeline", "/accounts"], MODES[0]) == []
    await seller.begin(AMAZON.slug, "Surat again")
    await seller.enter(keys)
    await seller.see_test_end("The test passed")
    await expect(seller.page.locator("#test .notice")).to_contain_text("You had this shop connected before")
    run = await seller.confirm()
    await run.ends()
    assert await run.count("New") == "0", "the history is there again"
    await seller.open(account)
    await expect(seller.badge("Surat again")).to_have_text("Valid")


@every_mode
async def test_pages_of_an_account_in_trouble_and_of_one_that_ends_soon(
    mode: Mode, most: int | None, stack: Stack, errand: Errand, someone: MakeSeller
) -> None:
    account = await errand.connected(AMAZON, stack.keys(AMAZON))
    seller = await someone(after=errand)
    number = account.rpartition("/")[2]
    pages = [account, f"{account}/reconnect", f"{account}/timeline", f"{account}/disconnect", "/accounts"][:most]
    await stack.sql(
        "UPDATE marketplace_accounts SET credential_expires_at = now() + interval '5 days', credential_warn_at = now() WHERE id = $1",
        number,
    )
    assert await look(seller, pages, mode) == []
    await seller.open("/accounts")
    await expect(seller.page.locator("#banner")).to_contain_text("ends in 5 days")
    await seller.press(seller.button("Hide for 7 days"))
    await expect(seller.page.locator("#banner")).to_be_empty()
    await expect(seller.badge()).to_have_text("Expires in 5 days")
    await stack.sql(
        "UPDATE marketplace_accounts SET needs_reconnect = true, refused_at = now(), reconnect_reason = 'The shop refuses its key.' WHERE id = $1",
        number,
    )
    assert await look(seller, pages, mode) == []
