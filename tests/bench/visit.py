"""What a visit costs: bytes and requests, cold and warm, and when the page stands on a slow phone, in a real browser.

The two profiles are those of a cheap phone far from the server and of a usual one. Transport security is left out: the portal
speaks plain HTTP here.
"""

import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Browser, BrowserContext, CDPSession, Page, async_playwright

from tests.bench.figures import Figure, figure
from tests.bench.stage import EMAIL, PASSWORD, Stage, staged
from tests.browser.provide import found

ORDERS = 200
LOADS = 5
"""How often each page is loaded on each line: one load alone may be 130 ms off, the median of five is not."""

REQUESTS = {"cold": 6, "warm": 2}
KILOBYTES = {"cold": 45, "warm": 12}
SHIFT = 0.02

# Everything that is measured in the page itself. Buffered, so nothing is missed that came before an observer did.
WATCH = """
window.seen = {lcp: 0, cls: 0, long: []};
const see = (type, heard) => new PerformanceObserver(list => list.getEntries().forEach(heard)).observe({type, buffered: true});
see('largest-contentful-paint', one => { window.seen.lcp = one.startTime; });
see('layout-shift', one => { if (!one.hadRecentInput) window.seen.cls += one.value; });
see('longtask', one => { window.seen.long.push([one.startTime, one.duration]); });
"""
LOADED = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].map(one => one.toJSON())"


@dataclass(frozen=True, slots=True)
class Profile:
    """A line and a processor, and the milliseconds within which a page should stand there; 0 where nothing is promised."""

    name: str
    rtt_ms: int
    kbit: int
    slower: int
    cold: int
    warm: int

    def most_ms(self, visit: str) -> int:
        return self.cold if visit == "cold" else self.warm


SLOW = Profile("400ms_400kbit", 400, 400, 6, cold=1800, warm=800)
USUAL = Profile("150ms_1600kbit", 150, 1600, 4, cold=1000, warm=0)


@dataclass(frozen=True, slots=True)
class Weight:
    """What came over the line for one page, and how far it moved while it came."""

    requests: int
    kilobytes: float
    html_kilobytes: float
    shift: float


@dataclass(frozen=True, slots=True)
class Load:
    """One visit: when the largest thing in sight was painted, and what came over the line."""

    lcp_ms: float
    weight: Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """A portal with something in it, a browser, somebody's session (`state`), and the pages to visit by name."""

    stage: Stage
    browser: Browser
    state: Any
    wizard: str
    pages: dict[str, str]

    async def visits(self, path: str, profile: Profile) -> dict[str, list[Load]]:
        """LOADS `cold` visits to a page, each on a phone that knows nothing of the portal, and a `warm` one right after each."""
        seen: dict[str, list[Load]] = {"cold": [], "warm": []}
        for _ in range(LOADS):
            async with phone(self.browser, self.state) as (page, wire):
                await _throttle(wire, profile)
                for loads in seen.values():
                    loads.append(await self._load(page, path))
        return seen

    async def _load(self, page: Page, path: str) -> Load:
        await page.goto(self.stage.base + path, wait_until="networkidle")
        # On a machine that is busy the line may fall silent before anything is painted.
        await page.wait_for_function("window.seen.lcp > 0")
        return Load(await page.evaluate("window.seen.lcp"), await weighed(page))


@asynccontextmanager
async def lab() -> AsyncIterator[Lab]:
    """The lab, its shop read in and one setup begun."""
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
            yield Lab(stage=stage, browser=browser, state=state, wizard=wizard, pages=pages)
        finally:
            await browser.close()


async def measure() -> AsyncIterator[Figure]:
    """Six pages, each cold and warm on both lines; then a live test of a setup, for what its swaps cost."""
    async with lab() as here:
        for name, path in here.pages.items():
            for profile in (SLOW, USUAL):
                for kind, loads in (await here.visits(path, profile)).items():
                    for one in _told(name, kind, profile, loads):
                        yield one
        async for one in _test(here):
            yield one


def _told(name: str, kind: str, profile: Profile, loads: Sequence[Load]) -> list[Figure]:
    """The figures of a page's visits of one kind; what it weighs is the same on every line, so the slow one tells it."""
    times = ", ".join(str(round(ms)) for ms in sorted(load.lcp_ms for load in loads))
    aim = f"{profile.most_ms(kind)} ms or less" if profile.most_ms(kind) else ""
    told = [figure(f"visit.{name}.lcp_{kind}_{profile.name}", stood_ms(loads), "ms", aim=aim, note=f"median of {times}")]
    if profile is not SLOW:
        return told
    heaviest = max((load.weight for load in loads), key=lambda weight: weight.kilobytes)
    shift = max(load.weight.shift for load in loads)
    told.append(figure(f"visit.{name}.requests_{kind}", heaviest.requests, "requests", aim=f"{REQUESTS[kind]} or fewer"))
    told.append(figure(f"visit.{name}.bytes_{kind}", heaviest.kilobytes, "KB", aim=f"{KILOBYTES[kind]} KB or less"))
    told.append(figure(f"visit.{name}.cls_{kind}", shift, "CLS", aim=f"{SHIFT} or less"))
    if kind == "cold":
        told.append(figure(f"visit.{name}.html_packed", heaviest.html_kilobytes, "KB", aim="6 KB or less, a table 12"))
    return told


def stood_ms(loads: Sequence[Load]) -> float:
    """When the page stood, in the median of its visits."""
    return statistics.median(load.lcp_ms for load in loads)


async def weighed(page: Page) -> Weight:
    """What the page that stands there has cost. It must have been opened with WATCH."""
    loaded: list[dict[str, Any]] = await page.evaluate(LOADED)
    return Weight(
        requests=len([one for one in loaded if one["transferSize"]]),
        kilobytes=sum(one["transferSize"] for one in loaded) / 1024,
        html_kilobytes=next(one["encodedBodySize"] for one in loaded if one["entryType"] == "navigation") / 1024,
        shift=await page.evaluate("window.seen.cls"),
    )


async def _test(here: Lab) -> AsyncIterator[Figure]:
    """The live test, watched by a phone with a slow processor until its last line has come in."""
    async with phone(here.browser, here.state) as (page, wire):
        await page.goto(f"{here.stage.base}{here.wizard}/3")
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
async def phone(browser: Browser, state: Any) -> AsyncIterator[tuple[Page, CDPSession]]:
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
