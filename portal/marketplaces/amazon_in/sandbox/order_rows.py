"""Parts of an order as Amazon writes them: its lines, its address, its parcel."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from portal.marketplaces.amazon_in.client import iso
from portal.marketplaces.amazon_in.sandbox.courses import CARRIER, COARSE, MadeItem, MadeOrder, awb
from portal.marketplaces.sandbox import Person

Row = dict[str, Any]


def money(amount: Decimal) -> Row:
    return {"amount": str(amount), "currencyCode": "INR"}


def item_row(item: MadeItem, paid: bool, included: frozenset[str]) -> Row:
    """One line; without prices while nobody has paid."""
    product: Row = {
        "asin": f"B0{item.article.sku[-3:]}SANDB",
        "title": item.article.title,
        "sellerSku": item.article.sku,
        "condition": {"conditionType": "NEW", "conditionSubtype": "NEW"},
    }
    if paid:
        product["price"] = {"unitPrice": money(item.article.price)}
    row: Row = {"orderItemId": item.item_id, "quantityOrdered": item.quantity, "product": product}
    if "PROCEEDS" in included and paid:
        line = item.article.price * item.quantity
        row["proceeds"] = {"proceedsTotal": money(line), "breakdowns": [{"type": "ITEM", "subtotal": money(line)}]}
    return row


def address_row(buyer: Person) -> Row:
    return {
        "name": buyer.name,
        "addressLine1": buyer.street,
        "city": buyer.city,
        "stateOrRegion": buyer.state,
        "postalCode": buyer.pincode,
        "countryCode": "IN",
        "phone": buyer.phone,
        "addressType": "RESIDENTIAL",
    }


def package_row(order: MadeOrder, items: Sequence[MadeItem]) -> Row:
    handed_over = order.course.parcel != "PENDING_PICK_UP"
    row: Row = {
        "packageReferenceId": "1",
        "createdTime": iso(order.placed + timedelta(hours=1)),
        "packageStatus": {"status": COARSE.get(order.course.parcel, "UNDELIVERABLE"), "detailedStatus": order.course.parcel},
        "carrier": CARRIER,
        "trackingNumber": awb(order.number),
        "packageItems": [{"orderItemId": item.item_id, "quantity": item.quantity} for item in items],
    }
    if handed_over:
        row["shipTime"] = iso(order.placed + timedelta(hours=20))
    return row
