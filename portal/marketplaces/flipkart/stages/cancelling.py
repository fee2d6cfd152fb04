"""Stage 4: what will not be sent is cancelled at Flipkart, before anything is packed."""

from collections.abc import AsyncIterator, Sequence

import msgspec

from portal.marketplaces.facts import BatchOrder, Decision, HeldOrder, PassedOrder, StageOutcome
from portal.marketplaces.flipkart.stages.work import AGAIN, SHOPPER_LEFT, Standing, Work, first_refused, held
from portal.marketplaces.flipkart.wire.packing import DROPPED as NOT_TO_BE_HAD
from portal.marketplaces.flipkart.wire.packing import OUT_OF_STOCK, Result, cancel_body
from portal.marketplaces.flipkart.wire.parcels import BEFORE_PACKED, Parcel

DROPPED = "Dropped: cancelled at Flipkart as you decided."


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be cancelled of one order: groups of items by parcel, or why that cannot be."""

    one: Standing
    groups: dict[str, list[str]] = {}
    problem: HeldOrder | None = None

    @property
    def order_id(self) -> str:
        return self.one.order.external_order_id

    @property
    def drops(self) -> bool:
        return self.one.order.decision == Decision.DROP

    @property
    def parcels(self) -> list[Parcel]:
        return [parcel for parcel in self.one.parcels if parcel.shipment_id in self.groups]


async def cancel(work: Work) -> AsyncIterator[StageOutcome]:
    """Cancel dropped orders and lines that get no pieces. What is cancelled already is not cancelled again."""
    for orders in work.chunks():
        leaving = [order for order in orders if _unsent(order)]
        passed = [
            PassedOrder(external_order_id=order.external_order_id, confirmed=_promised(order)) for order in orders if order not in leaving
        ]
        problems: list[HeldOrder] = []
        gone: list[tuple[str, str]] = []
        plans = [_plan(one) for one in await work.standing(leaving)]
        for drops in (True, False):
            these = [plan for plan in plans if plan.drops is drops]
            results = await _told(work, these, NOT_TO_BE_HAD if drops else OUT_OF_STOCK)
            for plan in these:
                problem = plan.problem or _refused(plan, results)
                if problem is not None:
                    problems.append(problem)
                elif drops:
                    gone.append((plan.order_id, DROPPED))
                elif plan.one.gone:
                    gone.append((plan.order_id, SHOPPER_LEFT))
                else:
                    passed.append(PassedOrder(external_order_id=plan.order_id))
        yield work.outcome(passed=tuple(passed), held=tuple(problems), gone=tuple(gone))


def _unsent(order: BatchOrder) -> set[str]:
    """The items that are to be cancelled: all of a dropped order, else those that get no pieces."""
    if order.decision == Decision.AS_ORDERED:
        return set()
    return {line.external_item_id for line in order.lines if order.decision == Decision.DROP or line.confirmed == 0}


def _promised(order: BatchOrder) -> dict[str, int]:
    """Whoever asked for the order as it is gets every line of it, whatever was decided before."""
    if order.decision != Decision.AS_ORDERED:
        return {}
    return {line.external_item_id: line.ordered for line in order.lines}


def _plan(one: Standing) -> _Plan:
    if not one.moving:
        return _Plan(one=one, problem=one.held)
    order, order_id, unsent = one.order, one.order.external_order_id, _unsent(one.order)
    groups: dict[str, list[str]] = {}
    for parcel in one.parcels:
        leaving = [item for item in parcel.live if item.order_id == order_id and item.item_id in unsent]
        if not leaving:
            continue
        if parcel.state not in BEFORE_PACKED:
            reason = "It is packed already, and Flipkart lets you cancel only before that. Try again to send it after all."
            return _Plan(one=one, problem=held(order, "packed_already", reason, AGAIN))
        named = list(dict.fromkeys(item.group for item in leaving))
        along = next((item for item in parcel.live if item not in leaving and item.group in named), None)
        if along is not None:
            reason = f"Flipkart would cancel {along.sku or along.item_id} together with {leaving[0].sku or leaving[0].item_id}."
            return _Plan(one=one, problem=held(order, "falls_together", reason, (Decision.DROP, Decision.AS_ORDERED)))
        groups[parcel.shipment_id] = named
    return _Plan(one=one, groups=groups)


async def _told(work: Work, plans: Sequence[_Plan], reason: str) -> dict[str, Result]:
    """What becomes of each parcel of which something is to be cancelled. Two orders in one parcel are cancelled by one call."""
    groups: dict[str, list[str]] = {}
    parcels: dict[str, Parcel] = {}
    for plan in plans:
        parcels |= {parcel.shipment_id: parcel for parcel in plan.parcels}
        for shipment_id, named in plan.groups.items():
            groups[shipment_id] = [*groups.get(shipment_id, []), *named]

    async def send(some: Sequence[Parcel]) -> bytes:
        return await work.client.cancel(cancel_body(groups, some, reason))

    return await work.told(send, list(parcels.values()), "answer to cancelling")


def _refused(plan: _Plan, results: dict[str, Result]) -> HeldOrder | None:
    result = first_refused(plan.parcels, results)
    return None if result is None else held(plan.one.order, "not_cancelled", f"Flipkart did not cancel it: {result.reason}.")
