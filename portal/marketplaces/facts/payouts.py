"""A settlement and its lines, as a marketplace has them."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec


class LineKind(StrEnum):
    """What a payout line is: decides the column it adds up in. Unknown labels are UNMAPPED and still count."""

    SALE = "sale"
    REFUND = "refund"
    FEE = "fee"
    FEE_TAX = "fee_tax"
    TCS = "tcs"
    TDS = "tds"
    SHIPPING = "shipping"
    PROMOTION = "promotion"
    RESERVE = "reserve"
    REIMBURSEMENT = "reimbursement"
    ADJUSTMENT = "adjustment"
    UNMAPPED = "unmapped"


class PayoutLineFact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`line_key` is stable within the payout, so that reading the same settlement twice changes nothing."""

    line_key: str
    kind: LineKind
    description: str
    amount: Decimal
    external_order_id: str = ""
    external_item_id: str = ""
    sku: str = ""
    quantity: int | None = None
    posted_at: datetime | None = None


class PayoutFact(msgspec.Struct, frozen=True, kw_only=True):
    """One settlement, or a part of one: a big settlement may come as several facts with the same id and different lines.

    `net_amount` is what the marketplace says it paid; None while a part does not know it yet.
    `status` is PENDING, RECONCILED or DISPUTED as far as the marketplace tells.
    """

    external_payout_id: str
    net_amount: Decimal | None
    currency: str
    paid_at: datetime | None
    period_start: datetime | None = None
    period_end: datetime | None = None
    status: str = "PENDING"
    lines: tuple[PayoutLineFact, ...] = ()
