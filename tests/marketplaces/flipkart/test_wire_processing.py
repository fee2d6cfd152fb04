"""What Flipkart's documents write in several ways is read in all of them, and what is sent says no more than we know."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.marketplaces.errors import WireChanged
from portal.marketplaces.flipkart.stages.work import refused
from portal.marketplaces.flipkart.wire import handover, packing, parcels, sizes, taxes
from portal.marketplaces.flipkart.wire.packing import Packing
from portal.marketplaces.flipkart.wire.sizes import Package, Size

ROW: dict[str, Any] = {
    "shipmentId": "s-1",
    "locationId": "LOC1",
    "hold": False,
    "dispatchAfterDate": "2026-11-22T12:00:00.000+05:30",
    "shipmentType": "NORMAL",
    "subShipments": [{"subShipmentId": "SS-1", "packages": []}],
    "orderItems": [{"orderItemId": "i-1", "orderId": "OD1", "status": "APPROVED", "quantity": 2, "cancellationGroupId": "grp1"}],
}


def parcel(**changes: Any) -> parcels.Parcel:
    (one,), _ = parcels.read_parcels(msgspec.json.encode({"shipments": [{**ROW, **changes}]}))
    return one


def items(*states: str) -> list[dict[str, Any]]:
    return [{**ROW["orderItems"][0], "orderItemId": f"i-{number}", "status": state} for number, state in enumerate(states, start=1)]


# Where a parcel stands


@pytest.mark.parametrize(
    ("states", "stands"),
    [
        (("PACKED", "APPROVED"), "APPROVED"),
        (("CANCELLED", "PACKED"), "PACKED"),
        (("CANCELLED", "CANCELLED"), "CANCELLED"),
        (("SHIPPED", "TELEPORTED"), "TELEPORTED"),
        (("COMPLETED", "DELIVERED"), "DELIVERED"),
    ],
)
def test_a_parcel_stands_where_the_least_far_of_what_is_left_of_it_stands(states: tuple[str, ...], stands: str) -> None:
    assert parcel(orderItems=items(*states)).state == stands


@pytest.mark.parametrize("state", ["CANCELLED", "TELEPORTED", "APPROVED", "FORM_FAILED", "PACKING_IN_PROGRESS"])
def test_nothing_but_progress_counts_as_packed(state: str) -> None:
    assert not parcel(orderItems=items(state)).has_reached(parcels.PACKED)


# Sizes


def test_a_weight_counts_wherever_it_is_written() -> None:
    beside = msgspec.convert({"dimensions": {"length": 30, "breadth": 20, "height": 2}, "weight": 0.4}, Package)
    among = msgspec.convert({"dimensions": {"length": 10, "breadth": 25, "height": 3, "weight": 1}}, Package)
    assert sizes.stacked([beside, among]) == Size(Decimal(30), Decimal(25), Decimal(5), Decimal("1.4"))


@pytest.mark.parametrize("lacking", ["length", "breadth", "height", "weight"])
def test_a_package_without_one_figure_has_no_size(lacking: str) -> None:
    measures = {"length": 10, "breadth": 10, "height": 10, "weight": 1}
    del measures[lacking]
    assert sizes.stacked([msgspec.convert({"dimensions": measures}, Package)]) is None
    assert sizes.stacked([]) is None


@pytest.mark.parametrize("typed", [("0", "1", "1", "1"), ("1", "1", "1", "-1"), ("NaN", "1", "1", "1"), ("1", "1", "1"), ("", "", "", ""), ("9999", "1", "1", "1")])  # fmt: skip
def test_what_no_courier_carries_is_no_size(typed: tuple[str, ...]) -> None:
    assert sizes.read_size(typed) is None


FIGURES = st.decimals(min_value="0.01", max_value=100, places=2)


@given(FIGURES, FIGURES, FIGURES, FIGURES)
def test_a_size_survives_being_kept_as_a_mark(length: Decimal, breadth: Decimal, height: Decimal, weight: Decimal) -> None:
    size = Size(length, breadth, height, weight)
    assert sizes.from_text(size.text()) == size


# Tax


@pytest.mark.parametrize(
    ("code", "unit", "rate"),
    [
        ("GST_5", None, 5),
        ("GST_40", None, 40),
        ("GST_Old_5_New_18", None, 18),
        ("GST_APPAREL", "2625", 5),
        ("GST_APPAREL", "2625.01", None),
        ("GST_APPAREL", "2950", None),
        ("GST_Footwear", "2950.01", 18),
        ("GST_APPAREL", None, None),
        ("GST_OF_TOMORROW", "100", None),
        ("", "100", None),
    ],
)
def test_a_rate_is_read_from_the_code_and_never_guessed(code: str, unit: str | None, rate: int | None) -> None:
    found = taxes.Article(tax_code=code).rate(None if unit is None else Decimal(unit))
    assert found == (None if rate is None else Decimal(rate))


def test_the_rate_beside_a_code_that_says_nothing_counts() -> None:
    body = msgspec.json.encode({"available": {"SKU-1": {"tax": {"hsn": "6109", "goods_services_rate": 3}}, "SKU-2": {"tax": 7}}})
    found, bad = taxes.read_articles(body)
    assert found["SKU-1"].rate(None) == Decimal(3)
    assert len(bad) == 1


@pytest.mark.parametrize(("typed", "rate"), [("5", 5), (" 12 % ", 12), ("0", 0), ("101", None), ("-1", None), ("five", None), ("", None)])
def test_a_typed_rate_lies_between_0_and_100(typed: str, rate: int | None) -> None:
    assert taxes.read_rate(typed) == (None if rate is None else Decimal(rate))


# Calls and answers


def test_flipkart_numbers_the_invoice() -> None:
    one = Packing(parcel=parcel(), rates={"i-1": Decimal(5)}, sizes={"SS-1": Size(Decimal(10), Decimal(8), Decimal(2), Decimal("0.2"))})
    (sent,) = packing.pack_body([one], datetime(2026, 11, 22, 6, 30, tzinfo=UTC))["shipments"]
    assert sent["invoices"] == [{"orderId": "OD1", "invoiceDate": "2026-11-22T12:00:00.000+05:30"}]
    assert sent["taxItems"] == [{"orderItemId": "i-1", "taxRate": 5.0, "quantity": 2}]


@pytest.mark.parametrize("name", ["status", "processingStatus"])
def test_a_row_is_read_under_either_name(name: str) -> None:
    rows = [
        {"shipmentId": "a", name: "SUCCESS"},
        {"shipmentId": "b", name: "FAILURE", "errorCode": "INVALID_ITEM_STATE"},
        {"shipmentId": "c"},
    ]
    found = packing.read_results(msgspec.json.encode({"shipments": rows}), "answer")
    assert [one.taken for one in found.values()] == [True, False, False]
    assert found["b"].reason == "its parcel does not stand where that can be done"
    assert found["c"].reason == "it gave no reason"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("OPERATION_NOT_ALLOWED Label is late.", "Label is late"),
        ("OPERATION_NOT_ALLOWED", "it does not allow that for this parcel"),
        ("We are closed", "We are closed"),
        ("", "it gave no reason"),
    ],
)
def test_a_refused_call_is_told_in_words(told: str, said: str) -> None:
    assert refused(WireChanged("Flipkart", "orders", words=told, http_status=422)).reason == said


COUNT = {"vendorGroupCode": "Ekart Logistics", "count": 3, "isMps": False}
WINDOW = {"from": "2026-11-22T15:00:00.000+05:30", "to": "2026-11-22T17:00:00.000+05:30"}


@pytest.mark.parametrize(
    "body",
    [
        [{**COUNT, "pickUpDate": WINDOW}],
        {"resultManifestDetails": [{**COUNT, "pickUpDate": {"after": WINDOW["from"], "before": WINDOW["to"]}}]},
    ],
    ids=["bare", "wrapped"],
)
def test_counts_are_read_bare_and_wrapped(body: Any) -> None:
    (pickup,) = handover.read_counts(msgspec.json.encode(body))
    assert pickup.number == "Ekart Logistics 22 Nov 2026"
    params = {"vendorGroupCode": "Ekart Logistics", "locationId": "LOC1", "is_mps": False, "pickupDate": WINDOW}
    assert handover.manifest_body(pickup, "LOC1") == {"params": params}


def test_a_pickup_without_a_day_is_called_by_its_courier() -> None:
    (pickup,) = handover.read_counts(msgspec.json.encode([COUNT]))
    assert pickup.number == "Ekart Logistics"
    assert "pickupDate" not in handover.manifest_body(pickup, "LOC1")["params"]


@pytest.mark.parametrize("body", [{"rows": []}, [{**COUNT, "pickUpDate": {"from": "soon"}}], [{"count": 1}], 7])
def test_counts_of_another_shape_are_told(body: Any) -> None:
    with pytest.raises(WireChanged):
        handover.read_counts(msgspec.json.encode(body))


def test_a_parcel_may_have_an_invoice_for_each_of_its_orders() -> None:
    rows = [
        {"shipmentId": "s-1", "invoiceNumber": "F1", "orderItems": [{"orderItemId": "i-1"}]},
        {"shipmentId": "s-1", "InvoiceNumber": "F2", "orderItems": [{"orderItemId": "i-2"}]},
    ]
    found = handover.read_invoices(msgspec.json.encode({"invoices": rows}))
    assert found["s-1"].number == "F1 and F2"
    assert found["s-1"].item_ids == {"i-1", "i-2"}
