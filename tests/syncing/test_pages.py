"""A run, page by page: what commits together, what a second reading changes, and when the watermark moves."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from portal import clock, db
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.sandbox import Fault
from portal.postgres import Addresses
from portal.runs import service as runs
from portal.tables.syncs import RunState, SyncRun
from portal.vault import Vault
from tests.factories import make_user
from tests.workshop import Workshop, kept_orders, seen, workshop

pytestmark = pytest.mark.anyio


async def test_a_first_run_brings_every_order_once(works: Workshop) -> None:
    run = await works.sync(by="Asha")
    assert (run.state, run.new_count, run.changed_count, run.same_count) == (RunState.SUCCEEDED, 250, 0, 0)
    assert run.pages == 3
    assert run.cursor is None
    assert run.watermark == await works.watermark()
    await works.assert_equal_to_ledger()
    assert await works.messages(run.id) == [
        "Asked for by Asha. Waiting for a worker.",
        "Started.",
        "Page 1: 100 new, 0 changed, 0 same. 100 read so far.",
        "Page 2: 100 new, 0 changed, 0 same. 200 read so far.",
        "Page 3: 50 new, 0 changed, 0 same. 250 read so far.",
        "Done: 250 new, 0 changed, 0 same.",
    ]


BROKEN = {
    # where a page's transaction breaks off: table, event, condition that is true on page 2 only
    "between the facts": ("shipments", "INSERT", "(SELECT external_order_id FROM orders WHERE id = NEW.order_id) = ANY ('{%s}')"),
    "before the counts": ("sync_runs", "UPDATE", "NEW.pages = 2"),
    "before the event": ("sync_events", "INSERT", "NEW.message LIKE 'Page 2:%'"),
}


@pytest.fixture
async def breakable(own_database: Addresses, keys: Vault) -> AsyncIterator[Workshop]:
    await db.connect(own_database.worker, max_size=5)
    async with workshop(own_database, keys) as works:
        yield works
    await db.disconnect()


async def breaking(works: Workshop, where: str) -> None:
    """From now on the database itself refuses one statement of page 2."""
    table, event, condition = BROKEN[where]
    in_turn = sorted((await works.bench.ledger())["orders"], key=lambda one: one["marketplace_updated_at"])
    condition = condition.replace("%s", ",".join(one["external_order_id"] for one in in_turn[110:190]))
    await seen(
        works.addresses,
        f"""CREATE FUNCTION breaks() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
            BEGIN IF {condition} THEN RAISE EXCEPTION 'broken here'; END IF; RETURN NEW; END $$""",
    )
    await seen(works.addresses, f"CREATE TRIGGER breaks BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION breaks()")


@pytest.mark.parametrize("where", BROKEN)
async def test_facts_counts_cursor_and_event_of_a_page_commit_together(breakable: Workshop, where: str) -> None:
    """Wherever the second page breaks off, the run stands exactly behind the first; going on from there completes it."""
    works = breakable
    await breaking(works, where)
    run_id = await works.start()
    with pytest.raises(asyncpg.RaiseError):
        await works.work(run_id)
    run = await runs.get(works.seller, run_id)
    assert (run.state, run.error_code, run.pages, run.new_count) == (RunState.FAILED, "our_fault", 1, 100)
    assert len(await kept_orders(works.addresses, works.account.id)) == 100
    assert [one[:6] for one in await works.messages(run_id) if one.startswith("Page")] == ["Page 1"]
    assert await works.watermark() is None
    await seen(works.addresses, "DROP FUNCTION breaks CASCADE")
    again = await runs.retry(works.seller, run_id, jobs=works.jobs, by="Asha")
    went_on = await works.work(again.run_id)
    assert (went_on.state, went_on.new_count, went_on.same_count) == (RunState.SUCCEEDED, 150, 0)
    await works.assert_equal_to_ledger()


TABLES = ("orders", "order_items", "shipments", "shipment_items")


async def versions(works: Workshop) -> dict[str, list[Any]]:
    """Where each row lies and which transaction wrote it: any write at all changes one of them."""
    return {table: [tuple(row) for row in await seen(works.addresses, f"SELECT ctid, xmin FROM {table} ORDER BY ctid")] for table in TABLES}


async def test_reading_everything_again_writes_no_row(works: Workshop) -> None:
    await works.sync()
    before = await versions(works)
    assert all(before.values())
    await seen(works.addresses, "DELETE FROM sync_cursors")
    again = await works.sync()
    assert (again.state, again.new_count, again.changed_count, again.same_count) == (RunState.SUCCEEDED, 0, 0, 250)
    assert await versions(works) == before


async def test_the_next_run_starts_at_the_watermark_and_brings_only_what_changed(works: Workshop) -> None:
    first = await works.sync()
    await works.bench.add(orders=3, updates=2)
    second = await works.sync()
    assert second.since == first.watermark
    assert (second.new_count, second.changed_count) == (3, 2)
    assert second.watermark is not None
    assert first.watermark is not None
    assert second.watermark > first.watermark
    assert await works.watermark() == second.watermark
    await works.assert_equal_to_ledger()


async def test_a_run_that_finds_nothing_says_so(works: Workshop) -> None:
    async with db.transaction(works.seller) as held:
        await held.execute(
            "INSERT INTO sync_cursors (id, seller_id, marketplace_account_id, target, watermark, moved_by)"
            " VALUES (gen_random_uuid(), $1, $2, 'ORDERS', $3, gen_random_uuid())",
            works.seller,
            works.account.id,
            (works.bench.shop.now + timedelta(minutes=20)).isoformat(),
        )
    with clock.stopped_at(works.bench.shop.now + timedelta(minutes=30)):
        run = await works.sync()
    assert (run.state, run.new_count + run.changed_count + run.same_count) == (RunState.SUCCEEDED, 0)
    assert (await works.messages(run.id))[-1] == "Done. Nothing to do: the marketplace has nothing newer."


async def test_rows_set_aside_are_listed_and_make_the_run_partial(works: Workshop) -> None:
    """Everything else is kept, and the next run goes on from here: the row is tried again when it changes, or on request."""
    await works.bench.order_fault(Fault.UNREADABLE_ROW, times=1)
    run = await works.sync()
    assert (run.state, run.partial_reason, run.set_aside_count, run.new_count) == (RunState.PARTIAL, "1 set aside", 1, 249)
    asides = await runs.set_asides(works.seller, run.id)
    assert [one.count for one in asides] == [1]
    missing = {row["external_order_id"] for row in (await works.bench.ledger())["orders"]} - (
        await kept_orders(works.addresses, works.account.id)
    ).keys()
    assert set(asides[0].examples) == missing
    assert await works.watermark() == run.watermark is not None


async def test_a_row_set_aside_twice_is_listed_once_and_resolved_when_it_is_read(works: Workshop) -> None:
    for _ in range(2):
        await works.bench.order_fault(Fault.UNREADABLE_ROW, times=1)
        await works.sync()
        await seen(works.addresses, "DELETE FROM sync_cursors")
    assert len(await seen(works.addresses, "SELECT 1 FROM set_asides")) == 1
    await works.sync()
    assert len(await seen(works.addresses, "SELECT 1 FROM set_asides WHERE resolved_at IS NULL")) == 0
    await works.assert_equal_to_ledger()


async def test_a_run_cut_short_keeps_what_it_read_and_leaves_the_watermark(works: Workshop) -> None:
    first = await works.sync()
    await seen(works.addresses, "UPDATE sync_cursors SET watermark = '2026-01-01T00:00:00+00:00'")
    await works.bench.order_fault(Fault.REPEATED_PAGE, times=0)
    cut = await works.sync()
    assert cut.state == RunState.PARTIAL
    assert cut.partial_reason.startswith("Amazon sent the same page")
    assert cut.watermark is None
    assert await works.watermark() == "2026-01-01T00:00:00+00:00"
    assert first.watermark is not None
    await works.assert_equal_to_ledger()


async def test_going_on_after_a_cut_reads_the_window_again_and_moves_the_watermark(works: Workshop) -> None:
    """Amazon's page tokens lead in circles by then: only a fresh window brings what is missing."""
    await works.bench.order_fault(Fault.REPEATED_PAGE, after=1, times=2)
    cut = await works.sync()
    assert (cut.state, cut.new_count, await works.watermark()) == (RunState.PARTIAL, 200, None)
    await works.bench.clear_faults()
    again = await runs.retry(works.seller, cut.id, jobs=works.jobs, by="Asha")
    went_on = await works.work(again.run_id)
    assert (went_on.retry_of, went_on.since) == (cut.id, cut.since)
    assert (went_on.state, went_on.new_count, went_on.same_count) == (RunState.SUCCEEDED, 50, 200)
    assert await works.watermark() == went_on.watermark is not None
    await works.assert_equal_to_ledger()


