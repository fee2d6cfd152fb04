"""What marketplaces tell us, free of any wire format and of any table.

Money is a Decimal in major units (rupees, not paise) with an ISO 4217 currency; times are aware, in UTC. `raw_status` is the
marketplace's own word and survives even when we do not know it; `status` is ours.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from portal.marketplaces.errands import Brought, Errand


class OrderStatus(StrEnum):
    PENDING = "pending"
    OPEN = "open"
    ON_HOLD = "on_hold"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    PACKED = "packed"
    READY = "ready"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class ReturnKind(StrEnum):
    RTO = "RTO"
    CUSTOMER = "CUSTOMER"


class ReturnStatus(StrEnum):
    INITIATED = "INITIATED"
    PICKED_UP = "PICKED_UP"
    IN_TRANSIT = "IN_TRANSIT"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"


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


class Buyer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Personal data: sealed before it touches a table, never in a log, a set-aside row or an exception."""

    name: str = ""
    phone: str = ""
    email: str = ""
    address: str = ""

    def __repr__(self) -> str:
        return "Buyer(…)"


class OrderItemFact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`sku` may be empty when the marketplace does not tell; the line is kept all the same. `unit_amount` is None while unknown.

    `external_listing_id` and `attributes` are what a ListingFact has under these names: where a marketplace lists no catalogue,
    listings are learned from them.
    """

    external_item_id: str
    sku: str
    title: str
    quantity: int
    unit_amount: Decimal | None
    status: str = ""
    external_listing_id: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


class ShipmentFact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`lines` are pairs of external item id and quantity; empty means the whole order."""

    external_shipment_id: str
    status: str
    raw_status: str
    awb: str = ""
    carrier: str = ""
    handed_over_at: datetime | None = None
    lines: tuple[tuple[str, int], ...] = ()


class OrderFact(msgspec.Struct, frozen=True, kw_only=True):
    """One order with its items and shipments as the marketplace has them now.

    `marketplace_updated_at` decides which of two versions is newer; `state` and `pincode` are not personal and serve GST and filters.
    """

    external_order_id: str
    status: OrderStatus
    raw_status: str
    placed_at: datetime
    marketplace_updated_at: datetime
    dispatch_by: datetime | None = None
    total_amount: Decimal | None = None
    currency: str = "INR"
    payment_method: str = ""
    fulfilment: str = ""
    ship_city: str = ""
    ship_state: str = ""
    ship_pincode: str = ""
    buyer: Buyer | None = None
    items: tuple[OrderItemFact, ...] = ()
    shipments: tuple[ShipmentFact, ...] = ()


class ReturnItemFact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    external_item_id: str
    sku: str
    quantity: int
    title: str = ""
    reason: str = ""
    condition: str = ""


