"""The sandbox shop's orders: who bought what, how far each parcel got, and the same order as Amazon would write it."""

from bisect import bisect_right, insort
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec

from portal.marketplaces.amazon_in.client import MARKETPLACE_ID, iso
from portal.marketplaces.amazon_in.sandbox.courses import (
    CAME_BACK,
    CARRIER,
    COMING_BACK,
    DELIVERED,
    OLDER,
    ON_THE_WAY,
    OPEN,
    PENDING,
    PICKED_UP,
    READY,
    RECENT,
    Course,
    MadeItem,
    MadeOrder,
    awb,
    order_id,
    total,
)
from portal.marketplaces.amazon_in.sandbox.order_rows import address_row, item_row, money, package_row
from portal.marketplaces.sandbox import Article, Person, Shop, person

Row = dict[str, Any]


class MadeOrders:
    """All orders of a shop by number, and in line by their last change."""

    def __init__(self, shop: Shop, catalogue: Sequence[Article]) -> None:
        self._shop = shop
        self._catalogue = catalogue
        self._orders: list[MadeOrder] = []
        self._line: list[tuple[datetime, int]] = []
        self._rows: dict[tuple[int, datetime, str], bytes] = {}
        self.wants_serials: set[str] = set()
        self.asks_to_cancel: set[str] = set()
        self.self_shipped: set[str] = set()
        """Orders that are different, as tests ask for them."""
        dice = shop.dice("amazon/courses")
        self.rto_count = min(shop.returns // 3, shop.orders)
        for number, placed in enumerate(shop.moments(shop.orders)):
            self._orders.append(self._made(number, placed, dice))
        self._line = sorted(order.place_in_line for order in self._orders)

    def _made(self, number: int, placed: datetime, dice: Random) -> MadeOrder:
        latest = self._shop.now - timedelta(minutes=3)
        updated = min(placed + timedelta(seconds=dice.randrange(60, 5 * 86_400)), latest)
        recent = self._shop.now - placed < timedelta(days=2)
        course = dice.choice(RECENT if recent else OLDER)
        if number < self.rto_count:
            course = CAME_BACK if number % 2 else COMING_BACK
        return MadeOrder(number=number, order_id=order_id(self._shop, number), placed=placed, updated=updated, course=course)

    def __len__(self) -> int:
        return len(self._orders)

    def __iter__(self) -> Iterator[MadeOrder]:
        return iter(self._orders)

    def __getitem__(self, number: int) -> MadeOrder:
        return self._orders[number]

    def place(self, moment: datetime) -> MadeOrder:
        """A new order at `moment`."""
        number = len(self._orders)
        order = MadeOrder(number=number, order_id=order_id(self._shop, number), placed=moment, updated=moment, course=OPEN)
        self._orders.append(order)
        insort(self._line, order.place_in_line)
        return order

    def touch(self, number: int, moment: datetime) -> MadeOrder:
        """The order changes at `moment`: what was open is delivered."""
        course = self._orders[number].course
        return self.move(number, DELIVERED if course in (PENDING, OPEN, READY, PICKED_UP, ON_THE_WAY) else course, moment)

    def move(self, number: int, course: Course, moment: datetime) -> MadeOrder:
        """The order gets that far at `moment`."""
        before = self._orders[number]
        order = self._orders[number] = msgspec.structs.replace(before, updated=moment, course=course)
        self._line.remove(before.place_in_line)
        insort(self._line, order.place_in_line)
        return order

    def reopen(self) -> None:
        """Every order waits to be sent."""
        self._orders = [msgspec.structs.replace(order, course=OPEN) for order in self._orders]
        self._rows.clear()

    def by_id(self, order_id: str) -> MadeOrder | None:
        """The order of that name; None where there is none."""
        number = order_id.partition("-")[2][2:7]
        order = self._orders[int(number)] if number.isdigit() and int(number) < len(self._orders) else None
        return order if order is not None and order.order_id == order_id else None

    def changed(self, start: datetime, end: datetime, behind: tuple[datetime, int] | None) -> Iterator[MadeOrder]:
        """Orders changed from `start` to `end`, in line, from behind one of them."""
        first = bisect_right(self._line, behind) if behind else bisect_right(self._line, (start, -1))
        for updated, number in self._line[first:]:
            if updated > end:
                return
            yield self._orders[number]

    def created(self, start: datetime, end: datetime, behind: tuple[datetime, int] | None) -> Iterator[MadeOrder]:
        """Orders placed from `start` to `end`, in line, from behind one of them."""
        line = sorted((order.placed, order.number) for order in self._orders if start <= order.placed <= end)
        for _, number in line[bisect_right(line, behind) if behind else 0 :]:
            yield self._orders[number]

    def row(self, order: MadeOrder, included: frozenset[str]) -> bytes:
        """The order as Amazon writes it, encoded once per version and data sets."""
        if self._is_odd(order):
            return msgspec.json.encode(self.wire(order, included))
        key = (order.number, order.updated, f"{order.course.order}/{order.course.parcel}/{','.join(sorted(included))}")
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = msgspec.json.encode(self.wire(order, included))
        return row

    def _is_odd(self, order: MadeOrder) -> bool:
        return any(order.order_id in odd for odd in (self.wants_serials, self.asks_to_cancel, self.self_shipped))

    def items(self, order: MadeOrder) -> tuple[MadeItem, ...]:
        if not self._catalogue:
            return ()
        dice = self._shop.dice(f"amazon/items/{order.number}")
        chosen = dice.sample(self._catalogue, min(len(self._catalogue), dice.choice(self._shop.lines)))
        return tuple(
            MadeItem(f"{60_000_000_000_000 + order.number * 10 + place}", article, dice.choice((1, 1, 1, 2)))
            for place, article in enumerate(chosen)
        )

    def buyer(self, order: MadeOrder) -> Person:
        return person(self._shop.dice(f"amazon/buyer/{order.number}"))

    def wire(self, order: MadeOrder, included: frozenset[str]) -> Row:
        """The order in the shape of the Orders 2026-01-01 model, with the data sets asked for."""
        items, buyer, paid = self.items(order), self.buyer(order), order.course is not PENDING
        row: Row = {
            "orderId": order.order_id,
            "createdTime": iso(order.placed),
            "lastUpdatedTime": iso(order.updated),
            "programs": [] if order.order_id in self.self_shipped else ["AMAZON_EASY_SHIP"],
            "salesChannel": {"channelName": "AMAZON", "marketplaceId": MARKETPLACE_ID, "marketplaceName": "Amazon.in"},
            "orderItems": [item_row(item, paid, included) for item in items],
        }
        if self._is_odd(order):
            self._mark(order, row["orderItems"][0])
        if "FULFILLMENT" in included:
            row["fulfillment"] = {
                "fulfillmentStatus": order.course.order,
                "fulfilledBy": "MERCHANT",
                "fulfillmentServiceLevel": "STANDARD",
                "shipByWindow": {
                    "earliestDateTime": iso(order.placed),
                    "latestDateTime": iso(order.placed + timedelta(days=2)),
                },
            }
        if "BUYER" in included:
            row["buyer"] = {"buyerEmail": f"{order.order_id.lower()}@marketplace.example", "buyerName": buyer.name}
        if "RECIPIENT" in included and paid:
            row["recipient"] = {"deliveryAddress": address_row(buyer)}
        if "PROCEEDS" in included and paid:
            row["proceeds"] = {"grandTotal": money(total(items))}
        if "PAYMENT" in included:
            method = "CashOnDelivery" if order.number % 3 else "Standard"
            row["payment"] = {"paymentExecutions": [{"paymentMethod": method, "paymentAmount": money(total(items))}]}
        if "PACKAGES" in included and order.course.parcel:
            row["packages"] = [package_row(order, items)]
        if "FULFILLMENT_ORDERS" in included:
            row["fulfillmentOrders"] = [{"fulfillmentOrderId": f"F{order.number:010d}"}]
        return row

    def _mark(self, order: MadeOrder, item: Row) -> None:
        """What is different about the order, in its first item."""
        if order.order_id in self.wants_serials:
            item["fulfillment"] = {"packing": {"serialNumberRequirement": {"requirementType": "REQUIRED"}}}
        if order.order_id in self.asks_to_cancel:
            item["cancellation"] = {"cancellationRequest": {"requester": "BUYER", "cancelReason": "Ordered by mistake"}}

    def expected(self, order: MadeOrder) -> Row:
        """The order as our tables should hold it."""
        items, buyer, paid = self.items(order), self.buyer(order), order.course is not PENDING
        return {
            "external_order_id": order.order_id,
            "status": order.course.status,
            "raw_status": order.course.order,
            "placed_at": iso(order.placed),
            "marketplace_updated_at": iso(order.updated),
            "dispatch_by": iso(order.placed + timedelta(days=2)),
            "total_amount": str(total(items)) if paid else None,
            "currency": "INR",
            "payment_method": "COD" if order.number % 3 else "PREPAID",
            "fulfilment": "EASY_SHIP",
            "ship_city": buyer.city if paid else "",
            "ship_state": buyer.state if paid else "",
            "ship_pincode": buyer.pincode if paid else "",
            "items": [
                {
                    "external_item_id": item.item_id,
                    "sku": item.article.sku,
                    "title": item.article.title,
                    "quantity": item.quantity,
                    "unit_amount": str(item.article.price) if paid else None,
                }
                for item in items
            ],
            "shipments": [
                {
                    "external_shipment_id": f"{order.order_id}/1",
                    "status": order.course.shipment,
                    "raw_status": order.course.parcel,
                    "awb": awb(order.number),
                    "carrier": CARRIER,
                }
            ]
            if order.course.parcel
            else [],
        }