async def test_a_marketplace_that_names_a_cursor_with_its_cut_is_read_on_from_there(works: Workshop) -> None:
    run_id = await works.start()
    taken = await runs.take(works.seller, run_id, lease=works.lease)
    assert taken is not None
    await runs.finish(taken, watermark=None, cut="The limit of a day is reached.", cursor="there")
    again = await runs.retry(works.seller, run_id, jobs=works.jobs, by="Asha")
    assert (await runs.get(works.seller, again.run_id)).cursor == "there"


async def test_a_cancelled_run_keeps_its_pages_and_leaves_the_watermark(works: Workshop) -> None:
    run_id = await works.start()
    taken = await runs.take(works.seller, run_id, lease=works.lease)
    assert taken is not None
    async with db.transaction(works.seller):
        await runs.record(taken, new=1, changed=0, same=0, set_aside=0, cursor="there", total=None)
    await runs.request_cancel(works.seller, run_id, by="Asha")
    await runs.cancelled(taken)
    run: SyncRun = await runs.get(works.seller, run_id)
    assert (run.state, run.cursor) == (RunState.CANCELLED, "there")
    assert run.watermark is None
    assert await works.watermark() is None


async def test_the_days_a_seller_chose_hold_until_a_first_run_is_complete(works: Workshop) -> None:
    """Also for a retry, and for a run that somebody else started after the first one failed."""
    wizard = "00000000-0000-4000-8000-000000000001"
    await seen(
        works.addresses,
        """INSERT INTO connect_wizards (id, seller_id, user_id, marketplace_code, account_id, state, first_days, expires_at)
           VALUES ($1, $2, $3, 'AMAZON_IN', $4, 'done', 90, now())""",
        wizard,
        works.seller,
        await make_user(works.seller),
        works.account.id,
    )
    for _ in range(2):
        run_id = await works.start()
        taken = await runs.take(works.seller, run_id, lease=works.lease)
        assert taken is not None
        assert taken.first_days == 90
        assert taken.target is ScheduleTarget.ORDERS
        await runs.fail(taken, "unreachable", "Amazon India is not answering.")
