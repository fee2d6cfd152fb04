"""Bytes to facts: rows as Flipkart writes them, odd ones, and bytes nobody wrote."""

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import LineOutcome, OrderFact, OrderStatus, ReturnKind, ReturnStatus, StockLine
from portal.marketplaces.flipkart.wire import listings, returns, shipments, shipping, tokens
from portal.marketplaces.flipkart.wire.decoding import moment
from portal.marketplaces.flipkart.wire.orders import orders_of
from portal.marketplaces.flipkart.wire.refusals import Refusal, is_page, read_refusal

LINE = StockLine(task_id=uuid4(), sku="A-1", quantity=3, attributes=(("product_id", "F" * 16), ("location", "LOC1")))


def item(item_id: str = "1", order_id: str = "OD1", **changes: Any) -> dict[str, Any]:
    row = {
        "orderItemId": item_id,
        "orderId": order_id,
        "orderDate": "2026-09-27T10:00:00.000+05:30",
        "cancellationDate": None,
        "cancellationReason": None,
        "paymentType": "COD",
        "status": "APPROVED",
        "quantity": 2,
        "fsn": "F",
        "sku": "KURTA-RED",
        "title": "Kurta",
        "serviceProfile": "Seller_Fulfilment",
        "courierReturn": False,
        "priceComponents": {"sellingPrice": 499.1, "totalPrice": 998.2, "shippingCharge": 0},
    }
    return {**row, **changes}


def parcel(shipment_id: str = "s-1", *items: dict[str, Any], **changes: Any) -> dict[str, Any]:
    row = {
        "shipmentId": shipment_id,
        "locationId": "LOC1",
        "updatedAt": "2026-09-28T12:00:00.000+05:30",
        "dispatchByDate": "2026-09-29T12:00:00.000+05:30",
        "hold": False,
        "newFieldOfTomorrow": {"a": 1},
        "orderItems": list(items) or [item()],
    }
    return {**row, **changes}


def page(*rows: Any, **envelope: Any) -> bytes:
    return msgspec.json.encode({"hasMore": False, "shipments": list(rows), **envelope})


def order(*rows: dict[str, Any], details: bytes = b'{"shipments":[]}') -> OrderFact:
    """The one order of these parcels."""
    found, _ = shipping.read_details(details)
    facts = orders_of(shipments.read_search(page(*rows)).shipments, {one.shipment_id: one for one in found})
    assert len(facts) == 1
    return facts[0]


def test_a_row_becomes_an_order_in_utc_and_decimals() -> None:
    fact = order(parcel())
    assert fact.external_order_id == "OD1"
    assert fact.placed_at == datetime(2026, 9, 27, 4, 30, tzinfo=UTC)
    assert fact.marketplace_updated_at == datetime(2026, 9, 28, 6, 30, tzinfo=UTC)
    assert fact.total_amount == Decimal("998.20")
    assert fact.items[0].unit_amount == Decimal("499.10")
    assert (fact.payment_method, fact.fulfilment) == ("COD", "Seller_Fulfilment")
    assert fact.shipments[0].lines == (("1", 2),)
    assert fact.buyer is None


def test_money_is_read_digit_by_digit() -> None:
    """0.1 + 0.2 as floats is not 0.3; the wire's digits are."""
    prices = [msgspec.Raw(text) for text in (b"0.10", b"0.20")]
    rows = [item(str(n), priceComponents={"sellingPrice": price, "totalPrice": price}) for n, price in enumerate(prices)]
    assert order(parcel("s", *rows)).total_amount == Decimal("0.30")


