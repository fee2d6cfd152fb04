"""Returns as the partner API tells them: undelivered parcels (RTO) and customer returns in one list."""

from typing import Any

import msgspec

from portal.marketplaces.ajio.wire.body import Loose, Rows, Unreadable, listed, read_rows
from portal.marketplaces.ajio.wire.orders import ItemDetails
from portal.marketplaces.ajio.wire.scalars import from_epoch, identifier, quantity, words
from portal.marketplaces.ajio.wire.statuses import return_kind, return_status
from portal.marketplaces.facts import ReturnFact, ReturnItemFact


class ReturnLine(msgspec.Struct):
    return_item_id: Loose = None
    return_quantity: int | None = None
    cancelled_return_quantity: int = 0
    item_details: ItemDetails = msgspec.field(default_factory=ItemDetails)


class ReturnRow(msgspec.Struct):
    return_order_id: Loose = None
    return_date: int | None = None
    order_id: Loose = None
    return_status: Loose = None
    return_type: Loose = None
    tracking_number: Loose = None
    return_order_items: list[ReturnLine] = msgspec.field(default_factory=list)


def returns(document: dict[str, Any]) -> Rows[ReturnFact]:
    """Returns with their items. Raises WireChanged."""
    return read_rows(document, listed(document, "orders", "returns"), ReturnRow, _return, id_name="return_order_id")


def _return(row: ReturnRow) -> ReturnFact:
    kind = return_kind(words(row.return_type))
    if kind is None:
        raise Unreadable("return_type says neither RTO nor CUSTOMER_RETURN")
    raw_status = identifier(row.return_status, "return_status")
    awb = words(row.tracking_number)
    return ReturnFact(
        external_return_id=identifier(row.return_order_id, "return_order_id"),
        external_order_id=words(row.order_id),
        kind=kind,
        status=return_status(raw_status),
        raw_status=raw_status,
        created_at=from_epoch(row.return_date, "return_date"),
        awbs=(awb,) if awb else (),
        items=tuple(_item(line) for line in row.return_order_items),
    )


def _item(line: ReturnLine) -> ReturnItemFact:
    asked = quantity(line.return_quantity, "return_quantity")
    return ReturnItemFact(
        external_item_id=identifier(line.return_item_id, "return_item_id"),
        sku=words(line.item_details.sku or line.item_details.item_code, limit=120),
        quantity=max(0, asked - quantity(line.cancelled_return_quantity, "cancelled_return_quantity")),
        title=words(line.item_details.name, limit=500),
    )
