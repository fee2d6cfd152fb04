"""From an open order to a parcel that waits for the driver: what goes through, what is held and why, and what a person's word does."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from io import BytesIO

import msgspec
import pytest
from pypdf import PdfReader

from portal import clock
from portal.marketplaces.amazon_in.client import MARKETPLACE_ID
from portal.marketplaces.amazon_in.sandbox.courses import MadeOrder, awb
from portal.marketplaces.amazon_in.sandbox.gate import CALLS
from portal.marketplaces.amazon_in.stages import requesting
from portal.marketplaces.amazon_in.wire.order_feeds import CONTENT_TYPE, PAPERS, papers_feed
from portal.marketplaces.amazon_in.wire.pages import belongs_to
from portal.marketplaces.amazon_in.wire.reports import new_document
from portal.marketplaces.errors import MarketplaceError, NotAllowed, Unreachable
from portal.marketplaces.facts import Decision
from portal.marketplaces.http import Outside
from portal.marketplaces.sandbox import Fault, Shop
from tests.documents.seeing import read
from tests.marketplaces.amazon_in.conveyor import Conveyor, conveyor

pytestmark = pytest.mark.anyio

SHOP = Shop(seed=4, orders=4, listings=40, returns=0)
TINY = Shop(seed=4, orders=2, listings=40, returns=0)


@pytest.fixture
async def belt() -> AsyncIterator[Conveyor]:
    async with conveyor(SHOP) as one:
        yield one


def ids(belt: Conveyor) -> list[str]:
    return [order.order_id for order in belt.world.orders]


def spoken(belt: Conveyor) -> None:
    """Everything a seller reads is a sentence."""
    for words in [*(one.reason for one in belt.held.values()), *belt.gone.values(), *belt.notes, *belt.waits]:
        assert words[0].isupper() or words[0].isdigit(), words
        assert words.endswith("."), words


async def test_every_order_is_booked_once_and_gets_its_own_papers(belt: Conveyor) -> None:
    await belt.run()
    assert belt.through == set(ids(belt))
    assert belt.world.desk.scheduled == belt.world.desk.papered == dict.fromkeys(ids(belt), 1)
    assert Counter(paper.external_order_id for paper in belt.documents) == dict.fromkeys(ids(belt), 1)
    for paper in belt.documents:
        number = belt.world.orders.by_id(paper.external_order_id)
        assert number is not None
        assert paper.number == awb(number.number) == belt.orders[paper.external_order_id].marks["awb"]
        assert read(paper.content) == [{"Code128": paper.number}, {}]
        assert len(PdfReader(BytesIO(paper.content)).pages) == 2
    assert await belt.calls("createFeed") == 1
    spoken(belt)


async def test_the_soonest_pickup_is_chosen_and_the_label_says_what_to_pack(belt: Conveyor) -> None:
    await belt.run()
    soonest = belt.world.desk.offered()[-1]
    assert set(belt.world.desk.slots.values()) == {soonest["slotId"]}
    first = belt.orders[ids(belt)[0]]
    assert belt.world.desk.names[first.external_order_id].startswith(f"{first.lines[0].ordered} x {first.lines[0].sku}")
    tomorrow = clock.ist_today() + timedelta(days=1)
    assert first.marks["manifest"] == f"Pickup {tomorrow:%-d %b}, 10:00 am to 1:00 pm"
    assert any(note.startswith(first.marks["manifest"]) for note in belt.notes)


async def test_what_is_shipped_by_the_seller_is_no_part_of_it(belt: Conveyor) -> None:
    belt.world.orders.self_shipped.add(ids(belt)[0])
    await belt.run()
    assert belt.through == set(ids(belt)[1:])
    assert "Open orders that you ship with your own courier, and so not in this batch: 1." in belt.notes


async def test_an_order_that_is_short_is_held_and_never_reduced(belt: Conveyor) -> None:
    short = belt.world.orders.items(belt.world.orders[2])[0].article.sku
    asked = {order_id for order_id in ids(belt) if short in {line.article.sku for line in belt.world.orders.items(_made(belt, order_id))}}
    belt.stock[short] = 0
    await belt.run()
    assert belt.held.keys() == asked
    for order_id in asked:
        assert (belt.held[order_id].code, Decision.REDUCE in belt.held[order_id].decisions) == ("stock_short", False)
        assert "whole order" in belt.held[order_id].reason
    assert belt.through == set(ids(belt)) - asked
    spoken(belt)


def _made(belt: Conveyor, order_id: str) -> MadeOrder:
    order = belt.world.orders.by_id(order_id)
    assert order is not None
    return order


async def test_a_shopper_who_asked_to_cancel_is_asked_about(belt: Conveyor) -> None:
    sent, dropped = ids(belt)[:2]
    belt.world.orders.asks_to_cancel |= {sent, dropped}
    await belt.run()
    assert {order_id: one.code for order_id, one in belt.held.items()} == {sent: "asked_to_cancel", dropped: "asked_to_cancel"}
    belt.decide(sent, Decision.AS_ORDERED)
    belt.decide(dropped, Decision.DROP)
    await belt.run()
    assert belt.through == set(ids(belt)) - {dropped}
    assert belt.gone == {dropped: "Dropped: cancelled at Amazon as you decided."}
    assert (dict(belt.world.desk.cancelled), belt.world.desk.reasons) == ({dropped: 1}, {dropped: "BuyerCanceled"})


async def test_serial_numbers_are_asked_for_and_told(belt: Conveyor) -> None:
    order = belt.world.orders[1]
    item = belt.world.orders.items(order)[0]
    belt.world.orders.wants_serials.add(order.order_id)
    await belt.run()
    assert belt.held[order.order_id].code == "serials_missing"
    numbers = [f"SN{number}" for number in range(item.quantity)]
    belt.decide(order.order_id, Decision.CORRECT, **{f"serials_{item.item_id}": ", ".join(numbers)})
    await belt.run()
    assert belt.world.desk.serials == {order.order_id: numbers}
    assert belt.through == set(ids(belt))


async def test_a_parcel_nobody_has_measured_is_filled_in_by_hand(belt: Conveyor) -> None:
    order = belt.world.orders[0]
    sku = belt.world.orders.items(order)[0].article.sku
    belt.world.stock.unmeasured.add(sku)
    await belt.run()
    assert belt.held[order.order_id].code == "parcel_unknown"
    assert sku in belt.held[order.order_id].reason
    for order_id in list(belt.held):
        belt.decide(order_id, Decision.CORRECT, length_cm="30", width_cm="20.2", height_cm="many", weight_g="400")
    await belt.run()
    assert belt.held[order.order_id].code == "parcel_unknown"
    for order_id in list(belt.held):
        belt.decide(order_id, Decision.CORRECT, length_cm="30", width_cm="20.2", height_cm="5", weight_g="400")
    await belt.run()
    assert belt.through == set(ids(belt))
    told = belt.world.desk.parcels[order.order_id]
    assert told["packageDimensions"] == {"length": 30, "width": 21, "height": 5, "unit": "cm"}
    assert told["packageWeight"] == {"value": 400, "unit": "g"}


async def test_a_slot_that_is_gone_is_replaced_once(belt: Conveyor) -> None:
    once, always = ids(belt)[:2]
    belt.world.desk.slot_gone.update({once: 1, always: 2})
    await belt.run()
    assert belt.held[always].code == "not_scheduled"
    assert belt.through == set(ids(belt)) - {always}
    assert belt.world.desk.scheduled[once] == 1
    belt.decide(always, Decision.RETRY)
    await belt.run()
    assert belt.through == set(ids(belt))
    spoken(belt)


async def test_a_parcel_no_slot_fits_is_held_with_its_measures_to_correct(belt: Conveyor) -> None:
    order_id = ids(belt)[3]
    belt.world.desk.no_slots.add(order_id)
    await belt.run()
    assert (belt.held[order_id].code, Decision.CORRECT in belt.held[order_id].decisions) == ("no_slot", True)
    assert belt.through == set(ids(belt)) - {order_id}
    belt.world.desk.no_slots.clear()
    belt.decide(order_id, Decision.CORRECT, length_cm="ten", width_cm="10", height_cm="5", weight_g="400")
    await belt.run()
    assert belt.held[order_id].code == "no_slot"
    belt.decide(order_id, Decision.CORRECT, length_cm="10", width_cm="10", height_cm="5", weight_g="400")
    await belt.run()
    assert belt.through == set(ids(belt))
    assert belt.world.desk.parcels[order_id]["packageDimensions"]["length"] == 10


@pytest.mark.parametrize("stage", ["slots", "schedule", "handover"])
async def test_a_shopper_who_cancels_meanwhile_leaves_the_batch(belt: Conveyor, stage: str) -> None:
    order_id = ids(belt)[2]
    await belt.run(until=stage)
    belt.world.desk.shopper_cancels(order_id, belt.world.shown_until)
    await belt.run()
    assert belt.gone == {order_id: "This order is cancelled at Amazon."}
    assert belt.through == set(ids(belt)) - {order_id}


@pytest.mark.parametrize("stage", ["slots", "schedule"])
async def test_a_pickup_booked_by_hand_is_taken_as_it_is(belt: Conveyor, stage: str) -> None:
    order_id = ids(belt)[2]
    await belt.run(until=stage)
    slot = belt.world.desk.offered()[0]["slotId"]
    belt.world.desk.schedule(_made(belt, order_id), slot, [], "by hand", belt.world.shown_until)
    await belt.run()
    assert belt.through == set(ids(belt))
    assert (belt.world.desk.scheduled[order_id], belt.world.desk.slots[order_id]) == (1, slot)


async def test_a_pickup_that_the_carrier_gave_up_is_held(belt: Conveyor) -> None:
    order_id = ids(belt)[2]
    await belt.run(until="handover")
    belt.world.desk.cancel_label(order_id, belt.world.shown_until)
    await belt.run()
    assert belt.held[order_id].code == "pickup_cancelled"
    assert belt.through == set(ids(belt)) - {order_id}
    spoken(belt)


async def test_one_label_that_is_not_ready_holds_one_order(belt: Conveyor) -> None:
    order_id = ids(belt)[3]
    belt.world.desk.no_papers[order_id] = "Internal service failure"
    await belt.run()
    assert belt.held[order_id].code == "label_not_ready"
    assert "Internal service failure (610013)" in belt.held[order_id].reason
    assert belt.through == set(ids(belt)) - {order_id}
    belt.world.desk.no_papers.clear()
    belt.decide(order_id, Decision.RETRY)
    await belt.run()
    assert belt.through == set(ids(belt))
    assert Counter(paper.external_order_id for paper in belt.documents) == dict.fromkeys(ids(belt), 1)


async def test_pages_that_cannot_be_told_apart_are_asked_for_one_by_one(belt: Conveyor) -> None:
    belt.world.desk.mixed = True
    await belt.run()
    assert belt.through == set(ids(belt))
    assert await belt.calls("createFeed") == 1 + len(ids(belt))
    for paper in belt.documents:
        assert [{"Code128": paper.number}, {}] == read(paper.content)


async def test_a_dropped_order_that_amazon_will_not_cancel_is_held_with_its_words(belt: Conveyor) -> None:
    order_id = ids(belt)[1]
    belt.world.orders.asks_to_cancel.add(order_id)
    belt.world.desk.uncancellable[order_id] = "The order has left the building"
    await belt.run()
    belt.decide(order_id, Decision.DROP)
    await belt.run()
    assert belt.held[order_id].code == "not_cancelled"
    assert "has left the building" in belt.held[order_id].reason
    belt.world.desk.uncancellable.clear()
    belt.decide(order_id, Decision.DROP)
    await belt.run()
    assert belt.gone.keys() == {order_id}
    assert belt.world.desk.scheduled[order_id] == 0


async def test_what_is_left_of_a_feed_about_papers_is_not_taken_for_a_cancellation(belt: Conveyor) -> None:
    order_id = ids(belt)[1]
    await belt.run(until="handover")
    belt.world.desk.cancel_label(order_id, belt.world.shown_until)
    await belt.run()
    belt.decide(order_id, Decision.DROP)
    order = belt.orders[order_id]
    left_over = {requesting.UPLOADED: "document", requesting.FEED: "70001", requesting.MESSAGE: "1"}
    belt.orders[order_id] = msgspec.structs.replace(order, marks={**order.marks, **left_over})
    await belt.run()
    assert belt.gone.keys() == {order_id}
    assert dict(belt.world.desk.cancelled) == {order_id: 1}


async def test_a_slow_feed_gives_the_place_back_and_is_not_started_again(belt: Conveyor) -> None:
    belt.world.looks_needed = 3
    patient = Outside(settings={**belt.bench.settings, "RATE": "3"}, tokens=belt.bench.outside.tokens, allow_private=True)
    await belt.run(until="papers")
    await belt.run(outside=patient)
    assert belt.through == set()
    assert "Orders that wait: 4." in belt.waits[-1]
    await belt.run()
    assert belt.through == set(ids(belt))
    assert await belt.calls("createFeed") == 1
    spoken(belt)


async def test_of_several_feeds_each_is_started_once_whichever_answer_is_lost(belt: Conveyor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requesting, "MOST_IN_A_FEED", 2)
    await belt.run(until="papers")
    await belt.bench.order_fault(Fault.LOST_ANSWER, operation="createFeed", after=1)
    with pytest.raises(Unreachable):
        await belt.run()
    await belt.run()
    assert belt.through == set(ids(belt))
    assert await belt.calls("createFeed") == 2
    assert belt.world.desk.papered == dict.fromkeys(ids(belt), 1)
    assert all([await belongs_to(paper.content, paper.external_order_id) for paper in belt.documents])


async def test_a_feed_of_somebody_else_is_never_taken_for_papers_of_ours(belt: Conveyor) -> None:
    """Our feed was not started, and another tool starts one in the same moment: its pages are another order's."""
    theirs = ids(belt)[0]
    belt.world.orders.self_shipped.add(theirs)
    await belt.run(until="papers")
    belt.world.desk.schedule(_made(belt, theirs), belt.world.desk.offered()[0]["slotId"], [], "theirs", belt.world.shown_until)
    await belt.bench.order_fault(Fault.OUTAGE, operation="createFeed")
    with pytest.raises(Unreachable):
        await belt.run()
    async with belt.bench.adapter() as adapter:
        client = adapter._client
        place = new_document(await client.create_feed_document({"contentType": CONTENT_TYPE}))
        await client.upload(place.url, papers_feed(client.seller, [theirs]), CONTENT_TYPE)
        await client.create_feed({"feedType": PAPERS, "marketplaceIds": [MARKETPLACE_ID], "inputFeedDocumentId": place.feedDocumentId})
    await belt.run()
    assert belt.through == set(ids(belt)) - {theirs}
    assert all([await belongs_to(paper.content, paper.external_order_id) for paper in belt.documents])
    assert Counter(paper.external_order_id for paper in belt.documents) == dict.fromkeys(belt.through, 1)


