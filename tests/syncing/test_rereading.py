"""Rows set aside are read again on request: by id where the marketplace gives single rows, otherwise from where they were met."""

from typing import Any
from uuid import UUID

import pytest

from portal.errors import Conflict, NotFound
from portal.marketplaces.amazon_in.adapter import AmazonAdapter
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.sandbox import Fault
from portal.runs import service as runs
from portal.tables.syncs import RunState, SyncRun
from tests.factories import make_seller
from tests.workshop import Workshop, kept_orders, seen

pytestmark = pytest.mark.anyio

OPEN = runs.AsideFilters()
DONE = runs.AsideFilters(resolved=True)


async def one_set_aside(works: Workshop) -> tuple[SyncRun, runs.AsideShown]:
    """A first sync in which one order could not be read."""
    await works.bench.order_fault(Fault.UNREADABLE_ROW, times=1)
    run = await works.sync()
    return run, (await runs.listed(works.seller, OPEN)).rows[0]


async def ask(works: Workshop, aside: runs.AsideShown) -> runs.Asked:
    return await runs.ask_for_one(works.seller, aside.id, jobs=works.jobs, by="Asha")


async def test_a_single_row_is_asked_for_by_its_id(works: Workshop) -> None:
    first, aside = await one_set_aside(works)
    assert aside.external_id not in await kept_orders(works.addresses, works.account.id)
    calls = len(await works.bench.calls())
    asked = await ask(works, aside)
    assert (asked.rows, asked.run is not None) == (1, True)
    assert asked.run is not None
    run = await works.work(asked.run.run_id)
    assert (run.state, run.new_count, run.trigger, run.reread) == (RunState.SUCCEEDED, 1, "retry", True)
    assert [one for one in (await works.bench.calls())[calls:] if one != "signIn"] == ["getOrder"]
    await works.assert_equal_to_ledger()
    assert (await runs.listed(works.seller, OPEN)).rows == []
    (resolved,) = (await runs.listed(works.seller, DONE)).rows
    assert resolved.resolved_by == f"Asha · {run.diagnostic_id}"
    assert resolved.resolved_at is not None
    assert await works.watermark() == first.watermark
    assert await runs.problems(works.seller) == []


async def test_a_row_that_still_resists_stays_and_may_be_asked_for_again(works: Workshop) -> None:
    _, aside = await one_set_aside(works)
    await works.bench.order_fault(Fault.UNREADABLE_ROW, operation="getOrder", times=1)
    asked = await ask(works, aside)
    assert asked.run is not None
    run = await works.work(asked.run.run_id)
    assert (run.state, run.partial_kind, run.set_aside_count) == (RunState.PARTIAL, "set_aside", 1)
    (again,) = (await runs.listed(works.seller, OPEN)).rows
    assert (again.id, again.retry_asked_at) == (aside.id, None)
    asked = await ask(works, again)
    assert asked.run is not None
    assert (await works.work(asked.run.run_id)).state == RunState.SUCCEEDED
    await works.assert_equal_to_ledger()


async def test_a_retry_during_a_sync_is_next_in_line(works: Workshop) -> None:
    """It never joins the run under way, which may have passed the row already."""
    _, aside = await one_set_aside(works)
    under_way = await works.start()
    assert (await ask(works, aside)).run is None
    await works.work(under_way)
    following = await _queued(works)
    assert following is not None
    assert (await works.work(following)).new_count == 1
    await works.assert_equal_to_ledger()
    assert await _queued(works) is None


async def _queued(works: Workshop) -> UUID | None:
    rows = await seen(works.addresses, "SELECT id FROM sync_runs WHERE state = 'queued' AND reread")
    return rows[0]["id"] if rows else None


async def test_without_single_rows_everything_is_read_again_from_where_it_was_met(works: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log says so, and a row that does not come back unreadable is settled."""
    monkeypatch.setattr(AmazonAdapter, "rereads", frozenset())
    first, _ = await one_set_aside(works)
    (group,) = await runs.grouped(works.seller, OPEN)
    asked = await runs.ask_for_all(works.seller, works.account.id, ScheduleTarget.ORDERS, group.reason, jobs=works.jobs, by="Asha")
    assert asked.run is not None
    run = await works.work(asked.run.run_id)
    assert (run.since, run.state, run.new_count, run.same_count) == (first.since, RunState.SUCCEEDED, 1, 249)
    assert any("gives no single rows here" in said for said in await works.messages(run.id))
    assert (await runs.listed(works.seller, OPEN)).rows == []
    await works.assert_equal_to_ledger()


async def test_a_retry_that_fails_leaves_the_row_and_starts_no_other(works: Workshop) -> None:
    _, aside = await one_set_aside(works)
    await works.bench.order_fault(Fault.REVOKED, operation="signIn", times=0)
    asked = await ask(works, aside)
    assert asked.run is not None
    assert (await works.work(asked.run.run_id)).state == RunState.FAILED
    (left,) = (await runs.listed(works.seller, OPEN)).rows
    assert left.retry_asked_at is None
    assert await _queued(works) is None
    with pytest.raises(Conflict, match="needs reconnecting"):
        await ask(works, left)


async def test_rows_of_others_cannot_be_asked_for(works: Workshop) -> None:
    _, aside = await one_set_aside(works)
    chitra = await make_seller("Chitra Crafts")
    with pytest.raises(NotFound):
        await runs.ask_for_one(chitra, aside.id, jobs=works.jobs, by="Chitra")
    with pytest.raises(NotFound):
        await runs.ask_for_all(chitra, works.account.id, ScheduleTarget.ORDERS, aside.reason, jobs=works.jobs, by="Chitra")
    assert (await runs.listed(chitra, OPEN)).rows == []


async def test_every_call_of_a_run_is_on_record_and_costs_no_commit(works: Workshop) -> None:
    run = await works.sync()
    rows: list[Any] = await seen(works.addresses, "SELECT * FROM sync_calls WHERE run_id = $1 ORDER BY id", run.id)
    assert [row["operation"] for row in rows] == await works.bench.calls() == ["signIn", *["searchOrders"] * 3]
    assert {row["path"] for row in rows} == {"/auth/o2/token", "/orders/2026-01-01/orders"}
    assert {(row["method"], row["status"], row["attempt"]) for row in rows} == {("POST", 200, 1), ("GET", 200, 1)}
    lines = await runs.events(works.seller, run.id)
    by_page = [len(line.calls) for line in lines if line.kind == "page"]
    assert sum(by_page) + len(lines[-1].calls) == 4
    written = await seen(works.addresses, "SELECT xmin FROM sync_calls UNION SELECT xmin FROM sync_events")
    assert len(written) == len({row["xmin"] for row in await seen(works.addresses, "SELECT xmin FROM sync_events")})
