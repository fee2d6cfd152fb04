"""The date-range report of Seller Central: a CSV with a preamble, one row per transaction, one column per kind of amount.

It tells less than a settlement: which settlement a row belongs to, but not what the whole came to.
"""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from portal.marketplaces.amazon_in.wire.answers import NAME
from portal.marketplaces.amazon_in.wire.documents import Columns, amount, moment, pieces
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import LineKind, PayoutFact, PayoutLineFact, UnreadableRow

PART = 2_000
LONGEST_PREAMBLE = 40
LONGEST_ROW = 100_000
REQUIRED = ("date-time", "settlement-id", "type", "order-id", "total")
AMOUNTS = {
    # column, folded: the kind of its amounts
    "product-sales": LineKind.SALE,
    "shipping-credits": LineKind.SHIPPING,
    "gift-wrap-credits": LineKind.SALE,
    "promotional-rebates": LineKind.PROMOTION,
    "total-sales-tax-liable-gst-before-adjusting-tcs": LineKind.SALE,
    "tcs-cgst": LineKind.TCS,
    "tcs-sgst": LineKind.TCS,
    "tcs-igst": LineKind.TCS,
    "tds-section-194-o": LineKind.TDS,
    "selling-fees": LineKind.FEE,
    "fba-fees": LineKind.FEE,
    "other-transaction-fees": LineKind.FEE,
    "other": LineKind.UNMAPPED,
}
TAKEN_BACK = frozenset({LineKind.SALE, LineKind.SHIPPING, LineKind.PROMOTION})
TRANSFERS = frozenset({"transfer", "debt"})
"""Rows that tell of the payout itself; they are no part of what it is made of."""
TIME_FORMATS = ("%d %b %Y %I:%M:%S %p", "%d %b %Y %H:%M:%S", "%b %d, %Y %I:%M:%S %p", "%d-%m-%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S")


class DateRangeReader:
    """Feed it lines, take parts of payouts and rows that resist. Rows are numbered from the top of the file."""

    def __init__(self, *, part: int = PART) -> None:
        self._part = part
        self._number = 0
        self._open = ""
        self._columns: Columns | None = None
        self._held: dict[str, list[PayoutLineFact]] = {}
        self._repeats: Counter[bytes] = Counter()

    def feed(self, lines: Iterable[str]) -> Iterator[PayoutFact | UnreadableRow]:
        """WireChanged when no header comes within the first rows."""
        for cells in self._rows(lines):
            if self._columns is None:
                self._look_for_header(cells)
                continue
            if not any(cell.strip() for cell in cells):
                continue
            row = self._columns.row(cells)
            try:
                settlement, found = self._read(row)
            except (ValueError, OverflowError) as error:
                raw = {name: value[:100] for name, value in row.items() if not name.startswith("order-")}
                yield UnreadableRow(external_id=row.get("order-id", ""), reason=f"row {self._number}: {error}", raw=raw)
                continue
            held = self._held.setdefault(settlement, [])
            held.extend(found)
            if len(held) >= self._part:
                yield _payout(settlement, self._held.pop(settlement))

    def end(self) -> Iterator[PayoutFact]:
        """What is left of each settlement."""
        if self._columns is None:
            raise WireChanged(NAME, "a date-range report without its header")
        for settlement, lines in self._held.items():
            yield _payout(settlement, lines)

    def _rows(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """Cells row by row; a quoted cell may hold line ends, so a row with an open quote waits for the next line."""
        for line in lines:
            self._number += 1
            self._open = f"{self._open}\n{line}" if self._open else line
            if self._open.count('"') % 2:
                if len(self._open) > LONGEST_ROW:
                    raise WireChanged(NAME, "a date-range report with an open quote")
                continue
            whole, self._open = self._open, ""
            try:
                yield next(csv.reader([whole]), [])
            except csv.Error as error:
                raise WireChanged(NAME, "a date-range report") from error

    def _look_for_header(self, cells: list[str]) -> None:
        columns = Columns(cells)
        if all(name in columns for name in REQUIRED):
            self._columns = columns
        elif self._number > LONGEST_PREAMBLE:
            raise WireChanged(NAME, "a date-range report without its header")

    def _read(self, row: Mapping[str, str]) -> tuple[str, list[PayoutLineFact]]:
        settlement = row.get("settlement-id", "")
        if not settlement:
            raise ValueError("no settlement id")
        kind = row.get("type", "").lower()
        if kind in TRANSFERS:
            return settlement, []
        posted = _time(row.get("date-time", ""))
        name = hashlib.blake2b("\t".join(row.values()).encode(), digest_size=8).digest()
        self._repeats[name] += 1
        lines: list[PayoutLineFact] = []
        rest = amount(row["total"] or "0")
        for column, means in AMOUNTS.items():
            money = amount(row.get(column) or "0")
            if money:
                rest -= money
                lines.append(self._line(name, column, _kind(kind, means), money, row, posted))
        if rest:
            lines.append(self._line(name, "rest of the total", LineKind.UNMAPPED, rest, row, posted))
        return settlement, lines

    def _line(
        self, name: bytes, column: str, kind: LineKind, money: Decimal, row: Mapping[str, str], posted: datetime | None
    ) -> PayoutLineFact:
        return PayoutLineFact(
            line_key=f"range-{name.hex()}-{self._repeats[name]}-{column}",
            kind=kind,
            description=f"{row.get('type', '')}: {column.replace('-', ' ')}",
            amount=money,
            external_order_id=row.get("order-id", ""),
            sku=row.get("sku", ""),
            quantity=pieces(row.get("quantity", "")),
            posted_at=posted,
        )


def _kind(transaction: str, means: LineKind) -> LineKind:
    return LineKind.REFUND if transaction == "refund" and means in TAKEN_BACK else means


def _time(text: str) -> datetime | None:
    text = text.strip()
    try:
        return moment(text)
    except ValueError:
        pass
    bare = " ".join(text.replace(".", "").removesuffix("UTC").split())
    for form in TIME_FORMATS:
        try:
            return datetime.strptime(bare, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError("a time in a form we do not know")


def _payout(settlement: str, lines: list[PayoutLineFact]) -> PayoutFact:
    return PayoutFact(external_payout_id=settlement, net_amount=None, currency="INR", paid_at=None, lines=tuple(lines))
