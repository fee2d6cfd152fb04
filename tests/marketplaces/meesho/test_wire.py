"""Bytes to facts: exact money, UTC, unknown words kept, bad rows set aside, nothing but WireChanged for strange bytes."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import LineKind, OrderStatus, ReturnKind, ReturnStatus, StockLine
from portal.marketplaces.meesho import refusals
from portal.marketplaces.meesho.wire import stock
from portal.marketplaces.meesho.wire.orders import orders_page
from portal.marketplaces.meesho.wire.payments import payments_page
from portal.marketplaces.meesho.wire.returns import returns_page
from portal.marketplaces.meesho.wire.rows import Rows
from portal.marketplaces.meesho.wire.supplier import supplier

ORDER: dict[str, Any] = {
    "order_num": "70100200",
    "sub_order_num": "70100200_1",
    "status": "READY_TO_SHIP",
    "created_at": "2026-11-18T10:15:00+05:30",
    "updated_at": "2026-11-18T12:00:00+05:30",
    "expected_dispatch_date": "2026-11-20T23:59:00+05:30",
    "hold": False,
    "unverified": False,
    "sku": "KURTA-RED-M",
    "product_id": "5567001",
    "catalog_id": "88123",
    "name": "Red Cotton Kurta",
    "variation": "M",
    "quantity": 2,
    "listed_price": "449.00",
    "discounted_price": "399.50",
    "payment_mode": "COD",
    "customer_state": "Gujarat",
    "packet_id": "",
    "awb": "",
    "carrier": "",
}
RETURN: dict[str, Any] = {
    "order_num": "70100200",
    "sub_order_num": "70100200_1",
    "type": "Customer Return",
    "shipment_status": "intransit",
    "created_at": "2026-11-19T10:00:00+05:30",
    "updated_at": "2026-11-19T18:00:00+05:30",
    "expected_delivery_date": "2026-11-24",
    "delivered_at": None,
    "awb": "R1",
    "carrier_name": "Delhivery",
    "return_reason_details": {"return_reason": "Size or fit", "detailed_reason": "Too small"},
    "product": {"name": "Red Cotton Kurta", "sku": "KURTA-RED-M", "quantity": 2},
}
PAYMENT: dict[str, Any] = {
    "sub_order_no": "70100200_1",
    "supplier_sku": "KURTA-RED-M",
    "quantity": 2,
    "transaction_id": "TXN1",
    "payment_date": "2026-11-18",
    "final_settlement_amount": "758.04",
    "total_sale_amount": "799.00",
    "meesho_commission_incl_gst": -18.86,
    "fixed_fee_incl_gst": "-11.80",
    "gst_on_fixed_fee": "-1.80",
    "tcs": "-3.80",
    "tds": "-0.80",
    "tds_rate": "0.1",
    "net_other_support_service_charges": "-5.70",
}


def page(*rows: Any, cursor: str | None = None) -> bytes:
    return msgspec.json.encode({"data": rows, "cursor": cursor, "request_id": "r-1"})


def returned(body: bytes) -> Rows[Any]:
    return returns_page(body, ReturnKind.RTO)


PARSERS: list[Callable[[bytes], Any]] = [
    orders_page,
    returned,
    payments_page,
    supplier,
    stock.stock_answer,
    stock.request_answer,
    lambda body: stock.refused_lines(body, ()),
]


def test_an_order_row_becomes_one_order() -> None:
    """The sub-order is the order; money is exact and for all pieces; times are UTC."""
    rows = orders_page(page(ORDER, cursor="next"))

    (order,) = rows.facts
    assert (order.external_order_id, order.status, order.raw_status) == ("70100200_1", OrderStatus.CONFIRMED, "READY_TO_SHIP")
    assert order.placed_at == datetime(2026, 11, 18, 4, 45, tzinfo=UTC)
    assert order.placed_at.tzinfo is UTC
    assert order.total_amount == Decimal("799.00")
    assert order.items[0].unit_amount == Decimal("399.50")
    assert order.items[0].external_listing_id == "5567001"
    assert dict(order.items[0].attributes) == {
        "order_num": "70100200",
        "product_id": "5567001",
        "catalog_id": "88123",
        "variation": "M",
    }
    assert order.shipments == ()
    assert rows.cursor == "next"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"status": "PENDING"}, OrderStatus.OPEN),
        ({"status": "PENDING", "hold": True}, OrderStatus.ON_HOLD),
        ({"status": "PENDING", "unverified": True}, OrderStatus.ON_HOLD),
        ({"status": "HOLD"}, OrderStatus.ON_HOLD),
        ({"status": "READY_TO_SHIP", "awb": "VL1"}, OrderStatus.PACKED),
        ({"status": "OUT_FOR_DELIVERY", "awb": "VL1"}, OrderStatus.SHIPPED),
        ({"status": "DELIVERED", "hold": True}, OrderStatus.DELIVERED),
        ({"status": "RTO_COMPLETE"}, OrderStatus.SHIPPED),
        ({"status": "RETURNED"}, OrderStatus.DELIVERED),
        ({"status": "CANCELLED"}, OrderStatus.CANCELLED),
        ({"status": "TELEPORTED"}, OrderStatus.UNKNOWN),
    ],
)
def test_statuses(changes: dict[str, Any], status: OrderStatus) -> None:
    """Meesho's word decides, a hold only before dispatch; a word nobody knows is kept as it came."""
    (order,) = orders_page(page({**ORDER, **changes})).facts

    assert order.status is status
    assert order.raw_status == changes["status"]


