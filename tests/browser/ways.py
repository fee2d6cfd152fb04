"""Every way to connect there is, out of the registry, and what a seller does on each: the same journey, whatever she gives."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import httpx
import pytest
from playwright.async_api import expect

from portal import clock
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.methods import Method
from portal.marketplaces.registry import MARKETPLACES
from portal.marketplaces.sandbox import Fault, Shop
from tests.browser.errands import Errand
from tests.browser.pages import PATIENCE_MS, Seller
from tests.browser.stack import Stack

NAME = "Surat store"
FROM_AN_EXTENSION = {"origin": "chrome-extension://abcdefghijklmnopabcdefghijklmnop", "content-type": "text/plain"}


@dataclass(frozen=True)
class Way(ABC):
    """One marketplace by one method, as a seller goes it. `holds_out`: a refusal lasts until the marketplace is well again."""

    place: Marketplace
    method: Method
    holds_out: ClassVar[bool] = True

    @property
    def id(self) -> str:
        return f"{self.place.slug}-{self.method.code}"

    def keys(self, shop: Shop) -> dict[str, str]:
        """What the form asks for, as this way's sandbox accepts it."""
        keys_of = self.method.sandbox_keys or self.place.sandbox_keys
        assert keys_of is not None
        known = keys_of(shop)
        return {name: known[name] for name in self.method.fields() if known.get(name)}

    async def begin(self, seller: Seller, name: str = NAME) -> str:
        """From the list of marketplaces to the third step: the setup's address."""
        await seller.open("/accounts/new")
        await seller.press(seller.page.locator(f"#connect-{self.place.slug}"))
        await seller.at("/connect/[^/]+/1")
        await seller.type(seller.page.get_by_label("Name for this account"), name)
        await choose(seller, self.method)
        await seller.press(seller.button("Continue"))
        await seller.at("/connect/[^/]+/2")
        await seller.press(seller.page.locator("main form button.primary"))
        await seller.at("/connect/[^/]+/3")
        return seller.page.url.removeprefix(seller.base).rpartition("/")[0]

    @abstractmethod
    async def give(self, seller: Seller, stack: Stack) -> None:
        """From the third step to the test, with what the sandbox accepts. What a reconnect has kept is not given again."""

    @abstractmethod
    async def gives_too_late(self, seller: Seller, stack: Stack) -> None:
        """As `give`, as far as a setup lets her that has timed out since its third step was opened."""

    async def account(self, errand: Errand, stack: Stack) -> str:
        """The address of a new account of this way, made without a screen; its first sync has ended."""
        known = self.keys(stack.shop)
        return await errand.connected(self.place, {**known, self.place.method_column: self.method.code})

    async def loses_access(self, stack: Stack) -> None:
        """The marketplace refuses from now on."""
        await stack.fault(self.place, Fault.REVOKED, "", times=0)


async def choose(seller: Seller, method: Method) -> None:
    """This way to connect, by arrow keys without a mouse. Where a marketplace has one way only, nothing is asked."""
    choice = seller.page.locator(f"input[name=method][value={method.code}]")
    if not await choice.count():
        return
    if not seller.keyboard:
        await choice.check()
        return
    await seller.reach(seller.page.locator("input[name=method]:checked"))
    while not await choice.is_checked():
        await seller.page.keyboard.press("ArrowDown")


class Typed(Way):
    """She types or pastes what she was given."""

    async def give(self, seller: Seller, stack: Stack) -> None:
        fields = self.method.fields()
        for name, value in self.keys(stack.shop).items():
            box = seller.page.locator(f"[name={name}]:not(button)")
            if fields[name].secret or not await box.input_value():
                await seller.type(box, value)
        await seller.press(seller.button("Test and continue"))

    async def gives_too_late(self, seller: Seller, stack: Stack) -> None:
        await self.give(seller, stack)


