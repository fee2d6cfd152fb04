"""Bytes of searchOrders to order facts, without any server."""

import contextlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.marketplaces.amazon_in.wire.orders import order_facts, read_orders
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import OrderFact, OrderStatus

ORDER: dict[str, Any] = {
    "orderId": "403-5551234-1234567",
    "createdTime": "2026-08-21T03:04:05Z",
    "lastUpdatedTime": "2026-08-22T10:00:00.250+05:30",
    "programs": ["AMAZON_EASY_SHIP", "PRIME"],
    "salesChannel": {"channelName": "AMAZON"},
    "buyer": {"buyerEmail": "hidden@marketplace.example"},
    "recipient": {"deliveryAddress": {"name": "Diya Iyer", "addressLine1": "4, MG Road", "addressLine3": "Flat 2", "city": "Pune"}},
    "proceeds": {"grandTotal": {"amount": "1599.90", "currencyCode": "INR"}},
    "payment": {"paymentExecutions": [{"paymentMethod": "CashOnDelivery"}]},
    "fulfillment": {"fulfillmentStatus": "SHIPPED", "fulfilledBy": "MERCHANT", "shipByWindow": {"latestDateTime": "2026-08-23T18:29:59Z"}},
    "orderItems": [
        {
            "orderItemId": "41",
            "quantityOrdered": 2,
            "product": {"sellerSku": "A/1 #x", "title": "Kurta", "price": {"unitPrice": {"amount": "799.95", "currencyCode": "INR"}}},
            "cancellation": {"cancellationRequest": {"requester": "BUYER"}},
        }
    ],
    "packages": [
        {
            "packageReferenceId": "1",
            "packageStatus": {"status": "IN_TRANSIT", "detailedStatus": "OUT_FOR_DELIVERY"},
            "trackingNumber": "3612",
            "carrier": "ATSIN",
            "packageItems": [{"orderItemId": "41", "quantity": 2}],
        }
    ],
}


def page(*orders: Any, **more: Any) -> bytes:
    return msgspec.json.encode({"orders": list(orders), **more})


def one(**changed: Any) -> OrderFact:
    facts, aside = order_facts(read_orders(page({**ORDER, **changed})).orders)
    assert not aside
    return facts[0]


def test_reads_an_order_with_item_and_parcel() -> None:
    fact = one()
    assert fact.external_order_id == "403-5551234-1234567"
    assert fact.placed_at == datetime(2026, 8, 21, 3, 4, 5, tzinfo=UTC)
    assert fact.marketplace_updated_at == datetime(2026, 8, 22, 4, 30, 0, 250_000, tzinfo=UTC)
    assert fact.marketplace_updated_at.tzinfo is UTC
    assert (fact.status, fact.raw_status) == (OrderStatus.SHIPPED, "SHIPPED")
    assert fact.total_amount == Decimal("1599.90")
    assert (fact.payment_method, fact.fulfilment) == ("COD", "EASY_SHIP")
    assert fact.buyer is not None
    assert fact.buyer.address == "4, MG Road, Flat 2"
    assert fact.items[0].unit_amount == Decimal("799.95")
    assert fact.items[0].status == "cancel_requested"
    assert fact.shipments[0].external_shipment_id == "403-5551234-1234567/1"
    assert fact.shipments[0].lines == (("41", 2),)
    assert (fact.shipments[0].status, fact.shipments[0].raw_status) == ("out_for_delivery", "OUT_FOR_DELIVERY")


@pytest.mark.parametrize(
    ("order", "parcel", "status"),
    [
        ("PENDING", "", OrderStatus.PENDING),
        ("UNSHIPPED", "", OrderStatus.OPEN),
        ("PARTIALLY_SHIPPED", "PICKED_UP", OrderStatus.OPEN),
        ("SHIPPED", "PENDING_PICK_UP", OrderStatus.READY),
        ("SHIPPED", "PENDING_DROP_OFF", OrderStatus.READY),
        ("SHIPPED", "PICKED_UP", OrderStatus.SHIPPED),
        ("SHIPPED", "DELIVERED", OrderStatus.DELIVERED),
        ("SHIPPED", "RETURNING_TO_SELLER", OrderStatus.SHIPPED),
        ("CANCELLED", "LABEL_CANCELLED", OrderStatus.CANCELLED),
        ("UNFULFILLABLE", "", OrderStatus.ON_HOLD),
        ("TELEPORTED", "", OrderStatus.UNKNOWN),
    ],
)
def test_status_follows_order_and_parcel(order: str, parcel: str, status: OrderStatus) -> None:
    packages = [{"packageReferenceId": "1", "packageStatus": {"detailedStatus": parcel}}] if parcel else []
    fact = one(fulfillment={"fulfillmentStatus": order}, packages=packages)
    assert (fact.status, fact.raw_status) == (status, order)


