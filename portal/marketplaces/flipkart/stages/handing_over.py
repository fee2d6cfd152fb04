"""Stages 9 and 10: the courier is told to come, and the manifest says what for."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import msgspec

from portal.marketplaces.facts import DocumentFact, PassedOrder, StageOutcome
from portal.marketplaces.flipkart.client import ORDERS_AT_ONCE
from portal.marketplaces.flipkart.stages.work import AGAIN, Standing, Work, first_refused, held, stopped
from portal.marketplaces.flipkart.wire.handover import Pickup, manifest_body, read_counts
from portal.marketplaces.flipkart.wire.packing import Result, dispatch_body
from portal.marketplaces.flipkart.wire.parcels import PACKED, READY, Parcel

MANIFEST, DISPATCHED_AT = "manifest", "dispatched_at"
SOON, LATE = timedelta(minutes=1), timedelta(minutes=30)
"""Counts of the hand-over may follow a dispatch with some delay: when to look again, and when to stop waiting."""


async def dispatch(work: Work) -> AsyncIterator[StageOutcome]:
    """Say that the courier may come for each packed parcel. Parcels that are ready already are not told of again."""
    for orders in work.chunks():
        found = await work.standing(orders)
        results: dict[str, Result] = {}
        parcels = {one.shipment_id: one for order in found if order.moving for one in order.parcels if one.state == PACKED}
        for location_id in dict.fromkeys(one.location_id for one in parcels.values()):
            here = [one for one in parcels.values() if one.location_id == location_id]
            results |= await _told(work, here, location_id)
        passed, problems = [], []
        for one in found:
            if not one.moving:
                continue
            refused = first_refused([parcel for parcel in one.parcels if parcel.shipment_id in parcels], results)
            if not all(parcel.has_reached(PACKED) for parcel in one.parcels):
                reason = "Its parcel is not packed any more. Look at it in the Seller Dashboard, then try again."
                problems.append(held(one.order, "not_packed", reason, AGAIN))
            elif refused is not None:
                problems.append(held(one.order, "not_dispatched", f"Flipkart did not take it for dispatch: {refused.reason}.", AGAIN))
            else:
                marks = {DISPATCHED_AT: work.ctx.now.isoformat()}
                passed.append(PassedOrder(external_order_id=one.order.external_order_id, marks=marks))
        ended = stopped(found)
        yield work.outcome(passed=tuple(passed), held=(*ended["held"], *problems), gone=ended["gone"])


async def _told(work: Work, parcels: Sequence[Parcel], location_id: str) -> dict[str, Result]:
    async def send(some: Sequence[Parcel]) -> bytes:
        return await work.client.dispatch(dispatch_body(some, location_id))

    return await work.told(send, parcels, "answer to dispatching")


class _Place(msgspec.Struct, kw_only=True):
    """One location with the orders that wait there for their courier."""

    orders: list[Standing] = []
    parcels: set[str] = set()
    since: datetime | None = None


async def manifest(work: Work) -> AsyncIterator[StageOutcome]:
    """The manifest of every courier that comes to a location. It lists all that is ready there, also what another batch dispatched."""
    places: dict[str, _Place] = {}
    for orders in work.chunks(ORDERS_AT_ONCE):
        found = await work.standing(orders)
        collected = [one for one in found if one.moving and not _waits(one)]
        for one in found:
            if one.moving and _waits(one):
                _place(places, one)
        passed = tuple(PassedOrder(external_order_id=one.order.external_order_id) for one in collected)
        if any(not one.moving for one in found) or passed:
            yield work.outcome(passed=passed, **stopped(found))
    later = 0
    for location_id, place in places.items():
        outcome = await _handed_over(work, location_id, place, suffix=f" at {location_id[-6:]}" if len(places) > 1 else "")
        if outcome is None:
            later += len(place.orders)
        else:
            yield outcome
    if later:
        words = f"Flipkart has not counted all parcels for the courier yet. Orders that wait: {later}."
        yield work.outcome(resume_at=work.ctx.now + SOON, waiting_for=words)


def _waits(one: Standing) -> bool:
    """Whether something of the order still lies ready for the courier."""
    return any(parcel.state == READY for parcel in one.parcels)


def _place(places: dict[str, _Place], one: Standing) -> None:
    """Put the order where its parcels lie; one with parcels at two locations goes on with the first, and both get their manifest."""
    ready = [parcel for parcel in one.parcels if parcel.state == READY]
    for parcel in ready:
        places.setdefault(parcel.location_id, _Place()).parcels.add(parcel.shipment_id)
    place = places[ready[0].location_id]
    place.orders.append(one)
    told = one.order.marks.get(DISPATCHED_AT)
    if told:
        place.since = max(datetime.fromisoformat(told), place.since or datetime.fromisoformat(told))


async def _handed_over(work: Work, location_id: str, place: _Place, *, suffix: str) -> StageOutcome | None:
    """The manifests of one location with the orders on them; None while fewer parcels are counted there than are ready.

    `suffix` tells the manifests of one location from those of another.
    """
    pickups = [one for one in read_counts(await work.client.handover_counts(location_id)) if one.count]
    counted = sum(one.count for one in pickups)
    if counted < len(place.parcels):
        if work.ctx.now - (place.since or work.ctx.now) <= LATE:
            return None
        reason = f"Flipkart counts {counted} of {len(place.parcels)} parcels for the courier. Look in the Seller Dashboard, then try again."
        return work.outcome(held=tuple(held(one.order, "not_counted", reason, AGAIN) for one in place.orders))
    papers = []
    for pickup in pickups:
        content = await work.client.manifest(manifest_body(pickup, location_id))
        papers.append(DocumentFact(kind=MANIFEST, number=pickup.number + suffix, content=content))
    passed = tuple(
        PassedOrder(external_order_id=one.order.external_order_id, marks={MANIFEST: _on(one, pickups, suffix)}) for one in place.orders
    )
    return work.outcome(passed=passed, documents=tuple(papers))


def _on(one: Standing, pickups: Sequence[Pickup], suffix: str) -> str:
    """The manifests that an order is on: those of its couriers, else all of the location."""
    carriers = one.order.marks.get("carrier", "").split(", ")
    own = [pickup for pickup in pickups if pickup.vendor in carriers]
    return ", ".join(pickup.number + suffix for pickup in own or pickups)
