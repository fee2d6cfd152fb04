"""The ten stages against the sandbox: what is bad is held with its reason, the rest goes on, and no call is taken twice."""

from datetime import timedelta
from io import BytesIO

import msgspec
import pytest
from pypdf import PdfReader

from portal.marketplaces.errors import Unreachable, WireChanged
from portal.marketplaces.facts import Decision
from portal.marketplaces.flipkart.sandbox.goods import Order
from portal.marketplaces.flipkart.stages import STAGES
from portal.marketplaces.sandbox import Fault
from tests.documents.seeing import read
from tests.marketplaces.flipkart.batching import batch, order_of, parcel_of
from tests.marketplaces.flipkart.shops import kept, pages_of

pytestmark = pytest.mark.anyio


def test_every_stage_needs_what_an_earlier_one_produces() -> None:
    there: set[str] = set()
    for stage in STAGES:
        assert set(stage.needs) <= there, stage.code
        there |= set(stage.produces)


async def test_good_orders_end_on_a_manifest_with_label_and_invoice() -> None:
    async with batch(3) as one:
        await one.until("manifest")
        assert set(one.passed.values()) == {len(STAGES)}
        assert (one.held, one.gone) == ({}, {})
        labels = [paper for paper in one.documents if paper.kind == "label"]
        for paper in labels:
            assert read(paper.content) == [{"Code128": paper.number}]
            assert one.orders[paper.external_order_id].marks["awb"] == paper.number
        invoices = {paper.external_order_id: paper for paper in one.documents if paper.kind == "customer_invoice"}
        assert invoices.keys() == {paper.external_order_id for paper in labels} == one.orders.keys()
        for paper in invoices.values():
            assert paper.number in PdfReader(BytesIO(paper.content)).pages[0].extract_text()
        manifests = {paper.number for paper in one.documents if paper.kind == "manifest"}
        assert {order.marks["manifest"] for order in one.orders.values()} == manifests


# Which orders join


async def test_orders_that_have_to_wait_stay_out_and_join_later() -> None:
    async with batch(3) as one:
        shelves, desk = one.place.world.shelves, one.place.world.desk
        on_hold, early, own = (order.parcels[0] for order in one.ready)
        early.after, own.self_ship = shelves.now + timedelta(hours=1), True
        on_hold.hold = True
        for parcel in (on_hold, early, own):
            shelves.move(parcel, "APPROVED")
        await one.stage("pull")
        assert one.orders == {}
        assert one.notes[-1].startswith("Orders for your own courier: ")
        desk.make_ready([on_hold, early])
        await one.stage("pull")
        assert one.orders.keys() == {on_hold.order.order_id, early.order.order_id}


async def test_an_order_joins_whole_or_not_at_all() -> None:
    """Were it to join with one of its parcels, the other would never be packed: an order joins one batch in its life."""
    async with batch(1, parcels=2) as one:
        shelves = one.place.world.shelves
        (order,) = one.ready
        order.parcels[1].hold = True
        shelves.move(order.parcels[1], "APPROVED")
        await one.stage("pull")
        assert one.orders == {}
        one.place.world.desk.make_ready(order.parcels)
        await one.until("manifest")
        assert one.passed == {order.order_id: len(STAGES)}
        assert {paper.number for paper in one.documents if paper.kind == "label"} == {parcel.awb for parcel in order.parcels}


async def test_a_parcel_that_cannot_be_read_is_set_aside_and_the_others_join() -> None:
    async with batch(3) as one:
        await one.place.order(Fault.UNREADABLE_ROW, operation="shipments.of_orders")
        aside = [row.external_id for outcome in await one.stage("pull") for row in outcome.set_aside]
        assert [shipment_id in one.place.world.shelves.parcels for shipment_id in aside] == [True]
        assert len(one.orders) == 3 - (aside[0] in {order.parcels[0].shipment_id for order in one.ready})


async def test_the_same_page_again_is_no_end_of_the_orders() -> None:
    async with batch(25) as one:
        await one.place.order(Fault.REPEATED_PAGE, times=0, operation="shipments.search")
        with pytest.raises(Unreachable):
            await one.stage("pull")


