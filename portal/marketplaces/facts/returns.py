"""A parcel on its way back, as a marketplace has it."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec


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
