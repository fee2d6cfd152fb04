"""Returns v2: both directions a parcel comes back from."""

import msgspec

from portal.marketplaces.facts import ReturnFact, ReturnItemFact, ReturnKind, ReturnStatus, UnreadableRow
from portal.marketplaces.flipkart.wire.decoding import Count, Id, Word, decode, moment_or_none, read_rows

SOURCES = {
    # what Flipkart is asked for: what sellers call it
    "customer_return": ReturnKind.CUSTOMER,
    "courier_return": ReturnKind.RTO,
}
STATUSES = {
    # Flipkart's word in small letters (self-ship returns have words of their own): ours
    "created": ReturnStatus.INITIATED,
    "requested": ReturnStatus.INITIATED,
    "approved": ReturnStatus.INITIATED,
    "completed": ReturnStatus.DELIVERED,
    "cancelled": ReturnStatus.CANCELLED,
    "rejected": ReturnStatus.CANCELLED,
}
ON_THE_WAY = {
    # the parcel's own state, letters only: how far a created return is
    "pickedup": ReturnStatus.PICKED_UP,
    "pickupcomplete": ReturnStatus.PICKED_UP,
    "intransit": ReturnStatus.IN_TRANSIT,
    "shipped": ReturnStatus.IN_TRANSIT,
    "outfordelivery": ReturnStatus.IN_TRANSIT,
    "delivered": ReturnStatus.DELIVERED,
}
HARMLESS = frozenset(
    {"returnId", "orderItemId", "orderId", "shipmentId", "locationId", "quantity", "status", "type", "shipmentStatus"}
    | {"createdDate", "updatedDate", "expectedDate", "trackingId"}
)


class _ReturnRow(msgspec.Struct, rename="camel"):
    return_id: Id
    order_id: Id
    order_item_id: Id
    quantity: Count
    status: Word
    created_date: str | None = None
    updated_date: str | None = None
    expected_date: str | None = None
    reason: str | None = None
    sub_reason: str | None = None
    courier_name: str | None = None
    tracking_id: str | None = None
    shipment_status: str | None = None


class _ReturnsPage(msgspec.Struct, rename="camel"):
    return_items: list[msgspec.Raw]
    has_more: bool = False
    next_url: str | None = None


class _Owner(msgspec.Struct, rename="camel"):
    seller_id: str | None = None


class FoundReturns(msgspec.Struct, frozen=True, kw_only=True):
    """One page of returns. `seller_id` is whose they are, where the rows tell."""

    facts: list[ReturnFact]
    set_aside: list[UnreadableRow]
    next_url: str
    content: bytes
    seller_id: str


def read_returns(body: bytes, source: str) -> FoundReturns:
    """One page of `GET /v2/returns`; `source` is the one that was asked for, because rows name their kind in several ways."""
    page = decode(body, _ReturnsPage, "returns page")
    kind = SOURCES[source]
    good, bad = read_rows(page.return_items, lambda row: _return(row, kind), id_key="returnId", keep=HARMLESS)
    owners, _ = read_rows(page.return_items, lambda row: msgspec.json.decode(row, type=_Owner), id_key="returnId", keep=HARMLESS)
    return FoundReturns(
        facts=_together(good),
        set_aside=bad,
        next_url=(page.next_url or "") if page.has_more else "",
        content=b"\n".join(bytes(row) for row in page.return_items),
        seller_id=next((one.seller_id for one in owners if one.seller_id), ""),
    )


def _return(row: bytes, kind: ReturnKind) -> ReturnFact:
    read = msgspec.json.decode(row, type=_ReturnRow)
    status = _status(read)
    updated = moment_or_none(read.updated_date)
    reason = ": ".join(part for part in (read.reason, read.sub_reason) if part)
    return ReturnFact(
        external_return_id=read.return_id,
        external_order_id=read.order_id,
        kind=kind,
        status=status,
        raw_status="/".join(part for part in (read.status, read.shipment_status) if part)[:80],
        created_at=moment_or_none(read.created_date),
        marketplace_updated_at=updated,
        expected_at=moment_or_none(read.expected_date),
        # No field says when it arrived; the change that completed it is the closest there is.
        delivered_at=updated if status is ReturnStatus.DELIVERED else None,
        reason=reason,
        carrier=(read.courier_name or "")[:80],
        awbs=(read.tracking_id,) if read.tracking_id else (),
        items=(ReturnItemFact(external_item_id=read.order_item_id, sku="", quantity=read.quantity, reason=reason),),
    )


def _status(row: _ReturnRow) -> ReturnStatus:
    status = STATUSES.get(row.status.lower(), ReturnStatus.UNKNOWN)
    if status is not ReturnStatus.INITIATED:
        return status
    letters = "".join(letter for letter in (row.shipment_status or "").lower() if letter.isalpha())
    return ON_THE_WAY.get(letters, ReturnStatus.INITIATED)


def _together(rows: list[ReturnFact]) -> list[ReturnFact]:
    """Rows of one return id as one fact."""
    facts: dict[str, ReturnFact] = {}
    for row in rows:
        earlier = facts.get(row.external_return_id)
        items = row.items if earlier is None else earlier.items + row.items
        facts[row.external_return_id] = msgspec.structs.replace(row, items=items)
    return list(facts.values())