def test_one_parcel_of_two_delivered_is_not_a_delivered_order() -> None:
    packages = [
        {"packageReferenceId": "1", "packageStatus": {"detailedStatus": "DELIVERED"}},
        {"packageReferenceId": "2", "packageStatus": {"detailedStatus": "OUT_FOR_DELIVERY"}},
    ]
    assert one(packages=packages).status is OrderStatus.SHIPPED


def test_a_parcel_word_nobody_knows_survives() -> None:
    fact = one(packages=[{"packageReferenceId": "7", "packageStatus": {"detailedStatus": "BEAMED_UP"}}])
    assert (fact.shipments[0].status, fact.shipments[0].raw_status) == ("unknown", "BEAMED_UP")


def test_a_withheld_buyer_is_no_buyer() -> None:
    assert one(buyer=None, recipient=None).buyer is None
    fact = one(buyer={}, recipient={"deliveryAddress": {"city": "Pune", "stateOrRegion": "Maharashtra", "postalCode": "411001"}})
    assert fact.buyer is None
    assert (fact.ship_city, fact.ship_state, fact.ship_pincode) == ("Pune", "Maharashtra", "411001")


def test_a_pending_order_has_no_prices_yet() -> None:
    item = {"orderItemId": "1", "quantityOrdered": 1, "product": {"sellerSku": "S"}}
    fact = one(proceeds=None, recipient=None, orderItems=[item])
    assert fact.total_amount is None
    assert fact.items[0].unit_amount is None


def test_amounts_written_as_numbers_keep_every_paisa() -> None:
    body = page(ORDER).replace(b'"1599.90"', b"1599.10")
    facts, _ = order_facts(read_orders(body).orders)
    assert facts[0].total_amount == Decimal("1599.10")


@pytest.mark.parametrize(
    "spoil",
    [{"createdTime": None}, {"createdTime": "2026-08-21T03:04:05"}, {"orderItems": "none"}, {"orderItems": [{"orderItemId": "1"}]}],
)
def test_an_unreadable_row_is_set_aside_without_its_buyer_and_the_rest_is_kept(spoil: dict[str, Any]) -> None:
    read = read_orders(page({**ORDER, **spoil, "orderId": "BAD"}, ORDER, pagination={"nextToken": "t"}))
    assert [order.orderId for order in read.orders] == [ORDER["orderId"]]
    assert [row.external_id for row in read.set_aside] == ["BAD"]
    assert read.next_token == "t"
    kept = repr(read.set_aside)
    for personal in ("Diya", "MG Road", "hidden@", "CashOnDelivery"):
        assert personal not in kept


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e99", "-1e15"])
def test_an_amount_that_cannot_be_money_sets_the_row_aside(amount: str) -> None:
    facts, aside = order_facts(read_orders(page({**ORDER, "proceeds": {"grandTotal": {"amount": amount}}}, ORDER)).orders)
    assert len(facts) == 1
    assert aside[0].external_id == ORDER["orderId"]


def test_a_time_outside_the_calendar_sets_the_row_aside() -> None:
    _, aside = order_facts(read_orders(page({**ORDER, "createdTime": "0001-01-01T00:00:00+05:30"})).orders)
    assert len(aside) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"orders":{}}', b"<html>", b"\xff\xfe", b"[" * 100_000])
def test_anything_else_is_a_changed_wire(body: bytes) -> None:
    with pytest.raises(WireChanged):
        read_orders(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(sorted(ORDER)) | st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)


@given(st.binary(max_size=200) | JSON.map(msgspec.json.encode) | st.lists(JSON).map(lambda rows: page(*rows)))
def test_arbitrary_bytes_raise_nothing_but_wire_changed(body: bytes) -> None:
    with contextlib.suppress(WireChanged):
        order_facts(read_orders(body).orders)


@given(st.sampled_from(sorted(ORDER)), JSON)
def test_a_row_with_one_strange_field_is_read_or_set_aside(name: str, value: Any) -> None:
    try:
        read = read_orders(page({**ORDER, name: value}, ORDER))
    except WireChanged:
        pytest.fail("a bad row must not cost the page")
    facts, aside = order_facts(read.orders)
    assert len(facts) + len(aside) + len(read.set_aside) == 2
    assert len(facts) >= 1
