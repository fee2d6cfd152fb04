"""Stages 1 to 3: which orders there are, whether their pieces are in stock, and how big their parcels are."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

import msgspec

from portal.marketplaces.amazon_in import reading_orders
from portal.marketplaces.amazon_in.reading_orders import WINDOW, Reading
from portal.marketplaces.amazon_in.refusals import NoSuchThing
from portal.marketplaces.amazon_in.stages.work import CANCEL_REASON, Work, held
from portal.marketplaces.amazon_in.wire.answers import NAME
from portal.marketplaces.amazon_in.wire.order_feeds import BUYER_ASKED, OUT_OF_STOCK
from portal.marketplaces.amazon_in.wire.order_shapes import WireItem, WireOrder
from portal.marketplaces.amazon_in.wire.orders import order_facts
from portal.marketplaces.amazon_in.wire.parcels import MARKS, Parcel, measured, parcel_marks, parcel_of, together
from portal.marketplaces.errors import Unreachable
from portal.marketplaces.facts import BatchOrder, Decision, HeldOrder, OrderFact, PassedOrder, StageOutcome, UnreadableRow
from portal.marketplaces.quantities import allot

UNSHIPPED = {"fulfillmentStatuses": "UNSHIPPED", "fulfilledBy": "MERCHANT"}
EASY_SHIP = "EASY_SHIP"
ASKED_TO_CANCEL, SERIAL_ITEMS = "asked_to_cancel", "serial_items"
AT_ONCE = 25


class Pulled(msgspec.Struct, frozen=True):
    """An open order, and what a batch has to know of it besides."""

    fact: OrderFact
    marks: dict[str, str]


async def pull(work: Work) -> AsyncGenerator[StageOutcome, None]:
    """Every unshipped Easy Ship order of the last thirty days, page by page. Amazon tells no total to compare with."""
    reading = Reading(by="created", start=work.ctx.now - WINDOW).windowed(work.ctx.now)
    ours = others = 0
    async with aclosing(reading_orders.read(work.client, work.ctx, reading, _pulled, limits=UNSHIPPED)) as steps:
        async for step in steps:
            mine = [one for one in step.facts if one.fact.fulfilment == EASY_SHIP]
            ours, others = ours + len(mine), others + len(step.facts) - len(mine)
            yield work.outcome(
                orders=tuple(one.fact for one in mine),
                passed=tuple(PassedOrder(external_order_id=one.fact.external_order_id, marks=one.marks) for one in mine),
                set_aside=step.set_aside,
            )
            if step.cut:
                raise Unreachable(
                    NAME, reason="repeated_page", seller_message="Amazon sent the same page of open orders twice. We read them again soon."
                )
    await work.ctx.note(f"Open Easy Ship orders at Amazon: {ours}.")
    if others:
        await work.ctx.note(f"Open orders that you ship with your own courier, and so not in this batch: {others}.")


def _pulled(orders: Sequence[WireOrder]) -> tuple[tuple[Pulled, ...], tuple[UnreadableRow, ...]]:
    facts, aside = order_facts(orders)
    rows = {order.orderId: order for order in orders}
    return tuple(Pulled(fact, _marks(fact, rows[fact.external_order_id])) for fact in facts), aside


def _marks(fact: OrderFact, row: WireOrder) -> dict[str, str]:
    marks = {}
    if any(item.status == "cancel_requested" for item in fact.items):
        marks[ASKED_TO_CANCEL] = "yes"
    if serial := [item.orderItemId for item in row.orderItems if _wants_serials(item)]:
        marks[SERIAL_ITEMS] = ",".join(serial)
    return marks


def _wants_serials(item: WireItem) -> bool:
    packing = item.fulfillment.packing if item.fulfillment else None
    wanted = packing.serialNumberRequirement if packing else None
    return wanted is not None and wanted.requirementType == "REQUIRED"


async def stock(work: Work) -> AsyncGenerator[StageOutcome, None]:
    """Whole orders or none: whatever the account's policy, an order that is short waits for a person."""
    whole = [msgspec.structs.replace(one, decision="") if one.decision == Decision.REDUCE else one for one in work.orders]
    allotted = allot(whole, work.batch.stock, "ask")
    short = {one.external_order_id for one in allotted.held}
    marked = work.mark([order for order in work.orders if order.external_order_id in short], **{CANCEL_REASON: OUT_OF_STOCK})
    yield work.outcome(marked=marked, passed=allotted.passed, held=tuple(_whole(one) for one in allotted.held))


