"""The sandbox shop's returns: some delivered goods come back from buyers, some parcels never reach them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import msgspec

from portal.marketplaces.amazon_in.client import iso
from portal.marketplaces.amazon_in.sandbox.courses import CAME_BACK, CARRIER, COMING_BACK, DELIVERED, MadeItem, MadeOrder, awb
from portal.marketplaces.amazon_in.sandbox.orders import MadeOrders
from portal.marketplaces.sandbox import Shop

Row = dict[str, Any]
COLUMNS = (
    "Order ID",
    "Order date",
    "Return request date",
    "Return request status",
    "Amazon RMA ID",
    "Return carrier",
    "Tracking ID",
    "ASIN",
    "Merchant SKU",
    "Item Name",
    "Return quantity",
    "Return Reason",
    "Return type",
    "Return delivery date",
    "Order Amount",
    "Refunded Amount",
    "Currency code",
)
COURSES = (
    # status in the report, days until it is delivered back, ours
    ("Approved", None, "INITIATED"),
    ("Completed", 3, "DELIVERED"),
    ("In Transit", None, "IN_TRANSIT"),
    ("Denied", None, "CANCELLED"),
)
REASONS = ("Does not fit", "Item defective", "Ordered by mistake", "Different from the picture")


class MadeReturn(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    order: MadeOrder
    items: tuple[MadeItem, ...]
    asked: datetime

    @property
    def rma(self) -> str:
        return f"D{self.number:03d}SANDRRMA"

    @property
    def course(self) -> tuple[str, int | None, str]:
        return COURSES[self.number % len(COURSES)]

    @property
    def delivered(self) -> datetime | None:
        days = self.course[1]
        return self.asked + timedelta(days=days) if days is not None else None


class MadeReturns:
    def __init__(self, shop: Shop, orders: MadeOrders) -> None:
        self._orders = orders
        latest = shop.now - timedelta(days=4)
        wanted = shop.returns - orders.rto_count
        settled = (one for one in orders if one.course is DELIVERED and one.placed < latest - timedelta(days=2))
        self.customers = [
            MadeReturn(number=number, order=order, items=orders.items(order), asked=_day(min(order.placed + timedelta(days=6), latest)))
            for number, order in enumerate(islice(settled, wanted))
        ]

    def document(self, start: datetime, end: datetime, spoil: str = "") -> str:
        """The flat file by return date; one row per returned item."""
        lines = ["\t".join(COLUMNS)]
        for one in self.customers:
            if start <= one.asked <= end:
                lines.extend(_written(one, item) for item in one.items)
        if spoil and len(lines) > 1:
            cells = lines[1].split("\t")
            cells[0 if spoil == "unreadable" else 3] = "" if spoil == "unreadable" else "Contemplated"
            lines[1] = "\t".join(cells)
        return "\n".join(lines) + "\n"

    def expected(self) -> list[Row]:
        return [*(_customer(one) for one in self.customers), *self._origin()]

    def _origin(self) -> Iterator[Row]:
        for order in self._orders:
            if order.course in (COMING_BACK, CAME_BACK):
                yield {
                    "external_return_id": f"RTO-{order.order_id}-1",
                    "external_order_id": order.order_id,
                    "kind": "RTO",
                    "status": "DELIVERED" if order.course is CAME_BACK else "IN_TRANSIT",
                    "raw_status": order.course.parcel,
                    "marketplace_updated_at": iso(order.updated),
                    "carrier": CARRIER,
                    "awbs": [awb(order.number)],
                    "items": [
                        {"external_item_id": item.item_id, "sku": item.article.sku, "quantity": item.quantity, "title": item.article.title}
                        for item in self._orders.items(order)
                    ],
                }


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _written(one: MadeReturn, item: MadeItem) -> str:
    status, _, _ = one.course
    cells = (
        one.order.order_id,
        f"{one.order.placed:%d-%b-%Y}",
        f"{one.asked:%d-%b-%Y}",
        status,
        one.rma,
        "ATS",
        f"R{awb(one.order.number)}",
        "B0SANDBOX",
        item.article.sku,
        item.article.title,
        str(item.quantity),
        REASONS[one.number % len(REASONS)],
        "C-Returns",
        f"{one.delivered:%d-%b-%Y}" if one.delivered else "",
        str(item.article.price * item.quantity),
        str(item.article.price * item.quantity) if one.delivered else "",
        "INR",
    )
    return "\t".join(cells)


def _customer(one: MadeReturn) -> Row:
    raw, _, status = one.course
    return {
        "external_return_id": one.rma,
        "external_order_id": one.order.order_id,
        "kind": "CUSTOMER",
        "status": status,
        "raw_status": raw,
        "created_at": iso(one.asked),
        "delivered_at": iso(one.delivered) if one.delivered else None,
        "reason": REASONS[one.number % len(REASONS)],
        "refund_amount": str(sum(item.article.price * item.quantity for item in one.items)) if one.delivered else None,
        "currency": "INR",
        "carrier": "ATS",
        "awbs": [f"R{awb(one.order.number)}"],
        "items": [
            {"external_item_id": f"{one.rma}/{place}", "sku": item.article.sku, "quantity": item.quantity, "title": item.article.title}
            for place, item in enumerate(one.items, 1)
        ],
    }
