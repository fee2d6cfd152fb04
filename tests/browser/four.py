"""Every way to connect one of the four marketplaces, and its pages beyond the first sync: what a seller does there."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, expect

from portal.marketplaces.ajio.sandbox import sandbox_panel_keys
from portal.marketplaces.contract import Marketplace, Method
from portal.marketplaces.registry import MARKETPLACES, marketplace
from portal.marketplaces.sandbox import Shop
from tests.browser.pages import PATIENCE_MS, Run, Seller

SHORTEST_SECRET = 12
"""Anything shorter may stand on a page by chance."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """One marketplace by one method. `slips` are details that its live test refuses, `field` is where and `said` what it says then."""

    place: Marketplace
    method: Method
    slips: Mapping[str, str]
    field: str
    said: str

    def keys(self, shop: Shop) -> dict[str, str]:
        """What the form asks for, as this way's sandbox accepts it."""
        assert self.place.sandbox_keys is not None
        by_panel = self.method.code == "portal_session"
        known = sandbox_panel_keys(shop) if by_panel else self.place.sandbox_keys(shop)
        return {name: known[name] for name in self.method.fields() if known.get(name)}

    def secrets(self, shop: Shop) -> set[str]:
        """Each text that must not come back: the secret details, right and wrong, and the parts of those that are made of parts."""
        hidden = {name for name, one in self.method.fields().items() if one.secret}
        typed = [value for values in (self.keys(shop), self.slips) for name, value in values.items() if name in hidden]
        return {part for value in typed for part in _parts(value) if len(part) >= SHORTEST_SECRET}


def _parts(value: str) -> list[str]:
    if not value.startswith("["):
        return [] if value.startswith("{") else [value]
    return [cookie["value"] for cookie in json.loads(value)]


def _way(code: str, method: str, field: str, said: str, **slips: str) -> Way:
    place = marketplace(code)
    return Way(place=place, method=place.method(method), slips=slips, field=field, said=said)


WAYS = (
    _way(
        "AMAZON_IN",
        "private_app",
        "refresh_token",
        "Amazon access was removed",
        refresh_token="Atzr|a-token-that-this-marketplace-never-gave-out",
    ),
    _way("FLIPKART", "self_access", "app_secret", "the secret does not belong to it", app_secret="a-secret-of-another-application"),
    _way("MEESHO", "api_key", "api_secret", "signature", api_secret="a-secret-of-another-supplier"),
    _way("AJIO", "partner_api", "api_password", "does not accept this POB ID", api_password="a-password-before-its-reset"),
    _way(
        "AJIO",
        "portal_session",
        "session_cookies",
        "panel session has ended",
        session_cookies="vms_session=a-session-of-yesterday",
        access_token="a-token-of-yesterday-that-has-ended",
    ),
)


def offered() -> set[tuple[str, str]]:
    """Every way there should be: all methods of all marketplaces whose form asks for something."""
    return {(place.code, method.code) for place in MARKETPLACES for method in place.methods if not method.oauth}


async def to_the_form(seller: Seller, way: Way, name: str) -> None:
    """From the choice of marketplaces to the boxes of this way."""
    await seller.open("/accounts/new")
    await seller.press(seller.page.locator(f"#connect-{way.place.slug}"))
    await seller.at("/connect/[^/]+/1")
    await seller.type(seller.page.get_by_label("Name for this account"), name)
    choice = seller.page.get_by_role("radio", name=way.method.name)
    if await choice.count():
        await choice.check()
    await seller.press(seller.button("Continue"))
    await seller.at("/connect/[^/]+/2")
    await seller.press(seller.button("I have these, continue"))
    await seller.at("/connect/[^/]+/3")


async def type_again(seller: Seller, way: Way, keys: Mapping[str, str]) -> None:
    """Replace the secrets that were wrong; the others are kept."""
    wrong = [name for name in way.slips if name in keys]
    for name in wrong:
        await seller.press(seller.page.locator(f"button[name=replace][value={name}]"))
        await expect(seller.page.locator(f"[name={name}]:not(button)")).to_be_visible()
    for name in wrong:
        await seller.type(seller.page.locator(f"[name={name}]:not(button)"), keys[name])
    await seller.press(seller.button("Test and continue"))


def mistake(seller: Seller, field: str) -> Locator:
    """The sentence at a field."""
    return seller.page.locator(".field.wrong", has=seller.page.locator(f"#{field}, button[value={field}]")).locator(".mistake")


async def confirm(seller: Seller, days: int) -> Run:
    await seller.press(seller.link("Continue"))
    await seller.at("/connect/[^/]+/5")
    await seller.page.get_by_label("How far back").select_option(str(days))
    await seller.press(seller.button("Connect and start first sync"))
    run, again = Run(seller), seller.link("Check again")
    await expect(run.state.or_(again)).to_be_visible(timeout=PATIENCE_MS)
    while await again.is_visible():
        await seller.press(again)
        await expect(run.state.or_(again)).to_be_visible()
    return run


async def pages_in(recording: Path) -> list[tuple[str, str]]:
    """Address and text of every page and part of a page that was recorded."""
    har: dict[str, Any] = json.loads(await asyncio.to_thread(recording.read_text))
    return [
        (entry["request"]["url"], entry["response"]["content"].get("text", ""))
        for entry in har["log"]["entries"]
        if entry["response"]["status"] not in (301, 302, 303) and entry["response"]["content"].get("mimeType", "").startswith("text/html")
    ]
