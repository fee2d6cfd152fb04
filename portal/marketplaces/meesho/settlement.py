"""What one settled row means in money, whether it came by call or in a payment file: the same row gives the same lines.

Columns are recognised by their letters and digits alone, so `Meesho Commission (Incl. GST)` in a file and
`meesho_commission_incl_gst` in an answer are one column. Older layouts give amounts without GST and the GST beside them; both
are added up here, so that both layouts give one amount under one key.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache

from portal.marketplaces.facts import LineKind, PayoutFact, PayoutLineFact, UnreadableRow
from portal.marketplaces.meesho.days import indian_day
from portal.marketplaces.meesho.wire.rows import midnight, money, text

_IDENTIFIER = re.compile(r"[!-~]{1,64}")  # two of them and a part's name make a line's key
_NOT_PLAIN = re.compile(r"[^a-z0-9]")
_TAX_NOTE = re.compile(r"(incl|excl)(?:uding|usive)?(?:of)?(?:shipping|gst|taxes|tax|and|commission|commision)+$")
_NOTHING = Decimal(0)
_SMALLEST = Decimal("0.0001")  # what a money column keeps


@dataclass(frozen=True, slots=True)
class Part:
    """One amount of a row. `column` is its header's letters and digits without the note about tax."""

    key: str
    kind: LineKind
    description: str
    column: str


PARTS = (
    Part("sale", LineKind.SALE, "Sale amount", "totalsaleamount"),
    Part("sale_return", LineKind.REFUND, "Sale amount taken back", "totalsalereturnamount"),
    Part("fixed_fee", LineKind.FEE, "Fixed fee", "fixedfee"),
    Part("warehousing_fee", LineKind.FEE, "Warehousing fee", "warehousingfee"),
    Part("return_premium", LineKind.FEE, "Return premium", "returnpremium"),
    Part("commission", LineKind.FEE, "Commission", "meeshocommission"),
    Part("gold_fee", LineKind.FEE, "Gold platform fee", "meeshogoldplatformfee"),
    Part("mall_fee", LineKind.FEE, "Mall platform fee", "meeshomallplatformfee"),
    Part("return_shipping", LineKind.SHIPPING, "Return shipping charge", "returnshippingcharge"),
    Part("gst_compensation", LineKind.REIMBURSEMENT, "GST compensation", "gstcompensationprpshipping"),
    Part("shipping", LineKind.SHIPPING, "Shipping charge", "shippingcharge"),
    Part("support", LineKind.FEE, "Other support service charges", "othersupportservicecharges"),
    Part("waivers", LineKind.REIMBURSEMENT, "Waivers", "waivers"),
    Part("support_gst", LineKind.FEE_TAX, "GST on other support service charges", "gstonnetothersupportservicecharges"),
    Part("tcs", LineKind.TCS, "TCS", "tcs"),
    Part("tds", LineKind.TDS, "TDS", "tds"),
    Part("compensation", LineKind.REIMBURSEMENT, "Compensation", "compensation"),
    Part("claims", LineKind.REIMBURSEMENT, "Claims", "claims"),
    Part("recovery", LineKind.ADJUSTMENT, "Recovery", "recovery"),
)
NET_SUPPORT = "netothersupportservicecharges"
"""Support charges and waivers in one figure; counts only where neither stands by itself."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which given name holds which column of ours, and which names add up to which part."""

    names: Mapping[str, str]
    sums: tuple[tuple[Part, tuple[str, ...]], ...]

    @classmethod
    def found_in(cls, given: Iterable[str]) -> "Columns":
        """Columns by the names that a file's header or an answer's row gives them; a figure with GST wins over one without."""
        return _columns(tuple(given))

    def __contains__(self, column: str) -> bool:
        return column in self.names


@lru_cache(maxsize=64)  # every row of an answer brings the same names
def _columns(given: tuple[str, ...]) -> Columns:
    names: dict[str, str] = {}
    taxed: set[str] = set()
    for name in given:
        plain = _NOT_PLAIN.sub("", name.lower())
        noted = _TAX_NOTE.search(plain)
        column = plain[: noted.start()] if noted else plain
        includes = bool(noted and noted[1] == "incl")
        if column and (column not in names or (includes and column not in taxed)):
            names[column] = name
            if includes:
                taxed.add(column)
    return Columns(names, tuple(_sums(names, taxed)))


