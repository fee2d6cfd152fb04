"""What the portal should hold after reading everything: written from the goods, not from the wire, so that it proves both."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from portal.marketplaces.facts import (
    Buyer,
    ListingFact,
    OrderFact,
    OrderItemFact,
    OrderStatus,
    ReturnFact,
    ReturnItemFact,
    ReturnKind,
    ReturnStatus,
    ShipmentFact,
)
from portal.marketplaces.flipkart.sandbox.goods import Offer, Order, Parcel, Return
from portal.marketplaces.flipkart.sandbox.shelves import Shelves

FAR = {"APPROVED": 1, "PACKING_IN_PROGRESS": 2, "PACKED": 3, "READY_TO_DISPATCH": 4, "PICKUP_COMPLETE": 5, "SHIPPED": 6, "DELIVERED": 7}
OURS = {
    "APPROVED": OrderStatus.OPEN,
    "PACKING_IN_PROGRESS": OrderStatus.CONFIRMED,
    "PACKED": OrderStatus.PACKED,
    "READY_TO_DISPATCH": OrderStatus.READY,
    "PICKUP_COMPLETE": OrderStatus.SHIPPED,
    "SHIPPED": OrderStatus.SHIPPED,
    "DELIVERED": OrderStatus.DELIVERED,
    "CANCELLED": OrderStatus.CANCELLED,
}


def ledger(shelves: Shelves) -> dict[str, Any]:
    """Rows in the portal's own words, amounts as text. Payments come by file, so there are none."""
    return {
        "orders": [msgspec.to_builtins(_order(order)) for order in shelves.orders],
        "returns": [msgspec.to_builtins(_return(one)) for one in shelves.returns],
        "payouts": [],
        "listings": [msgspec.to_builtins(_listing(offer)) for offer in shelves.offers.values()],
    }


def _order(order: Order) -> OrderFact:
    parcels = sorted(order.parcels, key=lambda one: one.shipment_id)
    slowest = min(parcels, key=lambda one: (0 if one.hold else FAR.get(one.state, 9), one.lines[0].item_id))
    to = order.buyer
    return OrderFact(
        external_order_id=order.order_id,
        status=_status(slowest),
        raw_status=slowest.state,
        placed_at=order.placed_at,
        marketplace_updated_at=max(one.updated_at for one in parcels),
        dispatch_by=min(one.dispatch_by for one in parcels),
        total_amount=sum((line.total for one in parcels for line in one.lines), start=Decimal(0)),
        payment_method="COD" if order.cod else "PREPAID",
        fulfilment="NON_FBF",
        ship_city=to.city,
        ship_state=to.state,
        ship_pincode=to.pincode,
        buyer=Buyer(
            name=to.name,
            phone=to.phone if parcels[0].self_ship else "",
            address=f"{to.street}, {to.city}, {to.state} {to.pincode}",
        ),
        items=tuple(
            OrderItemFact(
                external_item_id=line.item_id,
                sku=line.article.sku,
                title=line.article.title,
                quantity=line.quantity,
                unit_amount=line.article.price,
                status="CANCELLED" if line.cancelled else parcel.state,
            )
            for line, parcel in sorted(((line, one) for one in parcels for line in one.lines), key=lambda pair: pair[0].item_id)
        ),
        shipments=tuple(_shipment(one) for one in parcels),
    )


def _status(parcel: Parcel) -> OrderStatus:
    return OrderStatus.ON_HOLD if parcel.hold else OURS[parcel.state]


def _shipment(parcel: Parcel) -> ShipmentFact:
    return ShipmentFact(
        external_shipment_id=parcel.shipment_id,
        status=_status(parcel),
        raw_status=parcel.state,
        awb=parcel.awb,
        carrier=parcel.courier,
        lines=tuple((line.item_id, line.quantity) for line in parcel.lines),
    )


def _return(one: Return) -> ReturnFact:
    line = one.parcel.lines[0]
    status = {
        ("CREATED", ""): ReturnStatus.INITIATED,
        ("CREATED", "PICKED_UP"): ReturnStatus.PICKED_UP,
        ("CREATED", "IN_TRANSIT"): ReturnStatus.IN_TRANSIT,
        ("COMPLETED", "DELIVERED"): ReturnStatus.DELIVERED,
        ("CANCELLED", ""): ReturnStatus.CANCELLED,
    }[one.status, one.shipment_status]
    by_courier = one.source == "courier_return"
    reason = "RTO: CUSTOMER_REFUSED" if by_courier else "SIZE_ISSUE: TOO_SMALL"
    return ReturnFact(
        external_return_id=one.return_id,
        external_order_id=one.parcel.order.order_id,
        kind=ReturnKind.RTO if by_courier else ReturnKind.CUSTOMER,
        status=status,
        raw_status=f"{one.status}/{one.shipment_status}" if one.shipment_status else one.status,
        created_at=one.created_at,
        marketplace_updated_at=one.updated_at,
        expected_at=one.created_at + timedelta(days=7),
        delivered_at=one.updated_at if status is ReturnStatus.DELIVERED else None,
        reason=reason,
        carrier="Ekart Logistics",
        awbs=(one.tracking_id,) if one.tracking_id else (),
        items=(ReturnItemFact(external_item_id=line.item_id, sku="", quantity=line.quantity, reason=reason),),
    )


def _listing(offer: Offer) -> ListingFact:
    return ListingFact(
        sku=offer.article.sku,
        external_listing_id=offer.fsn,
        title=offer.article.title,
        status=offer.status.lower(),
        raw_status=offer.status,
        quantity_seen=sum(offer.stock.values()),
        price=Decimal(int(offer.article.price)).quantize(Decimal("0.01")),
        pushable=offer.fulfilment != "FBF",
        attributes=(("product_id", offer.fsn), ("listing_id", offer.listing_id), *(("location", place) for place in offer.stock)),
    )
