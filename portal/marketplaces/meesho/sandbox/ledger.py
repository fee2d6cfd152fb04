"""What our tables should hold after reading everything this sandbox has; said without the reader's help."""

from collections.abc import Iterator
from datetime import UTC, datetime, time
from decimal import Decimal
from operator import attrgetter

from portal.clock import IST
from portal.marketplaces.facts import (
    LineKind,
    ListingFact,
    OrderFact,
    OrderItemFact,
    OrderStatus,
    PayoutFact,
    PayoutLineFact,
    ReturnFact,
    ReturnItemFact,
    ReturnKind,
    ReturnStatus,
    ShipmentFact,
)
from portal.marketplaces.meesho.sandbox.rows import PAID_PARTS, OrderRow, PaymentRow, ReturnRow
from portal.marketplaces.meesho.sandbox.store import Store

RETURN_STATUSES = {
    "intransit": ReturnStatus.IN_TRANSIT,
    "ofd_reverse": ReturnStatus.IN_TRANSIT,
    "completed_delivered": ReturnStatus.DELIVERED,
}


def ledger(store: Store) -> dict[str, list[OrderFact] | list[ReturnFact] | list[PayoutFact] | list[ListingFact]]:
    """Facts of every kind, each list by its external id."""
    returns = [
        _return(row, kind)
        for listed, kind in (("customer_return", ReturnKind.CUSTOMER), ("rto", ReturnKind.RTO))
        for row in store.returns[listed].rows()
    ]
    return {
        "orders": sorted((_order(row, store) for row in store.orders.rows()), key=attrgetter("external_order_id")),
        "returns": sorted(returns, key=attrgetter("external_return_id")),
        "payouts": list(_payouts(store)),
        "listings": sorted(_listings(store), key=attrgetter("sku")),
    }


def _order(row: OrderRow, store: Store) -> OrderFact:
    ours = store.stages[row.sub_order_num].ours
    return OrderFact(
        external_order_id=row.sub_order_num,
        status=OrderStatus(ours),
        raw_status=row.status,
        placed_at=row.created_at,
        marketplace_updated_at=row.updated_at,
        dispatch_by=row.expected_dispatch_date,
        total_amount=row.discounted_price * row.quantity,
        payment_method=row.payment_mode,
        fulfilment="marketplace",
        ship_state=row.customer_state,
        items=(
            OrderItemFact(
                external_item_id=row.sub_order_num,
                sku=row.sku,
                title=row.name,
                quantity=row.quantity,
                unit_amount=row.discounted_price,
                status=row.status,
                external_listing_id=row.product_id,
                attributes=(
                    ("order_num", row.order_num),
                    ("product_id", row.product_id),
                    ("catalog_id", row.catalog_id),
                    ("variation", row.variation),
                ),
            ),
        ),
        shipments=(
            ShipmentFact(
                external_shipment_id=row.sub_order_num,
                status=ours,
                raw_status=row.status,
                awb=row.awb,
                carrier=row.carrier,
                lines=((row.sub_order_num, row.quantity),),
            ),
        )
        if row.awb
        else (),
    )


def _return(row: ReturnRow, kind: ReturnKind) -> ReturnFact:
    why = f"{row.return_reason_details.return_reason}: {row.return_reason_details.detailed_reason}"
    product = row.product
    return ReturnFact(
        external_return_id=f"{row.sub_order_num}:{kind.value}",
        external_order_id=row.sub_order_num,
        kind=kind,
        status=RETURN_STATUSES[row.shipment_status],
        raw_status=row.shipment_status,
        created_at=row.created_at,
        marketplace_updated_at=row.updated_at,
        expected_at=datetime.combine(row.expected_delivery_date, time.min, tzinfo=IST).astimezone(UTC),
        delivered_at=row.delivered_at,
        reason=why,
        carrier=row.carrier_name,
        awbs=(row.awb,),
        items=(
            ReturnItemFact(external_item_id=row.sub_order_num, sku=product.sku, quantity=product.quantity, title=product.name, reason=why),
        ),
    )


def _payouts(store: Store) -> Iterator[PayoutFact]:
    days: dict[str, list[PaymentRow]] = {}
    for row in store.payments.rows():
        days.setdefault(row.payment_date.isoformat(), []).append(row)
    for day, rows in sorted(days.items()):
        yield PayoutFact(
            external_payout_id=day,
            net_amount=sum((row.final_settlement_amount for row in rows), Decimal("0.00")),
            currency="INR",
            paid_at=datetime.combine(rows[0].payment_date, time.min, tzinfo=IST).astimezone(UTC),
            lines=tuple(sorted((line for row in rows for line in _lines(row)), key=attrgetter("line_key"))),
        )


def _lines(row: PaymentRow) -> Iterator[PayoutLineFact]:
    for column, key, kind, description in PAID_PARTS:
        amount: Decimal = getattr(row, column)
        if amount:
            yield PayoutLineFact(
                line_key=f"{row.sub_order_no}:{row.transaction_id}:{key}",
                kind=LineKind(kind),
                description=description,
                amount=amount,
                external_order_id=row.sub_order_no,
                external_item_id=row.sub_order_no,
                sku=row.supplier_sku,
                quantity=row.quantity if kind == "sale" else None,
                posted_at=datetime.combine(row.payment_date, time.min, tzinfo=IST).astimezone(UTC),
            )


def _listings(store: Store) -> Iterator[ListingFact]:
    for article in store.catalogue:
        product_id = store.product_id(article.sku)
        yield ListingFact(
            sku=article.sku,
            external_listing_id=product_id,
            title=article.title,
            status="active",
            raw_status="",
            quantity_seen=store.stock[article.sku],
            attributes=(("product_id", product_id), ("variation", article.size)),
        )
