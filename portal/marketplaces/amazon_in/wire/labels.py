"""What Amazon calls a line of a settlement, and the column of ours it adds up in.

Labels are data: a pair nobody mapped stays visible as UNMAPPED and still counts in the sum. To teach one, add a line here.
Names are compared without case and with single spaces.
"""

from functools import lru_cache

from portal.marketplaces.facts import LineKind

BY_AMOUNT_TYPE = {
    # amount-type: whatever its description says
    "promotion": LineKind.PROMOTION,
    "fba inventory reimbursement": LineKind.REIMBURSEMENT,
    "cost of advertising": LineKind.FEE,
}
BY_DESCRIPTION = {
    "principal": LineKind.SALE,
    "tax": LineKind.SALE,
    "product tax": LineKind.SALE,
    "giftwrap": LineKind.SALE,
    "giftwraptax": LineKind.SALE,
    "codfee": LineKind.SHIPPING,
    "shipping": LineKind.SHIPPING,
    "shippingtax": LineKind.SHIPPING,
    "shipping tax": LineKind.SHIPPING,
    "commission": LineKind.FEE,
    "refund commission": LineKind.FEE,
    "shipping commission": LineKind.FEE,
    "fixed closing fee": LineKind.FEE,
    "technology fee": LineKind.FEE,
    "fba weight handling fee": LineKind.FEE,
    "fba pick & pack fee": LineKind.FEE,
    "easy ship weight handling fees": LineKind.FEE,
    "amazon easy ship charges": LineKind.FEE,
    "mfn postage purchase complete": LineKind.FEE,
    "storage fee": LineKind.FEE,
    "cost of advertising": LineKind.FEE,
    "fba inventory reimbursement": LineKind.REIMBURSEMENT,
    "current reserve amount": LineKind.RESERVE,
    "previous reserve amount balance": LineKind.RESERVE,
    "tds - section 194-o": LineKind.TDS,
    "tds (section 194-o)": LineKind.TDS,
}
WITHHELD = {"tcs": LineKind.TCS, "tds": LineKind.TDS}
"""First word of a label: tax that Amazon withholds for the government, one column each."""
GST = (" igst", " cgst", " sgst", " utgst")
"""A fee's name with one of these behind it is the tax on that fee."""
SOLD = frozenset({LineKind.SALE, LineKind.SHIPPING, LineKind.PROMOTION})


@lru_cache(maxsize=4096)
def kind_of(transaction_type: str, amount_type: str, description: str) -> LineKind:
    """The kind of a settlement line. In a refund, what was sold before comes back as REFUND; fees and taxes keep their column."""
    kind = _kind(_plain(amount_type), _plain(description))
    if _plain(transaction_type) in ("refund", "chargeback refund", "a-to-z guarantee refund") and kind in SOLD:
        return LineKind.REFUND
    return kind


def _kind(amount_type: str, description: str) -> LineKind:
    label = description or amount_type
    withheld = WITHHELD.get(label.replace("-", " ").split(" ")[0])
    if withheld is not None:
        return withheld
    if amount_type in BY_AMOUNT_TYPE:
        return BY_AMOUNT_TYPE[amount_type]
    if label in BY_DESCRIPTION:
        return BY_DESCRIPTION[label]
    for suffix in GST:
        if label.endswith(suffix) and BY_DESCRIPTION.get(label.removesuffix(suffix)) is LineKind.FEE:
            return LineKind.FEE_TAX
    return LineKind.UNMAPPED


def _plain(label: str) -> str:
    return " ".join(label.lower().split())
