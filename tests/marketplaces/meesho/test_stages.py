"""Seven stages: nothing is accepted twice, one bad order holds up no other, and every paper is the right one."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from portal.marketplaces.errors import MarketplaceError, NotAllowed, Unreachable, WireChanged
from portal.marketplaces.facts import Decision, OrderStatus
from portal.marketplaces.meesho.sandbox import EXPRESSES
from portal.marketplaces.meesho.sandbox.store import ACCEPTED, HELD, SHIPPED
from portal.marketplaces.meesho.stages import STAGES
from portal.marketplaces.meesho.stages.accepting import DROPPED, VERIFYING
from portal.marketplaces.meesho.stages.work import CUSTOMER_LEFT, LEFT_ALREADY, PATIENCE
from portal.marketplaces.sandbox import Fault
from tests.documents.seeing import read
from tests.marketplaces.meesho.batching import CODES, Batch, batching

pytestmark = pytest.mark.anyio


@pytest.fixture
async def batch() -> AsyncIterator[Batch]:
    async with batching(5) as one:
        yield one


def test_every_need_is_produced_before() -> None:
    made: set[str] = set()
    for stage in STAGES:
        assert set(stage.needs) <= made, stage.code
        made |= set(stage.produces)


async def test_pending_orders_end_on_manifests_of_one_carrier_with_all_papers(batch: Batch) -> None:
    await batch.through()

    books, rows = batch.world.books, {name: batch.world.store.orders.row(name) for name in batch.orders}
    assert len(rows) == 5
    assert (batch.held, batch.gone) == ({}, {})
    assert books.accepted == books.labelled == books.manifested == dict.fromkeys(rows, 1)
    for names in books.manifests.values():
        assert len({rows[name].carrier for name in names}) == 1
    labels = {paper.external_order_id: paper for paper in batch.papers if paper.kind == "label"}
    assert {name: read(labels[name].content) for name in rows} == {name: [{"Code128": row.awb}, {}] for name, row in rows.items()}
    assert Counter(paper.number for paper in batch.papers if paper.kind == "manifest") == dict.fromkeys(books.manifests, 1)
    assert {batch.facts[name].status for name in rows} == {OrderStatus.PACKED}


async def test_more_than_a_hundred_of_one_carrier_are_two_manifests() -> None:
    async with batching(120) as batch:
        await batch.until("papers")
        for name, order in batch.orders.items():
            order.marks["carrier"] = "Valmo"
            batch.world.store.orders.row(name).carrier = "Valmo"

        await batch.stage("open_manifest")
        assert Counter(order.marks["manifest"] for order in batch.orders.values()) == {"Valmo 1": 100, "Valmo 2": 20}
        await batch.stage("close_manifest")

    assert sorted(len(names) for names in batch.world.books.manifests.values()) == [20, 100]
    assert batch.faults.served.count("accept") == 2


@pytest.mark.parametrize("code", CODES)
async def test_a_stage_that_is_done_again_changes_nothing(batch: Batch, code: str) -> None:
    """Its worker was killed after the last call and before a word of it was written down."""
    for one in CODES[: CODES.index(code)]:
        await batch.stage(one)
    await batch.stage(code, forget=True)
    for one in CODES[CODES.index(code) :]:
        await batch.stage(one)

    books = batch.world.books
    assert books.accepted == books.labelled == books.manifested == dict.fromkeys(batch.orders, 1)
    assert len(batch.papers) == 5 + len(books.manifests)


# Pulling and quantities


async def test_what_meesho_verifies_stays_out(batch: Batch) -> None:
    waiting = [row.sub_order_num for row in batch.world.store.orders.rows()]
    batch.world.store.reach(waiting[0], HELD)
    batch.world.store.reach(waiting[1], ACCEPTED)

    await batch.stage("pull")

    assert batch.orders.keys() == set(waiting[2:])
    assert batch.told == ["Meesho has 3 pending orders to accept, and verifies 1 more."]


@pytest.mark.parametrize("policy", ["ask", "reduce", "zero"])
async def test_a_short_order_is_held_whole_under_every_policy(batch: Batch, policy: str) -> None:
    """Meesho takes all pieces of an order or none."""
    batch.world.store.orders.rows()[0].quantity = 3
    await batch.stage("pull")
    order = next(order for order in batch.orders.values() if order.lines[0].ordered == 3)
    batch.policy = policy
    batch.stock = {line.sku: 1_000 for one in batch.orders.values() for line in one.lines}
    batch.stock[order.lines[0].sku] = order.lines[0].ordered - 1
    same = {name for name, one in batch.orders.items() if one.lines[0].sku == order.lines[0].sku}

    await batch.stage("quantities")

    held = batch.held[order.external_order_id]
    assert batch.held.keys() <= same
    assert held.code == "stock_short"
    assert held.reason.endswith(f"{order.lines[0].ordered - 1} are left. Meesho splits no order.")
    assert Decision.REDUCE not in held.decisions
    batch.decide(order.external_order_id, Decision.AS_ORDERED)
    await batch.stage("quantities")
    assert order.external_order_id in batch.orders


async def test_stock_nobody_told_is_asked_for_in_meeshos_way(batch: Batch) -> None:
    await batch.stage("pull")
    batch.stock = {"another": 1}

    await batch.stage("quantities")

    assert {held.code for held in batch.held.values()} == {"stock_unknown"}
    assert all("upload your catalogue file" in held.reason for held in batch.held.values())


async def test_the_same_page_for_ever_is_waited_out(batch: Batch) -> None:
    batch.wrong(Fault.REPEATED_PAGE, times=0)

    with pytest.raises(Unreachable) as raised:
        await batch.stage("pull")

    assert "same page" in raised.value.seller_message


# Acceptance


async def test_a_refused_order_is_held_and_the_others_go_on(batch: Batch) -> None:
    await batch.until("quantities")
    bad = next(iter(batch.orders))
    batch.world.books.refuses[bad] = ("PINCODE_NOT_SERVED", "The pincode is not served at present.")

    await batch.stage("accept")

    assert (list(batch.held), len(batch.orders)) == ([bad], 4)
    assert batch.held[bad].reason == "Meesho did not accept it: The pincode is not served at present."
    assert bad not in batch.world.books.accepted


async def test_a_refused_order_that_is_tried_again_is_asked_for_anew(batch: Batch) -> None:
    """Meesho remembers its refusal under the first key for a day; a person's decision makes another key."""
    await batch.until("quantities")
    bad = next(iter(batch.orders))
    batch.world.books.refuses[bad] = ("PINCODE_NOT_SERVED", "Not served.")
    batch.orders = {bad: batch.orders[bad]}
    for _ in range(2):
        await batch.stage("accept")
        assert batch.held.keys() == {bad}
        batch.decide(bad, Decision.RETRY)
    batch.world.books.refuses.clear()

    await batch.stage("accept")

    assert batch.world.books.accepted == {bad: 1}
    assert batch.orders.keys() == {bad}