# Quantities, tax and size


def _sku(order: Order) -> str:
    return order.parcels[0].lines[0].article.sku


async def test_a_short_line_is_left_out_whole() -> None:
    """Flipkart cancels no part of a line, so the one piece there is of two is not promised."""
    async with batch(1, lines=2, policy="reduce") as one:
        (order,) = one.ready
        short, full = order.parcels[0].lines
        short.quantity = 2
        one.place.world.shelves.move(order.parcels[0], "APPROVED")
        one.stock[short.article.sku] = 1
        await one.until("cancel")
        assert (short.cancelled, full.cancelled) == (True, False)
        await one.until("manifest")
        desk = one.place.world.desk
        assert desk.quantities == {order.parcels[0].shipment_id: {full.item_id: full.quantity}}
        assert desk.cancelled == {short.item_id: 1}


async def test_a_tax_that_no_listing_settles_is_asked_for() -> None:
    async with batch(2) as one:
        bad, good = one.ready
        line = bad.parcels[0].lines[0]
        assert _sku(good) != _sku(bad)
        one.place.world.shelves.offers[line.article.sku].tax_code = "GST_TO_BE_SETTLED"
        await one.until("pack")
        assert one.codes() == {bad.order_id: "tax_unknown"}
        assert one.held[bad.order_id].corrects == (("tax_rate", "GST in percent"),)
        one.decide(bad.order_id, Decision.CORRECT, tax_rate="nought")
        await one.stage("check")
        assert one.codes() == {bad.order_id: "tax_unknown"}
        one.decide(bad.order_id, Decision.CORRECT, tax_rate=f"{line.article.gst} %")
        for stage in ("check", "cancel", "pack"):
            await one.stage(stage)
        assert one.place.world.desk.packed == dict.fromkeys((bad.parcels[0].shipment_id, good.parcels[0].shipment_id), 1)


async def test_a_size_that_nobody_measured_is_asked_for() -> None:
    async with batch(2) as one:
        bad, good = one.ready
        assert _sku(good) != _sku(bad)
        one.place.world.shelves.offers[_sku(bad)].size = None
        await one.until("check")
        assert one.codes() == {bad.order_id: "size_unknown"}
        one.decide(bad.order_id, Decision.CORRECT, length="20", breadth="15", height="0", weight="0.3")
        await one.stage("check")
        assert one.codes() == {bad.order_id: "size_unknown"}
        one.decide(bad.order_id, Decision.CORRECT, length="20", breadth="15", height="4", weight="0.3")
        for stage in ("check", "cancel", "pack"):
            await one.stage(stage)
        assert one.held == {}


# Cancelling


async def test_a_dropped_order_is_cancelled_once() -> None:
    async with batch(2) as one:
        short, good = one.ready
        one.stock[short.parcels[0].lines[0].article.sku] = 0
        await one.until("quantities")
        assert short.order_id in one.codes()
        one.decide(short.order_id, Decision.DROP)
        for _ in range(2):
            one.gone.clear()
            await one.stage("cancel")
            assert list(one.gone) == [short.order_id]
        assert one.place.world.desk.cancelled == {short.parcels[0].lines[0].item_id: 1}
        assert parcel_of(one, short.order_id).cancelled_by == "sellerCancellation"
        assert good.parcels[0].cancelled_by == ""


async def test_what_would_fall_with_another_line_is_asked_about() -> None:
    async with batch(1, lines=2, policy="zero") as one:
        (order,) = one.ready
        short, full = order.parcels[0].lines
        short.group = full.group = "grp-both"
        one.place.world.shelves.move(order.parcels[0], "APPROVED")
        one.stock[short.article.sku] = 0
        await one.until("cancel")
        assert one.codes() == {order.order_id: "falls_together"}
        one.decide(order.order_id, Decision.AS_ORDERED)
        for stage in ("cancel", "pack"):
            await one.stage(stage)
        assert one.place.world.desk.quantities == {order.parcels[0].shipment_id: {line.item_id: line.quantity for line in (short, full)}}


