"""Easy Ship's shapes: what is asked for, and what is made of Amazon's answers, whatever they look like."""

import gzip
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import msgspec
import pytest
from pypdf import PdfWriter

from portal.marketplaces.amazon_in.wire.easy_ship import Slot, read_package, read_slots, schedule_body, slot_of, slot_text, soonest
from portal.marketplaces.amazon_in.wire.order_feeds import Left, cancellation_feed, papers_feed, read_processing_report
from portal.marketplaces.amazon_in.wire.pages import belongs_to, told_apart
from portal.marketplaces.amazon_in.wire.papers import inflated, whole_pdf
from portal.marketplaces.amazon_in.wire.parcels import Parcel, measured, parcel_marks, parcel_of, together
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.sandbox_papers import Sheet, printed

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FIRST, SECOND = "403-1234567-1234567", "403-1234567-7654321"


def slot(name: str, day: int, method: str = "PICKUP") -> Slot:
    start = datetime(2026, 11, day, 4, 30, tzinfo=UTC)
    return Slot(slotId=name, startTime=start, endTime=start.replace(hour=7), handoverMethod=method)


@pytest.mark.parametrize(
    ("slots", "chosen"),
    [
        ([slot("later", 26), slot("sooner", 24)], "sooner"),
        ([slot("over", 23), slot("ahead", 25)], "ahead"),
        ([slot("brought", 24, "DROPOFF"), slot("fetched", 26)], "fetched"),
        ([slot("brought", 24, "DROPOFF")], "brought"),
        ([Slot(slotId="untold")], "untold"),
    ],
)
def test_the_soonest_pickup_that_is_not_over(slots: list[Slot], chosen: str) -> None:
    found = soonest(slots, NOW)
    assert found is not None
    assert found.slotId == chosen


def test_no_slot_is_no_slot() -> None:
    assert soonest([], NOW) is None
    assert soonest([slot("over", 22)], NOW) is None


def test_a_slot_goes_back_as_it_came() -> None:
    told = {"slotId": "AQc=", "startTime": "2026-11-24T10:00:00+05:30", "endTime": "2026-11-24T13:00:00+05:30", "handoverMethod": "PICKUP"}
    found = read_slots(msgspec.json.encode({"amazonOrderId": FIRST, "timeSlots": [told]}))[0]
    assert schedule_body("A21", FIRST, found, {}, "name")["packageDetails"]["packageTimeSlot"] == told
    assert slot_of(slot_text(found)) == found
    assert slot_of("") is None


def test_a_slot_without_times_brings_none_along() -> None:
    found = read_slots(msgspec.json.encode({"amazonOrderId": FIRST, "timeSlots": [{"slotId": "AQc="}]}))[0]
    assert schedule_body("A21", FIRST, found, {}, "")["packageDetails"]["packageTimeSlot"] == {"slotId": "AQc="}


def test_what_a_package_lacks_is_empty() -> None:
    body = {"scheduledPackageId": {"amazonOrderId": FIRST}, "packageTimeSlot": {"slotId": "AQc="}}
    found = read_package(msgspec.json.encode(body))
    assert (found.order_id, found.package_id, found.status, found.awb, found.invoice) == (FIRST, "", "", "", "")


@pytest.mark.parametrize("body", [b"{}", b'{"timeSlots":{}}', b"[]", b'{"timeSlots":[{"startTime":"2026-11-24T10:00:00"}]}', b"<html>"])
def test_other_shapes_are_a_changed_wire(body: bytes) -> None:
    with pytest.raises(WireChanged):
        read_slots(body)
    with pytest.raises(WireChanged):
        read_package(body)


def listing(**attributes: Any) -> bytes:
    return msgspec.json.encode({"sku": "S", "attributes": attributes})


def box(length: float, width: float, height: float, unit: str = "centimeters") -> list[Any]:
    return [{name: {"value": value, "unit": unit} for name, value in (("length", length), ("width", width), ("height", height))}]


@pytest.mark.parametrize(
    ("dimensions", "weight", "parcel"),
    [
        (box(30, 25, 4), [{"value": 450, "unit": "grams"}], (30, 25, 4, 450)),
        (box(4, 30.1, 25), [{"value": 0.45, "unit": "kilograms"}], (31, 25, 4, 450)),
        (box(10, 2, 4, "inches"), [{"value": 1, "unit": "pounds"}], (26, 11, 6, 454)),
        (box(300, 250, 40, "millimeters"), [{"value": 2, "unit": "grams"}], (30, 25, 4, 11)),
    ],
)
def test_measures_become_whole_centimetres_and_grams_rounded_up(dimensions: Any, weight: Any, parcel: tuple[int, int, int, int]) -> None:
    found = measured(listing(item_package_dimensions=dimensions, item_package_weight=weight))
    assert found is not None
    assert (found.length_cm, found.width_cm, found.height_cm, found.weight_g) == parcel


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"item_package_dimensions": [], "item_package_weight": []},
        {"item_package_dimensions": box(30, 25, 4)},
        {"item_package_dimensions": box(30, 25, 4, "cubits"), "item_package_weight": [{"value": 450, "unit": "grams"}]},
        {"item_package_dimensions": box(30, 25, 0), "item_package_weight": [{"value": 450, "unit": "grams"}]},
        {"item_package_dimensions": box(30, 25, 4), "item_package_weight": "450 g"},
    ],
)
def test_a_listing_that_does_not_tell_leaves_the_parcel_unknown(attributes: dict[str, Any]) -> None:
    assert measured(listing(**attributes)) is None