def test_sub_orders_of_one_packet_have_shipments_of_their_own() -> None:
    """Two sub-orders in one packet must not fight for one shipment row."""
    packed = {"status": "SHIPPED", "packet_id": "P1", "awb": "VL1"}
    first, second = orders_page(page({**ORDER, **packed}, {**ORDER, **packed, "sub_order_num": "70100200_2"})).facts

    assert first.shipments[0].external_shipment_id != second.shipments[0].external_shipment_id
    assert first.shipments[0].awb == second.shipments[0].awb == "VL1"


def test_a_return_is_named_by_sub_order_and_kind() -> None:
    (came_back,) = returns_page(page(RETURN), ReturnKind.CUSTOMER).facts
    (undelivered,) = returns_page(page({**RETURN, "shipment_status": "completed_delivered"}), ReturnKind.RTO).facts

    assert came_back.external_return_id == "70100200_1:CUSTOMER"
    assert undelivered.external_return_id == "70100200_1:RTO"
    assert (came_back.status, undelivered.status) == (ReturnStatus.IN_TRANSIT, ReturnStatus.DELIVERED)
    assert came_back.expected_at == datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
    assert came_back.reason == "Size or fit: Too small"
    assert came_back.items[0].quantity == 2


def test_a_payment_row_becomes_lines_of_their_own_kinds() -> None:
    """Fees, TCS and TDS stand apart; a rate or a GST already included is no money; each line has its own key."""
    (row,) = payments_page(page(PAYMENT)).facts
    lines = list(row.lines())

    assert {(line.kind, line.amount) for line in lines} == {
        (LineKind.SALE, Decimal("799.00")),
        (LineKind.FEE, Decimal("-18.86")),
        (LineKind.FEE, Decimal("-11.80")),
        (LineKind.FEE, Decimal("-5.70")),
        (LineKind.TCS, Decimal("-3.80")),
        (LineKind.TDS, Decimal("-0.80")),
    }
    assert sum(line.amount for line in lines) == row.net == Decimal("758.04")
    assert len({line.line_key for line in lines}) == len(lines)
    assert all(line.line_key.startswith("70100200_1:TXN1:") for line in lines)


@pytest.mark.parametrize(
    ("parse", "good", "spoil", "shown"),
    [
        (orders_page, ORDER, {"updated_at": None}, "70100200_1"),
        (orders_page, ORDER, {"updated_at": "2026-11-18T12:00:00"}, "70100200_1"),
        (orders_page, ORDER, {"quantity": -1}, "70100200_1"),
        (orders_page, ORDER, {"quantity": 10**12}, "70100200_1"),
        (orders_page, ORDER, {"discounted_price": "NaN"}, "70100200_1"),
        (orders_page, ORDER, {"discounted_price": "1e4000"}, "70100200_1"),
        (orders_page, ORDER, {"created_at": "0001-01-01T00:00:00+14:00"}, "70100200_1"),
        (returned, RETURN, {"shipment_status": None}, "70100200_1"),
        (payments_page, PAYMENT, {"payment_date": "soon"}, "70100200_1"),
        (payments_page, PAYMENT, {"tcs": "three"}, "70100200_1"),
        (payments_page, PAYMENT, {"transaction_id": ""}, "70100200_1"),
        (payments_page, PAYMENT, {"final_settlement_amount": None}, "70100200_1"),
    ],
)
def test_an_unreadable_row_is_set_aside_and_the_rest_is_kept(
    parse: Callable[[bytes], Rows[Any]], good: dict[str, Any], spoil: dict[str, Any], shown: str
) -> None:
    rows = parse(page(good, {**good, **spoil}, good))

    assert len(rows.facts) == 2
    (row,) = rows.set_aside
    assert row.external_id == shown
    assert row.reason