async def test_a_packed_order_can_no_longer_be_dropped() -> None:
    async with batch(1) as one:
        await one.until("labels")
        (order_id,) = one.orders
        one.passed[order_id] = 3
        one.orders[order_id] = msgspec.structs.replace(one.orders[order_id], decision=Decision.DROP)
        await one.stage("cancel")
        assert one.codes() == {order_id: "packed_already"}
        assert one.held[order_id].decisions == (Decision.RETRY,)
        assert one.place.world.desk.cancelled == {}
        one.decide(order_id, Decision.RETRY)
        for stage in ("cancel", "pack", "packed", "labels", "invoices", "dispatch", "manifest"):
            await one.stage(stage)
        assert one.passed == {order_id: len(STAGES)}
        assert set(one.place.world.desk.packed.values()) == {1}


# Packing


async def test_a_parcel_that_flipkart_will_not_pack_is_held_and_the_others_go_on() -> None:
    async with batch(3) as one:
        bad = one.ready[1]
        one.place.world.desk.rejects[bad.parcels[0].shipment_id] = "IMEI number is missing."
        await one.until("manifest")
        assert one.codes() == {bad.order_id: "not_packed"}
        assert one.held[bad.order_id].reason.startswith("Flipkart did not pack it: IMEI number is missing. ")
        assert sorted(one.passed.values()) == [4, 10, 10]
        one.place.world.desk.rejects.clear()
        one.decide(bad.order_id, Decision.RETRY)
        for stage in ("pack", "packed", "labels", "invoices", "dispatch", "manifest"):
            await one.stage(stage)
        assert set(one.passed.values()) == {10}


async def test_a_call_that_is_refused_whole_does_not_hold_the_good_parcels() -> None:
    """Flipkart names no parcel then; halving the call finds the one."""
    async with batch(5) as one:
        bad = one.ready[3]
        one.place.world.desk.spoils.add(bad.parcels[0].shipment_id)
        await one.until("manifest")
        assert one.codes() == {bad.order_id: "not_packed"}
        assert one.held[bad.order_id].reason.startswith("Flipkart did not pack it: serialNumbers is missing. ")
        assert set(one.place.world.desk.packed.values()) == {1}
        assert len(one.place.world.desk.dispatched) == 4


async def test_what_changed_in_a_parcel_since_the_check_is_not_guessed() -> None:
    async with batch(2) as one:
        await one.until("cancel")
        bad, good = one.ready
        one.place.world.desk.put_together(bad.parcels[0], good.parcels[0])
        for name in [name for name in one.orders[good.order_id].marks if name.startswith("rate ")]:
            del one.orders[good.order_id].marks[name]
        await one.stage("pack")
        assert set(one.codes().values()) == {"content_changed"}
        assert one.place.world.desk.packed == {}


async def test_a_shopper_who_cancels_meanwhile_takes_the_order_out_at_every_stage() -> None:
    later = [stage.code for stage in STAGES[2:] if stage.code != "cancel"]
    async with batch(len(later) + 1) as one:
        await one.until("quantities")
        leaving = dict(zip(later, one.ready, strict=False))
        for stage in STAGES[2:]:
            if stage.code in leaving:
                one.place.world.desk.shopper_cancels(leaving[stage.code].parcels[0])
            await one.stage(stage.code)
            if stage.code in leaving:
                assert leaving[stage.code].order_id in one.gone, stage.code
        assert len(one.gone) == len(later)
        assert one.held == {}
        assert sorted(one.passed.values())[-1] == len(STAGES)


async def test_a_hold_that_begins_after_the_order_joined_is_told() -> None:
    async with batch(1) as one:
        await one.until("cancel")
        (order,) = one.ready
        order.parcels[0].hold = True
        one.place.world.shelves.move(order.parcels[0], "APPROVED")
        await one.stage("pack")
        assert one.codes() == {order.order_id: "on_hold"}


async def test_a_parcel_of_two_orders_is_packed_by_one_call() -> None:
    async with batch(2) as one:
        together, other = one.ready
        one.place.world.desk.put_together(together.parcels[0], other.parcels[0])
        await one.until("manifest")
        assert set(one.passed.values()) == {len(STAGES)}
        assert one.place.world.desk.packed == {together.parcels[0].shipment_id: 1}
        assert [paper.external_order_id for paper in one.documents if paper.kind == "label"] == [together.order_id]
        assert {order.marks["label"] for order in one.orders.values()} == {together.parcels[0].awb}


