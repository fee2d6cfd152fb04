"""Bytes to facts: small recorded answers, and whatever else may arrive."""

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.marketplaces.ajio.wire import orders, payments, people, reports, returns, scalars, stock
from portal.marketplaces.ajio.wire.body import Unreadable, decoded
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import LineKind, OrderStatus, ReturnKind, ReturnStatus, StockLine

PENDENCY = b"""{"orders":[{"order_id":"FN1","order_date":1635828975,"carrier":"Delhivery","payment_method":"COD",
 "tracking_number":"SB1","total_amount":1598.00,"customer_name":"Meera Nair",
 "order_lines":[{"order_item_id":"FN1-1","ordered_quantity":2,"mrp":999,"unit_price":799.00,"listing_price ":799.00,
  "b2b_base_price":760.95,"item_details":{"item_code":460001,"ean":"890","name":"Kurta","brand_name":"X"}}]}],
 "page":{"number":0,"size":50,"totalElements":1,"totalPages":1}}"""


def known(**changed: Any) -> bytes:
    row = {
        "order_id": "FN1",
        "order_date": 1635828975,
        "carrier": "Delhivery",
        "po_number": "PO1",
        "po_date": 1635845175,
        "po_amount": 1598,
        "status": "CONFIRMED",
        "order_lines": [{"order_item_id": "FN1-1", "quantity": 2, "item_base_price": 760.95, "item_details": {}}],
    } | changed
    return json.dumps({"orders": [row]}).encode()


def test_a_new_order_in_full() -> None:
    found = orders.new_orders(decoded(PENDENCY, "orders"))
    (order,) = found.facts
    assert (order.status, order.raw_status, order.placed_at) == (OrderStatus.OPEN, "NEW", datetime(2021, 11, 2, 4, 56, 15, tzinfo=UTC))
    assert order.total_amount == Decimal("1598.00")
    assert order.items[0].unit_amount == Decimal("799.00")
    # Without the seller's own SKU AJIO's item code stands in for it.
    assert (order.items[0].sku, order.items[0].quantity) == ("460001", 2)
    assert (order.shipments[0].external_shipment_id, order.shipments[0].awb) == ("FN1", "SB1")
    assert (found.total, found.pages) == (1, 1)


def test_names_with_a_blank_at_their_end_are_the_same_names() -> None:
    padded = PENDENCY.replace(b'"unit_price"', b'"unit_price "').replace(b'"order_id"', b'" order_id"')
    assert orders.new_orders(decoded(padded, "orders")).facts == orders.new_orders(decoded(PENDENCY, "orders")).facts


def test_money_never_passes_through_binary_fractions() -> None:
    (order,) = orders.new_orders(decoded(PENDENCY.replace(b"799.00", b"0.1000000000000000055"), "orders")).facts
    assert order.items[0].unit_amount == Decimal("0.1000")


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"status": "ACKNOWLEDGED", "po_number": ""}, OrderStatus.ON_HOLD),
        ({"status": "ACKNOWLEDGED", "po_number": None}, OrderStatus.ON_HOLD),
        ({"status": "ACKNOWLEDGED"}, OrderStatus.ACCEPTED),
        ({"status": "CONFIRMED"}, OrderStatus.CONFIRMED),
        ({"status": "PACKED"}, OrderStatus.PACKED),
        ({"status": "READY_TO_DISPATCH"}, OrderStatus.READY),
        ({"status": "DISPATCHED"}, OrderStatus.SHIPPED),
        ({"status": "DELIVERED"}, OrderStatus.DELIVERED),
        ({"status": "CANCELLED"}, OrderStatus.CANCELLED),
        ({"status": "TELEPORTED"}, OrderStatus.UNKNOWN),
    ],
)
def test_where_an_accepted_order_stands(changed: dict[str, Any], status: OrderStatus) -> None:
    (order,) = orders.known_orders(decoded(known(**changed), "orders")).facts
    assert (order.status, order.raw_status) == (status, changed["status"])


def test_a_later_reading_is_never_older_than_the_one_we_hold() -> None:
    (before,) = orders.known_orders(decoded(known(), "orders")).facts
    (after,) = orders.known_orders(decoded(known(status="CANCELLED", po_number="", po_date=0), "orders")).facts
    assert after.marketplace_updated_at >= before.marketplace_updated_at


