"""The sync history: its filters, kept in the address, its pages, its words."""

from datetime import timedelta

import pytest

from portal import clock, paging
from portal.marketplaces.contract import ScheduleTarget
from portal.runs import service
from portal.tables.syncs import Trigger
from tests.factories import make_account
from tests.runs.conftest import PAGES, Desk
from tests.visiting import HTMX, Person, browsing

pytestmark = pytest.mark.anyio


async def test_every_filter_narrows_and_stays_in_the_links(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "PAGE_SIZE", 1)
    other = await make_account(desk.seller, external="A2SECOND", name="Pune store")
    for _ in range(2):
        run = await desk.take((await desk.start(by="Asha")).run_id)
        await service.fail(run, "unreachable", "Bazaar is not answering.")
    with clock.stopped_at(clock.now() - timedelta(days=3)):
        quiet = await service.start(desk.seller, other.id, ScheduleTarget.RETURNS, jobs=desk.jobs, trigger=Trigger.SCHEDULE)
    async with browsing(Person(desk.seller), PAGES) as browser:

        async def rows(address: str) -> set[str]:
            page = (await browser.get(address, headers=HTMX)).text
            return {name for name in ("Surat store", "Pune store") if f'{name}<span class="vh">' in page}

        assert await rows(f"/syncs?account={other.id}") == {"Pune store"}
        assert await rows("/syncs?type=RETURNS") == {"Pune store"}
        assert await rows("/syncs?by=schedule") == {"Pune store"}
        assert await rows("/syncs?result=failed") == {"Surat store"}
        assert await rows("/syncs?by=name:Asha") == {"Surat store"}
        assert await rows("/syncs?when=today") == {"Surat store"}
        assert await rows("/syncs?when=yesterday") == set()
        day = (clock.ist_today() - timedelta(days=3)).isoformat()
        assert await rows(f"/syncs?from={day}&to={day}") == {"Pune store"}
        found = (await service.history(desk.seller, account_id=other.id))[0]
        assert found.id == quiet.run_id
        assert await rows(f"/syncs?search={found.diagnostic_id.lower()}") == {"Pune store"}
        page = (await browser.get("/syncs?result=failed")).text
        older = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
        assert older.startswith("/syncs?result=failed&after=")
        assert 'rel="prev"' in (await browser.get(older)).text
        assert (await browser.get("/syncs?after=no-cursor-of-ours&account=nobody")).status_code == 200


async def test_why_stands_in_the_row(desk: Desk) -> None:
    await service.finish(await desk.at_work(), watermark="w")
    await service.finish(await desk.at_work(), watermark=None, cut="Bazaar sent the same page twice.")
    async with browsing(Person(desk.seller), PAGES) as browser:
        page = (await browser.get("/syncs", headers=HTMX)).text
    assert "Nothing to do" in page
    assert "Bazaar sent the same page twice." in page
    assert page.index("Everything in reach") > page.index("New changes")


async def test_a_run_knows_the_request_that_led_to_it(desk: Desk) -> None:
    import structlog

    with structlog.contextvars.bound_contextvars(request_id="given-by-proxy"):
        started = await desk.start()
    assert (await desk.run(started.run_id)).request_id == "given-by-proxy"
    assert (await desk.take(started.run_id)).request_id == "given-by-proxy"
    found = await service.search(desk.seller, service.Filters(search="given-by-proxy"))
    assert [one.id for one in found.rows] == [started.run_id]
