"""Return rows. They carry no id of their own: sub-order number and kind name a return."""

from datetime import date

import msgspec

from portal.marketplaces.facts import ReturnFact, ReturnItemFact, ReturnKind, ReturnStatus
from portal.marketplaces.meesho.wire.rows import Count, Id, Moment, Rows, Word, midnight, read_rows, text, utc

STATUSES = {
    "initiated": ReturnStatus.INITIATED,
    "rto_initiated": ReturnStatus.INITIATED,
    "picked_up": ReturnStatus.PICKED_UP,
    "intransit": ReturnStatus.IN_TRANSIT,
    "rto_locked": ReturnStatus.IN_TRANSIT,
    "ofd_reverse": ReturnStatus.IN_TRANSIT,
    "rto_ofd": ReturnStatus.IN_TRANSIT,
    "rto_delivery_failed": ReturnStatus.IN_TRANSIT,
    "completed_delivered": ReturnStatus.DELIVERED,
    "rto_complete": ReturnStatus.DELIVERED,
    "cancelled": ReturnStatus.CANCELLED,
    # These parcels never reach the seller. The raw word stays, a claim is made from it.
    "completed_lost": ReturnStatus.CANCELLED,
    "reverse_disposed": ReturnStatus.CANCELLED,
}


class _Reason(msgspec.Struct):
    return_reason: str | None = None
    detailed_reason: str | None = None


class _Product(msgspec.Struct):
    name: str = ""
    sku: str = ""
    quantity: Count = 1


class ReturnRow(msgspec.Struct):
    """What we read of a return row."""

    sub_order_num: Id
    shipment_status: Word
    order_num: Word = ""
    created_at: Moment | None = None
    updated_at: Moment | None = None
    expected_delivery_date: date | None = None
    delivered_at: Moment | None = None
    awb: Word | None = None
    carrier_name: Word | None = None
    return_reason_details: _Reason | None = None
    product: _Product | None = None


def returns_page(body: bytes, kind: ReturnKind) -> Rows[ReturnFact]:
    """Returns of one page; `kind` is the list that was asked for. Raises WireChanged."""
    return read_rows(body, lambda raw: _return(_ROW.decode(raw), kind), shown=ReturnRow.__struct_fields__, what="returns page")


_ROW = msgspec.json.Decoder(ReturnRow)


def _return(row: ReturnRow, kind: ReturnKind) -> ReturnFact:
    why = _why(row.return_reason_details)
    return ReturnFact(
        external_return_id=f"{row.sub_order_num}:{kind.value}",
        external_order_id=row.sub_order_num,
        kind=kind,
        status=STATUSES.get(row.shipment_status.lower(), ReturnStatus.UNKNOWN),
        raw_status=text(row.shipment_status, 80),
        created_at=row.created_at and utc(row.created_at),
        marketplace_updated_at=row.updated_at and utc(row.updated_at),
        expected_at=midnight(row.expected_delivery_date) if row.expected_delivery_date else None,
        delivered_at=row.delivered_at and utc(row.delivered_at),
        reason=why,
        carrier=text(row.carrier_name or "", 80),
        awbs=(text(row.awb, 80),) if row.awb else (),
        items=(_item(row.sub_order_num, row.product, why),) if row.product else (),
    )


def _why(told: _Reason | None) -> str:
    """Reason and finer reason in one line; both come from fixed lists, not from the buyer's own words."""
    if told is None:
        return ""
    return text(": ".join(part for part in (told.return_reason, told.detailed_reason) if part), 300)


def _item(sub_order_num: str, product: _Product, why: str) -> ReturnItemFact:
    return ReturnItemFact(
        external_item_id=sub_order_num,
        sku=text(product.sku, 120),
        quantity=product.quantity,
        title=text(product.name, 500),
        reason=why,
    )