def _sums(names: Mapping[str, str], taxed: set[str]) -> Iterator[tuple[Part, tuple[str, ...]]]:
    """The names whose amounts make up each part that is there at all."""
    for part in PARTS:
        columns = [part.column]
        if part.column not in taxed:
            columns.append(f"gston{part.column}")
        if part.key == "support" and part.column not in names and "waivers" not in names:
            columns.append(NET_SUPPORT)
        found = tuple(names[column] for column in columns if column in names)
        if found:
            yield part, found


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledRow:
    """One sub-order in one transaction. `net` is what Meesho paid for it; `amounts` are its parts that are not zero, by part key."""

    sub_order_num: str
    transaction_id: str
    paid_on: date
    net: Decimal
    amounts: Mapping[str, Decimal]
    sku: str = ""
    quantity: int | None = None

    @property
    def key(self) -> str:
        return f"{self.sub_order_num}:{self.transaction_id}"

    def refused(self, why: str) -> UnreadableRow:
        """This row, set aside for that reason."""
        told = {"sub_order_no": self.sub_order_num, "transaction_id": self.transaction_id, "payment_date": self.paid_on.isoformat()}
        return UnreadableRow(external_id=self.sub_order_num, reason=why, raw={**told, "final_settlement_amount": str(self.net)})

    def lines(self) -> Iterator[PayoutLineFact]:
        posted = midnight(self.paid_on)
        for part in PARTS:
            if part.key in self.amounts:
                yield PayoutLineFact(
                    line_key=f"{self.key}:{part.key}",
                    kind=part.kind,
                    description=part.description,
                    amount=self.amounts[part.key],
                    external_order_id=self.sub_order_num,
                    external_item_id=self.sub_order_num,
                    sku=text(self.sku, 120),
                    quantity=self.quantity if part.kind is LineKind.SALE else None,
                    posted_at=posted,
                )


def settled(columns: Columns, row: Mapping[str, object]) -> SettledRow:
    """The row under those columns: values as JSON or a spreadsheet has them. ValueError says what cannot be read."""

    def value(column: str) -> object:
        return row.get(columns.names[column]) if column in columns else None

    net = value("finalsettlementamount")
    if net is None or net == "":
        raise ValueError("The Final Settlement Amount is missing.")
    return SettledRow(
        sub_order_num=_identifier(value("suborderno"), "Sub Order No"),
        transaction_id=_identifier(value("transactionid"), "Transaction ID"),
        paid_on=indian_day(value("paymentdate")),
        net=_amount(net, "Final Settlement Amount"),
        amounts=dict(_amounts(columns, row)),
        sku=text(str(value("suppliersku") or ""), 120),
        quantity=_count(value("quantity")),
    )


def _amounts(columns: Columns, row: Mapping[str, object]) -> Iterator[tuple[str, Decimal]]:
    """The row's parts that are not zero, by part key."""
    for part, names in columns.sums:
        amount = sum((_amount(row.get(name), part.description) for name in names), _NOTHING)
        if amount:
            yield part.key, amount


def _amount(value: object, label: str) -> Decimal:
    """Rupees. Nothing at all, or a dash, is zero."""
    if isinstance(value, str):
        value = value.replace(",", "").replace("₹", "").strip()
    if value is None or (isinstance(value, str) and value in {"", "-"}):
        return _NOTHING
    try:
        # repr of a float is its shortest decimal text, which is what the file's author typed.
        amount = Decimal("no" if isinstance(value, bool) else repr(value) if isinstance(value, float) else str(value))
    except ArithmeticError:
        raise ValueError(f"{label} is no amount.") from None
    return (money(amount) or _NOTHING).quantize(_SMALLEST)


def _identifier(value: object, label: str) -> str:
    """An id as text. A spreadsheet may have made a number of it; that is only taken back while no digit can be lost."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if value is None or value == "":
        raise ValueError(f"The {label} is missing.")
    if isinstance(value, bool) or not isinstance(value, str | int) or not _IDENTIFIER.fullmatch(str(value).strip()):
        raise ValueError(f"The {label} is not readable.")
    return str(value).strip()


def _count(value: object) -> int | None:
    if value is None or value == "":
        return None
    number = _amount(value, "Quantity")
    if number != number.to_integral_value() or not 0 <= number <= 1_000_000:
        raise ValueError("Quantity is no whole number.")
    return int(number)


@dataclass(slots=True)
class Settlements:
    """Gathers settled rows into payouts, one per payment date.

    A payout comes in parts: lines as they are gathered, its net amount with the last part. `paid` holds the sums so far, by date,
    and is all that a later part needs.
    """

    paid: dict[str, Decimal] = field(default_factory=dict)
    _lines: dict[str, list[PayoutLineFact]] = field(default_factory=dict)
    _seen: dict[str, int] = field(default_factory=dict)

    def add(self, row: SettledRow) -> None:
        """Take the row in. The same row again changes nothing; ValueError when it says something else than before."""
        told = hash((row.paid_on, row.net, tuple(sorted(row.amounts.items()))))
        if row.key in self._seen:
            if self._seen[row.key] != told:
                raise ValueError("This sub-order and transaction came before with other amounts.")
            return
        self._seen[row.key] = told
        day = row.paid_on.isoformat()
        self.paid[day] = self.paid.get(day, _NOTHING) + row.net
        self._lines.setdefault(day, []).extend(row.lines())

    @property
    def waiting(self) -> int:
        """How many lines the next part will hold."""
        return sum(map(len, self._lines.values()))

    def part(self, *, last: bool) -> tuple[PayoutFact, ...]:
        """What was gathered since the last part; with `last`, every payout once more or for the first time with its net amount."""
        gathered, self._lines = self._lines, {}
        days = self.paid if last else gathered
        return tuple(
            PayoutFact(
                external_payout_id=day,
                net_amount=self.paid[day] if last else None,
                currency="INR",
                paid_at=midnight(date.fromisoformat(day)),
                lines=tuple(gathered.get(day, ())),
            )
            for day in sorted(days)
        )
