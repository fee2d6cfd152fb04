"""Settled Transactions: transfers to the paisa, and a sentence for everything that is no such file."""

import io
import random
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.errors import BadInput
from portal.marketplaces.facts import LineKind, PayoutFact, UnreadableRow
from portal.marketplaces.flipkart.files import read_payout_file
from portal.marketplaces.flipkart.files.columns import amount_of, column_name
from tests.marketplaces.flipkart.settled_file import HEADINGS, settled_file, sold
from tests.workbooks import zipped


def read(stream: io.BytesIO) -> tuple[list[PayoutFact], list[UnreadableRow]]:
    """The payouts and the lines set aside."""
    found = list(read_payout_file("settled.xlsx", stream))
    return [one for one in found if isinstance(one, PayoutFact)], [one for one in found if isinstance(one, UnreadableRow)]


def total(fact: PayoutFact) -> Decimal:
    return sum((line.amount for line in fact.lines), Decimal(0))


def test_one_payout_per_transfer_however_its_lines_lie() -> None:
    payouts, aside = read(settled_file(sold(n, f"NEFT{n % 3}") for n in range(30)))
    assert not aside
    assert sorted(fact.external_payout_id for fact in payouts) == ["NEFT0", "NEFT1", "NEFT2"]
    for fact in payouts:
        assert fact.net_amount == Decimal("4215.00") == total(fact)
        assert fact.paid_at is not None
        assert fact.paid_at.isoformat() == "2026-11-09T18:30:00+00:00"


def test_fees_and_taxes_are_itemised_and_tcs_and_tds_stand_apart() -> None:
    (fact,), _ = read(settled_file([sold(1, "N")]))
    kinds = {line.line_key.rpartition(":")[2]: (line.kind, line.amount) for line in fact.lines}
    assert kinds == {
        "saleamount": (LineKind.SALE, Decimal("500.00")),
        "commission": (LineKind.FEE, Decimal("-40.00")),
        "fixedfee": (LineKind.FEE, Decimal("-9.00")),
        "shippingfee": (LineKind.SHIPPING, Decimal("-10.00")),
        "marketplacefee": (LineKind.FEE, Decimal("-1.00")),
        "tcs": (LineKind.TCS, Decimal("-2.50")),
        "tds": (LineKind.TDS, Decimal("-5.00")),
        "gstonmpfees": (LineKind.FEE_TAX, Decimal("-11.00")),
    }
    line = fact.lines[0]
    assert (line.external_order_id, line.external_item_id) == ("OD400000000000000001", "4000000000000000100")
    assert (line.sku, line.quantity) == ("KURTA-001", 1)


@pytest.mark.parametrize(("off", "kind"), [("3.00", LineKind.UNMAPPED), ("-250.00", LineKind.UNMAPPED), ("0.40", LineKind.ADJUSTMENT)])
def test_a_row_that_does_not_add_up_shows_its_difference(off: str, kind: LineKind) -> None:
    """More than a rupee is flagged, less is rounding; either way the lines make up what was paid."""
    settled = Decimal("421.50") + Decimal(off)
    (fact,), _ = read(settled_file([sold(1, "N", **{"Bank Settlement Value": settled})]))
    difference = next(line for line in fact.lines if line.line_key.endswith(":difference"))
    assert (difference.kind, difference.amount) == (kind, Decimal(off))
    assert total(fact) == fact.net_amount == settled


def test_the_same_transfer_again_has_the_same_keys_in_any_order() -> None:
    """Two equal rows of one item are two lines; a file sorted otherwise brings no new ones."""
    rows = [sold(n, "N") for n in range(8)] + [sold(3, "N")]
    shuffled = random.Random(1).sample(rows, len(rows))
    (one,), _ = read(settled_file(rows))
    (other,), _ = read(settled_file(shuffled))
    keys = [line.line_key for line in one.lines]
    assert len(keys) == len(set(keys))
    assert sorted(keys) == sorted(line.line_key for line in other.lines)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"NEFT ID": None}, "NEFT ID is empty"),
        ({"Bank Settlement Value": None}, "Bank Settlement Value is empty"),
        ({"Bank Settlement Value": "soon"}, "words where an amount"),
        ({"Commission": "n/a"}, "commission: words"),
        ({"Order item ID": None}, "Order item ID is empty"),
        ({"Order item ID": 331234567890123456}, "rounded"),
    ],
)
def test_an_unreadable_line_keeps_its_number_and_its_reason(change: dict[str, Any], reason: str) -> None:
    rows = [sold(1, "N"), sold(2, "N", **change), sold(3, "N")]
    payouts, (aside,) = read(settled_file(rows))
    assert aside.reason.startswith("Row 4: ")
    assert reason in aside.reason
    assert aside.raw["row"] == 4
    assert {line.external_item_id for fact in payouts for line in fact.lines} == {"4000000000000000100", "4000000000000000300"}


def test_money_of_an_unreadable_line_still_counts_as_paid() -> None:
    """Flipkart paid it, so the payout shows a difference until the line is read."""
    (fact,), _ = read(settled_file([sold(1, "N"), sold(2, "N", Commission="n/a")]))
    assert fact.net_amount == Decimal("843.00")
    assert total(fact) == Decimal("421.50")


