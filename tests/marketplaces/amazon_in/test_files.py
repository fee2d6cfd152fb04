"""Uploaded payout files, and how documents become lines."""

import gzip
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.errors import BadInput
from portal.marketplaces.amazon_in.files import read_payout_file
from portal.marketplaces.amazon_in.sandbox.orders import MadeOrders
from portal.marketplaces.amazon_in.sandbox.settlements import MadeSettlements
from portal.marketplaces.amazon_in.wire.documents import Lines, amount, day, folded, moment
from portal.marketplaces.amazon_in.wire.labels import kind_of
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import LineKind, PayoutFact, PayoutLineFact, UnreadableRow
from portal.marketplaces.sandbox import Shop, articles

SHOP = Shop(orders=60, payouts=2, listings=20)
SETTLEMENTS = MadeSettlements(SHOP, MadeOrders(SHOP, articles(SHOP)))

RANGE = """\
"Includes Amazon Marketplace, Fulfillment by Amazon (FBA), and Amazon Webstore transactions"
"All amounts in INR, unless specified"
"Definitions:"
"date/time","settlement id","type","order id","Sku","description","quantity","product sales","Total sales tax liable(GST before adjusting TCS)","TCS-IGST","TDS (Section 194-O)","selling fees","other transaction fees","other","total"
"3 Jun 2026 5:23:19 am UTC","77","Order","403-1","TEST-RED","Kurta, red","1","1,847.46","152.54","-4.24","-0.85","-84.75","-15.26","0","1,894.90"
"9 Jun 2026 6:40:00 pm UTC","77","Refund","403-2","TEST-BLUE","Kurta, blue","1","-423.73","-76.27","2.12","0","42.37","0","0","-455.51"
"10 Jun 2026 6:40:00 pm UTC","78","Order","403-3","TEST-BLUE","Kurta, blue","one","10","0","0","0","0","0","0","10"
"11 Jun 2026 6:40:00 pm UTC","78","Adjustment","403-4","","Goodwill","","0","0","0","0","0","0","0","12.00"
"12 Jun 2026 6:40:00 pm UTC","78","Transfer","","","To your account","","0","0","0","0","0","0","-1,451.39","-1,451.39"
"""


def read(content: bytes) -> tuple[list[PayoutFact], list[UnreadableRow]]:
    found = list(read_payout_file("june.txt", io.BytesIO(content)))
    return [one for one in found if isinstance(one, PayoutFact)], [one for one in found if isinstance(one, UnreadableRow)]


def lines(parts: list[PayoutFact]) -> list[PayoutLineFact]:
    return [line for part in parts for line in part.lines]


@pytest.mark.parametrize("packed", [False, True])
def test_a_settlement_file_reads_as_the_call_does(packed: bool) -> None:
    settlement = SETTLEMENTS.all[0]
    content = SETTLEMENTS.document(settlement).encode()
    parts, aside = read(gzip.compress(content, mtime=0) if packed else content)
    assert not aside
    assert {part.external_payout_id for part in parts} == {settlement.settlement_id}
    assert sum((line.amount for line in lines(parts)), Decimal(0)) == parts[0].net_amount
    again, _ = read(content)
    assert [line.line_key for line in lines(again)] == [line.line_key for line in lines(parts)]


def test_two_settlements_in_one_file_stay_apart() -> None:
    first, second = (SETTLEMENTS.document(one).splitlines() for one in SETTLEMENTS.all)
    parts, aside = read("\n".join(first + second[1:]).encode())
    assert not aside
    assert {part.external_payout_id for part in parts} == {one.settlement_id for one in SETTLEMENTS.all}
    for part in parts:
        own = [line for other in parts if other.external_payout_id == part.external_payout_id for line in other.lines]
        assert sum((line.amount for line in own), Decimal(0)) == part.net_amount


def test_a_date_range_report_is_found_behind_its_preamble() -> None:
    parts, aside = read(RANGE.encode())
    assert {part.external_payout_id: part.net_amount for part in parts} == {"77": None, "78": None}
    by_order: dict[str, dict[LineKind, Decimal]] = {}
    for line in lines(parts):
        sums = by_order.setdefault(line.external_order_id, {})
        sums[line.kind] = sums.get(line.kind, Decimal(0)) + line.amount
    assert by_order["403-1"] == {
        LineKind.SALE: Decimal("2000.00"),
        LineKind.TCS: Decimal("-4.24"),
        LineKind.TDS: Decimal("-0.85"),
        LineKind.FEE: Decimal("-100.01"),
    }
    assert by_order["403-2"][LineKind.REFUND] == Decimal("-500.00")
    assert by_order["403-4"] == {LineKind.UNMAPPED: Decimal("12.00")}
    assert "" not in by_order
    assert [(row.external_id, row.reason.split(":")[0]) for row in aside] == [("403-3", "row 7")]


def test_a_line_end_inside_quotes_is_no_row_end() -> None:
    parts, _ = read(RANGE.replace("Kurta, red", "Kurta\nred").encode())
    assert sum(line.amount for line in lines(parts) if line.external_order_id == "403-1") == Decimal("1894.90")