async def test_a_shop_that_is_not_in_easy_ship_is_told_so(belt: Conveyor) -> None:
    belt.world.desk.closed = True
    with pytest.raises(NotAllowed) as caught:
        await belt.run()
    assert "Easy Ship is not open to this shop" in caught.value.seller_message


async def test_without_the_role_for_pickups_the_run_says_which_role(belt: Conveyor) -> None:
    await belt.bench.order_fault(Fault.FORBIDDEN, times=0, operation="createScheduledPackage")
    with pytest.raises(NotAllowed) as caught:
        await belt.run()
    assert "Direct-to-Consumer Shipping" in caught.value.seller_message


async def test_buyers_papers_take_a_token_for_their_own_address(belt: Conveyor) -> None:
    await belt.run(outside=belt.bench.tapped())
    fetched = [request for request, _, _ in belt.bench.wire.seen if "/reports/2021-06-30/documents/" in request.url.path]
    assert [request.headers["x-amz-access-token"].partition("|")[0] for request in fetched] == ["Atz.sprdt"]


async def test_without_the_role_for_buyers_data_the_run_says_which_role(belt: Conveyor) -> None:
    await belt.bench.order_fault(Fault.FORBIDDEN, times=0, operation="createRestrictedDataToken")
    with pytest.raises(NotAllowed) as caught:
        await belt.run()
    assert "Direct-to-Consumer Shipping" in caught.value.seller_message