async def test_an_order_meesho_does_not_know_leaves_the_call_and_the_rest_is_sent_again(batch: Batch) -> None:
    await batch.until("quantities")
    ghost = next(iter(batch.orders))
    batch.world.store.orders.drop(ghost)

    await batch.stage("accept")

    assert batch.held[ghost].reason == "Meesho did not accept it: No such sub-order."
    assert batch.world.books.accepted == dict.fromkeys(batch.orders, 1)
    assert len(batch.orders) == 4


@pytest.mark.parametrize("code", ["accept", "labels", "papers", "close_manifest"])
async def test_an_order_that_the_shopper_cancels_meanwhile_leaves_the_batch(batch: Batch, code: str) -> None:
    for one in CODES[: CODES.index(code)]:
        await batch.stage(one)
    name = next(iter(batch.orders))
    batch.shopper_cancels(name)

    for one in CODES[CODES.index(code) :]:
        await batch.stage(one)

    assert batch.gone == {name: CUSTOMER_LEFT}
    assert batch.world.books.manifested == dict.fromkeys(batch.orders, 1)
    assert len(batch.orders) == 4


async def test_meanwhile_verified_or_sent_orders_are_told_apart(batch: Batch) -> None:
    await batch.until("quantities")
    first, second, third, *_ = batch.orders
    batch.world.store.reach(first, HELD)
    batch.world.store.reach(second, SHIPPED)
    batch.world.store.reach(third, ACCEPTED)

    await batch.stage("accept")

    assert (batch.held[first].reason, batch.held[first].decisions) == (VERIFYING, (Decision.RETRY,))
    assert batch.gone == {second: LEFT_ALREADY}
    assert third in batch.orders
    assert third not in batch.world.books.accepted


