"""What a visit costs: bytes and requests, cold and warm, and when the page stands on a slow phone, in a real browser.

The two profiles are those of a cheap phone far from the server and of a usual one. Transport security is left out: the portal
speaks plain HTTP here.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Browser, BrowserContext, CDPSession, Page, async_playwright

from tests.bench.figures import Figure, figure
from tests.bench.stage import EMAIL, PASSWORD, Stage, staged
from tests.browser.provide import found

ORDERS = 200

# Everything that is measured in the page itself. Buffered, so nothing is missed that came before an observer did.
WATCH = """
window.seen = {lcp: 0, cls: 0, long: []};
const see = (type, heard) => new PerformanceObserver(list => list.getEntries().forEach(heard)).observe({type, buffered: true});
see('largest-contentful-paint', one => { window.seen.lcp = one.startTime; });
see('layout-shift', one => { if (!one.hadRecentInput) window.seen.cls += one.value; });
see('longtask', one => { window.seen.long.push([one.startTime, one.duration]); });
"""


@dataclass(frozen=True, slots=True)
class Profile:
    """A line and a processor. `cold` and `warm` are the times within which the page should stand."""

    name: str
    rtt_ms: int
    kbit: int
    slower: int
    cold: str
    warm: str


SLOW = Profile("400ms_400kbit", 400, 400, 6, "cold 1800 ms or less", "warm 800 ms or less")
USUAL = Profile("150ms_1600kbit", 150, 1600, 4, "cold 1000 ms or less", "")


async def measure() -> AsyncIterator[Figure]:
    """Six pages, each cold and warm on both lines; then a live test of a setup, for what its swaps cost."""
    async with staged(orders=ORDERS) as stage, async_playwright() as playwright:
        await stage.start("worker")
        await stage.start("web")
        await stage.connected()
        browser = await playwright.chromium.launch(executable_path=found())
        try:
            state = await _signed_in(browser, stage.base)
            wizard = await _begun(browser, stage.base, state)
            pages = {"home": "/home", "accounts": "/accounts", "orders": "/orders", "marketplaces": "/accounts/new"}
            pages |= {"wizard.get_ready": f"{wizard}/2", "wizard.details": f"{wizard}/3"}
            for name, path in pages.items():
                async for one in _visits(browser, stage, state, name, path):
                    yield one
            async for one in _test(browser, stage, state, wizard):
                yield one
        finally:
            await browser.close()


async def _visits(browser: Browser, stage: Stage, state: Any, name: str, path: str) -> AsyncIterator[Figure]:
    for profile in (SLOW, USUAL):
        async with _phone(browser, state) as (page, wire):
            await _throttle(wire, profile)
            for visit, aim in (("cold", profile.cold), ("warm", profile.warm)):
                await page.goto(stage.base + path, wait_until="networkidle")
                seen = await page.evaluate("window.seen")
                yield figure(f"visit.{name}.lcp_{visit}_{profile.name}", seen["lcp"], "ms", aim=aim)
                if profile is SLOW:
                    async for one in _weight(page, name, visit, seen["cls"]):
                        yield one


async def _weight(page: Page, name: str, visit: str, shifted: float) -> AsyncIterator[Figure]:
    loaded: list[dict[str, Any]] = await page.evaluate(
        "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].map(one => one.toJSON())"
    )
    over_the_wire = [one for one in loaded if one["transferSize"]]
    most = {"cold": (6, 45), "warm": (2, 12)}[visit]
    yield figure(f"visit.{name}.requests_{visit}", len(over_the_wire), "requests", aim=f"{most[0]} or fewer")
    yield figure(f"visit.{name}.bytes_{visit}", sum(one["transferSize"] for one in loaded) / 1024, "KB", aim=f"{most[1]} KB or less")
    yield figure(f"visit.{name}.cls_{visit}", shifted, "CLS", aim="0.02 or less")
    if visit == "cold":
        html = next(one["encodedBodySize"] for one in loaded if one["entryType"] == "navigation")
        yield figure(f"visit.{name}.html_packed", html / 1024, "KB", aim="6 KB or less, a table 12")


async def _test(browser: Browser, stage: Stage, state: Any, wizard: str) -> AsyncIterator[Figure]:
    """The live test, watched by a phone with a slow processor until its last line has come in."""
    async with _phone(browser, state) as (page, wire):
        await page.goto(f"{stage.base}{wizard}/3")
        await page.get_by_role("button", name="Use the sandbox's keys").click()
        await page.wait_for_url("**/4")
        await wire.send("Emulation.setCPUThrottlingRate", {"rate": USUAL.slower})
        began = await page.evaluate("performance.now()")
        await page.get_by_role("link", name="Continue").or_(page.get_by_text("already connected")).first.wait_for()
        seen = await page.evaluate("window.seen")
        swaps = [duration for start, duration in seen["long"] if start >= began]
        yield figure("visit.wizard.test.cls", seen["cls"], "CLS", aim="0 for any swap")
        yield figure("visit.wizard.test.longest_task", max(swaps, default=0.0), "ms", aim="none above 50 ms from swaps", note="CPU ÷4")


@asynccontextmanager
async def _phone(browser: Browser, state: Any) -> AsyncIterator[tuple[Page, CDPSession]]:
    """A browser with an empty cache, signed in, 360 px wide."""
    context = await browser.new_context(viewport={"width": 360, "height": 740}, storage_state=state, color_scheme="light")
    page = await context.new_page()
    await page.add_init_script(WATCH)
    wire = await context.new_cdp_session(page)
    await wire.send("Network.enable")
    try:
        yield page, wire
    finally:
        await context.close()


async def _throttle(wire: CDPSession, profile: Profile) -> None:
    speed = profile.kbit * 1000 / 8
    conditions = {"offline": False, "latency": profile.rtt_ms, "downloadThroughput": speed, "uploadThroughput": speed}
    await wire.send("Network.emulateNetworkConditions", conditions)
    await wire.send("Emulation.setCPUThrottlingRate", {"rate": profile.slower})


async def _signed_in(browser: Browser, base: str) -> Any:
    """The cookies of somebody signed in."""
    context: BrowserContext = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{base}/sign-in")
    await page.get_by_label("E-mail address").fill(EMAIL)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/home")
    state = await context.storage_state()
    await context.close()
    return state


async def _begun(browser: Browser, base: str, state: Any) -> str:
    """A setup at the step that asks for the details: its address."""
    context = await browser.new_context(storage_state=state)
    page = await context.new_page()
    await page.goto(f"{base}/accounts/new")
    await page.locator("#connect-amazon").click()
    await page.wait_for_url("**/1")
    await page.get_by_label("Name for this account").fill("Second store")
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("button", name="I have these, continue").click()
    await page.wait_for_url("**/3")
    address = page.url.removeprefix(base).rpartition("/")[0]
    await context.close()
    return address