@pytest.mark.parametrize(
    ("states", "status"),
    [
        (["DELIVERED", "APPROVED"], OrderStatus.OPEN),
        (["CANCELLED", "SHIPPED"], OrderStatus.SHIPPED),
        (["CANCELLED", "CANCELLED"], OrderStatus.CANCELLED),
        (["DELIVERED", "TELEPORTED"], OrderStatus.UNKNOWN),
        (["FORM_FAILED", "READY_TO_DISPATCH"], OrderStatus.ON_HOLD),
        (["RETURNED"], OrderStatus.DELIVERED),
    ],
)
def test_an_order_is_as_far_as_its_slowest_parcel_that_stands(states: list[str], status: OrderStatus) -> None:
    rows = [parcel(f"s-{n}", item(str(n), status=state)) for n, state in enumerate(states)]
    assert order(*rows).status is status


def test_a_nul_in_a_text_is_dropped() -> None:
    assert order(parcel("s", item(title="Kur\x00ta"))).items[0].title == "Kurta"


def test_hold_stops_only_what_has_not_left() -> None:
    assert order(parcel("s", item(status="APPROVED"), hold=True)).status is OrderStatus.ON_HOLD
    assert order(parcel("s", item(status="SHIPPED"), hold=True)).status is OrderStatus.SHIPPED


def test_a_courier_return_never_counts_as_delivered() -> None:
    fact = order(parcel("s", item(status="RETURNED", courierReturn=True)))
    assert (fact.status, fact.raw_status) == (OrderStatus.SHIPPED, "RETURNED")


def test_an_item_split_over_parcels_is_one_line() -> None:
    fact = order(parcel("s-1", item("7", quantity=1)), parcel("s-2", item("7", quantity=2)))
    assert [(line.external_item_id, line.quantity) for line in fact.items] == [("7", 3)]
    assert [one.lines for one in fact.shipments] == [(("7", 1),), (("7", 2),)]


def test_a_parcel_of_two_orders_shows_in_both_under_names_of_their_own() -> None:
    """A shipment row belongs to one order; the same name in both would move it from one to the other."""
    found = shipments.read_search(page(parcel("s", item("1", "OD1"), item("2", "OD2")))).shipments
    facts = {fact.external_order_id: fact for fact in orders_of(found, {})}
    assert facts["OD1"].shipments[0].external_shipment_id == "s"
    assert facts["OD2"].shipments[0].external_shipment_id == "s/OD2"
    assert facts["OD2"].shipments[0].lines == (("2", 2),)


def test_details_bring_buyer_region_and_courier_in_all_spellings() -> None:
    row = {
        "shipmentId": "s-1",
        "deliveryAddress": {
            "firstName": "Asha",
            "addressLine1": "1 MG Road",
            "landmark": None,
            "city": "Surat",
            "stateCode": "IN-GJ",
            "stateName": "Gujarat",
            "pincode": 395003,
        },
        "subShipments": [
            {"courierDetails": {"pickupDetails": {"vendorName": "First", "trackingId": "P1"}, "deliveryDetails": {"trackingId": ""}}},
            {"courierDetails": {"deliveryDetails": {"vendorName": "Second", "trackingId": "D2"}}},
        ],
    }
    fact = order(parcel(), details=msgspec.json.encode({"shipments": [row]}))
    assert fact.buyer is not None
    assert (fact.buyer.name, fact.buyer.phone) == ("Asha", "")
    assert fact.buyer.address == "1 MG Road, Surat, Gujarat 395003"
    assert (fact.ship_city, fact.ship_state, fact.ship_pincode) == ("Surat", "Gujarat", "395003")
    assert (fact.shipments[0].awb, fact.shipments[0].carrier) == ("P1", "First")