def test_articles_are_laid_flat_and_stacked() -> None:
    shirt, shoes = (
        Parcel(length_cm=30, width_cm=25, height_cm=3, weight_g=300),
        Parcel(length_cm=33, width_cm=20, height_cm=12, weight_g=900),
    )
    assert together([(shirt, 2), (shoes, 1)]) == Parcel(length_cm=33, width_cm=25, height_cm=18, weight_g=1500)
    assert parcel_of(parcel_marks(shirt)) == shirt


@pytest.mark.parametrize("wrong", ["", "many", "-3", "0", "nan", "inf", "100000"])
def test_a_measure_that_cannot_be_is_none(wrong: str) -> None:
    assert parcel_of({"length_cm": wrong, "width_cm": "20", "height_cm": "5", "weight_g": "400"}) is None


def test_feeds_name_their_orders_in_messages_counted_from_one() -> None:
    told = papers_feed("A1EXAMPLE", [FIRST, SECOND]).decode()
    assert told.startswith("<?xml version='1.0' encoding='UTF-8'?>")
    for part in (
        "<MerchantIdentifier>A1EXAMPLE<",
        "<MessageType>EasyShipDocument<",
        f"<MessageID>2</MessageID><EasyShipDocument><AmazonOrderID>{SECOND}<",
    ):
        assert part in told
    assert told.count("<DocumentType>ShippingLabel</DocumentType><DocumentType>Invoice</DocumentType>") == 2
    left = cancellation_feed("A1EXAMPLE", [Left(FIRST, ["1", "2"], "NoInventory")]).decode()
    assert left.count("<CancelReason>NoInventory<") == 2
    assert "<StatusCode>Failure<" in left


def report(inside: str) -> bytes:
    return f"<AmazonEnvelope><MessageType>ProcessingReport</MessageType><Message><ProcessingReport>{inside}</ProcessingReport></Message></AmazonEnvelope>".encode()


def test_an_answer_names_its_report_and_who_has_none() -> None:
    result = "<Result><MessageID>2</MessageID><ResultCode>Error</ResultCode><ResultDescription>Not now</ResultDescription></Result>"
    fine = "<Result><MessageID>1</MessageID><ResultCode>Warning</ResultCode><ResultDescription>Fine</ResultDescription></Result>"
    found = read_processing_report(report(fine + result + "<DocumentReportReferenceID> 77 </DocumentReportReferenceID>"))
    assert (found.report_id, found.problems) == ("77", {2: "Not now"})


def test_an_error_without_a_message_is_everybodys() -> None:
    found = read_processing_report(report("<ErrorCode>610013</ErrorCode><ErrorMessage>Internal service failure</ErrorMessage>"))
    assert (found.report_id, found.problems) == ("", {0: "Internal service failure (610013)"})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"summary":{}}',
        b"<AmazonEnvelope>",
        b"<html><body>Sorry</body></html>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><AmazonEnvelope><MessageType>ProcessingReport</MessageType></AmazonEnvelope>',
    ],
)
def test_another_document_is_a_changed_wire(body: bytes) -> None:
    with pytest.raises(WireChanged):
        read_processing_report(body)


def sheets(*orders: str) -> bytes:
    return printed([Sheet(lines=(f"Order {order}", "label")) for order in orders])


@pytest.mark.anyio
async def test_pages_go_to_the_order_they_show_wherever_they_lie() -> None:
    found = await told_apart(sheets(SECOND, FIRST, SECOND), [FIRST, SECOND])
    assert found is not None
    assert [await belongs_to(found[order], order) for order in (FIRST, SECOND)] == [True, True]
    assert not await belongs_to(found[FIRST], SECOND)
    assert FIRST.encode() not in found[SECOND]


@pytest.mark.anyio
@pytest.mark.parametrize("content", [sheets(FIRST), sheets(FIRST, f"{FIRST} and {SECOND}"), sheets(FIRST, SECOND, "nobody's")])
async def test_a_file_that_leaves_a_doubt_is_not_divided(content: bytes) -> None:
    assert await told_apart(content, [FIRST, SECOND]) is None


def locked(content: bytes) -> bytes:
    writer = PdfWriter(clone_from=BytesIO(content))
    writer.encrypt("a word nobody told us", algorithm="RC4-128")
    made = BytesIO()
    writer.write(made)
    return made.getvalue()


@pytest.mark.anyio
@pytest.mark.parametrize("content", [locked(sheets(FIRST)), b"%PDF-1.4\nnonsense\n%%EOF\n"])
async def test_a_file_we_cannot_look_into_is_one_orders_only_if_it_was_asked_for_alone(content: bytes) -> None:
    assert whole_pdf(content) == content
    assert await told_apart(content, [FIRST]) is None
    assert await belongs_to(content, FIRST)


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4 half", b"<html></html>", b"\x1f\x8bdamaged"])
def test_only_a_whole_pdf_is_one(content: bytes) -> None:
    with pytest.raises(WireChanged):
        whole_pdf(content)


def test_a_bomb_is_not_inflated() -> None:
    with pytest.raises(WireChanged):
        inflated(gzip.compress(b"0" * ((1 << 27) + 1), 1))