def test_cancelled_pieces_mark_their_line() -> None:
    line = {"order_item_id": "1", "quantity": 3, "item_details": {}}
    lines = [
        line | {"customer_cancelled_qty": 2, "seller_short_picked_qty": 1},
        line | {"order_item_id": "2", "seller_cancelled_qty": 1},
        line,
    ]
    (order,) = orders.known_orders(decoded(known(order_lines=lines), "orders")).facts
    assert [item.status for item in order.items] == ["cancelled", "partly cancelled", ""]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"order_date": 0}, "order_date is missing"),
        ({"order_date": 1635828975000}, "order_date is not a moment"),
        ({"order_date": "yesterday"}, "$.order_date"),
        ({"order_id": ""}, "order_id is missing"),
        ({"order_id": "F" * 81}, "longer than 80"),
        ({"status": ""}, "status is missing"),
        ({"po_amount": "1e12"}, "not an amount"),
        ({"po_amount": "NaN"}, "not an amount"),
        ({"order_lines": [{"order_item_id": "1", "quantity": -1}]}, "not a number of pieces"),
        ({"order_lines": [{"order_item_id": "1", "quantity": 2**31}]}, "not a number of pieces"),
        ({"order_lines": [{"quantity": 1}]}, "order_item_id is missing"),
    ],
)
def test_a_row_that_cannot_be_right_says_why(changed: dict[str, Any], reason: str) -> None:
    found = orders.known_orders(decoded(known(**changed), "orders"))
    assert found.facts == ()
    assert reason in found.set_aside[0].reason


def test_a_set_aside_row_keeps_no_buyer_and_nothing_we_do_not_know() -> None:
    body = PENDENCY.replace(b'"order_date":1635828975', b'"phone":"9000012345"')
    (row,) = orders.new_orders(decoded(body, "orders")).set_aside
    assert row.external_id == "FN1"
    assert "Meera" not in repr(row)
    assert "90000" not in repr(row)
    assert row.raw == {"order_id": "FN1", "carrier": "Delhivery", "payment_method": "COD", "tracking_number": "SB1", "total_amount": "1598"}


def test_returns_of_both_kinds() -> None:
    row = {
        "return_order_id": "R1",
        "return_date": 1635828975,
        "order_id": "FN1",
        "return_status": "RETURN_PROCESSED",
        "return_type": "CUSTOMER_RETURN",
        "tracking_number": "A1",
        "return_order_items": [
            {"return_item_id": "R1-1", "return_quantity": 3, "cancelled_return_quantity": 1, "item_details": {"sku": "S"}}
        ],
    }
    body = json.dumps({"orders": [row, row | {"return_order_id": "R2", "return_type": "RTO"}, row | {"return_type": "GIFT"}], "page": {}})
    found = returns.returns(decoded(body.encode(), "returns"))
    assert [one.kind for one in found.facts] == [ReturnKind.CUSTOMER, ReturnKind.RTO]
    assert found.facts[0].status is ReturnStatus.DELIVERED
    assert (found.facts[0].items[0].sku, found.facts[0].items[0].quantity, found.facts[0].awbs) == ("S", 2, ("A1",))
    assert "neither RTO nor CUSTOMER_RETURN" in found.set_aside[0].reason


# Stock


def line(number: int) -> StockLine:
    named = (("productId", f"P{number}"), ("variantId", f"V{number}"), ("hsnCode", "61"))
    return StockLine(task_id=UUID(int=number), sku=f"V{number}", quantity=number, attributes=named)


def states(document: dict[str, Any]) -> list[str]:
    return [one.state for one in stock.outcomes(document, [line(1), line(2)])]


def test_the_body_repeats_what_the_product_said() -> None:
    assert stock.inventory_body([line(4)]) == {"inventoryList": [{"productId": "P4", "variantId": "V4", "hsnCode": "61", "inventory": 4}]}


def test_outcomes_by_line() -> None:
    failed = [{"productId": "P2", "variantId": "V2", "message": "inactive"}]
    assert states({"status": "SUCCESS"}) == ["accepted", "accepted"]
    assert states({"status": "PARTIAL_SUCCESS", "failedProductList": failed}) == ["accepted", "refused"]
    assert states({"status": "FAILED", "failedProductList": failed}) == ["refused", "refused"]
    assert states({"status": "FAILED"}) == ["refused", "refused"]


@pytest.mark.parametrize("failed", [[], [{"productId": "P9", "variantId": "V9", "message": "?"}]])
def test_a_partial_success_that_does_not_say_which_is_not_called_accepted(failed: list[Any]) -> None:
    assert states({"status": "PARTIAL_SUCCESS", "failedProductList": failed}) == ["queued", "queued"]


def test_an_answer_without_a_known_status_is_a_changed_wire() -> None:
    with pytest.raises(WireChanged):
        states({"status": "MAYBE"})