async def test_a_dropped_order_is_cancelled_once_at_meesho(batch: Batch) -> None:
    await batch.until("quantities")
    name = next(iter(batch.orders))
    batch.orders = {name: batch.orders[name]}
    batch.world.books.refuses[name] = ("OUT_OF_AREA", "No.")
    await batch.stage("accept")
    batch.decide(name, Decision.DROP)
    await batch.stage("accept", forget=True)

    await batch.stage("accept")

    assert batch.gone == {name: DROPPED}
    assert batch.world.books.cancelled == {name: 1}


async def test_what_can_no_longer_be_cancelled_is_held_with_the_reason(batch: Batch) -> None:
    await batch.until("quantities")
    name = next(iter(batch.orders))
    batch.world.books.refuses[name] = ("OUT_OF_AREA", "No.")
    await batch.stage("accept")
    batch.decide(name, Decision.DROP)
    batch.world.store.reach(name, SHIPPED)
    batch.orders = {name: batch.orders[name]}

    await batch.stage("accept")

    assert batch.held[name].reason == "Meesho did not cancel it: This order can no longer be cancelled."


async def test_a_request_that_takes_long_is_waited_for_without_a_worker(batch: Batch) -> None:
    await batch.until("quantities")
    batch.world.requests.lag_s = 3600

    waits = await batch.stage("accept")

    assert waits.resume_at is not None
    assert waits.resume_at > batch.now
    assert waits.waiting_for == "Meesho is still working on 5 orders."
    assert batch.faults.served.count("requests") <= 10
    batch.world.requests.hurry()
    assert (await batch.stage("accept")).resume_at is None
    assert batch.world.books.accepted == dict.fromkeys(batch.orders, 1)


async def test_a_request_that_never_ends_holds_its_orders(batch: Batch) -> None:
    await batch.until("quantities")
    batch.world.requests.lag_s = 3600
    batch.now += PATIENCE * 3  # however long ago the stage before was: the half hour begins when Meesho is first seen to take its time
    assert (await batch.stage("accept")).resume_at is not None
    batch.now += PATIENCE - timedelta(minutes=1)
    assert (await batch.stage("accept")).resume_at is not None
    batch.now += timedelta(minutes=2)

    assert (await batch.stage("accept")).resume_at is None

    assert {held.code for held in batch.held.values()} == {"not_worked_off"}
    assert batch.faults.served.count("accept") == 3
    again = next(iter(batch.held))
    batch.decide(again, Decision.RETRY)
    assert (await batch.stage("accept")).resume_at is not None, "a person's decision brings another half hour"


async def test_orders_that_another_request_has_in_hand_are_not_accepted_twice(batch: Batch) -> None:
    """A worker was killed after its call; meanwhile an order that was held came back, so the next call is another one."""
    await batch.until("quantities")
    late = next(iter(batch.orders))
    back = batch.orders.pop(late)
    batch.world.requests.lag_s = 3600
    await batch.stage("accept", forget=True)
    batch.orders[late] = back
    batch.world.requests.lag_s = 0

    waits = await batch.stage("accept")

    assert waits.waiting_for == "Meesho is still working on 4 orders."
    assert batch.world.books.accepted == {late: 1}
    batch.world.requests.hurry()
    await batch.stage("accept")

    assert batch.world.books.accepted == dict.fromkeys(batch.orders, 1)
    assert (len(batch.orders), batch.held) == (5, {})


