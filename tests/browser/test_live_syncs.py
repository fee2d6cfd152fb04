"""A sync on the screen: one at a time, the same in every tab, resumed after a break, stopped on request, quiet on request."""

import signal
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import pytest
from playwright.async_api import expect

from portal.marketplaces.registry import marketplace
from tests.browser.conftest import MakeSeller
from tests.browser.errands import Errand
from tests.browser.pages import PATIENCE_MS, Run, Seller, shifts
from tests.browser.stack import PAGE, Stack

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

AMAZON = marketplace("AMAZON_IN")


@pytest.fixture
async def held(stack: Stack, errand: Errand, someone: MakeSeller) -> Run:
    """A first sync that has read its first page and waits for the second."""
    wizard = await errand.enter_keys(AMAZON, stack.keys(AMAZON))
    await stack.turnstile.close()
    seller = await someone(after=errand)
    await seller.open(await errand.confirm(wizard))
    run = Run(seller)
    await stack.turnstile.somebody_waits()
    await stack.turnstile.let_through()
    await run.reads(f"{PAGE} read")
    return run


async def test_two_clicks_make_one_run_and_both_tabs_see_its_end(held: Run, stack: Stack) -> None:
    """The second one says that it joined, and when the first began."""
    one, other = held.seller, Seller(await held.page.context.new_page(), stack.base)
    first, second = await one.sync_now(), await other.sync_now()
    assert first.id == second.id == held.id
    await expect(other.page.locator(".notice")).to_contain_text("already running since")
    await expect(other.page.locator(".notice")).to_contain_text("You joined it")
    await every_tab_sees_the_same_end([first, second], stack)


async def every_tab_sees_the_same_end(tabs: Sequence[Run], stack: Stack) -> None:
    await stack.turnstile.open()
    for run in tabs:
        await run.page.bring_to_front()
        await run.ends("Done")
    assert len({await run.page.locator("#run-counts").inner_text() for run in tabs}) == 1
    assert len({str(await run.lines()) for run in tabs}) == 1
    assert len({await run.page.title() for run in tabs}) == 1
    for run in tabs:
        await expect(run.page.locator("#about-facts")).to_contain_text("Ended")


async def test_a_web_process_that_dies_costs_no_line(held: Run, stack: Stack) -> None:
    """Pages that came while nobody could say so arrive afterwards: every line once, in order."""
    await stack.web.end(signal.SIGKILL)
    await stack.turnstile.let_through(3)
    await stack.turnstile.somebody_waits()
    await stack.start_web()
    await held.reads(f"{4 * PAGE} read")
    lines = await held.lines()
    assert lines == list(range(1, lines[-1] + 1))
    await stack.turnstile.open()
    await held.ends("Done")


@pytest.fixture
async def one_stream_each(held: Run, stack: Stack) -> AsyncIterator[Run]:
    """A web process that grants everybody one stream; the page that is open has it again."""
    usual = stack.web.environment
    await stack.web.end()
    stack.web.environment = {**usual, "PORTAL_STREAMS_PER_PERSON": "1"}
    async with held.page.expect_response("**/events?*", timeout=2 * PATIENCE_MS):
        await stack.start_web()
    yield held
    await stack.web.end()
    stack.web.environment = usual
    await stack.start_web()


async def test_a_stream_too_many_looks_now_and_then_instead(one_stream_each: Run, stack: Stack) -> None:
    """It says why, asks for no stream again, and sees the end all the same."""
    asked: list[str] = []
    other = Seller(await one_stream_each.page.context.new_page(), stack.base)
    other.page.on("request", lambda request: asked.append(request.url) if "/events" in request.url else None)
    await other.open(f"/syncs/{one_stream_each.id}")
    await expect(other.page.get_by_text("Too many live pages are open at once")).to_be_visible()
    await stack.turnstile.let_through(2)
    await Run(other).reads(f"{3 * PAGE} read")
    await stack.turnstile.open()
    await Run(other).ends("Done")
    assert len(asked) == 1
    await one_stream_each.page.bring_to_front()
    await one_stream_each.ends("Done")