class ReturnFact(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel on its way back. RTO never reached the buyer; CUSTOMER did. `awbs` holds every leg, first leg first."""

    external_return_id: str
    external_order_id: str
    kind: ReturnKind
    status: ReturnStatus
    raw_status: str
    created_at: datetime | None
    marketplace_updated_at: datetime | None = None
    expected_at: datetime | None = None
    delivered_at: datetime | None = None
    reason: str = ""
    refund_amount: Decimal | None = None
    currency: str = "INR"
    carrier: str = ""
    awbs: tuple[str, ...] = ()
    items: tuple[ReturnItemFact, ...] = ()


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


class ListingFact(msgspec.Struct, frozen=True, kw_only=True):
    """`external_listing_id` is the marketplace's id (ASIN, FSN, item code). `pushable` is false for stock the marketplace keeps (FBA)."""

    sku: str
    external_listing_id: str
    title: str
    status: str
    raw_status: str
    quantity_seen: int | None = None
    price: Decimal | None = None
    currency: str = "INR"
    pushable: bool = True
    attributes: tuple[tuple[str, str], ...] = ()
    """What a later push needs to send back (product type, location, variant id), as name and value."""


class StockLine(msgspec.Struct, frozen=True, kw_only=True):
    """An absolute quantity to push for one SKU. `attributes` are the listing's, as its fact gave them."""

    task_id: UUID
    sku: str
    quantity: int
    external_listing_id: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


class LineOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one stock line. `state` is accepted (the marketplace took it), refused (with its words) or queued (asked, answer later)."""

    task_id: UUID
    sku: str
    state: str
    message: str = ""
    code: str = ""


class Decision(StrEnum):
    """What a person can say about an order that is held."""

    RETRY = "retry"
    REDUCE = "reduce"
    AS_ORDERED = "as_ordered"
    DROP = "drop"
    CORRECT = "correct"


class BatchLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an order in a batch: pieces ordered, and pieces confirmed once that is decided."""

    external_item_id: str
    sku: str
    ordered: int
    confirmed: int | None = None


class BatchOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order that waits for a stage. `marks` is what earlier stages found out about it, by name.

    `decision` is what a person said when it was held, until the stage that held it has taken it in; `decided_at` is when that was, and
    tells one attempt from the next.
    """

    external_order_id: str
    lines: tuple[BatchLine, ...]
    marks: dict[str, str]
    decision: str = ""
    decided_at: datetime | None = None


class BatchFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine hands an adapter for one stage: the orders that wait for it, oldest first.

    `stock` is what is left to promise of each SKU, one that it lacks was never told. `tax_number` is the seller's own, empty while nobody told it.
    `brought` is what the seller brought back from the errand that this stage asked of him, until an outcome has taken it in.
    """

    batch_id: UUID
    stage: str
    orders: tuple[BatchOrder, ...]
    stock: dict[str, int] = {}
    stock_policy: str = "ask"
    tax_number: str = ""
    brought: Brought | None = None


class PassedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that went through the stage. `confirmed` replaces the promised pieces by item where it is not empty; `marks` are added.

    A stage that promises pieces has decided them against `BatchFacts.stock`: what does not fit any more when it is written is held.
    """

    external_order_id: str
    confirmed: dict[str, int] = {}
    marks: dict[str, str] = {}


class MarkedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that stays at its stage, with marks added: what a later step, or another worker, has to know."""

    external_order_id: str
    marks: dict[str, str]


class HeldOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that waits for a person: why, in a sentence, and what that person may say. `corrects` are marks to fill in, with their labels."""

    external_order_id: str
    code: str
    reason: str
    decisions: tuple[Decision, ...] = (Decision.RETRY, Decision.DROP)
    corrects: tuple[tuple[str, str], ...] = ()


class DocumentFact(msgspec.Struct, frozen=True, kw_only=True):
    """A paper as the marketplace gave it: of one order, or of many where `external_order_id` is empty and `number` names it."""

    kind: str
    content: bytes
    external_order_id: str = ""
    number: str = ""
    mime: str = "application/pdf"

    def __repr__(self) -> str:
        return f"DocumentFact({self.kind}, {self.external_order_id or self.number}, {len(self.content)} bytes)"


class InvoiceLine(msgspec.Struct, frozen=True, kw_only=True):
    """What is invoiced of one SKU. `unit_amount` is in major units, with tax inside it or before tax. `hsn` is empty where nobody told it."""

    sku: str
    title: str
    quantity: int
    unit_amount: Decimal | None
    tax_included: bool
    hsn: str = ""


class InvoiceAsked(msgspec.Struct, frozen=True, kw_only=True):
    """An order for which a marketplace that buys expects the seller's own invoice. `reference` is its number of the purchase."""

    external_order_id: str
    reference: str
    lines: tuple[InvoiceLine, ...]


class OwnInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """The seller's own invoice as it was issued: its number, and the paper as a PDF."""

    number: str
    content: bytes

    def __repr__(self) -> str:
        return f"OwnInvoice({self.number}, {len(self.content)} bytes)"


class InvoicesMade(msgspec.Struct, frozen=True, kw_only=True):
    """By order: the invoice that was issued, or why none could be, in a sentence. An order is asked for again and has the same one."""

    made: dict[str, OwnInvoice]
    problems: dict[str, str] = {}


class StageOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a stage, committed as it comes. Orders it does not name still wait for the stage, and so do those it only marks.

    `orders` are facts read on the way, kept like those of a sync; those of the first stage join the batch. `gone` are orders that
    leave it for good, with the reason. With `resume_at` nothing can be done before then, and `waiting_for` says why. With an `errand`
    nothing can be done before the seller has been on it; it is the stage's last outcome. `took` what the seller brought from the last
    errand: from then on nobody sees it again.
    """

    stage: str
    marked: tuple[MarkedOrder, ...] = ()
    passed: tuple[PassedOrder, ...] = ()
    held: tuple[HeldOrder, ...] = ()
    gone: tuple[tuple[str, str], ...] = ()
    orders: tuple[OrderFact, ...] = ()
    documents: tuple[DocumentFact, ...] = ()
    resume_at: datetime | None = None
    waiting_for: str = ""
    errand: Errand | None = None
    took: bool = False
    set_aside: "tuple[UnreadableRow, ...]" = ()


class UnreadableRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row we could not read, or the marketplace refused: kept, shown, and tried again on request.

    `raw` is the row with secrets and buyer data already removed.
    """

    external_id: str
    reason: str
    raw: dict[str, Any]