def test_a_row_that_is_set_aside_shows_no_buyer() -> None:
    """Whatever else Meesho may put into a row, only fields that we know hold no person are kept."""
    spoilt = {**ORDER, "quantity": "many", "customer_name": "Diya Patel", "customer_phone": "9000012345", "address": {"line": "MG Road"}}

    (row,) = orders_page(page(spoilt)).set_aside

    assert "Diya" not in msgspec.json.encode(row).decode()
    assert "90000" not in msgspec.json.encode(row).decode()
    assert "MG Road" not in msgspec.json.encode(row).decode()
    assert row.raw["sku"] == "KURTA-RED-M"


def test_rows_without_a_name_are_told_apart() -> None:
    rows = orders_page(page({"a": 1}, {"a": 2}, "text", None))

    assert len({row.external_id for row in rows.set_aside}) == 4


def test_the_same_rows_have_the_same_digest_under_any_cursor() -> None:
    assert orders_page(page(ORDER, cursor="a")).digest == orders_page(page(ORDER, cursor="b")).digest
    assert orders_page(page(ORDER)).digest != orders_page(page({**ORDER, "quantity": 3})).digest


@given(body=st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_wire_changed(body: bytes) -> None:
    for parse in PARSERS:
        with suppress(WireChanged):
            parse(body)
    assert refusals.error(refusals.read(418, "", body), what="orders").seller_message


PATIENT = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
"""The first text that is drawn reads Unicode's tables, which takes seconds on a busy machine."""

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=30)
    | st.sampled_from(["1e9999", "NaN", "\x00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@PATIENT
@given(changes=st.dictionaries(st.sampled_from(sorted({*ORDER, *RETURN, *PAYMENT})), VALUES, max_size=6))
def test_strange_values_spoil_their_row_at_most(changes: dict[str, Any]) -> None:
    """Any JSON in any field: the row is read or set aside, and both can be written to a database."""
    for parse, good in ((orders_page, ORDER), (returned, RETURN), (payments_page, PAYMENT)):
        rows = parse(page({**good, **changes}, good))
        assert len(rows.facts) + len(rows.set_aside) == 2
        assert len(rows.facts) >= 1
        assert b"\\u0000" not in msgspec.json.encode(rows)


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"data":' + b"[" * 100_000, b'{"data":["\\ud800"]}', b'{"data":[{"sub_order_num":"\xff"}]}']
)
def test_hostile_json_is_no_crash(body: bytes) -> None:
    for parse in PARSERS:
        with suppress(WireChanged):
            parse(body)


def line(number: int, sku: str | None = None, quantity: int = 5) -> StockLine:
    known = (("product_id", f"{number}"), ("variation", "M"))
    return StockLine(task_id=UUID(int=number), sku=sku or f"SKU-{number}", quantity=quantity, attributes=known)


def test_stock_goes_in_batches_of_fifty_and_no_sku_twice_in_one() -> None:
    """Outcomes are told by SKU, so two lines of one SKU in one call could not be told apart."""
    lines = [line(number) for number in range(120)]
    assert [len(batch) for batch in stock.batches(lines)] == [50, 50, 20]

    twice = [line(1), line(2, "SKU-1"), line(3)]
    assert [[one.task_id.int for one in batch] for batch in stock.batches(twice)] == [[1], [2, 3]]


def test_every_stock_line_gets_an_outcome() -> None:
    results = [
        {"sku": "SKU-1", "status": "SUCCESS"},
        {"sku": "SKU-2", "status": "FAILURE", "error_code": "SKU_NOT_FOUND", "message": "No such SKU."},
    ]
    answer = stock.stock_answer(msgspec.json.encode({"data": {"results": results}}))

    told = stock.outcomes([line(1), line(2), line(3)], answer)

    assert [(one.state, one.code) for one in told] == [("accepted", ""), ("refused", "SKU_NOT_FOUND"), ("refused", "NO_RESULT")]
    assert [one.task_id.int for one in told] == [1, 2, 3]