async def test_a_session_that_ended_is_told_on_the_live_page(held: Run, stack: Stack) -> None:
    """And the page gives up, instead of asking for ever."""
    asked: list[str] = []
    held.page.on("request", lambda request: asked.append(request.url) if "/events" in request.url else None)
    await stack.sql("DELETE FROM sessions WHERE seller_id = (SELECT seller_id FROM sync_runs WHERE id = $1)", UUID(held.id))
    await stack.web.end()
    await stack.start_web()
    await expect(held.seller.link("Sign in again to see live progress")).to_be_visible(timeout=PATIENCE_MS)
    many = len(asked)
    await stack.turnstile.open()
    await held.seller.press(held.seller.link("Sign in again to see live progress"))
    await held.seller.at("/sign-in")
    assert len(asked) == many


async def test_cancelling_keeps_what_was_read(held: Run, stack: Stack) -> None:
    seller = held.seller
    await held.page.get_by_text("Cancel sync").click()
    await seller.press(seller.button("Stop this sync"))
    await expect(held.state).to_have_text("Stopping")
    await stack.turnstile.let_through()
    await held.ends("Cancelled")
    assert await held.count("New") == f"{2 * PAGE}"
    await seller.press(seller.button("Retry failed part"))
    await stack.turnstile.open()
    await held.ends("Done")


async def test_pausing_stills_the_page_and_not_the_sync(held: Run, stack: Stack) -> None:
    seller = held.seller
    await seller.press(seller.button("Pause updates"))
    await expect(seller.button("Resume updates")).to_be_focused()
    await stack.turnstile.let_through(2)
    other = Seller(await held.page.context.new_page(), stack.base)
    await other.open(f"/syncs/{held.id}")
    await Run(other).reads(f"{3 * PAGE} read")
    await expect(held.progress).to_contain_text(f" {PAGE} read")
    await held.page.bring_to_front()
    await seller.press(seller.button("Resume updates"))
    await expect(seller.button("Pause updates")).to_be_focused()
    await held.reads(f"{3 * PAGE} read")
    assert await held.lines() == list(range(1, 1 + len(await held.lines())))


@pytest.mark.parametrize("width", [1280, pytest.param(360, marks=pytest.mark.soak), pytest.param(320, marks=pytest.mark.soak)])
async def test_the_end_takes_no_focus_away_and_moves_nothing(width: int, held: Run, stack: Stack) -> None:
    """The button that held the focus is replaced by a link that holds it; nothing in sight jumps, neither while lines arrive nor at the end."""
    await held.page.set_viewport_size({"width": width, "height": 1600})
    await held.page.reload()
    await held.seller.button("Pause updates").focus()
    await stack.turnstile.let_through(3)
    await held.reads(f"{4 * PAGE} read")
    assert await shifts(held.page) == []
    await stack.turnstile.open()
    await held.ends("Done")
    await expect(held.seller.link("View orders")).to_be_focused()
    await expect(held.page.locator("#live")).to_contain_text("Sync Done")
    assert (await held.page.title()).startswith("Done")
    assert await shifts(held.page) == []


@pytest.mark.soak
async def test_a_silent_worker_is_told_on_every_page(stack: Stack, errand: Errand, someone: MakeSeller) -> None:
    """Nobody wonders why nothing moves."""
    seller = await someone(after=errand)
    await stack.worker.end()
    try:
        await stack.sql(
            "INSERT INTO worker_beats (worker_id, marketplaces, started_at, seen_at)"
            " VALUES ('gone', '', now() - interval '1 hour', now() - interval '5 minutes')"
        )
        strip = seller.page.get_by_role("region", name="Notices").get_by_text("No worker has reported since")
        await seller.open("/home")
        while not await strip.is_visible():
            await seller.page.reload()
        for path in ("/orders", "/accounts", "/syncs", "/settings/profile"):
            await seller.open(path)
            await expect(strip).to_be_visible()
    finally:
        await stack.worker.start()
    await seller.open("/home")
    while await strip.is_visible():
        await seller.page.reload()
    await expect(seller.page.get_by_role("heading", level=1)).to_be_visible(timeout=PATIENCE_MS)
