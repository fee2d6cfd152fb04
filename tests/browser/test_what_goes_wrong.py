"""Wrong keys, empty boxes, a marketplace that is away: each says what happened and leaves a way on, and nothing is half saved."""

import re
from collections.abc import Mapping

import pytest
from playwright.async_api import APIResponse, Route, expect

from portal.marketplaces.registry import MARKETPLACES, marketplace
from portal.marketplaces.sandbox import Fault
from tests.browser.conftest import MakeSeller
from tests.browser.pages import Seller
from tests.browser.stack import Stack

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

AMAZON = marketplace("AMAZON_IN")


async def nothing_is_saved(seller: Seller) -> None:
    await seller.open("/accounts")
    await expect(seller.page.get_by_text("setup not finished")).to_be_visible()
    assert await seller.page.get_by_role("article").count() == 0


async def test_an_empty_box_is_named(stack: Stack, someone: MakeSeller) -> None:
    """The summary takes the focus and leads to the box; what was right is kept."""
    seller = await someone(keyboard=True)
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


async def test_a_wrong_key_is_told_apart(stack: Stack, someone: MakeSeller) -> None:
    """An access token where the refresh token belongs; corrected, the way goes on."""
    seller = await someone()
    await seller.begin(AMAZON.slug)
    await seller.enter(stack.keys(AMAZON) | {"refresh_token": "Atza|an-access-token-that-ends-after-an-hour"})
    await expect(seller.page.get_by_role("alert", name="There is a problem")).to_contain_text("access token")
    await seller.enter({"refresh_token": stack.keys(AMAZON)["refresh_token"]})
    await seller.see_test_end("The test passed")


async def test_a_refused_refresh_token_says_what_to_do(stack: Stack, someone: MakeSeller) -> None:
    seller = await someone()
    await seller.begin(AMAZON.slug)
    await seller.enter(stack.keys(AMAZON) | {"refresh_token": "Atzr|a-token-that-this-marketplace-never-gave-out"})
    await seller.see_test_end("The test found a problem")
    await seller.focus_is_somewhere()
    await expect(seller.page.locator("#test .mistake")).to_contain_text("Amazon access was removed")
    await seller.press(seller.link("Go back and correct it"))
    await seller.at("/connect/[^/]+/3")
    await nothing_is_saved(seller)


async def test_an_outage_is_not_blamed_on_the_keys(stack: Stack, someone: MakeSeller) -> None:
    seller = await someone()
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


async def test_secrets_never_come_back(stack: Stack, someone: MakeSeller) -> None:
    """In no answer of the whole way: not in the form, not in the summary of mistakes, not on the page of the account."""
    seller = await someone()
    keys = stack.keys(AMAZON)
    secrets = [keys[name] for name, one in AMAZON.methods[0].fields().items() if one.secret]
    answers = _overheard(seller)
    await seller.page.route(re.compile(r"^(?!.*/events)"), answers.take)
    await seller.begin(AMAZON.slug)
    await seller.enter(keys | {"refresh_token": "Atza|an-access-token-that-ends-after-an-hour"})
    await seller.enter({"refresh_token": keys["refresh_token"]})
    await seller.see_test_end("The test passed")
    run = await seller.confirm()
    await run.ends()
    await seller.open("/accounts")
    await seller.press(seller.link("Surat store"))
    await seller.open(f"{seller.page.url.removeprefix(seller.base)}/reconnect")
    await seller.press(seller.button("Enter new details"))
    await seller.at("/connect/[^/]+/3")
    assert len(answers.texts) > 12
    assert [secret for secret in (*secrets, "Atza|an-access-token") if any(secret in text for text in answers.texts)] == []


class _overheard:  # noqa: N801 (reads as a verb where it is used)
    """Every answer a browser got, whole."""

    def __init__(self, _: Seller) -> None:
        self.texts: list[str] = []

    async def take(self, route: Route) -> None:
        answer: APIResponse = await route.fetch(max_redirects=0)
        self.texts.append(f"{answer.headers} {(await answer.body()).decode(errors='replace')}")
        await route.fulfill(response=answer)


@pytest.mark.parametrize("place", MARKETPLACES, ids=lambda place: place.slug)
async def test_every_marketplace_connects(place: object, stack: Stack, someone: MakeSeller) -> None:
    """Those that cannot be connected yet say so instead."""
    wanted = next(one for one in MARKETPLACES if one is place)
    seller = await someone()
    await seller.open("/accounts/new")
    if not wanted.open or wanted.sandbox_keys is None:
        await expect(seller.page.locator(".card", has_text=wanted.name)).to_contain_text("not ready")
        return
    await seller.begin(wanted.slug)
    await seller.enter(_fitting(wanted.methods[0].fields(), stack.keys(wanted)))
    await seller.see_test_end("The test passed")
    run = await seller.confirm()
    await run.ends()
    await seller.open("/accounts")
    await expect(seller.badge()).to_have_text("Valid")


def _fitting(fields: Mapping[str, object], keys: Mapping[str, str]) -> dict[str, str]:
    return {name: keys[name] for name in fields if name in keys}
