"""The sandbox shop's settlements: delivered orders of a period, their fees and taxes, to the paisa."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from portal.marketplaces.amazon_in.sandbox.courses import DELIVERED, MadeItem, MadeOrder
from portal.marketplaces.amazon_in.sandbox.orders import MadeOrders
from portal.marketplaces.sandbox import Shop

Row = dict[str, Any]
COLUMNS = [
    "settlement-id",
    "settlement-start-date",
    "settlement-end-date",
    "deposit-date",
    "total-amount",
    "currency",
    "transaction-type",
    "order-id",
    "merchant-order-id",
    "adjustment-id",
    "shipment-id",
    "marketplace-name",
    "amount-type",
    "amount-description",
    "amount",
    "fulfillment-id",
    "posted-date",
    "posted-date-time",
    "order-item-code",
    "merchant-order-item-id",
    "merchant-adjustment-item-id",
    "sku",
    "quantity-purchased",
]


class Booking(msgspec.Struct, frozen=True, kw_only=True):
    """One amount of a settlement, with the kind our tables should give it."""

    transaction: str
    kind: str
    label: str
    amount: Decimal
    means: str
    at: datetime
    order: str = ""
    item: str = ""
    sku: str = ""
    quantity: int | None = None


class MadeSettlement(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    settlement_id: str
    start: datetime
    end: datetime

    @property
    def deposit(self) -> datetime:
        return self.end + timedelta(days=2)

    @property
    def created(self) -> datetime:
        return self.end + timedelta(hours=6)


class MadeSettlements:
    """The shop's history cut into equal periods, the last one closed three days before its present."""

    def __init__(self, shop: Shop, orders: MadeOrders) -> None:
        self._orders = orders
        # What is settled stays as it was, whatever happens to the orders later.
        self._delivered = [order for order in orders if order.course is DELIVERED]
        self.all: list[MadeSettlement] = []
        first = (shop.now - timedelta(days=shop.days)).replace(hour=0, minute=0, second=0, microsecond=0)
        length = (shop.now - timedelta(days=3) - first) / max(1, shop.payouts)
        for number in range(shop.payouts):
            start, end = first + length * number, first + length * (number + 1)
            self.all.append(
                MadeSettlement(
                    number=number,
                    settlement_id=f"{24_680_000_000 + shop.seed * 1000 + number}",
                    start=start.replace(microsecond=0),
                    end=end.replace(microsecond=0),
                )
            )

    def bookings(self, settlement: MadeSettlement) -> Iterator[Booking]:
        """Every amount of the settlement, order by order, with the reserve at both ends."""
        if settlement.number:
            yield _reserve("Previous Reserve Amount Balance", _held_back(settlement.number - 1), settlement.start)
        for order in self._delivered:
            if settlement.start <= order.placed < settlement.end:
                for item in self._orders.items(order):
                    yield from _of_item(order, item)
        yield _reserve("Current Reserve Amount", -_held_back(settlement.number), settlement.end)

    def document(self, settlement: MadeSettlement, spoil: str = "") -> str:
        """The settlement as Amazon writes it. `spoil` makes its first amount unreadable, or its first label unknown."""
        bookings = list(self.bookings(settlement))
        total = sum((one.amount for one in bookings), Decimal("0.00"))
        head = [settlement.settlement_id, _utc(settlement.start), _utc(settlement.end), _utc(settlement.deposit), str(total), "INR"]
        lines = ["\t".join(COLUMNS), "\t".join(head + [""] * (len(COLUMNS) - len(head)))]
        lines.extend(_written(settlement, one) for one in bookings)
        if spoil == "unreadable":
            lines[2] = lines[2].replace(str(bookings[0].amount), "12,34")
        elif spoil == "unknown":
            lines[2] = lines[2].replace(bookings[0].label, "Quantum Handling Surcharge")
        return "\n".join(lines) + "\n"

    def expected(self, settlement: MadeSettlement) -> Row:
        bookings = list(self.bookings(settlement))
        return {
            "external_payout_id": settlement.settlement_id,
            "net_amount": str(sum((one.amount for one in bookings), Decimal("0.00"))),
            "currency": "INR",
            "paid_at": f"{settlement.deposit:%FT%TZ}",
            "period_start": f"{settlement.start:%FT%TZ}",
            "period_end": f"{settlement.end:%FT%TZ}",
            "lines": [
                {
                    "kind": one.means,
                    "description": one.label,
                    "amount": str(one.amount),
                    "external_order_id": one.order,
                    "external_item_id": one.item,
                    "sku": one.sku,
                    "quantity": one.quantity,
                    "posted_at": f"{one.at:%FT%TZ}",
                }
                for one in bookings
            ],
        }


def _of_item(order: MadeOrder, item: MadeItem) -> Iterator[Booking]:
    gross = item.article.price * item.quantity
    net = _paise(gross * 100 / (100 + item.article.gst))
    commission, closing, weight = _paise(net * Decimal("0.10")), Decimal("25.00"), Decimal("65.00")
    sold = (
        ("ItemPrice", "Principal", net, "sale"),
        ("ItemPrice", "Tax", gross - net, "sale"),
        ("ItemFees", "Commission", -commission, "fee"),
        ("ItemFees", "Commission IGST", -_gst(commission), "fee_tax"),
        ("ItemFees", "Fixed closing fee", -closing, "fee"),
        ("ItemFees", "Fixed closing fee IGST", -_gst(closing), "fee_tax"),
        ("ItemWithheldTax", "TCS-IGST", -_paise(net * Decimal("0.005")), "tcs"),
    )
    for kind, label, amount, means in sold:
        yield Booking(
            transaction="Order",
            kind=kind,
            label=label,
            amount=amount,
            means=means,
            at=order.updated,
            order=order.order_id,
            item=item.item_id,
            sku=item.article.sku,
            quantity=item.quantity,
        )
    later = (
        ("Easy Ship weight handling fees", -weight, "fee"),
        ("Easy Ship weight handling fees IGST", -_gst(weight), "fee_tax"),
        ("TDS - Section 194-O", -_paise(net * Decimal("0.001")), "tds"),
    )
    for label, amount, means in later:
        yield Booking(
            transaction="other-transaction",
            kind="other-transaction",
            label=label,
            amount=amount,
            means=means,
            at=order.updated + timedelta(minutes=5),
            order=order.order_id,
            sku=item.article.sku,
        )


def _reserve(label: str, amount: Decimal, at: datetime) -> Booking:
    return Booking(transaction="other-transaction", kind="other-transaction", label=label, amount=amount, means="reserve", at=at)


def _held_back(number: int) -> Decimal:
    return Decimal("150.00") + 10 * number


def _gst(fee: Decimal) -> Decimal:
    return _paise(fee * Decimal("0.18"))


def _paise(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _written(settlement: MadeSettlement, one: Booking) -> str:
    cells = dict.fromkeys(COLUMNS, "") | {
        "settlement-id": settlement.settlement_id,
        "transaction-type": one.transaction,
        "order-id": one.order,
        "merchant-order-id": one.order,
        "marketplace-name": "Amazon.in" if one.order else "",
        "amount-type": one.kind,
        "amount-description": one.label,
        "amount": str(one.amount),
        "fulfillment-id": "MFN" if one.item else "",
        "posted-date": f"{one.at:%m/%d/%y}",
        "posted-date-time": _utc(one.at),
        "order-item-code": one.item,
        "sku": one.sku,
        "quantity-purchased": str(one.quantity) if one.quantity else "",
    }
    return "\t".join(cells.values())