@pytest.mark.parametrize(
    "headings",
    [
        [heading.upper() for heading in HEADINGS],
        [heading.replace(" (Rs.)", "(INR)\n").replace(" ", "_") for heading in HEADINGS],
        list(reversed(HEADINGS)),
    ],
    ids=["capitals", "units and blanks", "another order"],
)
def test_headings_may_move_and_change_their_dress(headings: list[str]) -> None:
    places = {column_name(heading): heading for heading in headings}
    rows = [{places[column_name(key)]: value for key, value in sold(1, "N").items()}]
    (fact,), _ = read(settled_file(rows, headings=headings))
    assert fact.net_amount == Decimal("421.50") == total(fact)


def test_only_three_columns_are_required() -> None:
    row = {key: value for key, value in sold(1, "N").items() if key in {"NEFT ID", "Order item ID", "Bank Settlement Value"}}
    (fact,), _ = read(settled_file([row], headings=["NEFT ID", "Order item ID", "Bank Settlement Value (Rs.)"], groups=False))
    assert total(fact) == fact.net_amount == Decimal("421.50")


def test_headings_over_two_rows_are_read_together() -> None:
    """Where cells are merged, the required names stand in the first row and the itemised ones in the second."""
    book = [{"NEFT ID": None, "Order item ID": None, "Bank Settlement Value": None, "Fees": "Commission (Rs.)", "Sale Amount": None}]
    row = {"NEFT ID": "N", "Order item ID": "7", "Bank Settlement Value": 90, "Fees": -10, "Sale Amount": 100}
    headings = ["NEFT ID", "Order item ID", "Bank Settlement Value (Rs.)", "Fees", "Sale Amount (Rs.)"]
    (fact,), aside = read(settled_file([*book, row], headings=headings, groups=False))
    assert not aside
    assert {line.kind for line in fact.lines} == {LineKind.SALE, LineKind.FEE}


def test_rows_that_explain_the_headings_are_no_lines() -> None:
    note = {"NEFT ID": "(A)", "Order item ID": "id of the item", "Bank Settlement Value": "= B + C"}
    payouts, aside = read(settled_file([note, sold(1, "N"), {}, sold(2, "N")]))
    assert not aside
    assert [fact.net_amount for fact in payouts] == [Decimal("843.00")]


def refusal(stream: io.BytesIO) -> str:
    """The sentence a file is refused with: it names the file and says what to do."""
    with pytest.raises(BadInput) as caught:
        read_payout_file("mine.xlsx", stream)
    assert "mine.xlsx" in caught.value.seller_message
    assert re.search("[Uu]pload|Save|Choose", caught.value.seller_message)
    return caught.value.seller_message


def test_files_that_are_no_workbook() -> None:
    assert "not an Excel file" in refusal(io.BytesIO(b"order,amount\n1,2\n"))
    assert "not an Excel file" in refusal(io.BytesIO(b""))
    assert "old Excel file" in refusal(io.BytesIO(b"\xd0\xcf\x11\xe0" + b"\0" * 600))
    assert "damaged" in refusal(io.BytesIO(settled_file([sold(1, "N")]).getvalue()[:-200]))
    assert "damaged" in refusal(io.BytesIO(zipped({"readme.txt": b"hello"})))


def test_other_sheets_and_other_marketplaces() -> None:
    assert "no sheet named Orders" in refusal(settled_file([sold(1, "N")], sheet="Order Payments"))
    assert "does not look like" in refusal(settled_file([{"Sub Order No": "1"}], headings=["Sub Order No", "Final Settlement"]))
    assert "lacks the column NEFT ID" in refusal(
        settled_file([{"Order item ID": "1"}], headings=["Order item ID", "Bank Settlement Value (Rs.)"])
    )


def test_formulas_left_as_text() -> None:
    stream = io.BytesIO()
    from openpyxl import Workbook

    book = Workbook()
    page = book.create_sheet("Orders")
    page.append(["NEFT ID", "Order item ID", "Bank Settlement Value"])
    page.append(["N", "7", None])
    page["C2"].value = "=SUM(D2:E2)"
    page["C2"].data_type = "s"
    book.save(stream)
    assert "formulas" in refusal(stream)


def test_a_great_transfer_comes_in_parts() -> None:
    """Parts share id and net amount; together they hold every line once."""
    payouts, aside = read(settled_file((sold(n, "N") for n in range(900)), headings=HEADINGS[:45]))
    assert not aside
    assert len(payouts) > 1
    assert {(fact.external_payout_id, fact.net_amount) for fact in payouts} == {("N", Decimal("421.50") * 900)}
    keys = [line.line_key for fact in payouts for line in fact.lines]
    assert len(keys) == len(set(keys)) == 900 * 8
    assert sum(total(fact) for fact in payouts) == Decimal("421.50") * 900


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        (100.1 + 0.2, "100.30"),
        ("1,23,456.70", "123456.70"),
        ("₹ 12", "12.00"),
        ("Rs. -3.5", "-3.50"),
        ("(40.00)", "-40.00"),
        (None, "0"),
        ("", "0"),
        ("-", "0"),
    ],
)
def test_amounts_in_all_their_dresses(cell: Any, amount: str) -> None:
    assert amount_of(cell) == Decimal(amount)


@pytest.mark.parametrize("cell", ["x", True, float("inf"), float("nan"), "1e99", "12 apples"])
def test_what_is_no_amount(cell: Any) -> None:
    with pytest.raises(ValueError, match="amount"):
        amount_of(cell)


@given(body=st.binary(max_size=300), start=st.sampled_from([b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"]))
def test_whatever_is_uploaded_is_answered_with_a_sentence(body: bytes, start: bytes) -> None:
    with pytest.raises(BadInput):
        read_payout_file("a.xlsx", io.BytesIO(start + body))
