"""Stages 5 and 6: Flipkart is asked to pack, and looked at until it has."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta

from portal.marketplaces.facts import BatchOrder, HeldOrder, PassedOrder, StageOutcome
from portal.marketplaces.flipkart.client import ORDERS_AT_ONCE
from portal.marketplaces.flipkart.stages.preparing import rate_mark, size_mark
from portal.marketplaces.flipkart.stages.work import Standing, Work, first_refused, held, stopped
from portal.marketplaces.flipkart.wire.packing import Packing, Result, pack_body
from portal.marketplaces.flipkart.wire.parcels import APPROVED, FORM_FAILED, PACKED, Parcel
from portal.marketplaces.flipkart.wire.sizes import from_text
from portal.marketplaces.flipkart.wire.taxes import read_rate

ASKED_AT = "asked_at"
SOONEST, LATEST = timedelta(seconds=10), timedelta(minutes=5)
"""How long until parcels are looked at again: labels usually take five to ten seconds, and sometimes half an hour."""
OVERDUE = timedelta(hours=1)


async def pack(work: Work) -> AsyncIterator[StageOutcome]:
    """Ask for labels and invoices of every parcel that still is approved. Parcels that Flipkart packs already are not asked for again."""
    waiting = {order.external_order_id: order for order in work.batch.orders}
    for orders in work.chunks():
        found = [_packable(one, waiting) for one in await work.standing(orders)]
        parcels = {parcel.shipment_id: parcel for one in found if one.moving for parcel in one.parcels if parcel.state == APPROVED}
        results = await _asked(work, list(parcels.values()), waiting)
        ended = stopped(found)
        passed, refused = [], []
        for one in found:
            if not one.moving:
                continue
            result = first_refused([parcel for parcel in one.parcels if parcel.shipment_id in parcels], results)
            if result is None:
                passed.append(PassedOrder(external_order_id=one.order.external_order_id, marks={ASKED_AT: work.ctx.now.isoformat()}))
            else:
                reason = f"Flipkart did not pack it: {result.reason}. Mend that or pack it in the Seller Dashboard, then try again."
                refused.append(held(one.order, "not_packed", reason))
        yield work.outcome(passed=tuple(passed), held=(*ended["held"], *refused), gone=ended["gone"])


async def _asked(work: Work, parcels: Sequence[Parcel], waiting: Mapping[str, BatchOrder]) -> dict[str, Result]:
    """Ask to pack these parcels; what Flipkart answers for each."""

    async def send(some: Sequence[Parcel]) -> bytes:
        packings = [packing for parcel in some if (packing := _packing(parcel, waiting)) is not None]
        return await work.client.pack(pack_body(packings, work.flipkarts_now))

    return await work.told(send, parcels, "answer to packing")


def _packable(one: Standing, waiting: Mapping[str, BatchOrder]) -> Standing:
    """The order, held where Flipkart or another order in the same parcel keeps it from being packed."""
    for parcel in one.parcels:
        if not one.moving or parcel.state != APPROVED:
            continue
        others = [order_id for order_id in parcel.order_ids if order_id not in waiting]
        if parcel.on_hold:
            reason = "Flipkart has put this parcel on hold. Try again when the hold is over."
            return _stopped_by(one, held(one.order, "on_hold", reason))
        if others:
            reason = f"Its parcel also holds order {others[0]}, which is not ready. Decide about that one, then try again."
            return _stopped_by(one, held(one.order, "shares_a_parcel", reason))
        if _packing(parcel, waiting) is None:
            reason = "Flipkart changed what is in this parcel after it was checked. Cancel it here, or pack it in the Seller Dashboard."
            return _stopped_by(one, held(one.order, "content_changed", reason))
    return one


def _stopped_by(one: Standing, problem: HeldOrder) -> Standing:
    return Standing(order=one.order, parcels=one.parcels, held=problem)


def _marks(parcel: Parcel, waiting: Mapping[str, BatchOrder]) -> dict[str, str]:
    """The marks of all orders in the parcel. The sizes that two orders found are of the same parcel; the first one's count."""
    marks: dict[str, str] = {}
    for order_id in reversed(parcel.order_ids):
        marks |= waiting[order_id].marks
    return marks


def _packing(parcel: Parcel, waiting: Mapping[str, BatchOrder]) -> Packing | None:
    """The parcel with what the check has found out; None where it holds something that was not there then."""
    marks = _marks(parcel, waiting)
    rates = {item.item_id: read_rate(marks.get(rate_mark(item.item_id), "")) for item in parcel.live}
    sizes = {piece.piece_id: from_text(marks.get(size_mark(parcel.shipment_id, piece.piece_id), "")) for piece in parcel.pieces}
    if None in rates.values() or None in sizes.values():
        return None
    return Packing(
        parcel=parcel,
        rates={item_id: rate for item_id, rate in rates.items() if rate is not None},
        sizes={piece_id: size for piece_id, size in sizes.items() if size is not None},
    )


async def packed(work: Work) -> AsyncIterator[StageOutcome]:
    """Look until every parcel is packed. Nobody waits meanwhile: the run gives its place back until the next look."""
    early: list[datetime] = []
    for orders in work.chunks(ORDERS_AT_ONCE):
        found = await work.standing(orders)
        ended = stopped(found)
        passed, late = [], []
        for one in found:
            order = one.order
            asked_at = datetime.fromisoformat(order.marks.get(ASKED_AT) or work.ctx.now.isoformat())
            if not one.moving:
                continue
            if any(parcel.state == FORM_FAILED for parcel in one.parcels):
                reason = "Flipkart could not fill in a form that this parcel needs. Fill it in on the Seller Dashboard, then try again."
                late.append(held(order, "form_failed", reason))
            elif all(parcel.has_reached(PACKED) for parcel in one.parcels):
                passed.append(PassedOrder(external_order_id=order.external_order_id))
            elif work.ctx.now - asked_at > OVERDUE:
                reason = "Flipkart has made no label for an hour. Look at the parcel in the Seller Dashboard, then try again."
                late.append(held(order, "label_overdue", reason))
            else:
                early.append(asked_at)
        yield work.outcome(passed=tuple(passed), held=(*ended["held"], *late), gone=ended["gone"])
    if early:
        since = work.ctx.now - max(early)
        words = f"Flipkart makes labels and invoices. That takes seconds, sometimes half an hour. Orders that wait: {len(early)}."
        yield work.outcome(resume_at=work.ctx.now + min(max(since, SOONEST), LATEST), waiting_for=words)
