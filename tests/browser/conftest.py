"""One whole portal and one Chromium for all journeys; every person has a browser of her own."""

import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from portal.documents.paper import FONTS
from portal.marketplaces.registry import marketplace
from portal.postgres import Addresses, create_database, drop_database
from tests.browser import provide
from tests.browser.errands import Errand, Shop
from tests.browser.pages import PATIENCE_MS, Seller
from tests.browser.stack import Stack, running
from tests.conftest import TEMPLATE

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync")
LETTERS = """<?xml version="1.0"?>
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>{ours}</dir>
  <cachedir>{cache}</cachedir>
</fontconfig>
"""
FORBIDDEN = ("Content Security Policy", "TrustedHTML", "Refused to")
_numbers = itertools.count(1)

MakeSeller = Callable[..., Awaitable[Seller]]

# Playwright gives an expectation five seconds, which a busy machine may need; nothing is claimed here about how long anything takes.
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
async def portal_running(server: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    create_database(server.owner, "browser", template=TEMPLATE)
    async with running(server.of("browser"), tmp_path_factory.mktemp("portal")) as stack:
        yield stack
    drop_database(server.owner, "browser")


@pytest.fixture
async def stack(portal_running: Stack) -> AsyncIterator[Stack]:
    """The portal, in good health before and after each test."""
    yield portal_running
    await portal_running.well_again()


@pytest.fixture(scope="session")
async def chromium(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        executable = provide.found()
        assert executable is not None, "no Chromium: run `python -m tests.browser.provide`"
        # A phone of an Indian seller has these letters; many a machine that runs tests has not.
        fonts = tmp_path_factory.mktemp("fonts") / "fonts.conf"
        fonts.write_text(LETTERS.format(ours=FONTS, cache=fonts.parent), encoding="utf-8")
        env: dict[str, str | float | bool] = {**os.environ, "FONTCONFIG_FILE": str(fonts)}
        browser = await playwright.chromium.launch(executable_path=str(executable), args=list(FLAGS), env=env)
        yield browser
        await browser.close()


@asynccontextmanager
async def _signed_up(stack: Stack) -> AsyncIterator[Errand]:
    async with httpx.AsyncClient(
        base_url=stack.base, follow_redirects=True, trust_env=False, verify=False, timeout=PATIENCE_MS / 1000
    ) as http:
        errand = Errand(http)
        await errand.sign_up(f"errand{next(_numbers)}@example.in")
        yield errand


@pytest.fixture
async def errand(stack: Stack) -> AsyncIterator[Errand]:
    """Somebody signed up, without a screen yet."""
    async with _signed_up(stack) as errand:
        yield errand


@pytest.fixture(scope="session")
async def shop(portal_running: Stack) -> AsyncIterator[Shop]:
    """One shop at work for all tests that only look."""
    async with _signed_up(portal_running) as errand:
        yield await Shop.at_work(errand, marketplace("AMAZON_IN"), portal_running.keys(marketplace("AMAZON_IN")))


@pytest.fixture
async def someone(stack: Stack, chromium: Browser) -> AsyncIterator[MakeSeller]:
    """Makes people, each with a browser of her own: `await someone(scripts=False)`. One `after` an errand goes on with its session.

    At the end no page may have had a script's mistake or tripped over its own policy.
    """
    troubles: list[str] = []
    async with AsyncExitStack() as opened:

        async def make(
            *,
            after: Errand | None = None,
            keyboard: bool = False,
            scripts: bool = True,
            width: int = 1280,
            dark: bool = False,
            **options: Any,
        ) -> Seller:
            context = await chromium.new_context(
                viewport={"width": width, "height": 800},
                color_scheme="dark" if dark else "light",
                java_script_enabled=scripts,
                reduced_motion="reduce",
                **options,
            )
            opened.push_async_callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            context.on("page", lambda page: _listen(page, troubles))
            seller = Seller(await context.new_page(), stack.base, keyboard=keyboard, scripts=scripts)
            if after is not None:
                await context.add_cookies([after.cookie()])  # type: ignore[list-item]  # a dictionary of the right shape
            return seller

        yield make
    assert troubles == []


def _listen(page: Page, troubles: list[str]) -> None:
    def console(message: ConsoleMessage) -> None:
        if any(word in message.text for word in FORBIDDEN):
            troubles.append(f"{page.url}: {message.text}")

    page.on("pageerror", lambda error: troubles.append(f"{page.url}: {error}"))
    page.on("console", console)
