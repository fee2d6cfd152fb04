"""From the click on "Sync now" to the first message of the live stream on the screen, in a real browser on the real processes."""

from collections.abc import AsyncIterator

from playwright.async_api import Page, async_playwright

from tests.bench.figures import Figure, figure, percentile
from tests.bench.stage import EMAIL, PASSWORD, staged
from tests.browser.provide import found

CLICKS = 30
ORDERS = 1_000
"""Ten pages: long enough that the run is still at work when its page opens."""

# The moment of the click outlives the navigation that it brings. "Painted" is the second frame after the change: the first may be
# under way already.
WATCH = """
addEventListener('click', () => sessionStorage.setItem('clicked', performance.timeOrigin + performance.now()), {capture: true});
const painted = done => requestAnimationFrame(() => requestAnimationFrame(() =>
    done(performance.timeOrigin + performance.now() - sessionStorage.getItem('clicked'))));
window.pagePainted = new Promise(done => addEventListener('pageshow', () => painted(done)));
window.eventPainted = new Promise(done => {
    const told = node => node.nodeType === 1 && (node.closest('#ll') || node.matches('section.run'));
    new MutationObserver((changes, observer) => {
        if (document.readyState === 'loading' || !changes.some(change => [...change.addedNodes].some(told))) return;
        observer.disconnect();
        painted(done);
    }).observe(document, {childList: true, subtree: true});
});
"""


async def measure() -> AsyncIterator[Figure]:
    """The click, and beside it a plain link of the same portal from click to paint."""
    async with staged(orders=ORDERS) as stage, async_playwright() as playwright:
        await stage.start("worker")
        await stage.start("web")
        account = await stage.connected()
        browser = await playwright.chromium.launch(executable_path=found())
        try:
            page = await browser.new_page()
            await page.add_init_script(WATCH)
            await _sign_in(page, stage.base)
            clicked, followed, already_over = [], [], 0
            for _ in range(CLICKS):
                # Without a watermark every sync reads the whole shop, so there is something to watch.
                await stage.owner.execute("DELETE FROM sync_cursors")
                await page.goto(f"{stage.base}/syncs")
                await page.get_by_role("navigation", name="Main").get_by_role("link", name="Accounts").click()
                await page.wait_for_url("**/accounts")
                followed.append(await _painted(page, "pagePainted"))
                await page.click(f"#sync-{account}")
                await page.wait_for_url("**/syncs/*")
                over = await page.locator("#conn").count() == 0
                already_over += over
                clicked.append(await _painted(page, "pagePainted" if over else "eventPainted"))
                await stage.idle()
        finally:
            await browser.close()
    link = figure("click.plain_link", percentile(followed, 0.95), "ms", note=f"p95 of {CLICKS}: click to painted page")
    yield link
    yield figure(
        "click.first_event",
        percentile(clicked, 0.95),
        "ms",
        aim="< 300",
        note=f"p95 of {CLICKS}, median {percentile(clicked, 0.5):.0f}; {already_over} runs were over before their page came",
    ).against(link)


async def _sign_in(page: Page, base: str) -> None:
    await page.goto(f"{base}/sign-in")
    await page.fill("input[name=email]", EMAIL)
    await page.fill("input[name=password]", PASSWORD)
    await page.click("main button[type=submit]")
    await page.wait_for_url("**/home")


async def _painted(page: Page, what: str) -> float:
    """Milliseconds since the click, as the page itself took them."""
    found: float = await page.evaluate(f"() => window.{what}")
    return found
