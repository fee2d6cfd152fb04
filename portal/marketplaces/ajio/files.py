"""The payment report as a file: what sellers download from the panel and upload here.

Its headings are the names of the panel's own report, whatever their case and separators. The rows go through `wire.payments` like
the panel's answer, so a file after a sync, or a sync after a file, changes nothing.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

from portal.errors import BadInput
from portal.marketplaces.ajio.wire.payments import payouts
from portal.marketplaces.ajio.workbook import HEADING_ROWS, MOST_ROWS, plain, sheets
from portal.marketplaces.facts import PayoutFact, UnreadableRow
from portal.spreadsheets import Row

BIGGEST_FILE = 25 * 1024 * 1024

FIELDS = (
    "clearingDocNo",
    "clearingDate",
    "journeyType",
    "expectedSettlementDate",
    "invoiceNumber",
    "custOrderNo",
    "awbNumber",
    "value",
    "status",
)
NEEDED = frozenset({"custOrderNo", "journeyType", "value", "status"})
PAYING = frozenset({"clearingDocNo", "expectedSettlementDate"})
"""At least one of these says which payout a row belongs to."""

SPELLINGS = {
    # other headings for the same column, in plain letters
    "clearingdocumentno": "clearingDocNo",
    "clearingdocumentnumber": "clearingDocNo",
    "clearingdocnumber": "clearingDocNo",
    "customerorderno": "custOrderNo",
    "custordernumber": "custOrderNo",
    "customerordernumber": "custOrderNo",
    "awbno": "awbNumber",
    "awb": "awbNumber",
    "invoiceno": "invoiceNumber",
    "paymentstatus": "status",
    "amount": "value",
}
OTHER_REPORTS = {
    # headings that tell AJIO's other downloads
    "returnordernumber": "return report",
    "returnorderno": "return report",
    "custinvoiceno": "order report",
    "sellerstylecode": "order report",
}
ELSEWHERE = frozenset({"settlementid", "suborderno", "suborderid", "neftid", "orderitemid", "finalsettlementamount", "amountdescription"})
"""Headings of settlement files that AJIO never writes."""

HOW = "Download the payment report on seller.ajio.com under Reports, and upload it as it is."


def read_payout_file(name: str, stream: BinaryIO) -> Iterator[PayoutFact | UnreadableRow]:
    """Payouts of an AJIO payment report (.xlsx or .csv), then the rows that cannot be read, each with its number and reason.

    Raises BadInput, with what to do, before the first payout: for files that are no such report, and for those too big to open.
    """
    held = stream.read(BIGGEST_FILE + 1)
    if len(held) > BIGGEST_FILE:
        raise BadInput("This file is larger than 25 MB. Download the report for fewer days and upload each part.")
    if not held.strip():
        raise BadInput(f"This file is empty. {HOW}")
    numbers, rows = _table(sheets(name, held, HOW))
    found = payouts(rows, numbers=numbers)
    yield from found.facts
    yield from found.set_aside


def _table(sheets: Iterable[tuple[str, Iterable[Row]]]) -> tuple[list[int], list[dict[str, Any]]]:
    """Row numbers and rows of the first sheet that is a payment report. Raises BadInput saying what the file is instead."""
    headings: set[str] = set()
    for _, rows in sheets:
        walk = enumerate(rows, start=1)
        for number, row in walk:
            columns = _columns(row)
            if set(columns.values()) >= NEEDED and PAYING & set(columns.values()):
                return _read(columns, walk)
            headings |= {plain(cell) for cell in row}
            if number >= HEADING_ROWS:
                break
    raise BadInput(_instead(headings))


def _columns(row: Row) -> dict[int, str]:
    """Place in the row to our field's name, for the headings we know."""
    known = {plain(name): name for name in FIELDS} | SPELLINGS
    found: dict[int, str] = {}
    for place, cell in enumerate(row):
        name = known.get(plain(cell))
        if name and name not in found.values():
            found[place] = name
    return found


def _read(columns: dict[int, str], walk: Iterable[tuple[int, Row]]) -> tuple[list[int], list[dict[str, Any]]]:
    numbers: list[int] = []
    rows: list[dict[str, Any]] = []
    for number, row in walk:
        held = {name: text for place, name in columns.items() if place < len(row) and (text := _cell(row[place], name))}
        if not held or _is_total(held):
            continue
        if len(rows) >= MOST_ROWS:
            raise BadInput("This report has more than 300,000 rows. Download it for fewer days and upload each part.")
        numbers.append(number)
        rows.append(held)
    return numbers, rows


def _is_total(row: dict[str, Any]) -> bool:
    """The closing line of a sheet: an amount, and nothing that says whose."""
    return row.keys() <= {"value"} or str(next(iter(row.values()))).lower().startswith(("total", "grand total"))


def _cell(cell: Any, name: str) -> str:
    """The cell as the panel would have written it."""
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ") if cell.time() != cell.min.time() else cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float):
        # A sheet keeps numbers as binary fractions; their shortest decimal form is what was typed.
        return str(int(cell)) if cell.is_integer() else str(Decimal(repr(cell)))
    text = str(cell).replace("\x00", "").strip().removeprefix("'")
    return _amount(text) if name == "value" else text


def _amount(text: str) -> str:
    """`₹1,23,456.50` and `(1,250.00)` as plain decimals; anything else as it is, to be named as unreadable."""
    digits = re.sub(r"(?i)^rs\.?|[₹,\s]", "", text)
    if digits.startswith("(") and digits.endswith(")"):
        return f"-{digits[1:-1]}"
    return digits


def _instead(headings: set[str]) -> str:
    if headings & ELSEWHERE:
        return "This looks like a settlement file of another marketplace. Upload it to that marketplace's account."
    for heading, report in OTHER_REPORTS.items():
        if heading in headings:
            return f"This is AJIO's {report}, not its payment report. {HOW}"
    needed = ", ".join(sorted(NEEDED))
    return f"No sheet of this file is AJIO's payment report: we look for the columns {needed} and clearingDocNo. {HOW}"