OPERATIONS = (
    "signIn",
    "searchOrders",
    "getListingsItem",
    "listHandoverSlots",
    "getScheduledPackage",
    "createScheduledPackage",
    "getFeeds",
    "createFeedDocument",
    "createFeed",
    "getFeed",
    "getFeedDocument",
    "getReport",
    "createRestrictedDataToken",
    "getReportDocument",
    "document",
)
FAULTS = sorted((CALLS | {Fault.LOST_ANSWER, Fault.UNKNOWN_VALUE}) - {Fault.TIMEOUT})
"""A time-out is to us as a reset is, and slow to show."""


@pytest.mark.soak
@pytest.mark.parametrize("fault", FAULTS)
async def test_after_every_fault_of_every_call_the_batch_ends_as_if_there_had_been_none(fault: Fault) -> None:
    async with conveyor(TINY) as belt:
        for operation in OPERATIONS:
            belt.begin_anew()
            await belt.bench.order_fault(fault, times=0, operation=operation)
            with suppress(MarketplaceError):
                await belt.run()
            await belt.bench.clear_faults()
            await belt.run()
            assert (belt.held, belt.through) == ({}, set(ids(belt))), operation
            assert belt.world.desk.scheduled == belt.world.desk.papered == dict.fromkeys(ids(belt), 1), operation
            assert Counter(paper.external_order_id for paper in belt.documents) == dict.fromkeys(ids(belt), 1), operation
