"""A run's log: every exchange with the line it led to, narrowed and searched, taken away, and gone after its time."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from portal import db
from portal.marketplaces.http import Call
from portal.runs import exporting, service
from portal.runs.service import Taken
from portal.tables.people import Role
from tests.runs.conftest import PAGES, Desk
from tests.visiting import HTMX, Person, browsing
from tests.workshop import seen

pytestmark = pytest.mark.anyio


def call(**parts: Any) -> Call:
    whole: dict[str, Any] = {
        "marketplace": "Bazaar",
        "operation": "orders",
        "method": "GET",
        "path": "/v1/orders",
        "status": 200,
        "duration_ms": 41.6,
        "attempt": 1,
        "request_id": "req-7",
    }
    return Call(**{**whole, **parts})


async def read_page(run: Taken, **counts: int) -> None:
    async with service.recording(run) as (_, made):
        numbers = {"new": 1, "changed": 0, "same": 0, "set_aside": 0, **counts}
        await service.record(run, **numbers, cursor="c", total=None, made=made)


async def _break_off(run: Taken) -> None:
    """A page during which the next one is fetched, and which does not come to its commit."""
    async with service.recording(run) as (_, made):
        run.calls.write(call(path="/ahead"))
        await service.record(run, new=1, changed=0, same=0, set_aside=0, cursor=None, total=None, made=made)
        raise ZeroDivisionError


async def a_story(desk: Desk) -> Taken:
    """A page, a fault, and an end that cut it short."""
    run = await desk.at_work()
    run.calls.write(call())
    run.calls.write(call(path="/v1/orders/more"))
    await read_page(run)
    run.calls.write(call(status=503, fault="unreachable"))
    await service.note(run, "Bazaar did not answer as it should.", level="warning", detail="HTTP 503")
    await service.fail(run, "unreachable", "Bazaar is not answering.")
    return run


async def test_each_call_stands_with_the_line_it_led_to(desk: Desk) -> None:
    run = await a_story(desk)
    lines = [(line.kind, [one.path for one in line.calls]) for line in await service.events(desk.seller, run.id) if line.calls]
    assert lines == [("page", ["/v1/orders", "/v1/orders/more"]), ("note", ["/v1/orders"])]
    shown = (await service.last_events(desk.seller, run.id, level="warning"))[0].calls[0]
    assert shown.words == "GET /v1/orders · 503 · 42 ms · attempt 1 · their id req-7"


async def test_calls_of_a_page_that_is_rolled_back_stand_with_the_next_line(desk: Desk) -> None:
    """Also those made while its transaction was open, and none twice."""
    run = await desk.at_work()
    run.calls.write(call(path="/one"))
    with pytest.raises(ZeroDivisionError):
        await _break_off(run)
    await service.fail(run, "our_fault", "Something failed on our side.")
    paths = [one.path for line in await service.events(desk.seller, run.id) for one in line.calls]
    assert paths == ["/one", "/ahead"]
    assert run.calls.claim() == []


async def test_levels_and_search_narrow_the_log(desk: Desk) -> None:
    run = await a_story(desk)

    async def kinds(**how: Any) -> list[str]:
        return [line.kind for line in await service.last_events(desk.seller, run.id, **how)]

    assert await kinds() == ["queued", "started", "page", "note", "finished"]
    assert await kinds(level="warning") == ["note", "finished"]
    assert await kinds(level="problem") == ["finished"]
    assert await kinds(search="orders/MORE") == ["page"]
    assert await kinds(search="503") == ["note"]
    assert await kinds(search="%") == []
    assert await kinds(search="answer", before=5) == ["note"]


async def test_the_log_page_narrows_searches_and_pages(desk: Desk) -> None:
    run = await desk.at_work()
    for number in range(120):
        await service.note(run, f"Note number {number}.", level="warning" if number % 40 == 0 else "info")
    await service.fail(run, "unreachable", "Bazaar is not answering.")
    async with browsing(Person(desk.seller, Role.VIEWER), PAGES) as browser:
        first = (await browser.get(f"/syncs/{run.id}/log")).text
        assert "Note number 119." in first
        assert "Note number 5." not in first
        older = first.split("?before=")[1].split('"')[0]
        assert "Note number 5." in (await browser.get(f"/syncs/{run.id}/log?before={older}")).text
        warnings = (await browser.get(f"/syncs/{run.id}/log?level=warning", headers=HTMX)).text
        assert "<html" not in warnings
        assert warnings.count('class="l-warning"') == 3
        assert warnings.count('class="l-problem"') == 1
        assert "No line matches." in (await browser.get(f"/syncs/{run.id}/log?search=nothing-like-this")).text
        plain = await browser.get(f"/p/runs/{run.id}/log?before=9", follow_redirects=False)
        assert plain.headers["location"] == f"/syncs/{run.id}/log?before=9"


HEAD = {
    *("diagnostic_id", "request_id", "run_id", "account", "marketplace", "target", "trigger", "state", "error_code", "attempts"),
    *("created_at", "started_at", "finished_at", "log_cleared_at", "version"),
}
LINE = {"at", "seq", "kind", "level", "message", "detail", "calls"}
CALL = {"at", "ms", "operation", "method", "path", "status", "attempt", "request_id", "fault"}


async def test_downloads_hold_everything_and_only_what_is_allowed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "AT_ONCE", 2)
    run = await a_story(desk)
    async with browsing(Person(desk.seller), PAGES) as browser:
        text = (await browser.get(f"/syncs/{run.id}/log.txt")).text
        told = await browser.get(f"/syncs/{run.id}/log.jsonl")
    assert text.count("IST") == 5 + 3
    assert "GET /v1/orders · 503 · 42 ms" in text
    head, *lines = [msgspec.json.decode(line) for line in told.content.splitlines()]
    assert set(head) == HEAD
    assert [line["seq"] for line in lines] == [1, 2, 3, 4, 5]
    assert {frozenset(line) for line in lines} == {frozenset(LINE)}
    assert {frozenset(one) for line in lines for one in line["calls"]} == {frozenset(CALL)}
    assert all(line["at"].endswith("Z") for line in lines)


async def aged(desk: Desk, run: Taken, days: int) -> None:
    await seen(desk.addresses, "UPDATE sync_runs SET finished_at = now() - make_interval(days => $2) WHERE id = $1", run.id, days)


async def test_old_logs_go_and_the_summary_stays(desk: Desk) -> None:
    old, young = await a_story(desk), await a_story(desk)
    await aged(desk, old, 91)
    await aged(desk, young, 89)
    assert await service.clear_old_logs(keep_days=90) == 1
    assert await service.clear_old_logs(keep_days=90) == 0
    assert [len(await service.events(desk.seller, one.id)) for one in (old, young)] == [0, 5]
    assert await seen(desk.addresses, "SELECT 1 FROM sync_calls WHERE run_id = $1", old.id) == []
    row = await desk.run(old.id)
    assert (row.new_count, row.error_message) == (1, "Bazaar is not answering.")
    assert row.log_cleared_at is not None
    async with browsing(Person(desk.seller), PAGES) as browser:
        for page in (f"/syncs/{old.id}", f"/syncs/{old.id}/log"):
            assert "The lines of this sync are gone" in (await browser.get(page)).text
        assert exporting.CLEARED in (await browser.get(f"/syncs/{old.id}/log.txt")).text


async def test_the_database_keeps_a_week_of_log_whatever_is_asked(desk: Desk) -> None:
    """And nobody but a worker may ask, and nobody may delete a line by hand."""
    run = await a_story(desk)
    await aged(desk, run, 6)
    assert (await db.door("sweep_old_log", run.id, 100))[0]["gone"] == 0
    assert await service.clear_old_logs(keep_days=1) == 0
    async with db.transaction(desk.seller) as held:
        assert not await held.fetchval("SELECT has_table_privilege('portal_tenant', 'sync_events', 'DELETE')")
        assert not await held.fetchval("SELECT has_function_privilege('portal_web', 'sweep_old_log(uuid, integer)', 'EXECUTE')")


async def test_long_logs_go_in_small_portions(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from portal.runs.service import retention

    monkeypatch.setattr(retention, "AT_ONCE", 2)
    run = await a_story(desk)
    await aged(desk, run, 91)
    assert timedelta(days=retention.LEAST_DAYS) == timedelta(days=7)
    assert await service.clear_old_logs(keep_days=90) == 1
    assert await service.events(desk.seller, run.id) == []
