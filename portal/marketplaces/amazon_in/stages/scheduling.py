"""Stages 4 and 5: a slot for each parcel, then its pickup, one order at a time."""

from collections.abc import AsyncGenerator

from portal import clock
from portal.marketplaces.amazon_in.client import MARKETPLACE_ID
from portal.marketplaces.amazon_in.refusals import InvalidRequest, NoSuchThing
from portal.marketplaces.amazon_in.stages.choosing import all_serials
from portal.marketplaces.amazon_in.stages.work import AWB, CANCELLED, CARRIER, INVOICE, PACKAGE, SLOT, Work, held, is_cancelled
from portal.marketplaces.amazon_in.wire.answers import NAME
from portal.marketplaces.amazon_in.wire.easy_ship import (
    ALREADY_SCHEDULED,
    LABEL_CANCELLED,
    NO_SLOT,
    NOT_HERE,
    NOT_IN_THIS_STATE,
    SLOT_GONE,
    Package,
    Slot,
    schedule_body,
    slot_of,
    slot_text,
    slots_body,
    soonest,
)
from portal.marketplaces.amazon_in.wire.parcels import MARKS, parcel_of
from portal.marketplaces.errors import NotAllowed
from portal.marketplaces.facts import BatchOrder, Decision, PassedOrder, StageOutcome

EASY_SHIP_CARRIER = "Amazon Easy Ship"

Refusal = InvalidRequest | NoSuchThing


async def slots(work: Work) -> AsyncGenerator[StageOutcome, None]:
    """The soonest slot of each parcel, a pickup where there is one. An order that has its package already needs none."""
    for order in work.orders:
        try:
            chosen = await _slot(work, order)
        except (InvalidRequest, NoSuchThing) as refusal:
            yield await _refused(work, order, refusal)
        else:
            yield work.outcome(passed=(_passed(order, {SLOT: slot_text(chosen)}),)) if chosen else _no_slot(work, order)


async def _slot(work: Work, order: BatchOrder) -> Slot | None:
    """The soonest slot; None where there is none, or where what somebody typed can be no parcel."""
    parcel = parcel_of(order.marks)
    if parcel is None:
        return None
    return soonest(await work.easy_ship.slots(slots_body(MARKETPLACE_ID, order.external_order_id, parcel)), clock.now())


async def schedule(work: Work) -> AsyncGenerator[StageOutcome, None]:
    """A pickup for each order. What is booked already, by us or in Seller Central, is taken as it is."""
    for order in work.orders:
        yield await _scheduled(work, order)


async def _scheduled(work: Work, order: BatchOrder) -> StageOutcome:
    found = await work.easy_ship.package(order.external_order_id)
    if found is not None and found.status != LABEL_CANCELLED:
        return _booked(work, order, found)
    try:
        made = await _book(work, order)
    except (InvalidRequest, NoSuchThing) as refusal:
        return await _refused(work, order, refusal)
    return _booked(work, order, made) if made else _no_slot(work, order)


async def _book(work: Work, order: BatchOrder) -> Package | None:
    """The new package. A slot that is gone is replaced once; None when there is no other."""
    slot = slot_of(order.marks.get(SLOT, "")) or await _slot(work, order)
    for last in (False, True):
        if slot is None:
            return None
        try:
            return await work.easy_ship.schedule(
                schedule_body(MARKETPLACE_ID, order.external_order_id, slot, all_serials(order), _name(order))
            )
        except InvalidRequest as refusal:
            if refusal.complaint.code == ALREADY_SCHEDULED:
                return await work.easy_ship.package(order.external_order_id)
            if last or refusal.complaint.code not in SLOT_GONE:
                raise
        slot = await _slot(work, order)
    return None


def _name(order: BatchOrder) -> str:
    """What is printed on the label for whoever packs: the first article, and how many others."""
    first, *others = [line for line in order.lines if line.ordered] or order.lines
    return f"{first.ordered} x {first.sku}" + (f" + {len(others)} more" if others else "")


def _booked(work: Work, order: BatchOrder, package: Package) -> StageOutcome:
    marks = {PACKAGE: package.package_id or package.order_id, SLOT: slot_text(package.slot), CARRIER: EASY_SHIP_CARRIER}
    marks |= {name: value for name, value in ((AWB, package.awb), (INVOICE, package.invoice)) if value}
    return work.outcome(passed=(_passed(order, marks),))


def _passed(order: BatchOrder, marks: dict[str, str]) -> PassedOrder:
    return PassedOrder(external_order_id=order.external_order_id, marks=marks)


def _no_slot(work: Work, order: BatchOrder) -> StageOutcome:
    reason = "Amazon offers no pickup slot for this parcel. Check its size and weight, or try again later."
    return work.outcome(held=(held(order, "no_slot", reason, Decision.RETRY, Decision.CORRECT, Decision.DROP, corrects=MARKS),))


async def _refused(work: Work, order: BatchOrder, refusal: Refusal) -> StageOutcome:
    """What Amazon's complaint about one order means for it. NotAllowed where it is no matter of one order."""
    code = refusal.complaint.code
    if code == NOT_HERE:
        raise NotAllowed(NAME, "Amazon says that Easy Ship is not open to this shop. Ask Amazon to enrol it.", reason=code) from refusal
    if code == NO_SLOT:
        return _no_slot(work, order)
    if code in NOT_IN_THIS_STATE:
        if is_cancelled(await work.order_now(order)):
            return work.outcome(gone=((order.external_order_id, CANCELLED),))
        if await work.easy_ship.package(order.external_order_id) is not None:
            return work.outcome(passed=(_passed(order, {SLOT: ""}),))
        reason = "Amazon does not let this order be scheduled now. Look at it in Seller Central, then try again."
        return work.outcome(held=(held(order, "not_schedulable", reason),))
    reason = f"Amazon did not schedule this order: {refusal.words or 'it gave no reason'}."
    return work.outcome(held=(held(order, "not_scheduled", reason),))