class Allowed(Way):
    """She presses Allow on the marketplace's own page."""

    holds_out = False

    async def leave(self, seller: Seller, stack: Stack) -> None:
        """To the marketplace's page."""
        await seller.press(seller.link(f"Continue to {self.place.name}"))
        await seller.page.wait_for_url(f"{stack.sandbox}/{self.place.slug}/**", timeout=PATIENCE_MS)

    async def give(self, seller: Seller, stack: Stack) -> None:
        await self.leave(seller, stack)
        await seller.press(seller.page.locator("button[value=allow]"))

    async def gives_too_late(self, seller: Seller, stack: Stack) -> None:
        await seller.press(seller.link(f"Continue to {self.place.name}"))

    async def account(self, errand: Errand, stack: Stack) -> str:
        await errand.get("/accounts/new")
        wizard = (await errand.post("/connect", {"marketplace": self.place.code})).url.path.rpartition("/")[0]
        await errand.post(f"{wizard}/1", {"name": NAME, "method": self.method.code})
        await errand.post(f"{wizard}/2")
        consent = await errand.get(f"/oauth/{self.place.slug}/start?w={wizard.rpartition('/')[2]}")
        await errand.post(str(consent.url), {"decision": "allow"})
        await errand.see(f"{wizard}/4", "The test passed")
        await errand.see_end(await errand.confirm(wizard))
        await errand.get("/accounts")
        return errand.link("/accounts/[0-9a-f-]{36}")

    async def loses_access(self, stack: Stack) -> None:
        await stack.withdrawn(self.place)


Message = Callable[[str, str, Mapping[str, str]], str]


class Captured(Way):
    """An extension brings the session of a panel that she is signed in to."""

    @property
    def id(self) -> str:
        return f"{super().id}-extension"

    async def show_code(self, seller: Seller) -> str:
        """From the third step, or from the page beside the extension, to a pairing code on it."""
        if not seller.page.url.endswith("/capture"):
            await seller.press(seller.link("Use the extension"))
            await seller.at("/connect/[^/]+/capture")
        agreed = seller.page.get_by_label("I agree")
        if seller.keyboard:
            await seller.reach(agreed)
            await seller.page.keyboard.press("Space")
        else:
            await agreed.check()
        await seller.press(seller.page.locator("#show-code"))
        return await seller.page.locator("#pairing-code").inner_text()

    async def send(self, stack: Stack, code: str, **changed: str) -> httpx.Response:
        """What the extension sends from the sandbox's panel, some of its values changed."""
        message = MESSAGES[self.place.code, self.method.code]
        content = message(code, f"{stack.sandbox}/{self.place.slug}", {**self.keys(stack.shop), **changed})
        async with httpx.AsyncClient(trust_env=False, timeout=30) as extension:
            return await extension.post(f"{stack.base}/connect/{self.place.slug}/capture", content=content, headers=FROM_AN_EXTENSION)

    async def to_the_test(self, seller: Seller) -> None:
        """From the page beside the extension, which finds out by itself; without scripts, by asking again."""
        received = seller.page.get_by_role("heading", name="Received")
        if not seller.scripts:
            await seller.press(seller.link("Check again"))
        await expect(received).to_be_visible(timeout=PATIENCE_MS)
        await seller.press(seller.page.locator("#to-test"))

    async def give(self, seller: Seller, stack: Stack) -> None:
        answer = await self.send(stack, await self.show_code(seller))
        assert answer.json()["code"] == "received", answer.text
        await self.to_the_test(seller)

    async def gives_too_late(self, seller: Seller, stack: Stack) -> None:
        await seller.press(seller.link("Use the extension"))


def _panel_message(code: str, panel: str, values: Mapping[str, str]) -> str:
    """AJIO's, as its extension writes it."""
    address = re.match(r"(https?://([^/:]+)[^/]*)", panel)
    assert address is not None
    cookies = [{**one, "domain": address[2], "path": "/", "secure": False} for one in json.loads(values["session_cookies"])]
    blobs = {
        "session_cookies": cookies,
        "access_token": values["access_token"],
        "refresh_token": None,
        "seller_context": json.loads(values["seller_context"]),
    }
    held = {"version": 1, "pairing_code": code, "captured_at": clock.now().isoformat(), "origin": address[1], "blobs": blobs}
    return json.dumps(held)


MESSAGES: dict[tuple[str, str], Message] = {("AJIO", "portal_session"): _panel_message}
"""What each extension sends, by marketplace and method: pairing code, the panel's address and the form's values to a message."""


def _ways(place: Marketplace, method: Method) -> list[Way]:
    if method.oauth:
        return [Allowed(place, method)]
    return [Typed(place, method), *([Captured(place, method)] if method.capturing is not None else [])]


EVERY: tuple[Way, ...] = tuple(way for place in MARKETPLACES for method in place.methods for way in _ways(place, method))
ALLOWED = tuple(way for way in EVERY if isinstance(way, Allowed))
CAPTURED = tuple(way for way in EVERY if isinstance(way, Captured))
SAMPLE = "amazon-private_app"

every_way = pytest.mark.parametrize(
    "way", [pytest.param(way, id=way.id, marks=[] if way.id == SAMPLE else pytest.mark.soak) for way in EVERY]
)
"""For a journey that is the same for all: one way in `make test`, every way in `make soak`."""
