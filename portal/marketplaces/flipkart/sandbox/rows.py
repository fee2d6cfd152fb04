"""How the sandbox's goods look on the wire."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from portal.clock import in_ist
from portal.marketplaces.flipkart.sandbox.goods import Line, Offer, Parcel, Return


def told(at: datetime) -> str:
    """A moment the way Flipkart writes it: Indian time, milliseconds, offset."""
    return f"{in_ist(at):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+05:30"


PIECE = "SS-1"
"""What the one piece of every parcel is called."""


def group_of(line: Line) -> str:
    return line.group or f"grp{line.item_id}"


def parcel_row(parcel: Parcel, location: str) -> dict[str, Any]:
    return {
        "shipmentId": parcel.shipment_id,
        "locationId": location,
        "dispatchAfterDate": told(parcel.packable_from),
        "dispatchByDate": told(parcel.dispatch_by),
        "updatedAt": told(parcel.updated_at),
        "hold": parcel.hold,
        "mps": False,
        "packagingPolicy": "DEFAULT",
        "shipmentType": "SELF" if parcel.self_ship else "NORMAL",
        "forms": [],
        "subShipments": [{"subShipmentId": PIECE, "packages": []}],
        "orderItems": [_item(parcel, line) for line in parcel.lines],
    }


def _item(parcel: Parcel, line: Line) -> dict[str, Any]:
    row: dict[str, Any] = {
        "orderItemId": line.item_id,
        "orderId": line.order_id or parcel.order.order_id,
        "cancellationGroupId": group_of(line),
        "orderDate": told(parcel.order.placed_at),
        "paymentType": "COD" if parcel.order.cod else "PREPAID",
        "status": "CANCELLED" if line.cancelled else parcel.state,
        "quantity": line.quantity,
        "fsn": line.fsn,
        "sku": line.article.sku,
        "listingId": f"LST{line.fsn}",
        "hsn": line.article.hsn,
        "title": line.article.title,
        "packageIds": [],
        "serviceProfile": "NON_FBF",
        "is_replacement": False,
        "courierReturn": parcel.came_back,
        "priceComponents": {
            "sellingPrice": msgspec.Raw(f"{line.article.price:.2f}".encode()),
            "totalPrice": msgspec.Raw(f"{line.total:.2f}".encode()),
            "shippingCharge": 0,
            "customerPrice": msgspec.Raw(f"{line.article.price:.2f}".encode()),
            "flipkartDiscount": 0,
        },
    }
    if parcel.cancelled_by or line.cancelled:
        row |= {"cancellationDate": told(parcel.updated_at), "cancellationReason": "cancellation_requested"}
    return row


def details_row(parcel: Parcel) -> dict[str, Any]:
    """Address and courier. Phone numbers come only with self-ship parcels."""
    to = parcel.order.buyer
    first, _, last = to.name.partition(" ")
    address = {
        "firstName": first,
        "lastName": last,
        "addressLine1": to.street,
        "addressLine2": "",
        "city": to.city,
        "state": to.state,
        "stateName": to.state,
        "pinCode": to.pincode,
        "contactNumber": to.phone if parcel.self_ship else "",
    }
    piece: dict[str, Any] = {"subShipmentId": PIECE}
    if parcel.awb:
        leg = {"vendorName": parcel.courier, "trackingId": parcel.awb}
        piece["courierDetails"] = {"pickupDetails": leg, "deliveryDetails": leg}
    return {
        "shipmentId": parcel.shipment_id,
        "deliveryAddress": address,
        "billingAddress": address,
        "buyerDetails": {"firstName": first, "lastName": last},
        "weighingRequired": False,
        "subShipments": [piece],
    }


def return_row(one: Return, location: str, seller_id: str) -> dict[str, Any]:
    line = one.parcel.lines[0]
    return {
        "returnId": one.return_id,
        "sellerId": seller_id,
        "orderItemId": line.item_id,
        "orderId": one.parcel.order.order_id,
        "shipmentId": one.parcel.shipment_id,
        "locationId": location,
        "quantity": line.quantity,
        "orderDate": told(one.parcel.order.placed_at),
        "createdDate": told(one.created_at),
        "updatedDate": told(one.updated_at),
        "expectedDate": told(one.created_at + timedelta(days=7)),
        "status": one.status,
        "type": one.source,
        "reason": "RTO" if one.source == "courier_return" else "SIZE_ISSUE",
        "subReason": "CUSTOMER_REFUSED" if one.source == "courier_return" else "TOO_SMALL",
        "comments": "",
        "courierName": "Ekart Logistics",
        "trackingId": one.tracking_id,
        "shipmentStatus": one.shipment_status,
        "serviceProfile": "NON_FBF",
        "services": [],
    }


def offer_row(offer: Offer) -> dict[str, Any]:
    """A listing; its prices are whole rupees, as the specification has them."""
    price = int(offer.article.price)
    return {
        "listing_id": offer.listing_id,
        "product_id": offer.fsn,
        "product_title": offer.article.title,
        "price": {"mrp": price * 2, "selling_price": price, "currency": "INR"},
        "tax": {"hsn": offer.article.hsn, "tax_code": offer.tax_code or f"GST_{offer.article.gst}"},
        "listing_status": offer.status,
        "fulfillment_profile": offer.fulfilment,
        "packages": [_package(offer)] if offer.size is not None else [],
        "locations": [{"id": place, "status": "ENABLED", "inventory": pieces} for place, pieces in offer.stock.items()],
        "archived_status": "NONE",
    }


def _package(offer: Offer) -> dict[str, Any]:
    length, breadth, height, weight = offer.size or (0.0, 0.0, 0.0, 0.0)
    return {"name": "Default", "dimensions": {"length": length, "breadth": breadth, "height": height}, "weight": weight}