@pytest.mark.parametrize(
    "change",
    [
        {"orderItems": []},
        {"orderItems": [{}]},
        {"orderItems": [item(quantity=-1)]},
        {"orderItems": [item(quantity="many")]},
        {"orderItems": [item(orderDate="yesterday")]},
        {"orderItems": [item(orderDate="0001-01-01T00:00:00+05:30")]},
        {"orderItems": [item(order_id="")]},
        {"orderItems": [item(priceComponents={"totalPrice": "NaN"})]},
        {"orderItems": [item(priceComponents={"totalPrice": 1e300})]},
        {"updatedAt": None},
    ],
)
def test_a_row_that_lacks_what_it_needs_is_set_aside_without_its_buyer(change: dict[str, Any]) -> None:
    bad = {**parcel("bad"), **change, "deliveryAddress": {"firstName": "Asha"}, "buyerDetails": {"firstName": "Asha"}}
    found = shipments.read_search(page(bad, parcel("good")))
    assert [one.shipment_id for one in found.shipments] == ["good"]
    assert [row.external_id for row in found.set_aside] == ["bad"]
    assert "Asha" not in repr(found.set_aside)


def test_the_search_asks_as_each_kind_wants_to_be_asked() -> None:
    start, end = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 9, 2, 0, 0, 1, 500_000, tzinfo=UTC)
    body = shipments.search_body("postDispatch", shipments.POST_DISPATCH, start=start, end=end)
    assert body["filter"]["modifiedDate"] == {"from": "2026-09-01T00:00:00.000Z", "to": "2026-09-02T00:00:01.500Z"}
    gone = shipments.search_body("cancelled", ("CANCELLED",), start=start, end=end, cancellation_type="buyerCancellation")
    assert "modifiedDate" not in gone["filter"]
    assert gone["filter"]["cancellationDate"]["from"] == "2026-09-01T00:00:00.000Z"
    assert "modifiedDate" not in shipments.search_body("preDispatch", shipments.PRE_DISPATCH)["filter"]


def returned(**changes: Any) -> dict[str, Any]:
    row = {
        "returnId": "r1",
        "orderId": "OD1",
        "orderItemId": "1",
        "quantity": 1,
        "status": "CREATED",
        "reason": "SIZE",
        "subReason": "SMALL",
    }
    return {**row, "updatedDate": "2026-09-28 12:00:00", "approvedOn": None, **changes}


def read_return(source: str = "customer_return", **changes: Any) -> Any:
    body = msgspec.json.encode({"returnItems": [returned(**changes)], "hasMore": False})
    return returns.read_returns(body, source).facts[0]


@pytest.mark.parametrize(
    ("status", "shipment_status", "ours"),
    [
        ("CREATED", None, ReturnStatus.INITIATED),
        ("CREATED", "PICKED_UP", ReturnStatus.PICKED_UP),
        ("CREATED", "In Transit", ReturnStatus.IN_TRANSIT),
        ("CREATED", "SOMEWHERE", ReturnStatus.INITIATED),
        ("COMPLETED", "DELIVERED", ReturnStatus.DELIVERED),
        ("CANCELLED", None, ReturnStatus.CANCELLED),
        ("Requested", None, ReturnStatus.INITIATED),
        ("Rejected", None, ReturnStatus.CANCELLED),
        ("EVAPORATED", None, ReturnStatus.UNKNOWN),
    ],
)
def test_returns_are_as_far_as_their_parcel(status: str, shipment_status: str | None, ours: ReturnStatus) -> None:
    fact = read_return(status=status, shipmentStatus=shipment_status)
    assert fact.status is ours
    assert fact.raw_status == (f"{status}/{shipment_status}" if shipment_status else status)


def test_the_source_asked_for_tells_the_kind() -> None:
    assert read_return("courier_return").kind is ReturnKind.RTO
    assert read_return("customer_return").kind is ReturnKind.CUSTOMER


def test_a_time_without_offset_is_indian() -> None:
    assert read_return().marketplace_updated_at == datetime(2026, 9, 28, 6, 30, tzinfo=UTC)
    assert moment("2026-09-28T06:30:00Z") == datetime(2026, 9, 28, 6, 30, tzinfo=UTC)


