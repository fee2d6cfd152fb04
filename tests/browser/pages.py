"""The portal as a seller uses it: what she reads on a page and what she presses there, by mouse, by keyboard, with scripts or without."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass

from playwright.async_api import Locator, Page, expect

from tests.factories import PASSWORD

PATIENCE_MS = 60_000
"""For whatever waits for the worker: the machine may be busy with other things."""

TABS = 80
"""More presses of Tab than any page has places to stop."""


class Unreachable(AssertionError):
    """The keyboard does not get there."""


@dataclass
class Seller:
    """Somebody in front of a browser. `keyboard`: she has no mouse; `scripts`: her browser runs them."""

    page: Page
    base: str
    keyboard: bool = False
    scripts: bool = True

    # Hands

    async def press(self, wanted: Locator) -> None:
        """Click it, or reach it with Tab and press Enter."""
        if not self.keyboard:
            await wanted.click()
            return
        await self.reach(wanted)
        await self.page.keyboard.press("Enter")

    async def type(self, wanted: Locator, text: str) -> None:
        if not self.keyboard:
            await wanted.fill(text)
            return
        await self.reach(wanted)
        await self.page.keyboard.insert_text(text)

    async def reach(self, wanted: Locator) -> None:
        """Tab until it has the focus, which must be visible there."""
        await expect(wanted).to_be_visible()
        for _ in range(TABS):
            if await wanted.evaluate("element => element === document.activeElement"):
                ring = await wanted.evaluate("element => getComputedStyle(element).outlineStyle")
                assert ring != "none", "the focus cannot be seen"
                return
            await self.page.keyboard.press("Tab")
        raise Unreachable(f"no Tab leads to {wanted}")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name, exact=True)

    async def open(self, path: str) -> None:
        await self.page.goto(self.base + path)

    async def at(self, path: str) -> None:
        """Wait until the address is `path`, a pattern."""
        await self.page.wait_for_url(re.compile(re.escape(self.base) + path + r"(\?.*)?(#.*)?$"), timeout=PATIENCE_MS)

    # What she does

    async def sign_up(self, email: str, business: str = "Asha Textiles") -> None:
        await self.open("/sign-up")
        await self.type(self.page.get_by_label("Business name"), business)
        await self.type(self.page.get_by_label("Your name"), "Asha")
        await self.type(self.page.get_by_label("E-mail address"), email)
        await self.type(self.page.get_by_label("Password", exact=True), PASSWORD)
        await self.press(self.button("Create account"))
        await self.at("/home")

    async def begin(self, slug: str, name: str = "Surat store") -> None:
        """From the choice of marketplaces to the page that asks for its keys."""
        await self.open("/accounts/new")
        await self.press(self.page.locator(f"#connect-{slug}"))
        await self.at("/connect/[^/]+/1")
        await self.type(self.page.get_by_label("Name for this account"), name)
        await self.press(self.button("Continue"))
        await self.at("/connect/[^/]+/2")
        await self.press(self.button("I have these, continue"))
        await self.at("/connect/[^/]+/3")

    async def enter(self, keys: Mapping[str, str]) -> None:
        for name, value in keys.items():
            await self.type(self.page.locator(f"[name={name}]"), value)
        await self.press(self.button("Test and continue"))

    async def see_test_end(self, sentence: str) -> None:
        """Wait for the test's last word; without scripts, by asking again."""
        await self.at("/connect/[^/]+/4")
        heading, again = self.page.get_by_role("heading", name=sentence), self.link("Check again")
        # A page that is still coming in shows neither.
        await expect(heading.or_(again)).to_be_visible(timeout=PATIENCE_MS)
        while not self.scripts and await again.is_visible():
            await self.press(again)
            await expect(heading.or_(again)).to_be_visible(timeout=PATIENCE_MS)
        await expect(heading).to_be_visible(timeout=PATIENCE_MS)

    async def confirm(self, *, only: str = "") -> "Run":
        """The first sync on the screen; with `only` such as ORDERS no other kind of data is read with it."""
        await self.press(self.link("Continue"))
        await self.at("/connect/[^/]+/5")
        for box in await self.page.locator("input[name=first_targets]").all():
            if only and await box.get_attribute("value") != only:
                await box.focus()
                await self.page.keyboard.press("Space")
        await self.press(self.button("Connect and start first sync"))
        run, again = Run(self), self.link("Check again")
        await expect(run.state.or_(again)).to_be_visible(timeout=PATIENCE_MS)
        while await again.is_visible():
            await self.press(again)
            await expect(run.state.or_(again)).to_be_visible()
        return run

    async def connect(self, slug: str, keys: Mapping[str, str], name: str = "Surat store") -> "Run":
        """A new account; its first sync is on the screen."""
        await self.begin(slug, name)
        await self.enter(keys)
        await self.see_test_end("The test passed")
        return await self.confirm()

    async def sync_now(self, name: str = "Surat store") -> "Run":
        await self.open("/accounts")
        await self.press(self.button(f"Sync now {name}"))
        await self.at("/syncs/[^/]+")
        return Run(self)

    # What she reads

    def badge(self, name: str = "Surat store") -> Locator:
        return self.page.get_by_role("article", name=name).locator(".badge")

    async def focus_is_somewhere(self) -> None:
        assert await self.page.evaluate("document.activeElement !== document.body"), "the focus fell off the page"