# Reports of the panel


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Fri Aug 14 16:43:42 IST 2026", datetime(2026, 8, 14, 11, 13, 42, tzinfo=UTC)),
        ("2026-08-14", datetime(2026, 8, 13, 18, 30, tzinfo=UTC)),
        ("14-08-2026", datetime(2026, 8, 13, 18, 30, tzinfo=UTC)),
        ("14/08/2026", datetime(2026, 8, 13, 18, 30, tzinfo=UTC)),
        ("2026-08-14 16:43:42", datetime(2026, 8, 14, 11, 13, 42, tzinfo=UTC)),
        ("2026-08-14T11:13:42Z", datetime(2026, 8, 14, 11, 13, 42, tzinfo=UTC)),
        ("", None),
    ],
)
def test_dates_of_the_panel(text: str, moment: datetime | None) -> None:
    assert scalars.from_panel(text, "orderDate") == moment


@pytest.mark.parametrize("text", ["31-02-2026", "Fri Foo 14 16:43:42 IST 2026", "soon", "0001-01-01"])
def test_other_dates_are_refused_by_name(text: str) -> None:
    with pytest.raises(Unreadable, match="orderDate"):
        scalars.from_panel(text, "orderDate")


def report_row(**changed: Any) -> dict[str, Any]:
    row = {"orderNo": "FN1", "orderDate": "14-08-2026", "orderStatus": "New", "itemCode": "I1", "sellerSKU": "S1", "quantity": 2}
    return row | {"basePrice": Decimal("100.50"), "totalValue": Decimal("211.05")} | changed


def test_rows_of_one_order_need_not_stand_together() -> None:
    rows = [report_row(), report_row(orderNo="FN2"), report_row(itemCode="I2", sellerSKU="S2")]
    found = reports.orders(rows)
    assert [(order.external_order_id, len(order.items)) for order in found.facts] == [("FN1", 2), ("FN2", 1)]
    assert found.facts[0].total_amount == Decimal("422.10")


def test_a_row_that_comes_twice_counts_once() -> None:
    found = reports.orders([report_row(), report_row()])
    assert (len(found.facts[0].items), found.facts[0].total_amount) == (1, Decimal("211.05"))


def test_an_order_stands_where_its_slowest_living_line_stands() -> None:
    rows = [report_row(orderStatus="Shipped"), report_row(itemCode="I2", orderStatus="Ready to Shipped")]
    assert reports.orders(rows).facts[0].status is OrderStatus.READY
    assert reports.orders([rows[0], report_row(itemCode="I2", orderStatus="Cancelled")]).facts[0].status is OrderStatus.SHIPPED


def test_the_courier_speaks_only_while_a_return_is_on_its_way() -> None:
    row = {"returnOrderNo": "R1", "jioCode": "I1", "returnQty": 1, "returnType": "RTO", "return3plDeliveryStatus": "Shipment Picked"}
    moving, arrived = (reports.returns([row | {"returnStatus": word}]).facts[0] for word in ("RETURN_CREATED", "RETURN_DELIVERED"))
    assert (moving.status, moving.raw_status) == (ReturnStatus.PICKED_UP, "Shipment Picked")
    assert (arrived.status, arrived.raw_status) == (ReturnStatus.DELIVERED, "RETURN_DELIVERED")


# Payments


def payment(**changed: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"clearingDocNo": "CD1", "clearingDate": "2026-08-14", "journeyType": "FORWARD", "invoiceNumber": "I1"}
    return row | {"custOrderNo": "FN1", "awbNumber": "A1", "value": Decimal("500.25"), "status": "PAID"} | changed


def test_one_payout_per_clearing_document() -> None:
    rows = [payment(), payment(awbNumber="A2", value=Decimal("99.75")), payment(clearingDocNo="CD2")]
    found = payments.payouts(rows).facts
    assert [(one.external_payout_id, one.net_amount, len(one.lines), one.status) for one in found] == [
        ("CD1", Decimal("600.00"), 2, "RECONCILED"),
        ("CD2", Decimal("500.25"), 1, "RECONCILED"),
    ]
    assert found[0].paid_at == datetime(2026, 8, 13, 18, 30, tzinfo=UTC)


@pytest.mark.parametrize("value", ["120.00", "-120.00"])
def test_money_taken_back_is_negative_with_either_sign(value: str) -> None:
    (found,) = payments.payouts([payment(), payment(journeyType="RETURN", value=Decimal(value))]).facts
    assert found.net_amount == Decimal("380.25")
    assert {one.kind for one in found.lines} == {LineKind.SALE, LineKind.REFUND}