async def test_a_day_later_meesho_has_forgotten_the_keys_and_still_nothing_is_done_twice(batch: Batch) -> None:
    await batch.until("quantities")
    await batch.stage("accept", forget=True)
    batch.world.requests.forget()

    await batch.stage("accept")

    assert batch.world.books.accepted == dict.fromkeys(batch.orders, 1)
    assert len(batch.orders) == 5


async def test_another_shops_keys_send_nothing(batch: Batch) -> None:
    await batch.until("quantities")
    batch.wrong(Fault.OTHER_SHOP, operation="supplier")

    with pytest.raises(NotAllowed) as raised:
        await batch.stage("accept")

    assert "another Meesho shop" in raised.value.seller_message
    assert batch.faults.served.count("accept") == 0


@pytest.mark.parametrize("fault", [Fault.UNREADABLE_ROW, Fault.UNKNOWN_VALUE])
@pytest.mark.parametrize(("code", "good"), [("accept", 1), ("labels", 5)])
async def test_a_verdict_that_cannot_be_read_is_looked_up(batch: Batch, fault: Fault, code: str, good: int) -> None:
    """It was done, only one line of the answer was strange; after the `good` answers that say it is under way."""
    for one in CODES[: CODES.index(code)]:
        await batch.stage(one)
    batch.wrong(fault, operation="requests", after=good)

    await batch.stage(code)

    assert fault in batch.faults.struck
    assert (len(batch.orders), batch.held) == (5, {})


# Labels


async def test_one_label_that_is_refused_holds_that_order(batch: Batch) -> None:
    await batch.until("accept")
    bad = next(iter(batch.orders))
    batch.world.books.labelless[bad] = ("LABEL_NOT_READY", "The courier has no slot.")

    await batch.stage("labels")

    assert batch.held[bad].reason == "Meesho made no label for it: The courier has no slot."
    assert len(batch.orders) == 4
    batch.world.books.labelless.clear()
    batch.decide(bad, Decision.RETRY)
    await batch.stage("labels")
    assert bad in batch.orders


async def test_one_label_that_never_comes_keeps_no_other_waiting_for_long(batch: Batch) -> None:
    await batch.until("accept")
    slow = next(iter(batch.orders))
    batch.world.books.stuck.add(slow)

    waits = await batch.stage("labels")

    assert waits.waiting_for == "Meesho is still making labels for 1 order."
    assert [name for name, order in batch.orders.items() if "label_request" not in order.marks] == [slow]
    batch.orders = {slow: batch.orders[slow]}
    batch.now += PATIENCE + timedelta(minutes=1)
    assert (await batch.stage("labels")).resume_at is None
    assert batch.held[slow].code == "label_late"
    assert batch.world.books.labelled[slow] == 1


async def test_a_link_that_has_ended_is_asked_for_afresh(batch: Batch) -> None:
    await batch.until("labels")
    batch.world.processing.link_s = -1.0
    opened = batch.world.processing.paper
    asked: list[str] = []

    def paper(kind: str, name: str, given: str, until: str) -> bytes:
        asked.append(name)
        batch.world.processing.link_s = 600.0
        return opened(kind, name, given, until)

    batch.world.processing.paper = paper  # type: ignore[method-assign]

    await batch.stage("papers")

    assert len(asked) == 6
    assert len(batch.papers) == 5


async def test_a_forgotten_request_is_made_anew_and_the_awb_stays(batch: Batch) -> None:
    await batch.until("labels")
    awbs = {name: batch.world.store.orders.row(name).awb for name in batch.orders}
    batch.world.requests.forget()

    await batch.stage("papers")

    assert {paper.external_order_id: paper.number for paper in batch.papers} == awbs


