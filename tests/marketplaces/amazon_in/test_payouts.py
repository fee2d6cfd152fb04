"""Settlements: listed, fetched once, read in parts, and equal to the ledger to the paisa."""

import tracemalloc
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from portal.marketplaces.amazon_in.reading_payouts import Watermark
from portal.marketplaces.amazon_in.wire.settlements import SettlementReader
from portal.marketplaces.contract import Page
from portal.marketplaces.errors import MarketplaceError, NotAllowed, Throttled, Unreachable, WireChanged
from portal.marketplaces.facts import LineKind, PayoutFact, PayoutLineFact, UnreadableRow
from portal.marketplaces.sandbox import Fault, Shop
from tests.marketplaces.amazon_in.bench import Bench, pruned, running, told

pytestmark = pytest.mark.anyio

SHOP = Shop(orders=600, payouts=5, listings=40, days=28)

Pages = list[Page[PayoutFact]]


async def pages(bench: Bench, **parts: Any) -> Pages:
    async with bench.adapter() as adapter:
        return [page async for page in adapter.sync_payouts(bench.ctx(**parts))]


def settlements(read: Pages) -> dict[str, list[PayoutLineFact]]:
    found: dict[str, list[PayoutLineFact]] = {}
    for page in read:
        for part in page.facts:
            found.setdefault(part.external_payout_id, []).extend(part.lines)
    return found


def sums(read: Pages) -> dict[str, Decimal]:
    return {name: sum((line.amount for line in lines), Decimal(0)) for name, lines in settlements(read).items()}


def paid(read: Pages) -> dict[str, Decimal | None]:
    return {part.external_payout_id: part.net_amount for page in read for part in page.facts}


async def test_every_settlement_equals_the_ledger_line_by_line() -> None:
    async with running(SHOP) as bench:
        read = await pages(bench)
        expected = {row["external_payout_id"]: row for row in (await bench.ledger())["payouts"]}
        parts = {part.external_payout_id: part for page in read for part in page.facts}
        assert parts.keys() == expected.keys()
        for name, row in expected.items():
            whole = told(parts[name]) | {"lines": told(settlements(read)[name])}
            assert pruned(whole, row) == row
        assert (await bench.calls()).count("getReports") == 3


async def test_lines_sum_to_what_amazon_paid_and_taxes_stand_apart() -> None:
    async with running(SHOP) as bench:
        read = await pages(bench)
        assert sums(read) == paid(read)
        kinds = {line.kind for lines in settlements(read).values() for line in lines}
        assert kinds >= {LineKind.TCS, LineKind.TDS, LineKind.FEE, LineKind.FEE_TAX, LineKind.SALE, LineKind.RESERVE}
        assert LineKind.UNMAPPED not in kinds


async def test_every_cursor_resumes_without_gap_or_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SettlementReader.__init__, "__kwdefaults__", {"part": 60})
    async with running(Shop(orders=60, payouts=3, listings=20)) as bench:
        read = await pages(bench)
        whole = [(part.external_payout_id, line.line_key) for page in read for part in page.facts for line in part.lines]
        assert len(whole) == len(set(whole))
        assert len(read) > 8
        for number, page in enumerate(read[:-1]):
            rest = await pages(bench, cursor=page.cursor)
            again = [
                (part.external_payout_id, line.line_key) for one in read[: number + 1] + rest for part in one.facts for line in part.lines
            ]
            assert again == whole
            assert rest[-1].watermark == read[-1].watermark


async def test_each_document_is_fetched_once() -> None:
    async with running(SHOP) as bench:
        mark = (await pages(bench))[-1].watermark
        fetched = (await bench.calls()).count("getReportDocument")
        assert fetched == 5
        later = await pages(bench, since=mark)
        assert [page.facts for page in later] == [()]
        assert later[-1].watermark == mark
        assert (await bench.calls()).count("getReportDocument") == fetched


async def test_a_backfill_reads_again_what_was_read() -> None:
    async with running(SHOP) as bench:
        mark = (await pages(bench))[-1].watermark
        again = await pages(bench, since=mark, first_day=bench.shop.now - timedelta(days=80))
        assert len(settlements(again)) == 5


async def test_a_backfill_reads_nothing_that_was_settled_after_its_end() -> None:
    async with running(SHOP) as bench:
        first, middle = bench.shop.now - timedelta(days=80), bench.shop.now - timedelta(days=20)
        older = settlements(await pages(bench, first_day=first, until=middle))
        newer = settlements(await pages(bench, first_day=middle, until=bench.shop.now))
        assert older
        assert newer
        assert not set(older) & set(newer)
        assert len(older) + len(newer) == 5


async def test_a_line_that_cannot_be_read_is_set_aside_with_its_row() -> None:
    async with running(SHOP) as bench:
        await bench.order_fault(Fault.UNREADABLE_ROW, operation="getReportDocument")
        read = await pages(bench)
        aside = [row for page in read for row in page.set_aside]
        assert len(aside) == 1
        assert aside[0].reason.startswith("row 3:")
        assert len(settlements(read)) == 5