def test_what_is_not_cleared_waits_under_its_day() -> None:
    open_row = {"clearingDocNo": None, "clearingDate": None}
    rows = [
        payment(**open_row, status="DUE LATER", expectedSettlementDate="20-08-2026"),
        payment(**open_row, status="OVERDUE", expectedSettlementDate="10-08-2026"),
        payment(**open_row, status="DUE LATER", awbNumber="A3"),
    ]
    found = payments.payouts(rows).facts
    assert [(one.external_payout_id, one.status, one.paid_at) for one in found] == [
        ("DUE-2026-08-10", "DISPUTED", None),
        ("DUE-2026-08-20", "PENDING", None),
        ("DUE-UNDATED", "PENDING", None),
    ]


def test_the_same_row_twice_is_one_line_and_a_contradiction_is_set_aside() -> None:
    found = payments.payouts([payment(), payment(), payment(value=Decimal(1))])
    assert len(found.facts[0].lines) == 1
    assert "different value" in found.set_aside[0].reason
    assert found.facts[0].net_amount is None


@pytest.mark.parametrize("changed", [{"value": None}, {"custOrderNo": None}, {"status": "PAID", "clearingDocNo": None}, {"value": "many"}])
def test_an_unreadable_payment_leaves_its_payout_without_a_net_amount(changed: dict[str, Any]) -> None:
    found = payments.payouts([payment(awbNumber="A2"), payment(**changed)])
    assert len(found.set_aside) == 1
    assert (found.facts[0].net_amount is None) is ("clearingDocNo" not in changed)


def test_a_journey_nobody_knows_still_counts() -> None:
    (found,) = payments.payouts([payment(journeyType="SIDEWAYS")]).facts
    assert (found.lines[0].kind, found.net_amount) == (LineKind.UNMAPPED, Decimal("500.25"))


# Whatever else may arrive

READERS: list[Callable[[bytes], Any]] = [
    lambda body: orders.new_orders(decoded(body, "orders")),
    lambda body: orders.known_orders(decoded(body, "orders")),
    lambda body: returns.returns(decoded(body, "returns")),
    lambda body: stock.listings(decoded(body, "products")),
    lambda body: stock.outcomes(decoded(body, "stock"), [line(1)]),
    lambda body: reports.orders(reports.sheet(decoded(body, "orders"), "orderList", "orders").rows),
    lambda body: reports.returns(reports.sheet(decoded(body, "returns"), "rtvList", "returns").rows),
    lambda body: payments.payouts(reports.sheet(decoded(body, "payments"), "paymentList", "payments").rows),
    lambda body: people.access_token(decoded(body, "sign-in")),
    lambda body: people.work_places(decoded(body, "POB list")),
]

NAMES = st.sampled_from(
    [
        *("orders", "products", "page", "order_id", "order_date", "status", "order_lines", "order_item_id", "quantity", "item_details"),
        *("return_order_id", "return_status", "return_type", "return_order_items", "productId", "variantId", "inventory", "result"),
        *("orderList", "rtvList", "paymentList", "orderNo", "orderDate", "itemCode", "totalValue", "returnOrderNo", "jioCode", "returnQty"),
        *(
            "custOrderNo",
            "value",
            "clearingDate",
            "content",
            "id",
            "last",
            "accessToken",
            "failedProductList",
            "total_amount",
            "totalPages",
        ),
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
    | st.sampled_from(["NaN", "1E+999999", "SUCCESS", "RTO", "2026-08-14"])
)
DOCUMENTS = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6), max_leaves=25)


@pytest.mark.parametrize("read", READERS)
@given(
    body=st.binary(max_size=60)
    | st.sampled_from(
        [b"[" * 100_000, b'{"orders":[1e99999999999999999999]}', b"[" + b"9" * 5000 + b"]", b'{"orders":' + b"9" * 5000 + b"}"]
    )
)
@settings(max_examples=60, deadline=None)
def test_arbitrary_bytes_are_a_changed_wire(read: Callable[[bytes], Any], body: bytes) -> None:
    with pytest.raises(WireChanged):
        read(body)


@pytest.mark.parametrize("read", READERS)
@given(document=st.dictionaries(NAMES, DOCUMENTS, max_size=4))
@settings(max_examples=80, deadline=None)
def test_arbitrary_json_is_read_set_aside_or_a_changed_wire(read: Callable[[bytes], Any], document: dict[str, Any]) -> None:
    with contextlib.suppress(WireChanged):
        read(json.dumps(document).encode())
