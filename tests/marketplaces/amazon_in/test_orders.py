"""Reading orders against the sandbox: complete, resumable, and never in circles."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from portal import clock
from portal.marketplaces.amazon_in.reading_orders import Reading
from portal.marketplaces.contract import Page
from portal.marketplaces.errors import Throttled, Unreachable
from portal.marketplaces.facts import OrderFact, OrderStatus
from portal.marketplaces.sandbox import Fault, Shop
from tests.marketplaces.amazon_in.bench import Bench, assert_equal_to_ledger, running

pytestmark = pytest.mark.anyio

SHOP = Shop(orders=450, listings=40, returns=12)

Pages = list[Page[OrderFact]]


async def pages(bench: Bench, **parts: Any) -> Pages:
    async with bench.adapter() as adapter:
        return [page async for page in adapter.sync_orders(bench.ctx(**parts))]


def facts(read: Pages) -> list[OrderFact]:
    return [fact for page in read for fact in page.facts]


async def test_a_full_read_equals_the_ledger() -> None:
    async with running(SHOP) as bench:
        read = await pages(bench)
        assert_equal_to_ledger(facts(read), (await bench.ledger())["orders"], "external_order_id")
        assert len(facts(read)) == 450
        assert [page.cursor is None for page in read] == [False, False, False, False, True]
        assert [bool(page.watermark) for page in read] == [False, False, False, False, True]


async def test_every_cursor_resumes_in_another_process_without_gap_or_repeat() -> None:
    async with running(SHOP) as bench:
        read = await pages(bench)
        for number, page in enumerate(read[:-1]):
            rest = await pages(bench, cursor=page.cursor)
            assert [fact.external_order_id for fact in facts(read[: number + 1] + rest)] == [fact.external_order_id for fact in facts(read)]
            assert rest[-1].watermark == read[-1].watermark


async def test_the_watermark_is_amazons_limit_and_the_next_run_reads_only_what_changed() -> None:
    async with running(SHOP) as bench:
        mark = (await pages(bench))[-1].watermark
        assert mark == (bench.shop.now - timedelta(minutes=2)).isoformat()
        quiet = await pages(bench, since=mark)
        assert {fact.external_order_id for fact in facts(quiet)} < {row["external_order_id"] for row in (await bench.ledger())["orders"]}
        assert all(fact.marketplace_updated_at >= bench.shop.now - timedelta(minutes=12) for fact in facts(quiet))
        added = await bench.add(orders=3, updates=2)
        later = await pages(bench, since=mark, now=bench.shop.now + timedelta(minutes=20))
        assert {fact.external_order_id for fact in facts(later)} >= set(added)
        assert_equal_to_ledger(
            {fact.external_order_id: fact for fact in facts(quiet) + facts(later)}.values(),
            [
                row
                for row in (await bench.ledger())["orders"]
                if row["external_order_id"] in {f.external_order_id for f in facts(quiet + later)}
            ],
            "external_order_id",
        )


async def test_orders_that_change_while_pages_are_turned_are_read_again_next_time() -> None:
    async with running(SHOP) as bench:
        async with bench.adapter() as adapter:
            run = adapter.sync_orders(bench.ctx())
            first = await anext(run)
            await bench.add(updates=150)
            rest = [page async for page in run]
        mark = rest[-1].watermark
        again = await pages(bench, since=mark, now=bench.shop.now + timedelta(minutes=20))
        latest = {fact.external_order_id: fact for fact in facts([first, *rest, *again])}
        assert_equal_to_ledger(latest.values(), (await bench.ledger())["orders"], "external_order_id")


async def test_a_page_token_past_its_day_starts_the_window_again() -> None:
    async with running(SHOP) as bench:
        read = await pages(bench)
        assert read[1].cursor is not None
        with clock.stopped_at(clock.now() + timedelta(hours=25)):
            rest = await pages(bench, cursor=read[1].cursor)
        assert len(facts(rest)) == 450
        assert not any(page.cut for page in rest)


async def test_a_page_token_amazon_refuses_starts_the_window_again_once() -> None:
    async with running(SHOP) as bench:
        read = await pages(bench)
        held = msgspec.json.decode(read[1].cursor or "", type=Reading)
        broken = msgspec.json.encode(msgspec.structs.replace(held, token="bm90IGEgdG9rZW4=")).decode()
        assert len(facts(await pages(bench, cursor=broken))) == 450


async def test_a_long_history_is_read_window_by_window_and_equals_the_ledger() -> None:
    async with running(Shop(orders=300, days=100, listings=20)) as bench:
        read = await pages(bench, first_days=110)
        assert_equal_to_ledger(facts(read), (await bench.ledger())["orders"], "external_order_id")
        assert (await bench.calls()).count("searchOrders") >= 4
        assert read[-1].watermark == (bench.shop.now - timedelta(minutes=2)).isoformat()


async def test_a_backfill_reads_the_days_asked_for_and_leaves_the_watermark() -> None:
    async with running(SHOP) as bench:
        first, until = bench.shop.now - timedelta(days=20), bench.shop.now - timedelta(days=10)
        read = await pages(bench, first_day=first, until=until, since="2026-11-19T00:00:00+00:00")
        expected = [row for row in (await bench.ledger())["orders"] if f"{first:%FT%TZ}" <= row["placed_at"] <= f"{until:%FT%TZ}"]
        assert 50 < len(expected) < 400
        assert_equal_to_ledger(facts(read), expected, "external_order_id")
        assert read[-1].watermark == "2026-11-19T00:00:00+00:00"


async def test_the_same_page_under_fresh_tokens_ends_the_run_as_cut() -> None:
    async with running(SHOP) as bench:
        await bench.order_fault(Fault.REPEATED_PAGE, times=0)
        read = await pages(bench)
        assert read[-1].cut.startswith("Amazon sent the same page")
        assert (read[-1].cursor, read[-1].watermark) == (None, None)
        assert len(facts(read)) == 100
        assert (await bench.calls()).count("searchOrders") <= 3


async def test_a_bad_row_is_set_aside_and_an_unknown_status_kept() -> None:
    async with running(SHOP) as bench:
        await bench.order_fault(Fault.UNREADABLE_ROW)
        read = await pages(bench)
        assert len(facts(read)) == 449
        aside = [row for page in read for row in page.set_aside]
        assert len(aside) == 1
        assert not {"buyer", "recipient", "tax", "payment"} & set(aside[0].raw)
        await bench.order_fault(Fault.UNKNOWN_VALUE)
        strange = [fact for fact in facts(await pages(bench)) if fact.status is OrderStatus.UNKNOWN]
        assert [fact.raw_status for fact in strange] == ["TELEPORTED"]


async def test_without_the_buyer_role_orders_come_without_buyers() -> None:
    said: list[str] = []

    async def note(sentence: str) -> None:
        said.append(sentence)

    async with running(SHOP) as bench:
        await bench.order_fault(Fault.FORBIDDEN, times=1)
        read = await pages(bench, note=note)
        assert len(facts(read)) == 450
        assert all(fact.buyer is None for fact in facts(read))
        assert all(fact.raw_status for fact in facts(read))
        assert len(said) == 1


async def test_a_fault_on_the_page_ahead_comes_after_the_page_before_it() -> None:
    async with running(SHOP) as bench:
        await bench.order_fault(Fault.SLOW_DOWN, after=2, operation="searchOrders")
        kept: Pages = []

        async def keep(run: AsyncIterator[Page[OrderFact]]) -> None:
            async for page in run:
                kept.append(page)

        async with bench.adapter() as adapter:
            with pytest.raises(Throttled):
                await keep(adapter.sync_orders(bench.ctx()))
        assert len(facts(kept)) == 200
        rest = await pages(bench, cursor=kept[-1].cursor)
        assert len({fact.external_order_id for fact in facts(kept + rest)}) == 450


async def test_leaving_early_stops_the_page_ahead() -> None:
    async with running(SHOP) as bench:
        await bench.order_fault(Fault.TIMEOUT, after=1, operation="searchOrders", seconds=60)
        async with bench.adapter() as adapter:
            run = adapter.sync_orders(bench.ctx())
            first = await anext(run)
            await run.aclose()  # type: ignore[attr-defined]
        assert len(first.facts) == 100
        await bench.clear_faults()
        assert len(facts([first, *await pages(bench, cursor=first.cursor)])) == 450


async def test_a_short_outage_is_ridden_out() -> None:
    async with running(SHOP) as bench:
        await bench.order_fault(Fault.OUTAGE, times=2, operation="searchOrders")
        assert len(facts(await pages(bench))) == 450
        await bench.order_fault(Fault.OUTAGE, times=0, operation="searchOrders")
        with pytest.raises(Unreachable):
            await pages(bench)


async def test_an_empty_shop_is_one_page_with_a_watermark() -> None:
    async with running(Shop(orders=0, returns=0, listings=1)) as bench:
        read = await pages(bench)
        assert len(read) == 1
        assert read[0].watermark
