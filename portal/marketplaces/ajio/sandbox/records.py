"""What the sandbox's shop has sold, taken back and been paid: one record each, free of any wire."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from portal.marketplaces.sandbox import Article

STATES = ("NEW", "ACKNOWLEDGED", "CONFIRMED", "PACKED", "READY_TO_DISPATCH", "DISPATCHED", "DELIVERED")
CANCELLED = "CANCELLED"
PACKED_ON = frozenset(STATES[3:])


@dataclass(slots=True, kw_only=True)
class SoldLine:
    item_id: str
    item_code: str
    article: Article
    pieces: int

    @property
    def base_price(self) -> Decimal:
        """What AJIO pays for one piece before tax."""
        return (self.article.price * 100 / (100 + self.article.gst)).quantize(Decimal("0.01"))


@dataclass(slots=True, kw_only=True)
class Sold:
    order_id: str
    placed_at: datetime
    lines: tuple[SoldLine, ...]
    payment: str
    carrier: str
    awb: str
    state: str = "NEW"
    city: str = ""
    region: str = ""
    pincode: str = ""
    gstin: str = ""
    promised: dict[str, int] = field(default_factory=dict)
    """Pieces acknowledged by line, once the order is accepted."""
    accepted_at: float = 0.0
    confirmed: bool = False
    own_invoice: str = ""
    """The seller's number of the vendor invoice, where he sent one."""
    manifest: str = ""
    manifest_url: str = ""
    encoded: dict[str, bytes] = field(default_factory=dict)
    """Rows as they went out, by door; emptied when the order moves on."""

    @property
    def total(self) -> Decimal:
        return sum((line.article.price * line.pieces for line in self.lines), Decimal(0))

    @property
    def po_number(self) -> str:
        """AJIO writes the purchase order when its hold is over."""
        return "" if self.state in ("NEW", "ACKNOWLEDGED") else f"PO{self.order_id[2:]}"

    @property
    def po_at(self) -> datetime:
        return self.placed_at + timedelta(hours=4, minutes=30)

    @property
    def shipped_at(self) -> datetime | None:
        return self.placed_at + timedelta(days=1) if self.state in ("DISPATCHED", "DELIVERED") else None


@dataclass(slots=True, kw_only=True)
class Returned:
    """A return of something sold before this shop's history, so that no open order seems to have come back."""

    return_id: str
    order_id: str
    created_at: datetime
    kind: str
    state: str
    awb: str
    article: Article
    item_code: str
    pieces: int
    reason: str

    @property
    def refund(self) -> Decimal:
        return self.article.price * self.pieces


@dataclass(slots=True, kw_only=True)
class Paid:
    """One row of the payment report. `cleared_on` is None while AJIO has not paid it."""

    document: str
    cleared_on: date | None
    expected_on: date
    journey: str
    invoice: str
    order_id: str
    awb: str
    value: Decimal
    status: str
