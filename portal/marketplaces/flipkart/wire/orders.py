"""Orders: Flipkart thinks in parcels, a seller in orders. This puts the parcels of one order together."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from portal.marketplaces.facts import OrderFact, OrderItemFact, OrderStatus, ShipmentFact
from portal.marketplaces.flipkart.wire.shipments import STATUSES, Item, Shipment
from portal.marketplaces.flipkart.wire.shipping import Shipping

LEAST_DONE_FIRST = (
    OrderStatus.UNKNOWN,
    OrderStatus.ON_HOLD,
    OrderStatus.OPEN,
    OrderStatus.CONFIRMED,
    OrderStatus.PACKED,
    OrderStatus.READY,
    OrderStatus.SHIPPED,
    OrderStatus.DELIVERED,
    OrderStatus.CANCELLED,
)
PROGRESS = {word: place for place, word in enumerate(STATUSES)}
"""Decides between words of Flipkart's that mean the same to us (PICKUP_COMPLETE is less far than SHIPPED)."""
NOWHERE = Shipping()


def orders_of(shipments: Iterable[Shipment], shipping: Mapping[str, Shipping]) -> list[OrderFact]:
    """One fact per order, from all its parcels, oldest change first. `shipping` is by shipment id and may lack some."""
    parcels: dict[str, list[Shipment]] = {}
    for shipment in shipments:
        for order_id in dict.fromkeys(item.order_id for item in shipment.items):
            parcels.setdefault(order_id, []).append(shipment)
    facts = [_order(order_id, its, shipping) for order_id, its in parcels.items()]
    return sorted(facts, key=lambda fact: (fact.marketplace_updated_at, fact.external_order_id))


def _order(order_id: str, parcels: list[Shipment], shipping: Mapping[str, Shipping]) -> OrderFact:
    parcels = sorted(parcels, key=lambda one: one.shipment_id)
    items = [item for one in parcels for item in one.items if item.order_id == order_id]
    deciding = _least_done(items)
    where = next((shipping[one.shipment_id] for one in parcels if one.shipment_id in shipping), NOWHERE)
    totals = [item.total for item in items if item.total is not None]
    return OrderFact(
        external_order_id=order_id,
        status=deciding.status,
        raw_status=deciding.raw_status,
        placed_at=min(item.placed_at for item in items),
        marketplace_updated_at=max(one.updated_at for one in parcels),
        dispatch_by=min((one.dispatch_by for one in parcels if one.dispatch_by), default=None),
        total_amount=sum(totals, Decimal(0)) if len(totals) == len(items) else None,
        payment_method=items[0].payment,
        fulfilment=items[0].fulfilment,
        ship_city=where.city,
        ship_state=where.state,
        ship_pincode=where.pincode,
        buyer=where.buyer,
        items=_lines(items),
        shipments=tuple(_parcel(order_id, one, shipping.get(one.shipment_id, NOWHERE)) for one in parcels),
    )


def _least_done(items: Sequence[Item]) -> Item:
    """The item that decides an order's status: a half-cancelled order is as far as the rest of it."""
    return min(items, key=lambda item: (LEAST_DONE_FIRST.index(item.status), PROGRESS.get(item.raw_status, 0), item.item_id))


def _lines(items: Iterable[Item]) -> tuple[OrderItemFact, ...]:
    """Order lines; an item that is split over parcels is one line with the quantities together."""
    parts: dict[str, list[Item]] = {}
    for item in items:
        parts.setdefault(item.item_id, []).append(item)
    return tuple(
        OrderItemFact(
            external_item_id=item_id,
            sku=same[0].sku,
            title=same[0].title,
            quantity=sum(part.quantity for part in same),
            unit_amount=same[0].unit,
            status=_least_done(same).raw_status[:40],
        )
        for item_id, same in sorted(parts.items())
    )


def _parcel(order_id: str, shipment: Shipment, courier: Shipping) -> ShipmentFact:
    inside = [item for item in shipment.items if item.order_id == order_id]
    deciding = _least_done(inside)
    quantities: dict[str, int] = {}
    for item in sorted(inside, key=lambda item: item.item_id):
        quantities[item.item_id] = quantities.get(item.item_id, 0) + item.quantity
    # A parcel may hold several orders of one buyer. It is the first one's; in the others it gets a name of its own.
    first = shipment.items[0].order_id == order_id
    return ShipmentFact(
        external_shipment_id=shipment.shipment_id if first else f"{shipment.shipment_id}/{order_id}"[:80],
        status=deciding.status,
        raw_status=deciding.raw_status,
        awb=courier.awb,
        carrier=courier.carrier,
        lines=tuple(quantities.items()),
    )
