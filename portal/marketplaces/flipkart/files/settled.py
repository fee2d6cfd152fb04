"""The Settled Transactions workbook: payouts with their lines, one payout per bank transfer (NEFT).

A row is one order item in one transfer. Its settlement is made of sale, offers, the seller's share of them, add-ons,
marketplace fee, taxes, protection fund and refund; a row where that does not add up gets a line with the difference.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, BinaryIO

from portal.errors import BadInput
from portal.marketplaces.facts import LineKind, PayoutFact, PayoutLineFact, UnreadableRow
from portal.marketplaces.flipkart.files import columns as col
from portal.marketplaces.flipkart.files.workbook import open_sheet
from portal.spreadsheets import Row, Sheet

SHEET = "Orders"
LINES_AT_ONCE = 2_000
"""A big transfer comes as several facts of this many lines, so that it is never held as a whole."""
ROUNDING = Decimal("1.00")
"""Differences up to a rupee are rounding."""
KEPT = (col.NEFT, col.ITEM, col.ORDER, col.SKU, col.SETTLEMENT, col.PAID_ON)
"""What is kept of a line we cannot read; nothing in this file is about buyers."""


def read_payout_file(name: str, stream: BinaryIO) -> Iterator[PayoutFact | UnreadableRow]:
    """The payouts of a Settled Transactions file, and the lines of it that cannot be read, each with its row number.

    Shape: a transfer of up to 2,000 lines is one fact, a bigger one several with the same id and net amount.
    Units: rupees; days begin at midnight in India. Errors: BadInput at once, with a sentence, when this is not such a file.
    """
    sheet = open_sheet(name, stream, SHEET)
    columns, last_heading = col.find_columns(name, sheet.rows())
    table = _Table(name, sheet, columns, last_heading)
    return table.payouts(table.transfers())


@dataclass(slots=True)
class _Transfer:
    """What one pass over the file learns about a transfer: its sum, its day, how many lines are still to come."""

    net: Decimal = Decimal(0)
    paid_at: datetime | None = None
    rows_left: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    lines: list[PayoutLineFact] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    sheet: Sheet
    columns: Mapping[str, int]
    last_heading: int

    def transfers(self) -> dict[str, _Transfer]:
        """First pass: sums only. A transfer's lines may lie anywhere in the file, so its net amount is known at the end.

        A line whose details cannot be read still counts into the net amount: Flipkart paid it.
        """
        transfers: dict[str, _Transfer] = {}
        for _, row in self._data():
            if col.is_formula([self._cell(row, column) for column in (*col.REQUIRED, *col.WHOLE)]):
                raise BadInput(
                    f"{self.name} holds formulas instead of amounts. Download it again and upload it as Flipkart gave it, without saving it in between."
                )
            try:
                neft = self._neft(row)
                settlement = self._settlement(row)
            except ValueError:
                continue
            transfer = transfers.setdefault(neft, _Transfer())
            transfer.net += settlement
            transfer.rows_left += 1
            transfer.paid_at = transfer.paid_at or self._day(row, col.PAID_ON)
        return transfers

    def payouts(self, transfers: dict[str, _Transfer]) -> Iterator[PayoutFact | UnreadableRow]:
        """Second pass: the lines."""
        for number, row in self._data():
            transfer = None
            try:
                neft = self._neft(row)
                self._settlement(row)
                transfer = transfers[neft]
                transfer.rows_left -= 1
                transfer.lines += self._lines(row, transfer)
            except ValueError as error:
                yield self._set_aside(number, row, str(error))
            if transfer is not None and (transfer.rows_left == 0 or len(transfer.lines) >= LINES_AT_ONCE):
                yield _fact(neft, transfer)
                transfer.lines = []

    def _data(self) -> Iterator[tuple[int, Row]]:
        """Lines with something in them. Rows right under the headings whose item id has no digit still explain the headings."""
        begun = False
        for number, row in self.sheet.rows():
            if number <= self.last_heading or all(str(cell).strip() == "" for cell in row):
                continue
            begun = (
                begun or any(letter.isdigit() for letter in str(self._cell(row, col.ITEM))) or _is_number(self._cell(row, col.SETTLEMENT))
            )
            if begun:
                yield number, row

    def _lines(self, row: Row, transfer: _Transfer) -> list[PayoutLineFact]:
        """The money of one row, column by column; together exactly its settlement."""
        item = col.text_of(self._cell(row, col.ITEM))
        if not item:
            raise ValueError("the Order item ID is empty")
        if len(item) > 80:
            raise ValueError("the Order item ID is longer than any we know")
        settlement = self._settlement(row)
        # Stable when the same transfer is downloaded again in another order: the item, what it was settled at, and which of equals.
        base = f"{item}:{settlement}"
        transfer.seen[base] += 1
        base = f"{base}:{transfer.seen[base]}"
        shared: dict[str, Any] = {
            "external_order_id": col.text_of(self._cell(row, col.ORDER))[:80],
            "external_item_id": item,
            "sku": col.text_of(self._cell(row, col.SKU))[:120],
            "quantity": self._quantity(row),
            "posted_at": transfer.paid_at,
        }
        amounts = self._amounts(row)
        lines = [
            PayoutLineFact(line_key=f"{base}:{column}", kind=money.kind, description=money.title, amount=amount, **shared)
            for column, money, amount in amounts
            if amount
        ]
        difference = settlement - sum((amount for _, _, amount in amounts), Decimal(0))
        if difference:
            lines.append(_difference(f"{base}:difference", difference, shared))
        return lines

    def _amounts(self, row: Row) -> list[tuple[str, col.Money, Decimal]]:
        """Every column that adds up to the settlement; fees and taxes itemised, with what the items leave over."""
        amounts: list[tuple[str, col.Money, Decimal]] = []
        for column, money in col.WHOLE.items():
            parts = [(part, col.PARTS[part], self._amount(row, part)) for part in money.parts if part in self.columns]
            itemised = sum((amount for _, _, amount in parts), Decimal(0))
            whole = self._amount(row, column) if column in self.columns else itemised
            # Items that leave more over than there was are written with another sign or mean something else: the whole stands alone.
            if abs(whole - itemised) <= abs(whole):
                amounts += [*parts, (column, money, whole - itemised)]
            else:
                amounts.append((column, money, whole))
        return amounts

    def _neft(self, row: Row) -> str:
        neft = col.text_of(self._cell(row, col.NEFT))
        if not neft:
            raise ValueError("the NEFT ID is empty, so it belongs to no payout yet")
        if len(neft) > 80:
            raise ValueError("the NEFT ID is longer than any we know")
        return neft

    def _settlement(self, row: Row) -> Decimal:
        cell = self._cell(row, col.SETTLEMENT)
        if cell is None or str(cell).strip() == "":
            raise ValueError("the Bank Settlement Value is empty")
        return self._amount(row, col.SETTLEMENT)

    def _amount(self, row: Row, column: str) -> Decimal:
        try:
            return col.amount_of(self._cell(row, column))
        except ValueError as error:
            raise ValueError(f"{column}: {error}") from None

    def _day(self, row: Row, column: str) -> datetime | None:
        try:
            day = col.day_of(self._cell(row, column))
        except ValueError:
            return None
        return day.astimezone(UTC) if day else None

    def _quantity(self, row: Row) -> int | None:
        try:
            quantity = int(col.text_of(self._cell(row, col.QUANTITY)))
        except ValueError:
            return None
        return quantity if abs(quantity) < 1_000_000_000 else None

    def _cell(self, row: Row, column: str) -> Any:
        at = self.columns.get(column)
        return row[at] if at is not None and at < len(row) else None

    def _set_aside(self, number: int, row: Row, reason: str) -> UnreadableRow:
        raw = {column: str(self._cell(row, column) or "")[:120] for column in KEPT if column in self.columns}
        return UnreadableRow(
            external_id=raw.get(col.ITEM, "")[:80] or f"row {number}", reason=f"Row {number}: {reason}.", raw={"row": number, **raw}
        )


def _difference(key: str, difference: Decimal, shared: Mapping[str, Any]) -> PayoutLineFact:
    if abs(difference) <= ROUNDING:
        return PayoutLineFact(line_key=key, kind=LineKind.ADJUSTMENT, description="Rounding", amount=difference, **shared)
    return PayoutLineFact(
        line_key=key,
        kind=LineKind.UNMAPPED,
        description="Difference: this row's columns do not add up to its settlement",
        amount=difference,
        **shared,
    )


def _fact(neft: str, transfer: _Transfer) -> PayoutFact:
    return PayoutFact(
        external_payout_id=neft,
        net_amount=transfer.net,
        currency="INR",
        paid_at=transfer.paid_at,
        lines=tuple(transfer.lines),
    )


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)
