"""Wrong keys, empty boxes, a marketplace that is away: each says what happened and leaves a way on, and nothing is half saved."""

import re

import pytest
from playwright.async_api import expect

from portal.marketplaces.registry import marketplace
from portal.marketplaces.sandbox import Fault
from tests.browser.conftest import MakeSeller
from tests.browser.errands import Errand
from tests.browser.pages import Seller
from tests.browser.stack import Stack

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

AMAZON = marketplace("AMAZON_IN")


async def nothing_is_saved(seller: Seller) -> None:
    await seller.open("/accounts")
    await expect(seller.page.get_by_text("setup not finished")).to_be_visible()
    assert await seller.page.get_by_role("article").count() == 0


@pytest.mark.soak
async def test_an_empty_box_is_named(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """The summary takes the focus and leads to the box; what was right is kept."""
    seller = await someone(after=errand, keyboard=True)
    await seller.begin(AMAZON.slug)
    await seller.enter(stack.keys(AMAZON) | {"lwa_client_secret": ""})
    summary = seller.page.get_by_role("alert", name="There is a problem")
    await expect(summary).to_be_focused()
    assert (await seller.page.title()).startswith("Error:")
    await seller.press(summary.get_by_role("link", name="Enter the LWA client secret"))
    await expect(seller.page.locator("#lwa_client_secret")).to_be_focused()
    await expect(seller.page.locator("#lwa_client_secret")).to_have_attribute("aria-invalid", "true")
    await expect(seller.page.locator("#refresh_token")).to_contain_text("Saved for this attempt")
    await nothing_is_saved(seller)


@pytest.mark.soak
async def test_a_wrong_key_is_told_apart(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """An access token where the refresh token belongs; corrected, the way goes on."""
    seller = await someone(after=errand)
    await seller.begin(AMAZON.slug)
    await seller.enter(stack.keys(AMAZON) | {"refresh_token": "Atza|an-access-token-that-ends-after-an-hour"})
    await expect(seller.page.get_by_role("alert", name="There is a problem")).to_contain_text("access token")
    await seller.enter({"refresh_token": stack.keys(AMAZON)["refresh_token"]})
    await seller.see_test_end("The test passed")


@pytest.mark.soak
async def test_a_refused_refresh_token_says_what_to_do(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    seller = await someone(after=errand)
    await seller.begin(AMAZON.slug)
    await seller.enter(stack.keys(AMAZON) | {"refresh_token": "Atzr|a-token-that-this-marketplace-never-gave-out"})
    await seller.see_test_end("The test found a problem")
    await seller.focus_is_somewhere()
    await expect(seller.page.locator("#test .mistake")).to_contain_text("Amazon access was removed")
    await seller.press(seller.link("Go back and correct it"))
    await seller.at("/connect/[^/]+/3")
    await nothing_is_saved(seller)


@pytest.mark.soak
async def test_an_outage_is_not_blamed_on_the_keys(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    seller = await someone(after=errand)
    await stack.fault(AMAZON, Fault.OUTAGE, "signIn", times=0)
    await seller.begin(AMAZON.slug)
    await seller.enter(stack.keys(AMAZON))
    await seller.see_test_end("The test found a problem")
    await expect(seller.page.locator("#test .mistake")).to_contain_text("not answering")
    await nothing_is_saved(seller)
    await stack.well_again()
    await seller.press(seller.link("Continue Surat store"))
    await seller.press(seller.button("Test again"))
    await seller.see_test_end("The test passed")


async def test_secrets_never_come_back(stack: Stack, errand: Errand) -> None:
    """In no answer of the whole way: not in a form, a mistake, a live message, a log, nor on the pages of the account."""
    keys = stack.keys(AMAZON)
    wizard = await errand.enter_keys(AMAZON, keys)
    slip = "Atza|an-access-token-that-ends-after-an-hour"
    await errand.get(f"{wizard}/3")
    refused = await errand.post(f"{wizard}/3", {"refresh_token": slip})
    assert (refused.status_code, refused.url.path) == (422, f"{wizard}/3")
    await errand.post(f"{wizard}/3", {**keys, "lwa_client_id": ""})
    await errand.see(f"{wizard}/4", "The test passed")
    run = await errand.confirm(wizard)
    await errand.see_end(run)
    for more in ("/events", "/log.txt", "/log.jsonl"):
        assert (await errand.get(run + more)).is_success
    account = re.search(r'href="(/accounts/[0-9a-f-]{36})"', (await errand.get("/accounts")).text)
    assert account is not None
    await errand.get(account[1])
    await errand.get(f"{account[1]}/reconnect")
    again = await errand.post(f"{account[1]}/reconnect")
    assert "Enter the new details" in again.text
    secrets = [keys[name] for name, one in AMAZON.methods[0].fields().items() if one.secret]
    assert len(secrets) == 3
    assert [secret for secret in (*secrets, slip) if any(secret in answer for answer in errand.heard)] == []
