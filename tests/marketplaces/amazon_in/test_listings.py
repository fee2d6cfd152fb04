"""Listings: paged while few, by report when many."""

from typing import Any

import pytest

from portal.marketplaces.contract import Page
from portal.marketplaces.facts import ListingFact
from portal.marketplaces.sandbox import Fault, Shop
from tests.marketplaces.amazon_in.bench import Bench, assert_equal_to_ledger, running

pytestmark = pytest.mark.anyio

Pages = list[Page[ListingFact]]


async def pages(bench: Bench, **parts: Any) -> Pages:
    async with bench.adapter() as adapter:
        return [page async for page in adapter.sync_listings(bench.ctx(**parts))]


def facts(read: Pages) -> list[ListingFact]:
    return [fact for page in read for fact in page.facts]


@pytest.mark.parametrize(("listings", "reports"), [(1, 0), (65, 0), (1000, 0), (1001, 1)])
async def test_the_catalogue_equals_the_ledger(listings: int, reports: int) -> None:
    async with running(Shop(orders=5, listings=listings, returns=0)) as bench:
        read = await pages(bench)
        assert_equal_to_ledger(facts(read), (await bench.ledger())["listings"], "sku")
        assert read[-1].total == listings
        assert (await bench.calls()).count("createReport") == reports


@pytest.mark.parametrize("listings", [65, 1300])
async def test_every_cursor_resumes_without_gap_or_repeat(listings: int) -> None:
    async with running(Shop(orders=5, listings=listings, returns=0)) as bench:
        read = await pages(bench)
        for number, page in enumerate(read[:-1]):
            rest = await pages(bench, cursor=page.cursor)
            assert [fact.sku for fact in facts(read[: number + 1] + rest)] == [fact.sku for fact in facts(read)]


async def test_stock_in_amazons_warehouse_is_told_apart() -> None:
    async with running(Shop(orders=5, listings=30, returns=0)) as bench:
        kept_there = [fact for fact in facts(await pages(bench)) if not fact.pushable]
        assert len(kept_there) == 3
        assert all(fact.quantity_seen is None for fact in kept_there)
        assert all(dict(fact.attributes)["channel"] == "AMAZON_IN" for fact in kept_there)


async def test_the_same_page_again_ends_the_run_as_cut() -> None:
    async with running(Shop(orders=5, listings=65, returns=0)) as bench:
        await bench.order_fault(Fault.REPEATED_PAGE, times=0)
        read = await pages(bench)
        assert read[-1].cut
        assert read[-1].watermark is None
        assert len(facts(read)) == 20


async def test_a_bad_row_is_set_aside() -> None:
    async with running(Shop(orders=5, listings=30, returns=0)) as bench:
        await bench.order_fault(Fault.UNREADABLE_ROW)
        read = await pages(bench)
        assert len(facts(read)) == 29
        assert len([row for page in read for row in page.set_aside]) == 1


async def test_a_failed_report_is_a_cut_run() -> None:
    async with running(Shop(orders=5, listings=1200, returns=0)) as bench:
        await bench.tune(report_fate="FATAL")
        assert "did not finish" in (await pages(bench))[-1].cut
