"""Meesho's payment file: the same rows as the payments call, under the same keys."""

from collections.abc import Iterator
from typing import BinaryIO

from portal.errors import BadInput
from portal.marketplaces.facts import PayoutFact, UnreadableRow
from portal.marketplaces.meesho.files import workbook
from portal.marketplaces.meesho.settlement import Columns, Settlements, settled
from portal.marketplaces.meesho.wire.rows import UNREADABLE, reason, text

SHEET = "Order Payments"
NEEDED = {
    "suborderno": "Sub Order No",
    "transactionid": "Transaction ID",
    "paymentdate": "Payment Date",
    "finalsettlementamount": "Final Settlement Amount",
}
SHOWN = (*NEEDED, "liveorderstatus", "pricetype", "suppliersku")
"""What a row that could not be read may show of itself."""

TITLES = 10
"""How far down the header is looked for: one or two title rows are usual."""
PART = 2_000
"""Lines in one fact, so that a big file never stands in memory a second time."""


def read_payout_file(name: str, stream: BinaryIO) -> Iterator[PayoutFact | UnreadableRow]:
    """Payouts of a payment file (.xlsx, sheet "Order Payments"), in parts, each with its net amount in the last part.

    Both layouts are read, with amounts before GST and with GST included. A row that cannot be read comes as UnreadableRow, with its
    number. Raises BadInput at once when this is not Meesho's payment file; `name` is the file's name for that sentence.
    """
    rows = workbook.rows(name, stream, sheet=SHEET)
    header = _header(name, rows)
    return _payouts(header, rows)


def _header(name: str, rows: Iterator[tuple[int, workbook.Cells]]) -> list[str]:
    """The names of the columns. Rows above them are titles."""
    for number, cells in rows:
        header = [str(cell) for cell in cells]
        columns = Columns.found_in(header)
        missing = [shown for column, shown in NEEDED.items() if column not in columns]
        if not missing:
            return header
        if "suborderno" in columns:
            raise BadInput(f"The sheet “{SHEET}” of {name} lacks the column {', '.join(f'“{one}”' for one in missing)}.")
        if number >= TITLES:
            break
    raise BadInput(f"The sheet “{SHEET}” of {name} has no column “Sub Order No” near its top, so it is not Meesho's payment file.")


def _payouts(header: list[str], rows: Iterator[tuple[int, workbook.Cells]]) -> Iterator[PayoutFact | UnreadableRow]:
    columns = Columns.found_in(header)
    settlements = Settlements()
    for number, cells in rows:
        row = dict(zip(header, cells, strict=False))
        if all(cell is None or cell == "" for cell in cells):
            continue
        try:
            settlements.add(settled(columns, row))
        except UNREADABLE as error:
            yield _unreadable(number, columns, row, error)
        if settlements.waiting >= PART:
            yield from settlements.part(last=False)
    yield from settlements.part(last=True)


def _unreadable(number: int, columns: Columns, row: dict[str, object], error: BaseException) -> UnreadableRow:
    shown = {name: row[name] for column in SHOWN if (name := columns.names.get(column)) is not None and name in row}
    sub_order = str(row.get(columns.names["suborderno"]) or "").strip()
    return UnreadableRow(
        external_id=text(sub_order, 80) or f"row {number}",
        reason=f"Row {number}: {reason(error)}",
        raw={text(name, 80): value if isinstance(value, int | float) else text(str(value), 200) for name, value in shown.items()},
    )
