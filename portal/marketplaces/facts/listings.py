"""What is on sale, as a marketplace has it; the stock it is told, and what it made of that."""

from decimal import Decimal
from uuid import UUID

import msgspec


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
