"""Settlement report V2: a header, one line about the whole, then one line per amount, which together make its total.

Read line by line and handed on in parts, so that a hundred thousand lines take no more room than a few thousand.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time

from portal.marketplaces.amazon_in.wire.answers import NAME
from portal.marketplaces.amazon_in.wire.documents import Columns, amount, moment, pieces, short_day
from portal.marketplaces.amazon_in.wire.labels import kind_of
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import PayoutFact, PayoutLineFact, UnreadableRow

PART = 2_000
REQUIRED = ("settlement-id", "total-amount", "currency", "transaction-type", "amount-type", "amount-description", "amount")
CELLS = (
    "settlement-id",
    "transaction-type",
    "order-id",
    "amount-type",
    "amount-description",
    "amount",
    "posted-date",
    "posted-date-time",
    "order-item-code",
    "sku",
    "quantity-purchased",
    "adjustment-id",
    "shipment-id",
    "merchant-adjustment-item-id",
    "promotion-id",
)
SUMMARY = ("settlement-id", "settlement-start-date", "settlement-end-date", "deposit-date", "total-amount", "currency")


class SettlementReader:
    """Feed it lines, take parts of the payout and rows that resist. Rows are numbered as a text editor does: the header is 1."""

    def __init__(self, *, part: int = PART) -> None:
        self._part = part
        self._number = 0
        self._at: tuple[int, ...] = ()
        self._summary_at: tuple[int, ...] = ()
        self._payout: PayoutFact | None = None
        self._lines: list[PayoutLineFact] = []
        self._repeats: Counter[bytes] = Counter()
        self._day_first: bool | None = None
        self._told = False

    @property
    def currency(self) -> str:
        """The settlement's currency; empty until its summary line was read."""
        return self._payout.currency if self._payout else ""

    def feed(self, lines: Iterable[str]) -> Iterator[PayoutFact | UnreadableRow]:
        """Parts that are full now, and rows that resist. WireChanged when this is no settlement."""
        for line in lines:
            self._number += 1
            if not line.strip():
                continue
            cells = line.split("\t")
            if not self._at:
                self._header(cells)
                continue
            try:
                ended = self._row(cells)
            except (ValueError, OverflowError) as error:
                yield self._resists(cells, str(error))
                continue
            if ended is not None:
                yield ended
            if len(self._lines) >= self._part:
                yield self._flush()

    def end(self) -> Iterator[PayoutFact]:
        """The last part, which may be the only one. WireChanged when the file ended before its summary."""
        if self._payout is None:
            raise WireChanged(NAME, "a settlement without its summary")
        if self._lines or not self._told:
            yield self._flush()

    def _header(self, cells: Sequence[str]) -> None:
        columns = Columns(cells)
        if missing := [name for name in REQUIRED if name not in columns]:
            raise WireChanged(NAME, f"a settlement without the column {missing[0]}")
        self._at = columns.places(*CELLS)
        self._summary_at = columns.places(*SUMMARY)

    def _row(self, cells: list[str]) -> PayoutFact | None:
        cells.append("")  # what a missing column (-1) reads
        total = _cell(cells, self._summary_at[4])
        if total and not _cell(cells, self._at[1]):
            return self._begin(cells, total)
        if self._payout is None or _cell(cells, self._at[0]) != self._payout.external_payout_id:
            raise ValueError("a line before the summary of its settlement")
        self._lines.append(self._line(cells))
        return None

    def _begin(self, cells: list[str], total: str) -> PayoutFact | None:
        ended = self._flush() if self._payout is not None and (self._lines or not self._told) else None
        settlement, start, end, deposit, _, currency = (_cell(cells, place) for place in self._summary_at)
        if not settlement:
            raise ValueError("a settlement without an id")
        self._payout = PayoutFact(
            external_payout_id=settlement,
            net_amount=amount(total),
            currency=currency or "INR",
            paid_at=moment(deposit),
            period_start=moment(start),
            period_end=moment(end),
        )
        self._repeats.clear()
        self._told = False
        return ended

    def _line(self, cells: list[str]) -> PayoutLineFact:
        at = self._at
        told = [_cell(cells, place) for place in at]
        _, transaction, order, kind, description, money, posted_day, posted, item, sku, quantity, *_ = told
        name = hashlib.blake2b("\t".join(told).encode(), digest_size=8).digest()
        self._repeats[name] += 1
        return PayoutLineFact(
            line_key=f"{name.hex()}-{self._repeats[name]}",
            kind=kind_of(transaction, kind, description),
            description=description or kind or transaction,
            amount=amount(money),
            external_order_id=order,
            external_item_id=item,
            sku=sku,
            quantity=pieces(quantity),
            posted_at=self._posted(posted_day, posted),
        )

    def _posted(self, short: str, full: str) -> datetime | None:
        """The full time decides; it also teaches which way round the short date of other rows is written."""
        if full:
            known = moment(full)
            if known is not None and short and self._day_first is None and known.day != known.month:
                self._day_first = _fits(short, known, day_first=True)
            return known
        if not short:
            return None
        return datetime.combine(short_day(short, day_first=bool(self._day_first)), time.min, tzinfo=UTC)

    def _flush(self) -> PayoutFact:
        if self._payout is None:
            raise AssertionError("lines are only collected under a summary")
        payout = self._payout
        lines, self._lines, self._told = tuple(self._lines), [], True
        return PayoutFact(
            external_payout_id=payout.external_payout_id,
            net_amount=payout.net_amount,
            currency=payout.currency,
            paid_at=payout.paid_at,
            period_start=payout.period_start,
            period_end=payout.period_end,
            lines=lines,
        )

    def _resists(self, cells: Sequence[str], reason: str) -> UnreadableRow:
        at = self._at
        return UnreadableRow(
            external_id=_cell(cells, at[2]) or _cell(cells, at[0]),
            reason=f"row {self._number}: {reason}",
            raw={"row": str(self._number), "cells": [cell[:100] for cell in cells[:40]]},
        )


def _cell(cells: Sequence[str], place: int) -> str:
    return cells[place].strip() if place < len(cells) else ""


def _fits(short: str, known: datetime, *, day_first: bool) -> bool:
    try:
        return short_day(short, day_first=day_first) == known.date()
    except ValueError:
        return False