def _whole(short: HeldOrder) -> HeldOrder:
    """Without the decision to send less, which Amazon does not know."""
    decisions = tuple(one for one in short.decisions if one is not Decision.REDUCE)
    return msgspec.structs.replace(short, reason=f"{short.reason} Amazon takes the whole order or none of it.", decisions=decisions)


async def check(work: Work) -> AsyncGenerator[StageOutcome, None]:
    """What would be refused later, and the size of each parcel: by its marks, else by the listings of what is in it."""
    sizes: dict[str, Parcel | None] = {}
    for start in range(0, len(work.orders), AT_ONCE):
        some = work.orders[start : start + AT_ONCE]
        marked = work.mark((order for order in some if order.decision == Decision.AS_ORDERED), **{ASKED_TO_CANCEL: ""})
        passed, waiting = [], []
        for order in some:
            if problem := _problem(order, work.marks(order)):
                waiting.append(problem)
                continue
            parcel = parcel_of(order.marks) or await _parcel(work, order, sizes)
            if parcel is None:
                waiting.append(_unmeasured(order, sizes))
                continue
            passed.append(PassedOrder(external_order_id=order.external_order_id, marks=parcel_marks(parcel)))
        asked = {one.external_order_id for one in waiting if one.code == ASKED_TO_CANCEL}
        marked += work.mark((order for order in some if order.external_order_id in asked), **{CANCEL_REASON: BUYER_ASKED})
        yield work.outcome(marked=marked, passed=tuple(passed), held=tuple(waiting))


def _problem(order: BatchOrder, marks: Mapping[str, str]) -> HeldOrder | None:
    if marks.get(ASKED_TO_CANCEL):
        reason = "The shopper has asked to cancel this order. Cancel it, or send it all the same."
        return held(order, ASKED_TO_CANCEL, reason, Decision.DROP, Decision.AS_ORDERED)
    told = all_serials(order)
    missing = [line for line in order.lines if line.external_item_id in told and len(told[line.external_item_id]) != line.ordered]
    if missing:
        pieces = ", ".join(f"{line.ordered} of {line.sku}" for line in missing)
        return held(
            order,
            "serials_missing",
            f"Amazon wants a serial number for each piece: {pieces}.",
            Decision.CORRECT,
            Decision.DROP,
            corrects=tuple((_serial_mark(line.external_item_id), f"Serial numbers of {line.sku}, with commas between") for line in missing),
        )
    return None


def _serial_mark(item: str) -> str:
    return f"serials_{item}"


def all_serials(order: BatchOrder) -> dict[str, list[str]]:
    """The serial numbers that somebody has typed, by item, for all items of which Amazon wants them."""
    items = [item for item in order.marks.get(SERIAL_ITEMS, "").split(",") if item]
    return {item: [number.strip() for number in order.marks.get(_serial_mark(item), "").split(",") if number.strip()] for item in items}


async def _parcel(work: Work, order: BatchOrder, sizes: dict[str, Parcel | None]) -> Parcel | None:
    """The parcel by the listings of its articles; None where one of them does not tell. Each listing is asked once a stage."""
    for line in order.lines:
        if line.sku not in sizes:
            sizes[line.sku] = await _size(work, line.sku)
    articles = [(size, line.ordered) for line in order.lines if (size := sizes[line.sku]) is not None]
    if not articles or len(articles) < len(order.lines):
        return None
    try:
        return together(articles)
    except ValueError:
        return None


async def _size(work: Work, sku: str) -> Parcel | None:
    try:
        return measured(await work.client.listing(sku, "attributes")) if sku else None
    except NoSuchThing:
        return None


def _unmeasured(order: BatchOrder, sizes: dict[str, Parcel | None]) -> HeldOrder:
    unknown = ", ".join(sorted({line.sku for line in order.lines if sizes.get(line.sku) is None})) or "all of it together"
    return held(
        order,
        "parcel_unknown",
        f"Amazon books no pickup without the parcel's size and weight, and the listing does not tell them: {unknown}.",
        Decision.CORRECT,
        Decision.RETRY,
        Decision.DROP,
        corrects=MARKS,
    )