async def test_a_label_without_an_awb_is_held(batch: Batch) -> None:
    await batch.until("labels")
    name = next(iter(batch.orders))
    batch.world.store.orders.row(name).awb = ""
    batch.world.store.reach(name, ACCEPTED)

    await batch.stage("papers")

    assert batch.held[name].code == "no_awb"
    assert len(batch.papers) == 4


@pytest.mark.parametrize("fault", [Fault.TRUNCATED, Fault.CHANGED])
async def test_half_a_file_is_no_label(batch: Batch, fault: Fault) -> None:
    await batch.until("labels")
    batch.wrong(fault, operation="files")

    with pytest.raises(WireChanged):
        await batch.stage("papers")

    assert batch.papers == []


# Manifests


async def test_a_parcel_without_papers_is_on_no_manifest(batch: Batch) -> None:
    await batch.until("papers")
    name = next(iter(batch.orders))
    batch.orders[name].marks["label"] = ""

    await batch.stage("open_manifest")

    assert batch.held[name].reason == "Missing: label."
    assert batch.faults.served.count("manifests") == 0


async def test_parcels_that_meesho_minds_leave_the_manifest_and_the_rest_is_sent_again() -> None:
    async with batching(12) as batch:
        await batch.until("open_manifest")
        books, (elsewhere, other, *_) = batch.world.books, list(batch.orders)
        books.manifest(batch.orders[elsewhere].marks["carrier"], [elsewhere])
        batch.world.store.orders.row(other).carrier = "Another"

        await batch.stage("close_manifest")

        number = next(iter(books.manifests))
        assert batch.gone == {
            elsewhere: f"Meesho has it on a manifest already: It is on manifest {number}. Print that one in the supplier panel."
        }
        assert batch.held[other].reason == "Meesho did not take it on the manifest: It goes with Another."
        assert books.manifested == dict.fromkeys({*batch.orders, elsewhere}, 1)
        assert len(batch.orders) == 10


async def outlived(batch: Batch, fault: Fault, operation: str) -> list[str]:
    """Every stage to its end; an error is followed by a new attempt after the fault has passed. The sentences of the errors."""
    told: list[str] = []
    batch.wrong(fault, operation=operation, times=0, seconds=30.0)
    batch.timeout_s = "0.3" if fault is Fault.TIMEOUT else "60"
    for code in CODES:
        try:
            await batch.stage(code)
        except MarketplaceError as error:
            told.append(error.seller_message)
            batch.faults.ordered.clear()
            batch.timeout_s = "60"
            await batch.stage(code)
        if fault in PASSING:
            batch.faults.ordered.clear()
    return told


PASSING = {Fault.UNREADABLE_ROW, Fault.UNKNOWN_VALUE, Fault.CLOCK_SKEW}
"""What does not stop a call need not be there for ever."""


@pytest.mark.soak
@pytest.mark.parametrize("fault", sorted(EXPRESSES))
@pytest.mark.parametrize("operation", ["orders", "supplier", "accept", "requests", "labels", "files", "manifests"])
async def test_whatever_goes_wrong_and_wherever_nothing_is_done_twice(fault: Fault, operation: str) -> None:
    async with batching(3) as batch:
        sentences = await outlived(batch, fault, operation)

        assert all(sentence.endswith(".") for sentence in sentences)
        books = batch.world.books
        assert books.accepted == books.labelled == dict.fromkeys(books.accepted, 1)
        assert books.manifested == dict.fromkeys(batch.orders, 1)
        papers = [(paper.kind, paper.external_order_id or paper.number) for paper in batch.papers]
        assert sorted(papers) == sorted([("label", name) for name in batch.orders] + [("manifest", number) for number in books.manifests])
        assert len(batch.orders) == 3 or fault in PASSING
