"""The payment report as a file, and every file that is none."""

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import httpx
import pytest
from openpyxl import Workbook

from portal.errors import BadInput
from portal.marketplaces.ajio.files import BIGGEST_FILE, read_payout_file
from portal.marketplaces.facts import PayoutFact, UnreadableRow
from tests.marketplaces.ajio.stand import facts, pages, stand
from tests.workbooks import zipped

HEADINGS = [
    "Clearing Doc No",
    "CLEARING_DATE",
    "journeyType",
    "Expected Settlement Date",
    "Invoice-Number",
    "Cust Order No",
    "AWB No",
    "Value",
    "Status",
]
ROW: list[Any] = ["CD1", date(2026, 8, 14), "FORWARD", "20-08-2026", "I1", "FN1", "A1", 500.25, "PAID"]


def changed(**cells: Any) -> list[Any]:
    places = {"doc": 0, "cleared": 1, "journey": 2, "expected": 3, "invoice": 4, "order": 5, "awb": 6, "value": 7, "status": 8}
    row = list(ROW)
    for name, cell in cells.items():
        row[places[name]] = cell
    return row


def sheet(rows: Sequence[Sequence[Any]], *, before: Sequence[str] = ()) -> bytes:
    book = Workbook()
    for title in before:
        book.create_sheet(title, 0).append(["nothing", "here"])
    page = book.create_sheet("Payments")
    for row in rows:
        page.append(list(row))
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


def commas(rows: Sequence[Sequence[Any]], separator: str = ",") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(rows)
    return text.getvalue().encode("utf-8-sig")


def read(held: bytes, name: str = "payments.xlsx") -> tuple[list[PayoutFact], list[UnreadableRow]]:
    found = list(read_payout_file(name, io.BytesIO(held)))
    return [one for one in found if isinstance(one, PayoutFact)], [one for one in found if isinstance(one, UnreadableRow)]


def test_a_workbook_is_read_whatever_its_headings_look_like() -> None:
    rows = [["AJIO payment report"], [], HEADINGS, ROW, changed(awb="A2", value=0.1), changed(awb="A3", value="₹1,23,456.50")]
    (payout,), unreadable = read(sheet(rows, before=["Read me"]))
    assert unreadable == []
    assert (payout.external_payout_id, payout.net_amount) == ("CD1", Decimal("123956.85"))
    assert payout.paid_at is not None
    assert payout.paid_at.isoformat() == "2026-08-13T18:30:00+00:00"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_commas_semicolons_and_tabs(separator: str) -> None:
    rows = [HEADINGS, changed(cleared="2026-08-14", value="(1,250.00)"), changed(cleared="Fri Aug 14 16:43:42 IST 2026", awb="A2")]
    (payout,), unreadable = read(commas(rows, separator), "payments.csv")
    assert unreadable == []
    assert payout.net_amount == Decimal("-749.75")


def test_numbers_and_moments_in_cells_become_the_ids_and_days_they_stand_for() -> None:
    (payout,), _ = read(sheet([HEADINGS, changed(doc=5100001234, order=4000123.0, cleared=datetime.combine(date(2026, 8, 14), time.min))]))
    assert (payout.external_payout_id, payout.lines[0].external_order_id) == ("5100001234", "4000123")


def test_each_unreadable_line_has_its_number_and_reason() -> None:
    rows = [HEADINGS, ROW, changed(value="n/a", awb="A2"), [], changed(order="", awb="A4"), ["Total", "", "", "", "", "", "", 999, ""]]
    (payout,), unreadable = read(sheet(rows))
    assert payout.net_amount is None
    assert [one.reason.split(":")[0] for one in unreadable] == ["Row 3", "Row 5"]
    assert [one.raw["row"] for one in unreadable] == [3, 5]
    assert unreadable[0].external_id == "FN1"


@pytest.mark.anyio
async def test_a_file_brings_the_facts_of_the_panel_so_either_after_the_other_changes_nothing() -> None:
    async with stand() as here, here.open("portal_session") as adapter, httpx.AsyncClient(verify=False) as client:
        held = (await client.get(f"{here.base}/_sandbox/payment_report.csv")).content
        from_file, unreadable = read(held, "payment_report.csv")
        assert unreadable == []
        from_panel: list[PayoutFact] = facts(await pages(adapter, "payouts", here.ctx()))
        assert sorted(from_file, key=str) == sorted(from_panel, key=str)


ORDERS_HEADINGS = ["Cust Order No", "Cust Order Date", "Cust Invoice No", "Seller Style Code", "Status"]

WRONG = {
    "empty": (b"  ", "is empty"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00", "neither Excel nor CSV"),
    "a pdf": (b"%PDF-1.7", "This is a PDF"),
    "old excel": (b"\xd0\xcf\x11\xe0" + b"\x00" * 100, "old Excel file"),
    "cut off": (sheet([HEADINGS, ROW])[:900], "is damaged"),
    "an archive": (zipped({"readme": b"hello"}), "no Excel file"),
    "a hollow workbook": (zipped({"xl/workbook.xml": b"<workbook/>"}), "is damaged"),
    "too big": (b"a,b\n" + b"x" * BIGGEST_FILE, "larger than 25 MB"),
    "the order report": (sheet([ORDERS_HEADINGS, ["FN1", "", "", "", "New"]]), "AJIO's order report"),
    "another marketplace": (commas([["settlement-id", "order-id", "amount"], ["1", "2", "3"]]), "another marketplace"),
    "another sheet": (sheet([["Name", "Phone"], ["a", "b"]]), "No sheet of this file is AJIO's payment report"),
    "no payouts named": (commas([["Cust Order No", "Journey Type", "Value", "Status"], ["1", "2", "3", "4"]]), "clearingDocNo"),
    "headings too late": (sheet([["x"]] * 25 + [HEADINGS, ROW]), "No sheet of this file"),
}


@pytest.mark.parametrize("what", WRONG)
def test_other_files_are_refused_with_what_to_do(what: str) -> None:
    held, words = WRONG[what]
    with pytest.raises(BadInput) as refused:
        read(held)
    assert words in refused.value.seller_message
    assert any(word in refused.value.seller_message.lower() for word in ("download", "upload"))


def test_a_report_without_rows_has_no_payouts() -> None:
    assert read(sheet([HEADINGS])) == ([], [])
