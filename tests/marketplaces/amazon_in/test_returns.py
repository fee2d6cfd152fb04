"""Returns: the report is asked for once and awaited, parcels that turned round come beside it."""

from typing import Any

import pytest

from portal import clock
from portal.marketplaces.amazon_in.wire.returns import ReturnsReader
from portal.marketplaces.contract import Page
from portal.marketplaces.errors import NotAllowed, Throttled, Unreachable, WireChanged
from portal.marketplaces.facts import ReturnFact, ReturnKind, ReturnStatus
from portal.marketplaces.http import Outside
from portal.marketplaces.sandbox import Fault, Shop
from tests.marketplaces.amazon_in.bench import Bench, assert_equal_to_ledger, running

pytestmark = pytest.mark.anyio

SHOP = Shop(orders=400, returns=40, listings=30)

Pages = list[Page[ReturnFact]]


async def pages(bench: Bench, **parts: Any) -> Pages:
    async with bench.adapter() as adapter:
        return [page async for page in adapter.sync_returns(bench.ctx(**parts))]


def facts(read: Pages) -> list[ReturnFact]:
    return [fact for page in read for fact in page.facts]


async def test_both_kinds_equal_the_ledger() -> None:
    async with running(SHOP) as bench:
        read = await pages(bench)
        assert_equal_to_ledger(facts(read), (await bench.ledger())["returns"], "external_return_id")
        assert {fact.kind for fact in facts(read)} == {ReturnKind.RTO, ReturnKind.CUSTOMER}
        assert read[-1].watermark
        assert (await bench.calls()).count("createReport") == 1


async def test_every_cursor_resumes_and_never_asks_for_a_second_report() -> None:
    async with running(SHOP) as bench:
        read = await pages(bench)
        for number, page in enumerate(read[:-1]):
            rest = await pages(bench, cursor=page.cursor)
            names = [fact.external_return_id for fact in facts(read[: number + 1] + rest)]
            assert names == [fact.external_return_id for fact in facts(read)]
        assert (await bench.calls()).count("createReport") == 1


async def test_a_report_whose_answer_was_lost_is_found_again() -> None:
    async with running(SHOP) as bench:
        await bench.order_fault(Fault.LOST_ANSWER, operation="createReport")
        with pytest.raises(Unreachable):
            await pages(bench)
        assert_equal_to_ledger(facts(await pages(bench)), (await bench.ledger())["returns"], "external_return_id")
        assert (await bench.calls()).count("createReport") == 1


async def test_a_slow_report_gives_the_job_back_with_its_id_kept() -> None:
    async with running(SHOP) as bench:
        await bench.tune(looks_needed=3)
        patient = Outside(settings={**bench.settings, "RATE": "1"}, tokens=bench.outside.tokens, allow_private=True)
        async with bench.adapter(outside=patient) as adapter:
            run = adapter.sync_returns(bench.ctx())
            asked = await anext(run)
            with pytest.raises(Throttled) as caught:
                await anext(run)
        assert 25 < (caught.value.retry_at - clock.now()).total_seconds() <= 30
        assert_equal_to_ledger(facts(await pages(bench, cursor=asked.cursor)), (await bench.ledger())["returns"], "external_return_id")
        assert (await bench.calls()).count("createReport") == 1


async def test_a_cancelled_report_means_no_returns_not_a_fault() -> None:
    async with running(SHOP) as bench:
        await bench.tune(report_fate="CANCELLED")
        read = await pages(bench)
        assert {fact.kind for fact in facts(read)} == {ReturnKind.RTO}
        assert read[-1].watermark
        assert not read[-1].cut


async def test_a_failed_report_makes_the_run_partial_and_keeps_the_parcels() -> None:
    async with running(SHOP) as bench:
        await bench.tune(report_fate="FATAL")
        read = await pages(bench)
        assert {fact.kind for fact in facts(read)} == {ReturnKind.RTO}
        assert "did not finish the returns report" in read[-1].cut
        assert read[-1].watermark is None


async def test_the_next_run_looks_back_a_month_for_reports_and_minutes_for_parcels() -> None:
    async with running(SHOP) as bench:
        mark = (await pages(bench))[-1].watermark
        again = await pages(bench, since=mark)
        assert len([fact for fact in facts(again) if fact.kind is ReturnKind.CUSTOMER]) == len(
            [row for row in (await bench.ledger())["returns"] if row["kind"] == "CUSTOMER"]
        )
        assert not [fact for fact in facts(again) if fact.kind is ReturnKind.RTO]
        assert again[-1].watermark == mark


async def test_longer_than_sixty_days_is_several_reports() -> None:
    async with running(Shop(orders=200, returns=30, days=120, listings=20)) as bench:
        read = await pages(bench, first_days=130)
        assert_equal_to_ledger(facts(read), (await bench.ledger())["returns"], "external_return_id")
        assert (await bench.calls()).count("createReport") == 3


async def test_a_bad_row_is_set_aside_and_an_unknown_word_kept() -> None:
    async with running(SHOP) as bench:
        await bench.order_fault(Fault.UNREADABLE_ROW, operation="getReportDocument")
        read = await pages(bench)
        assert [row.reason for page in read for row in page.set_aside] == ["row 2: no order id"]
    async with running(SHOP) as bench:
        await bench.order_fault(Fault.UNKNOWN_VALUE, operation="getReportDocument")
        strange = [fact for fact in facts(await pages(bench)) if fact.raw_status == "Contemplated"]
        assert len(strange) == 1


async def test_a_missing_role_is_told_as_such() -> None:
    async with running(SHOP) as bench:
        await bench.order_fault(Fault.FORBIDDEN, operation="createReport")
        with pytest.raises(NotAllowed):
            await pages(bench)


def read_report(*rows: str) -> tuple[ReturnFact, ...]:
    reader = ReturnsReader()
    header = "Order ID\tReturn request date\tReturn request status\tAmazon RMA ID\tMerchant SKU\tReturn quantity\tRefunded Amount"
    reader.feed([header, *rows])
    return reader.end()[0]


def test_rows_of_one_rma_are_one_return_and_their_refunds_add_up() -> None:
    found = read_report(
        "403-1\t03-Jun-2026\tApproved\tD1\tA\t1\t100.50",
        "403-2\t04-Jun-2026\tNovel\tD2\tC\t1\t",
        "403-1\t03-Jun-2026\tApproved\tD1\tB\t2\t1,200",
    )
    assert [(fact.external_return_id, len(fact.items), str(fact.refund_amount)) for fact in found] == [
        ("D1", 2, "1300.50"),
        ("D2", 1, "None"),
    ]
    assert (found[1].status, found[1].raw_status) == (ReturnStatus.UNKNOWN, "Novel")


def test_without_an_rma_the_order_the_sku_and_the_day_name_a_return() -> None:
    assert read_report("403-1\t03-Jun-2026\tApproved\t\tA\t1\t")[0].external_return_id == "403-1/A/03-Jun-2026"


@pytest.mark.parametrize("header", ["", "Order ID", "<html>"])
def test_another_header_is_a_changed_wire(header: str) -> None:
    if header:
        with pytest.raises(WireChanged):
            ReturnsReader().feed([header])
    else:
        assert ReturnsReader().end() == ((), ())