def test_a_date_range_row_keeps_its_time() -> None:
    parts, _ = read(RANGE.encode())
    second = next(line for line in lines(parts) if line.external_order_id == "403-2")
    assert second.posted_at is not None
    assert second.posted_at.isoformat() == "2026-06-09T18:40:00+00:00"


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"hello", b"PK\x03\x04rest", b"<html></html>", b"settlement-id\tamount\n1\t2\n", b"a,b\n" * 100, b"\x1f\x8bxx"],
)
def test_a_wrong_file_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        read(content)
    assert caught.value.fields["file"].endswith(".")
    assert caught.value.seller_message.endswith(".")


def test_a_bad_row_names_its_number_and_costs_only_itself() -> None:
    content = SETTLEMENTS.document(SETTLEMENTS.all[0], "unreadable").encode()
    parts, aside = read(content)
    assert [row.reason.split(":")[0] for row in aside] == ["row 3"]
    assert len(lines(parts)) == len(content.splitlines()) - 3


@given(st.binary(max_size=300) | st.text(alphabet='settlment-id\t,"\n0.', max_size=300).map(str.encode))
def test_arbitrary_files_are_read_or_refused(content: bytes) -> None:
    try:
        read(content)
    except BadInput as error:
        assert error.seller_message  # noqa: PT017 (only this error may come)


@given(st.binary(max_size=400), st.integers(1, 7))
def test_chunks_do_not_change_the_lines(content: bytes, size: int) -> None:
    def read_in(step: int) -> list[str] | str:
        found, out = Lines(), []
        try:
            for start in range(0, len(content), step):
                out += found.feed(content[start : start + step])
            return out + found.end()
        except WireChanged as error:
            return error.what

    assert read_in(size) == read_in(1_000)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("₹ café".encode(), "₹ café"),
        ("café".encode("cp1252"), "café"),
        (b"\xef\xbb\xbfsettlement-id", "settlement-id"),
        (gzip.compress("₹".encode(), mtime=0) + gzip.compress(b" two", mtime=0), "₹ two"),
    ],
)
def test_the_charset_is_found_and_never_guessed_silently(content: bytes, line: str) -> None:
    found = Lines()
    assert [*found.feed(content), *found.end()] == [line]


def test_a_byte_no_charset_knows_is_a_changed_wire() -> None:
    found = Lines()
    with pytest.raises(WireChanged):
        found.feed(b"caf\x81\n")


def test_a_declared_charset_is_believed_or_refused() -> None:
    found = Lines("utf-8")
    with pytest.raises(WireChanged):
        found.feed("café\n".encode("cp1252"))


def test_a_compressed_report_that_stops_early_is_noticed() -> None:
    found = Lines()
    found.feed(gzip.compress(b"line\n" * 1000, mtime=0)[:-12])
    with pytest.raises(WireChanged):
        found.end()


@pytest.mark.parametrize(
    ("text", "value"), [("1,23,456.78", "123456.78"), ("-1,234.50", "-1234.50"), ("+7", "7"), (" 0.10 ", "0.10"), ("123456", "123456")]
)
def test_indian_amounts(text: str, value: str) -> None:
    assert amount(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "12,34", "1.234,56", "1,23", "NaN", "1e5", "₹5", "١٢"])
def test_amounts_that_can_be_misread_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"amount|money"):
        amount(text)


def test_dates_of_reports() -> None:
    assert moment("") is None
    assert str(moment("2026-06-03 05:23:19 UTC")) == "2026-06-03 05:23:19+00:00"
    assert str(moment("03.06.2026 05:23:19 UTC")) == "2026-06-03 05:23:19+00:00"
    assert str(day("03-Jun-2026")) == "2026-06-03 00:00:00+00:00"
    with pytest.raises(ValueError, match="form"):
        day("the other day")


@pytest.mark.parametrize(
    ("transaction", "kind", "label", "means"),
    [
        ("Order", "ItemPrice", "Principal", LineKind.SALE),
        ("Refund", "ItemPrice", "Principal", LineKind.REFUND),
        ("Refund", "ItemFees", "Refund  commission", LineKind.FEE),
        ("Order", "ItemFees", "FBA Weight Handling Fee CGST", LineKind.FEE_TAX),
        ("Order", "ItemWithheldTax", "TCS-UTGST", LineKind.TCS),
        ("other-transaction", "other-transaction", "TDS - Section 194-O", LineKind.TDS),
        ("Order", "Promotion", "Shipping", LineKind.PROMOTION),
        ("other-transaction", "FBA Inventory Reimbursement", "WAREHOUSE_DAMAGE", LineKind.REIMBURSEMENT),
        ("other-transaction", "other-transaction", "Current Reserve Amount", LineKind.RESERVE),
        ("ServiceFee", "Cost of Advertising", "TransactionTotalAmount", LineKind.FEE),
        ("Order", "ItemFees", "Quantum Handling", LineKind.UNMAPPED),
        ("Order", "ItemFees", "Quantum Handling IGST", LineKind.UNMAPPED),
        ("Order", "ItemPrice", "Shipping", LineKind.SHIPPING),
    ],
)
def test_labels_and_their_kinds(transaction: str, kind: str, label: str, means: LineKind) -> None:
    assert kind_of(transaction, kind, label) is means


def test_column_names_are_compared_without_case_and_punctuation() -> None:
    assert folded('"Amazon RMA ID"') == folded("amazon-rma-id")
    assert folded("Total sales tax liable(GST before adjusting TCS)") == "total-sales-tax-liable-gst-before-adjusting-tcs"
