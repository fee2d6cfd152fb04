"""How far orders of the sandbox's shop got, and what they are made of."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from portal.marketplaces.sandbox import Article, Shop

CARRIER = "ATSIN"


class Course(msgspec.Struct, frozen=True):
    """How far an order got: Amazon's words for order and parcel, and ours for both."""

    order: str
    parcel: str = ""
    status: str = ""
    shipment: str = ""


PENDING = Course("PENDING", status="pending")
OPEN = Course("UNSHIPPED", status="open")
CANCELLED = Course("CANCELLED", status="cancelled")
READY = Course("SHIPPED", "PENDING_PICK_UP", "ready", "ready")
PICKED_UP = Course("SHIPPED", "PICKED_UP", "shipped", "handed_over")
ON_THE_WAY = Course("SHIPPED", "AT_DESTINATION_FC", "shipped", "in_transit")
DELIVERED = Course("SHIPPED", "DELIVERED", "delivered", "delivered")
LABEL_CANCELLED = Course("UNSHIPPED", "LABEL_CANCELLED", "open", "cancelled")
COMING_BACK = Course("SHIPPED", "RETURNING_TO_SELLER", "shipped", "rto_in_transit")
CAME_BACK = Course("SHIPPED", "RETURNED_TO_SELLER", "shipped", "rto_received")
RECENT = (PENDING, OPEN, OPEN, OPEN, READY, READY)
OLDER = (DELIVERED, DELIVERED, DELIVERED, DELIVERED, DELIVERED, ON_THE_WAY, PICKED_UP, CANCELLED)

COARSE = {
    "PENDING_PICK_UP": "PENDING",
    "LABEL_CANCELLED": "CANCELLED",
    "PICKED_UP": "SHIPPED",
    "AT_DESTINATION_FC": "IN_TRANSIT",
    "DELIVERED": "DELIVERED",
}


class MadeItem(msgspec.Struct, frozen=True):
    item_id: str
    article: Article
    quantity: int


class MadeOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order. `number` counts within the shop; everything else about the buyer and the goods follows from it."""

    number: int
    order_id: str
    placed: datetime
    updated: datetime
    course: Course

    @property
    def place_in_line(self) -> tuple[datetime, int]:
        return (self.updated, self.number)


def order_id(shop: Shop, number: int) -> str:
    return f"40{1 + number % 8}-{shop.seed % 100:02d}{number % 100_000:05d}-{7_000_000 + number:07d}"


def awb(number: int) -> str:
    return f"36{number:010d}"


def total(items: Sequence[MadeItem]) -> Decimal:
    return sum((item.article.price * item.quantity for item in items), Decimal("0.00"))
