"""The columns of Settled Transactions, found by what their headings say, and what their money is.

Headings move between versions of the file, so only letters and digits count, and what stands in brackets or behind an equals
sign (units, formulas in words) does not.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from portal.clock import IST
from portal.errors import BadInput
from portal.marketplaces.facts import LineKind
from portal.spreadsheets import Row

HEADER_WITHIN = 12
"""The headings stand within the first rows; notes may stand above them."""

NEFT, ITEM, SETTLEMENT = "neftid", "orderitemid", "banksettlementvalue"
REQUIRED = {NEFT: "NEFT ID", ITEM: "Order item ID", SETTLEMENT: "Bank Settlement Value"}
PAID_ON, ORDER, SKU, QUANTITY, ORDERED_ON = "paymentdate", "orderid", "sellersku", "quantity", "orderdate"
ABOUT = (PAID_ON, ORDER, SKU, QUANTITY, ORDERED_ON)
ALIASES = {"settlementvalue": SETTLEMENT, "sku": SKU, "neftidutr": NEFT, "totalofferamount": "offeramount", "myshareamount": "myshare"}


@dataclass(frozen=True, slots=True)
class Money:
    """A column of money: how it reads, what it is, and the columns that itemise it."""

    title: str
    kind: LineKind
    parts: tuple[str, ...] = ()


FEES, TAXES = "marketplacefee", "taxes"
WHOLE = {
    # column: what adds up, over all of these, to the settlement of a row
    "saleamount": Money("Sale amount", LineKind.SALE),
    "offeramount": Money("Offers", LineKind.PROMOTION),
    "myshare": Money("Seller's share of offers", LineKind.PROMOTION),
    "customeraddonsamount": Money("Add-ons paid by the buyer", LineKind.ADJUSTMENT),
    FEES: Money(
        "Other marketplace fees",
        LineKind.FEE,
        (
            "commission",
            "fixedfee",
            "collectionfee",
            "pickandpackfee",
            "shippingfee",
            "reverseshippingfee",
            "nocostemifeereimbursement",
            "installationfee",
        ),
    ),
    TAXES: Money("Other taxes", LineKind.UNMAPPED, ("tcs", "tds", "gstonmpfees")),
    "protectionfund": Money("Protection fund", LineKind.REIMBURSEMENT),
    "refund": Money("Refund", LineKind.REFUND),
}
PARTS = {
    "commission": Money("Commission", LineKind.FEE),
    "fixedfee": Money("Fixed fee", LineKind.FEE),
    "collectionfee": Money("Collection fee", LineKind.FEE),
    "pickandpackfee": Money("Pick and pack fee", LineKind.FEE),
    "shippingfee": Money("Shipping fee", LineKind.SHIPPING),
    "reverseshippingfee": Money("Reverse shipping fee", LineKind.SHIPPING),
    "nocostemifeereimbursement": Money("No-cost EMI fee reimbursement", LineKind.REIMBURSEMENT),
    "installationfee": Money("Installation fee", LineKind.FEE),
    "tcs": Money("TCS", LineKind.TCS),
    "tds": Money("TDS", LineKind.TDS),
    "gstonmpfees": Money("GST on marketplace fees", LineKind.FEE_TAX),
}
KNOWN = {*REQUIRED, *ABOUT, *WHOLE, *PARTS}


def column_name(heading: Any) -> str:
    """`Bank Settlement Value (Rs.) = SUM(J:R)` is banksettlementvalue."""
    text = re.sub(r"\([^)]*\)|\[[^\]]*\]", "", str(heading or "")).partition("=")[0].lower()
    name = re.sub(r"[^a-z0-9]", "", text)
    return ALIASES.get(name, name)


def find_columns(name: str, rows: Iterable[tuple[int, Row]]) -> tuple[dict[str, int], int]:
    """Where each known column is, and the number of the last heading row. BadInput when a required one is missing."""
    above: Row = []
    best: Mapping[str, int] = {}
    found: dict[str, int] | None = None
    found_at = 0
    for number, row in rows:
        if found is not None:
            # Headings may be merged over two rows, with the itemised columns named in the second one only.
            if all(_blank(row, found[one]) for one in REQUIRED):
                return {**found, **_columns(row, [])}, number
            return found, found_at
        columns = _columns(row, above)
        if set(REQUIRED) <= columns.keys():
            found, found_at = columns, number
        best = max(best, columns, key=len)
        above = row
        if number >= HEADER_WITHIN and found is None:
            break
    if found is not None:
        return found, found_at
    missing = [title for key, title in REQUIRED.items() if key not in best]
    if len(missing) == len(REQUIRED):
        raise BadInput(f"{name} does not look like a payment file of Flipkart. Upload the Settled Transactions file, unchanged.")
    raise BadInput(f"{name} lacks the column {' and '.join(missing)}. Upload the Settled Transactions file, unchanged.")


def _columns(row: Row, above: Row) -> dict[str, int]:
    found: dict[str, int] = {}
    for at, cell in enumerate(row):
        heading = cell if not _blank(row, at) else (above[at] if at < len(above) else "")
        column = column_name(heading)
        if column in KNOWN:
            found.setdefault(column, at)
    return found


def _blank(row: Row, at: int) -> bool:
    return at >= len(row) or str(row[at]).strip() == ""


def text_of(value: Any) -> str:
    """A cell as text: ids that Excel took for numbers lose the `.0`, the apostrophe that forces text goes."""
    if isinstance(value, float) and value.is_integer():
        if abs(value) >= 2**53:
            raise ValueError("an id that Excel has rounded, its last digits are lost; download the file again and do not save it in Excel")
        return str(int(value))
    return str(value).strip().lstrip("'") if value is not None else ""


def amount_of(value: Any) -> Decimal:
    """A cell as rupees, to the paisa; an empty one is zero. ValueError for words."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = repr(value)
    else:
        text = re.sub(r"(?i)rs\.?|inr|[₹,\s]", "", str(value if value is not None else ""))
        if text.startswith("(") and text.endswith(")"):
            text = f"-{text[1:-1]}"
    if text in {"", "-"}:
        return Decimal(0)
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ValueError("words where an amount should be") from None
    if not amount.is_finite() or abs(amount) >= 10**10:
        raise ValueError("an amount that is no amount of money")
    return amount.quantize(Decimal("0.01"))


def day_of(value: Any) -> datetime | None:
    """A cell as the first moment of an Indian day; None when it is empty. ValueError for what is no date."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=IST)
    if isinstance(value, date):
        return datetime.combine(value, time.min, tzinfo=IST)
    text = str(value if value is not None else "").strip()
    if not text:
        return None
    for form in ("%Y-%m-%d", "%d-%m-%Y", "%d/%m/%Y", "%b %d, %Y", "%d %b %Y", "%d-%b-%Y"):
        try:
            return datetime.strptime(text[:11].strip() if form != "%b %d, %Y" else text[:12], form).replace(tzinfo=IST)
        except ValueError:
            continue
    raise ValueError("a date in a form we do not know")


def is_formula(cells: Sequence[Any]) -> bool:
    """Whether one of the cells holds a formula written out as text instead of its result."""
    return any(isinstance(cell, str) and cell.lstrip().startswith("=") for cell in cells)