def test_items_of_one_return_are_one_fact() -> None:
    rows = [returned(), returned(orderItemId="2")]
    found = returns.read_returns(msgspec.json.encode({"returnItems": rows, "hasMore": True, "nextUrl": "/v2/returns?x"}), "customer_return")
    assert [[one.external_item_id for one in fact.items] for fact in found.facts] == [["1", "2"]]
    assert found.next_url == "/v2/returns?x"


def listing(**changes: Any) -> dict[str, Any]:
    row = {
        "listing_id": "LST1",
        "product_id": "F" * 16,
        "price": {"mrp": 999, "selling_price": 599, "currency": "INR"},
        "listing_status": "ACTIVE",
        "fulfillment_profile": "NON_FBF",
        "locations": [
            {"id": "LOC1", "status": "ENABLED", "inventory": 4},
            {"id": "LOC2", "status": "ENABLED", "inventory": 3},
            {"id": "LOC3", "status": "DISABLED", "inventory": 9},
        ],
    }
    return {**row, **changes}


def read_listing(**changes: Any) -> Any:
    return listings.read_listings(msgspec.json.encode({"available": {"A-1": listing(**changes)}}))[0][0]


def test_a_listing_brings_what_a_push_needs() -> None:
    fact = read_listing()
    assert (fact.sku, fact.external_listing_id, fact.price) == ("A-1", "F" * 16, Decimal("599.00"))
    assert fact.quantity_seen == 7
    assert [value for name, value in fact.attributes if name == "location"] == ["LOC1", "LOC2"]
    assert fact.pushable


def test_stock_in_flipkarts_own_warehouse_is_not_ours() -> None:
    assert not read_listing(fulfillment_profile="FBF").pushable
    assert read_listing(fulfillment_profile="FBF_LITE").pushable


def test_one_sku_for_two_products_is_not_pushed() -> None:
    rows = [{"sku_id": "A-1", "product_id": "F1"}, {"sku_id": "A-1", "product_id": "F2"}, {"sku_id": "B", "product_id": "F3"}]
    found = listings.read_search(msgspec.json.encode({"has_more": False, "listings": rows}))
    assert found.skus == ["A-1", "B"]
    assert found.ambiguous == {"A-1"}
    facts, _ = listings.read_listings(msgspec.json.encode({"available": {"A-1": listing(), "B": listing()}}), found.ambiguous)
    assert [fact.pushable for fact in facts] == [False, True]


def test_a_catalogue_page_may_be_a_list_or_the_one_object_of_the_specification() -> None:
    one = {"sku_id": "A-1", "product_id": "F1", "listing_id": "L"}
    for drawn in ([one], one):
        assert listings.read_search(msgspec.json.encode({"listings": drawn})).skus == ["A-1"]


def test_skus_that_are_named_but_not_shown_are_set_aside() -> None:
    _, aside = listings.read_listings(msgspec.json.encode({"available": {}, "unavailable": ["A"], "invalid": ["B"]}))
    assert [row.external_id for row in aside] == ["A", "B"]


@pytest.mark.parametrize(
    ("answer", "state", "message"),
    [
        ({"status": "SUCCESS", "errors": [], "attribute_errors": []}, "accepted", ""),
        ({"status": "WARNING", "errors": [{"severity": "WARNING", "code": 1, "description": "low"}]}, "accepted", "low"),
        (
            {"status": "FAILURE", "attribute_errors": [{"attribute": "inventory", "description": "too many"}]},
            "refused",
            "inventory too many",
        ),
        ({"status": "FAILURE"}, "refused", "Flipkart refused this SKU without a reason."),
    ],
)
def test_each_sku_has_an_outcome_of_its_own(answer: dict[str, Any], state: str, message: str) -> None:
    outcome = listings.read_stock_answer(msgspec.json.encode({"A-1": answer}), [LINE])[0]
    assert (outcome.state, outcome.message) == (state, message)


