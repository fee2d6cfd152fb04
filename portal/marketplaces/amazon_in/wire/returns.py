"""Returns: the flat-file report of customer returns, and parcels that come back without having been delivered.

The two never overlap: a return to origin is told by the parcel's own status and is in no returns report.
"""

from collections.abc import Iterable, Mapping, Sequence

from portal.marketplaces.amazon_in.wire.answers import NAME, utc
from portal.marketplaces.amazon_in.wire.documents import Columns, amount, day
from portal.marketplaces.amazon_in.wire.order_shapes import WireItem, WireOrder, WirePackage
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import ReturnFact, ReturnItemFact, ReturnKind, ReturnStatus, UnreadableRow

Row = Mapping[str, str]

REQUIRED = ("order-id", "return-request-date", "merchant-sku")
STATUSES = {
    # "Return request status", folded: ours
    "approved": ReturnStatus.INITIATED,
    "pending": ReturnStatus.INITIATED,
    "pending approval": ReturnStatus.INITIATED,
    "requested": ReturnStatus.INITIATED,
    "in transit": ReturnStatus.IN_TRANSIT,
    "picked up": ReturnStatus.PICKED_UP,
    "completed": ReturnStatus.DELIVERED,
    "received": ReturnStatus.DELIVERED,
    "denied": ReturnStatus.CANCELLED,
    "declined": ReturnStatus.CANCELLED,
    "cancelled": ReturnStatus.CANCELLED,
    "canceled": ReturnStatus.CANCELLED,
    "closed": ReturnStatus.CANCELLED,
}
RTO_STATUSES = {
    # a parcel's detailed status: ours
    "REJECTED_BY_BUYER": ReturnStatus.INITIATED,
    "UNDELIVERABLE": ReturnStatus.INITIATED,
    "RETURNING_TO_SELLER": ReturnStatus.IN_TRANSIT,
    "RETURNED_TO_SELLER": ReturnStatus.DELIVERED,
}


class ReturnsReader:
    """Feed it the report's lines; `end` gives the returns, each with all of its items.

    A return may fill several rows anywhere in the file, so rows are held until the end; a shop's returns are few.
    """

    def __init__(self) -> None:
        self._columns: Columns | None = None
        self._number = 0
        self._rows: dict[str, list[Row]] = {}
        self._aside: list[UnreadableRow] = []

    def feed(self, lines: Iterable[str]) -> None:
        """Take more lines. WireChanged when the first one is not the report's header."""
        for line in lines:
            self._number += 1
            if not line.strip():
                continue
            cells = line.split("\t")
            if self._columns is None:
                self._columns = Columns(cells)
                if missing := [name for name in REQUIRED if name not in self._columns]:
                    raise WireChanged(NAME, f"a returns report without the column {missing[0]}")
                continue
            row = self._columns.row(cells)
            if not row.get("order-id"):
                self._aside.append(_resists(row, f"row {self._number}: no order id"))
                continue
            self._rows.setdefault(_name(row), []).append(row)

    def end(self) -> tuple[tuple[ReturnFact, ...], tuple[UnreadableRow, ...]]:
        """All returns in the order of the file, and rows that resist."""
        facts: list[ReturnFact] = []
        for name, rows in self._rows.items():
            try:
                facts.append(_fact(name, rows))
            except (ValueError, OverflowError) as error:
                self._aside.append(_resists(rows[0], str(error)))
        return tuple(facts), tuple(self._aside)


def _name(row: Row) -> str:
    """Amazon's RMA id; without one, what makes a return unique."""
    return row.get("amazon-rma-id") or f"{row['order-id']}/{row.get('merchant-sku', '')}/{row.get('return-request-date', '')}"


def _fact(name: str, rows: Sequence[Row]) -> ReturnFact:
    first = rows[0]
    raw = first.get("return-request-status", "")
    delivered = day(first.get("return-delivery-date", ""))
    refunds = [amount(row["refunded-amount"]) for row in rows if row.get("refunded-amount")]
    return ReturnFact(
        external_return_id=name,
        external_order_id=first["order-id"],
        kind=ReturnKind.CUSTOMER,
        status=ReturnStatus.DELIVERED if delivered else STATUSES.get(" ".join(raw.lower().split()), ReturnStatus.UNKNOWN),
        raw_status=raw,
        created_at=day(first.get("return-request-date", "")),
        delivered_at=delivered,
        reason=first.get("return-reason", ""),
        refund_amount=sum(refunds[1:], refunds[0]) if refunds else None,
        currency=first.get("currency-code") or "INR",
        carrier=first.get("return-carrier", ""),
        awbs=tuple(dict.fromkeys(row["tracking-id"] for row in rows if row.get("tracking-id"))),
        items=tuple(
            ReturnItemFact(
                external_item_id=f"{name}/{place}",
                sku=row.get("merchant-sku", ""),
                quantity=int(row.get("return-quantity") or "1"),
                title=row.get("item-name", ""),
                reason=row.get("return-reason", ""),
            )
            for place, row in enumerate(rows, 1)
        ),
    )


def _resists(row: Row, reason: str) -> UnreadableRow:
    return UnreadableRow(external_id=row.get("amazon-rma-id") or row.get("order-id", ""), reason=reason, raw=dict(row))


def returns_to_origin(orders: Iterable[WireOrder]) -> tuple[tuple[ReturnFact, ...], tuple[UnreadableRow, ...]]:
    """The parcels among these orders that are on their way back, or back; and orders whose times cannot be true."""
    facts: list[ReturnFact] = []
    aside: list[UnreadableRow] = []
    for order in orders:
        for package in order.packages or ():
            status = package.packageStatus
            raw = (status.detailedStatus or status.status or "") if status else ""
            if raw not in RTO_STATUSES:
                continue
            try:
                facts.append(_rto(order, package, raw))
            except ValueError as error:
                aside.append(UnreadableRow(external_id=order.orderId, reason=str(error), raw={"orderId": order.orderId}))
    return tuple(facts), tuple(aside)


def _rto(order: WireOrder, package: WirePackage, raw: str) -> ReturnFact:
    """Amazon tells when the order last changed, not when the parcel turned round or arrived: those stay unknown."""
    articles = {item.orderItemId: item for item in order.orderItems}
    inside = package.packageItems or ()
    return ReturnFact(
        external_return_id=f"RTO-{order.orderId}-{package.packageReferenceId}",
        external_order_id=order.orderId,
        kind=ReturnKind.RTO,
        status=RTO_STATUSES[raw],
        raw_status=raw,
        created_at=None,
        marketplace_updated_at=utc(order.lastUpdatedTime),
        reason=raw.replace("_", " ").capitalize() if raw in ("REJECTED_BY_BUYER", "UNDELIVERABLE") else "",
        carrier=package.carrier or "",
        awbs=(package.trackingNumber,) if package.trackingNumber else (),
        items=tuple(
            ReturnItemFact(
                external_item_id=line.orderItemId,
                sku=_sku(articles.get(line.orderItemId)),
                quantity=line.quantity,
                title=_title(articles.get(line.orderItemId)),
            )
            for line in inside
        ),
    )


def _sku(item: WireItem | None) -> str:
    return (item.product.sellerSku or "") if item and item.product else ""


def _title(item: WireItem | None) -> str:
    return (item.product.title or "") if item and item.product else ""
