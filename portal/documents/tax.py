"""GST on an invoice, in whole paise: what is taxed, and how much of which tax, line by line.

Sources: section 12 of the IGST Act (goods: IGST between states, CGST and SGST or UTGST within one), rule 46 of the CGST Rules (what an
invoice shows). Each tax of each line is rounded to the nearest paisa, half up, and totals are sums of what is printed. So nothing on
the paper ever differs from its own sum.
"""

from collections.abc import Iterable, Sequence

import msgspec

FULL = 10_000
"""A rate is in hundredths of a percent: 1800 is 18%, 25 is 0.25%."""


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """A line before tax is worked out. `amount` is the whole line's in paise, after discounts; `inclusive` when tax is inside it."""

    description: str
    hsn: str
    quantity: int
    amount: int
    rate: int
    inclusive: bool = True
    sku: str = ""

    def __post_init__(self) -> None:
        if self.quantity < 1 or self.amount < 0 or not 0 <= self.rate <= FULL:
            raise ValueError("a line has at least one piece, no negative amount, and a rate from 0 to 100%")
        if not (self.hsn.isdigit() and len(self.hsn) in {4, 6, 8}):
            raise ValueError(f"{self.hsn!r} is not an HSN code of 4, 6 or 8 digits")


class Taxed(msgspec.Struct, frozen=True, kw_only=True):
    """Paise. Either `igst`, or `cgst` and its equal `sgst` (called UTGST in some territories)."""

    taxable: int
    cgst: int = 0
    sgst: int = 0
    igst: int = 0

    @property
    def tax(self) -> int:
        return self.cgst + self.sgst + self.igst

    @property
    def total(self) -> int:
        return self.taxable + self.tax


def taxed(sale: Sale, *, between_states: bool) -> Taxed:
    """One line's tax. With an inclusive amount the total is that amount to the paisa."""
    if between_states:
        igst = _rounded(sale.amount * sale.rate, FULL + sale.rate) if sale.inclusive else _rounded(sale.amount * sale.rate, FULL)
        return Taxed(taxable=sale.amount - igst if sale.inclusive else sale.amount, igst=igst)
    # Both halves are worked out from half the rate, so they are equal; what is left over is taxed value.
    half = _rounded(sale.amount * sale.rate, 2 * (FULL + sale.rate)) if sale.inclusive else _rounded(sale.amount * sale.rate, 2 * FULL)
    return Taxed(taxable=sale.amount - 2 * half if sale.inclusive else sale.amount, cgst=half, sgst=half)


def summed(lines: Iterable[Taxed]) -> Taxed:
    """The totals of an invoice: the sums of its lines."""
    kept = tuple(lines)
    return Taxed(
        taxable=sum(line.taxable for line in kept),
        cgst=sum(line.cgst for line in kept),
        sgst=sum(line.sgst for line in kept),
        igst=sum(line.igst for line in kept),
    )


def by_hsn(sales: Sequence[Sale], lines: Sequence[Taxed]) -> dict[tuple[str, int], Taxed]:
    """What is taxed under each HSN code and rate, in the order of the codes."""
    groups: dict[tuple[str, int], list[Taxed]] = {}
    for sale, line in zip(sales, lines, strict=True):
        groups.setdefault((sale.hsn, sale.rate), []).append(line)
    return {key: summed(groups[key]) for key in sorted(groups)}


def _rounded(above: int, below: int) -> int:
    return (2 * above + below) // (2 * below)


def rupees(paise: int) -> str:
    """An amount as it is written in India, without a sign: 12345678 is "1,23,456.78"."""
    whole, rest = divmod(abs(paise), 100)
    digits = str(whole)
    head, tail = digits[:-3], digits[-3:]
    pairs: list[str] = []
    while head:
        pairs.insert(0, head[-2:])
        head = head[:-2]
    return f"{'-' if paise < 0 else ''}{','.join([*pairs, tail])}.{rest:02}"


def percent(rate: int) -> str:
    """A rate without needless zeros: 1800 is "18%", 25 is "0.25%"."""
    return f"{rate / 100:g}%"


_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def in_words(paise: int) -> str:
    """ "Rupees one lakh two thousand and fifty paise only"."""
    whole, rest = divmod(paise, 100)
    return f"Rupees {_number(whole)}{f' and {_number(rest)} paise' if rest else ''} only"


def _number(value: int) -> str:
    for size, name in ((10_000_000, "crore"), (100_000, "lakh"), (1000, "thousand"), (100, "hundred")):
        if value >= size:
            many, rest = divmod(value, size)
            return f"{_number(many)} {name}{f' {_number(rest)}' if rest else ''}"
    if value < 20:
        return _SMALL[value]
    return _TENS[value // 10] + (f" {_SMALL[value % 10]}" if value % 10 else "")