async def test_a_parcel_waits_for_both_its_orders() -> None:
    async with batch(2) as one:
        good, short = one.ready
        one.place.world.desk.put_together(good.parcels[0], short.parcels[0])
        line = good.parcels[0].lines[1]
        assert line.article.sku != good.parcels[0].lines[0].article.sku
        one.stock[line.article.sku] = 0
        await one.until("pack")
        assert one.codes() == {short.order_id: "stock_short", good.order_id: "shares_a_parcel"}
        one.decide(short.order_id, Decision.DROP)
        one.decide(good.order_id, Decision.RETRY)
        for stage in ("cancel", "pack", "packed", "labels"):
            await one.stage(stage)
        assert list(one.gone) == [short.order_id]
        assert one.held == {}


async def test_labels_that_take_their_time_are_waited_for_and_asked_for_once() -> None:
    async with batch(2) as one:
        desk = one.place.world.desk
        desk.pack_s = 3600.0
        await one.until("pack")
        for minutes in (0, 1, 30):
            one.now += timedelta(minutes=minutes)
            said = await one.stage("packed")
            assert said[-1].resume_at is not None
            assert one.now < said[-1].resume_at <= one.now + timedelta(minutes=5)
            assert said[-1].waiting_for.endswith("Orders that wait: 2.")
        await one.stage("pack")
        assert set(desk.packed.values()) == {1}
        one.now += timedelta(minutes=30)
        await one.stage("packed")
        assert set(one.codes().values()) == {"label_overdue"}
        desk.pack_s = 0.0
        for order_id in list(one.held):
            one.decide(order_id, Decision.RETRY)
        for stage in ("packed", "labels", "invoices", "dispatch", "manifest"):
            await one.stage(stage)
        assert set(one.passed.values()) == {len(STAGES)}


async def test_a_parcel_stuck_in_a_form_is_held() -> None:
    async with batch(2) as one:
        stuck = one.ready[0]
        one.place.world.desk.forms_fail.add(stuck.parcels[0].shipment_id)
        await one.until("manifest")
        assert one.codes() == {stuck.order_id: "form_failed"}


async def test_a_word_nobody_has_heard_of_is_held_not_guessed() -> None:
    async with batch(2) as one:
        await one.until("cancel")
        await one.place.order(Fault.UNKNOWN_VALUE, operation="shipments.of_orders")
        await one.stage("pack")
        assert list(one.codes().values()) == ["state_unknown"]
        assert "TELEPORTED" in next(iter(one.held.values())).reason


async def test_a_row_that_cannot_be_read_holds_its_order_alone() -> None:
    async with batch(2) as one:
        await one.until("cancel")
        await one.place.order(Fault.UNREADABLE_ROW, operation="shipments.of_orders")
        await one.stage("pack")
        assert list(one.codes().values()) == ["parcel_unreadable"]
        assert len(one.place.world.desk.packed) == 1


# Papers and hand-over


async def test_a_missing_label_holds_its_order_alone() -> None:
    async with batch(3) as one:
        bad = one.ready[2]
        one.place.world.desk.unlabelled.add(bad.parcels[0].shipment_id)
        await one.until("manifest")
        assert one.codes() == {bad.order_id: "label_missing"}
        assert one.held[bad.order_id].reason == "Flipkart gives no label for it: Label is not generated."
        assert one.held[bad.order_id].decisions == (Decision.RETRY,)
        one.place.world.desk.unlabelled.clear()
        one.decide(bad.order_id, Decision.RETRY)
        for stage in ("labels", "invoices", "dispatch", "manifest"):
            await one.stage(stage)
        assert set(one.passed.values()) == {len(STAGES)}


