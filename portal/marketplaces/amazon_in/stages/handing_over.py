"""Stage 7: does Amazon still expect every parcel, and when does its driver come?"""

from collections import Counter
from collections.abc import AsyncGenerator
from datetime import datetime

from portal import clock
from portal.marketplaces.amazon_in.stages.work import CANCELLED, LABEL, MANIFEST, Work, held, is_cancelled
from portal.marketplaces.amazon_in.wire.easy_ship import LABEL_CANCELLED, PICKUP, Slot
from portal.marketplaces.facts import BatchOrder, Decision, HeldOrder, PassedOrder, StageOutcome

AT_ONCE = 10


async def handover(work: Work) -> AsyncGenerator[StageOutcome, None]:
    """Each parcel as Amazon has it now. There is no call for the hand-over: the driver scans what he takes."""
    windows: Counter[str] = Counter()
    for start in range(0, len(work.orders), AT_ONCE):
        passed, waiting, gone = [], [], []
        for order in work.orders[start : start + AT_ONCE]:
            package = await work.easy_ship.package(order.external_order_id)
            if package is None or package.status == LABEL_CANCELLED:
                if is_cancelled(await work.order_now(order)):
                    gone.append((order.external_order_id, CANCELLED))
                else:
                    waiting.append(_unbooked(order))
            elif not order.marks.get(LABEL):
                waiting.append(held(order, "papers_missing", "Its label is missing.", Decision.RETRY))
            else:
                window = spoken(package.slot)
                windows[window] += 1
                passed.append(PassedOrder(external_order_id=order.external_order_id, marks={MANIFEST: window}))
        yield work.outcome(passed=tuple(passed), held=tuple(waiting), gone=tuple(gone))
    for window, parcels in windows.items():
        await work.ctx.note(f"{window}: {parcels} ready. Amazon has no call for the hand-over; its scan of each parcel counts.")


def _unbooked(order: BatchOrder) -> HeldOrder:
    reason = (
        "Amazon has cancelled the pickup of this parcel. Schedule it again in Seller Central and print its new label there, then try again."
    )
    return held(order, "pickup_cancelled", reason)


def spoken(slot: Slot) -> str:
    """The slot as one says it: `Pickup 24 Nov, 10:00 am to 1:00 pm`."""
    what = "Pickup" if slot.handoverMethod in {"", PICKUP} else "Drop-off"
    if slot.startTime is None:
        return what
    until = f" to {_time(slot.endTime)}" if slot.endTime else ""
    there = clock.in_ist(slot.startTime)
    return f"{what} {there:%-d %b}, {_time(slot.startTime)}{until}"


def _time(moment: datetime) -> str:
    return clock.in_ist(moment).strftime("%-I:%M %p").lower()