async def test_a_label_nobody_mapped_still_counts() -> None:
    async with running(SHOP) as bench:
        await bench.order_fault(Fault.UNKNOWN_VALUE, operation="getReportDocument")
        read = await pages(bench)
        strange = [line for lines in settlements(read).values() for line in lines if line.kind is LineKind.UNMAPPED]
        assert [line.description for line in strange] == ["Quantum Handling Surcharge"]
        assert sums(read) == paid(read)


@pytest.mark.parametrize(
    ("fault", "operation", "error"),
    [
        (Fault.FORBIDDEN, "getReports", NotAllowed),
        (Fault.SLOW_DOWN, "getReportDocument", Throttled),
        (Fault.RESET, "document", Unreachable),
        (Fault.OUTAGE, "document", Unreachable),
        (Fault.TRUNCATED, "document", WireChanged),
        (Fault.CHANGED, "getReports", WireChanged),
        (Fault.EMPTY, "getReportDocument", Unreachable),
    ],
)
async def test_a_fault_in_the_middle_costs_nothing_that_was_kept(fault: Fault, operation: str, error: type[MarketplaceError]) -> None:
    async with running(SHOP) as bench:
        await bench.order_fault(fault, operation=operation, after=1 if operation != "getReports" else 0)
        kept: Pages = []

        async def keep(run: AsyncIterator[Page[PayoutFact]]) -> None:
            async for page in run:
                kept.append(page)

        async with bench.adapter() as adapter:
            with pytest.raises(error):
                await keep(adapter.sync_payouts(bench.ctx()))
        rest = await pages(bench, cursor=kept[-1].cursor if kept else None)
        assert len(settlements(kept + rest)) == 5


async def test_the_documents_address_gets_no_token() -> None:
    async with running(SHOP) as bench:
        async with bench.adapter(outside=bench.tapped()) as adapter:
            _ = [page async for page in adapter.sync_payouts(bench.ctx())]
        fetched = [request for request, _, _ in bench.wire.seen if "/_documents/" in request.url.path]
        assert len(fetched) == 5
        assert all("x-amz-access-token" not in request.headers for request in fetched)


@pytest.mark.parametrize(("blocks", "most"), [(20, 8_000_000), pytest.param(100, 40_000_000, marks=pytest.mark.soak)])
def test_a_long_settlement_takes_little_room(blocks: int, most: int) -> None:
    head = "settlement-id\ttotal-amount\tcurrency\ttransaction-type\torder-id\tamount-type\tamount-description\tamount\tposted-date-time"
    lines = [head, "77\t100000.00\tINR"]
    reader = SettlementReader()
    tracemalloc.start()
    found = list(reader.feed(lines))
    assert found == []
    count = 0
    for block in range(blocks):
        block_lines = [
            f"77\t\t\tOrder\t403-{block}-{number}\tItemPrice\tPrincipal\t1.00\t2026-06-03 05:23:19 UTC" for number in range(1000)
        ]
        count += sum(len(part.lines) for part in reader.feed(block_lines) if isinstance(part, PayoutFact))
    count += sum(len(part.lines) for part in reader.end())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == blocks * 1000
    assert peak < most


def test_equal_lines_keep_different_keys_and_the_same_ones_next_time() -> None:
    def keys() -> list[str]:
        reader = SettlementReader()
        row = "77\t\t\tOrder\t403-1\tItemPrice\tPrincipal\t1.00"
        head = "settlement-id\ttotal-amount\tcurrency\ttransaction-type\torder-id\tamount-type\tamount-description\tamount"
        assert list(reader.feed([head, "77\t2.00\tINR", row, row])) == []
        return [line.line_key for part in reader.end() for line in part.lines]

    assert len(set(keys())) == 2
    assert keys() == keys()


def test_the_short_date_is_read_the_way_round_the_full_one_teaches() -> None:
    reader = SettlementReader()
    head = "settlement-id\ttotal-amount\tcurrency\ttransaction-type\tamount-type\tamount-description\tamount\tposted-date\tposted-date-time"
    rows = [
        head,
        "77\t2.00\tINR",
        "77\t\t\tOrder\tItemPrice\tPrincipal\t1.00\t13/06/26\t2026-06-13 05:23:19 UTC",
        "77\t\t\tOrder\tItemPrice\tTax\t1.00\t03/06/26\t",
    ]
    assert list(reader.feed(rows)) == []
    second = next(iter(reader.end())).lines[1]
    assert second.posted_at is not None
    assert (second.posted_at.month, second.posted_at.day) == (6, 3)


@pytest.mark.parametrize("lines", [[], ["nonsense"], ["settlement-id\tamount"], ["<html>"]])
def test_what_is_no_settlement_is_a_changed_wire(lines: list[str]) -> None:
    reader = SettlementReader()

    def read() -> list[PayoutFact | UnreadableRow]:
        return [*reader.feed(lines), *reader.end()]

    with pytest.raises(WireChanged):
        read()


def test_the_watermark_survives_the_way_through_text() -> None:
    text = '{"listed":"2026-11-17T12:30:00Z","read":["a"]}'
    assert msgspec.json.encode(msgspec.json.decode(text, type=Watermark)).decode() == text