@pytest.mark.parametrize("operation", ["labels.pdf", "invoices.pdf", "manifest.pdf"])
async def test_half_a_document_is_never_kept(operation: str) -> None:
    async with batch(1) as one:
        await one.place.order(Fault.TRUNCATED, operation=operation)
        with pytest.raises(WireChanged):
            await one.until("manifest")
        kinds = {"labels.pdf": "label", "invoices.pdf": "customer_invoice", "manifest.pdf": "manifest"}
        assert kinds[operation] not in {paper.kind for paper in one.documents}


async def test_an_invoice_that_leaves_an_item_out_is_told() -> None:
    async with batch(1, lines=2) as one:
        (order,) = one.ready
        await one.until("labels")
        # The shipment still shows the item, and the invoice does not.
        one.place.world.shelves.row(order.parcels[0])
        order.parcels[0].lines[1].cancelled = True
        await one.stage("invoices")
        assert one.codes() == {order.order_id: "invoice_differs"}
        assert order.parcels[0].lines[1].article.sku in one.held[order.order_id].reason


async def test_parcels_that_are_not_counted_yet_are_waited_for() -> None:
    async with batch(2) as one:
        await one.until("dispatch")
        shelves = one.place.world.shelves
        parcel = one.ready[0].parcels[0]
        shelves.row(parcel)
        # Flipkart's count lags behind the state that it shows.
        parcel.state = "PACKED"
        said = await one.stage("manifest")
        assert said[-1].resume_at == one.now + timedelta(minutes=1)
        assert not [paper for paper in one.documents if paper.kind == "manifest"]
        one.now += timedelta(minutes=31)
        await one.stage("manifest")
        assert set(one.codes().values()) == {"not_counted"}
        parcel.state = "READY_TO_DISPATCH"
        for order_id in list(one.held):
            one.decide(order_id, Decision.RETRY)
        await one.stage("manifest")
        assert set(one.passed.values()) == {len(STAGES)}


async def test_a_parcel_that_the_courier_has_already_needs_no_manifest() -> None:
    async with batch(1) as one:
        await one.until("dispatch")
        (order,) = one.ready
        one.place.world.shelves.move(order.parcels[0], "PICKUP_COMPLETE")
        await one.stage("manifest")
        assert one.passed == {order.order_id: len(STAGES)}
        assert not [paper for paper in one.documents if paper.kind == "manifest"]


async def test_a_sync_afterwards_reads_what_the_batch_did() -> None:
    """Parcels packed, dispatched and cancelled whole and in part, read as the sandbox's ledger has them."""
    async with batch(3, lines=2, policy="zero") as one:
        part, whole, _ = one.ready
        one.stock[part.parcels[0].lines[0].article.sku] = 0
        for line in whole.parcels[0].lines:
            one.stock[line.article.sku] = 0
        await one.until("quantities")
        assert one.codes() == {whole.order_id: "stock_short"}
        one.decide(whole.order_id, Decision.DROP)
        for stage in STAGES[2:]:
            await one.stage(stage.code)
        assert (list(one.gone), one.held) == ([whole.order_id], {})
        pages = await pages_of(one.adapter, "orders", one.place.ctx(now=one.place.world.shelves.now))
        assert kept("orders", pages) == await one.place.ledger("orders")


# Lost answers


@pytest.mark.parametrize(
    ("operation", "stage"), [("shipments.cancel", "cancel"), ("shipments.pack", "pack"), ("shipments.dispatch", "dispatch")]
)
async def test_a_lost_answer_is_asked_about(operation: str, stage: str) -> None:
    async with batch(3) as one:
        short = one.ready[0]
        one.stock[short.parcels[0].lines[0].article.sku] = 0
        await one.until("quantities")
        for order_id in list(one.held):
            one.decide(order_id, Decision.DROP)
        await one.place.order(Fault.LOST_ANSWER, operation=operation)
        rest = [code.code for code in STAGES[2:]]
        for code in rest:
            if code == stage:
                with pytest.raises(Unreachable):
                    await one.stage(code)
            await one.stage(code)
        desk = one.place.world.desk
        assert short.order_id in one.gone
        for book in (desk.cancelled, desk.packed, desk.dispatched):
            assert set(book.values()) == {1}
        assert one.held == {}
        assert order_of(one, short.order_id).parcels[0].shipment_id not in desk.packed
