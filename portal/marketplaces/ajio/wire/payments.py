"""The payment report: one row per parcel, gathered into one payout per clearing document.

The panel's answer and the seller's uploaded file go through here alike, so reading one after the other changes nothing.
"""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from portal.marketplaces.ajio.wire.body import Loose, Unreadable, set_aside, shaped
from portal.marketplaces.ajio.wire.scalars import amount, from_panel, identifier, indian_day, words
from portal.marketplaces.ajio.wire.statuses import plain
from portal.marketplaces.facts import LineKind, PayoutFact, PayoutLineFact, UnreadableRow

PENDING, RECONCILED, DISPUTED = "PENDING", "RECONCILED", "DISPUTED"
STATUSES = {"PAID": RECONCILED, "DUELATER": PENDING, "OVERDUE": DISPUTED}
KINDS = {"FORWARD": LineKind.SALE, "RETURN": LineKind.REFUND}


class PaymentRow(msgspec.Struct, rename="camel"):
    clearing_doc_no: Loose = None
    clearing_date: Loose = None
    journey_type: Loose = None
    expected_settlement_date: Loose = None
    invoice_number: Loose = None
    cust_order_no: Loose = None
    awb_number: Loose = None
    value: Decimal | None = None
    status: Loose = None


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One readable row: the payout it belongs to, and its line there."""

    payout_id: str
    paid_at: datetime | None
    due_on: datetime | None
    status: str
    line: PayoutLineFact


class Payouts(msgspec.Struct, frozen=True, kw_only=True):
    facts: tuple[PayoutFact, ...]
    set_aside: tuple[UnreadableRow, ...]


def payouts(rows: Iterable[Any], *, numbers: Iterable[int] | None = None) -> Payouts:
    """Payouts of these rows, sorted by id. `numbers` are the rows' line numbers in a file: a set-aside row then names its own.

    A row that cannot be read leaves its payout without a net amount, because AJIO names none and the sum would be short.
    """
    held: dict[str, dict[str, Payment]] = {}
    aside: list[UnreadableRow] = []
    short: set[str] = set()
    placed = zip(numbers, rows, strict=False) if numbers is not None else ((None, row) for row in rows)
    for number, row in placed:
        try:
            payment = _payment(shaped(row, PaymentRow))
            lines = held.setdefault(payment.payout_id, {})
            if lines.setdefault(payment.line.line_key, payment).line != payment.line:
                raise Unreadable("another row of this parcel has a different value")
        except Unreadable as problem:
            aside.append(_set_aside(row, number, str(problem)))
            short.add(_payout_guess(row))
    facts = tuple(_payout(found, list(lines.values()), short=found in short) for found, lines in sorted(held.items()))
    return Payouts(facts=facts, set_aside=tuple(aside))


def _payment(row: PaymentRow) -> Payment:
    status = STATUSES.get(plain(words(row.status)), PENDING)
    paid_at = from_panel(row.clearing_date, "clearingDate")
    due_at = from_panel(row.expected_settlement_date, "expectedSettlementDate")
    document = words(row.clearing_doc_no, limit=120)
    if not document and status == RECONCILED:
        raise Unreadable("the row is paid but names no clearing document")
    return Payment(
        payout_id=document or due_id(indian_day(due_at) if due_at else None),
        paid_at=paid_at if document else None,
        due_on=due_at,
        status=status,
        line=_line(row, paid_at),
    )


def due_id(day: date | None) -> str:
    """The id of the payout that gathers what AJIO will pay on one day and has not cleared yet."""
    return f"DUE-{day.isoformat()}" if day else "DUE-UNDATED"


def _line(row: PaymentRow, paid_at: datetime | None) -> PayoutLineFact:
    order_no = identifier(row.cust_order_no, "custOrderNo", limit=40)
    awb, invoice = words(row.awb_number, limit=40), words(row.invoice_number, limit=40)
    journey = plain(words(row.journey_type))[:20]
    value = amount(row.value, "value")
    if value is None:
        raise Unreadable("value is missing")
    kind = KINDS.get(journey, LineKind.UNMAPPED)
    return PayoutLineFact(
        line_key=f"{journey}:{order_no}:{awb}:{invoice}",
        kind=kind,
        description=" ".join(part for part in (words(row.journey_type, limit=40), f"invoice {invoice}" if invoice else "") if part),
        # Money taken back is negative here, with whichever sign the report writes it.
        amount=-abs(value) if kind is LineKind.REFUND else value,
        external_order_id=order_no,
        posted_at=paid_at,
    )


def _payout(payout_id: str, payments: list[Payment], *, short: bool) -> PayoutFact:
    lines = sorted((one.line for one in payments), key=lambda line: line.line_key)
    return PayoutFact(
        external_payout_id=payout_id,
        net_amount=None if short else sum((line.amount for line in lines), Decimal(0)),
        currency="INR",
        paid_at=max((one.paid_at for one in payments if one.paid_at), default=None),
        period_end=max((one.due_on for one in payments if one.due_on), default=None),
        status=_worst({one.status for one in payments}),
        lines=tuple(lines),
    )


def _worst(statuses: set[str]) -> str:
    return next(status for status in (DISPUTED, PENDING, RECONCILED) if status in statuses)


def _payout_guess(row: Any) -> str:
    """The payout an unreadable row would have belonged to, where it still says so."""
    document = row.get("clearingDocNo") if isinstance(row, dict) else None
    return str(document) if document else ""


def _set_aside(row: Any, number: int | None, reason: str) -> UnreadableRow:
    kept = set_aside(row, PaymentRow, "custOrderNo", reason)
    if number is None:
        return kept
    return UnreadableRow(external_id=kept.external_id, reason=f"Row {number}: {reason}", raw={"row": number, **kept.raw})