def test_a_sku_without_answer_is_not_taken_for_done() -> None:
    outcome: LineOutcome = listings.read_stock_answer(b"{}", [LINE])[0]
    assert (outcome.state, outcome.code) == ("refused", "no_answer")


def test_of_several_locations_the_chosen_one_counts_and_gets_the_stock() -> None:
    """The others stay as they are. A choice that this SKU does not know changes nothing."""
    both = msgspec.structs.replace(LINE, attributes=(*LINE.attributes, ("location", "LOC2")))
    assert "2 locations" in listings.unpushable(both)
    assert "2 locations" in listings.unpushable(both, "LOC9")
    assert listings.unpushable(both, "LOC2") == ""
    assert [one["id"] for one in listings.stock_body([both], "LOC2")["A-1"]["locations"]] == ["LOC2"]
    assert listings.stock_body([LINE], "LOC2") == listings.stock_body([LINE])
    body = msgspec.json.encode({"available": {"A-1": listing()}})
    seen = {chosen: listings.read_listings(body, ships_from=chosen)[0][0].quantity_seen for chosen in ("", "LOC1", "LOC2", "LOC9")}
    assert seen == {"": 7, "LOC1": 4, "LOC2": 3, "LOC9": 7}


def test_stock_bodies_name_status_though_the_example_does_not() -> None:
    expected = {"A-1": {"product_id": "F" * 16, "locations": [{"id": "LOC1", "status": "ENABLED", "inventory": 3}]}}
    assert listings.stock_body([LINE]) == expected


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (
            b'{"error":"invalid_token","error_description":"Invalid access token: abc-def"}',
            Refusal(code="invalid_token", words="Invalid access token"),
        ),
        (b'{"errors":[{"severity":"ERROR","code":42,"description":"bad date","path":""}]}', Refusal(code="42", words="bad date")),
        (b"DEPENDENT_SYSTEM_CALL_FAILED", Refusal(code="DEPENDENT_SYSTEM_CALL_FAILED")),
        (b"<html>no</html>", Refusal()),
        (b"", Refusal()),
        (b'{"errors":[]}', Refusal()),
    ],
)
def test_error_bodies_of_five_shapes(body: bytes, refusal: Refusal) -> None:
    """Whatever stands behind a colon may be a pass or an id and goes no further."""
    assert read_refusal(body) == refusal


READERS = (
    shipments.read_search,
    shipments.read_shipments,
    shipping.read_details,
    lambda body: returns.read_returns(body, "customer_return"),
    listings.read_search,
    listings.read_listings,
    lambda body: listings.read_stock_answer(body, [LINE]),
    tokens.read_granted,
)
words = st.text(alphabet="aZ09-:T+. \x00₹", max_size=24)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)
FIELDS = ("shipments", "returnItems", "listings", "available", "access_token", "expires_in", "A-1")
ROW_FIELDS = (
    "shipmentId",
    "updatedAt",
    "orderItems",
    "orderId",
    "orderItemId",
    "orderDate",
    "status",
    "quantity",
    "returnId",
    "sku_id",
    "product_id",
)
rows = st.dictionaries(st.sampled_from(ROW_FIELDS), values, max_size=8)
bodies = st.binary(max_size=200) | st.dictionaries(st.sampled_from(FIELDS), values | st.lists(rows, max_size=3) | rows).map(
    msgspec.json.encode
)


@given(body=bodies)
def test_whatever_arrives_is_read_set_aside_or_a_changed_wire(body: bytes) -> None:
    """No reader raises anything but WireChanged, on any bytes."""
    for read in READERS:
        with suppress(WireChanged):
            read(body)
    read_refusal(body)
    is_page("", body)


@pytest.mark.parametrize("depth", [200, 5_000, 200_000])
def test_deep_nesting_is_a_changed_wire(depth: int) -> None:
    for read in READERS:
        for start in (b"[" * depth, b'{"shipments":[' + b"[" * depth):
            with pytest.raises(WireChanged):
                read(start)