@dataclass
class Run:
    """A sync on the screen."""

    seller: Seller

    @property
    def page(self) -> Page:
        return self.seller.page

    @property
    def id(self) -> str:
        return self.page.url.rpartition("/")[2].partition("?")[0]

    @property
    def state(self) -> Locator:
        return self.page.locator("#run-state .badge")

    @property
    def progress(self) -> Locator:
        return self.page.locator("#pgt")

    async def reads(self, words: str) -> None:
        """Wait until the sentence below the bar says so; without scripts, by asking again."""
        async with asyncio.timeout(PATIENCE_MS / 1000):
            while not self.seller.scripts and words not in await self.progress.inner_text():
                await self.seller.press(self.seller.link("Refresh status"))
        try:
            await expect(self.progress).to_contain_text(words, timeout=PATIENCE_MS)
        except AssertionError as error:
            fresh = re.search(r'id="pgt">([^<]*)', await (await self.page.context.request.get(self.page.url)).text())
            raise AssertionError(f"{error}\nA fresh page says: {fresh and fresh[1]}") from None

    async def ends(self, words: str = "Done") -> None:
        again, ended = self.seller.link("Refresh status"), self.seller.link("Download log")
        await expect(again.or_(ended)).to_be_visible(timeout=PATIENCE_MS)
        async with asyncio.timeout(3 * PATIENCE_MS / 1000):
            while not self.seller.scripts and await again.is_visible():
                await self.seller.press(again)
                await expect(again.or_(ended)).to_be_visible(timeout=PATIENCE_MS)
        await expect(ended).to_be_visible(timeout=PATIENCE_MS)
        await expect(self.state).to_have_text(words)

    async def lines(self) -> list[int]:
        """The numbers of the log's lines, from top to bottom."""
        ids: list[str] = await self.page.locator("#ll > li").evaluate_all("lines => lines.map(line => line.id)")
        return [int(one.removeprefix("l-")) for one in ids]

    async def count(self, label: str) -> str:
        term = self.page.locator("#run-counts div", has_text=label)
        return await term.locator("dd").inner_text()


async def shifts(page: Page) -> list[str]:
    """What has jumped by itself since the page was opened: how far in CLS, which elements, from where to where."""
    found: list[str] = await page.evaluate("""() => new Promise(tell => {
        const box = one => [one.x, one.y, one.width, one.height].map(Math.round).join(' ');
        const told = [], name = node => node?.id || node?.className || node?.nodeName;
        new PerformanceObserver(list => {
            for (const one of list.getEntries()) if (!one.hadRecentInput) told.push(`${one.value}: ` + one.sources.map(
                moved => `${name(moved.node)} ${box(moved.previousRect)} > ${box(moved.currentRect)}`).join(', '));
            tell(told);
        }).observe({type: 'layout-shift', buffered: true});
        requestAnimationFrame(() => requestAnimationFrame(() => tell(told)));
    })""")
    return found
