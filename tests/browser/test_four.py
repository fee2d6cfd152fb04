"""The four marketplaces on the screen: every way to connect, a payout file with bad rows, a stock push that is refused in part."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser import four
from tests.browser.conftest import MakeSeller
from tests.browser.errands import Errand
from tests.browser.four import WAYS, Way
from tests.browser.stack import Stack

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

DAYS = 7
"""How far back a first sync reads here; long enough to bring something."""


def test_no_way_to_connect_is_left_out() -> None:
    assert {(way.place.code, way.method.code) for way in WAYS} == four.offered()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.place.slug}-{way.method.code}")
async def test_every_way_to_connect(way: Way, stack: Stack, errand: Errand, someone: MakeSeller, tmp_path: Path) -> None:
    """A wrong detail is refused at its own field in the marketplace's own sentence; the right ones lead to a finished first sync."""
    recording = tmp_path / "heard.har"
    seller = await someone(after=errand, record_har_path=recording, record_har_content="embed")
    keys = way.keys(stack.shop)
    await four.to_the_form(seller, way, "Surat store")
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
