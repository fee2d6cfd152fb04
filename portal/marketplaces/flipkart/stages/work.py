"""What every stage works with: the client, the batch, and the parcels of its orders as Flipkart has them now."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from portal.marketplaces.contract import SyncContext
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import BatchFacts, BatchOrder, Decision, HeldOrder, StageOutcome
from portal.marketplaces.flipkart.client import FlipkartClient
from portal.marketplaces.flipkart.reading import batches
from portal.marketplaces.flipkart.wire.packing import AT_ONCE, Result, read_results
from portal.marketplaces.flipkart.wire.parcels import Parcel, in_order, read_parcels
from portal.marketplaces.flipkart.wire.shipments import STATUSES

SHOPPER_LEFT = "It was cancelled at Flipkart meanwhile. Do not hand it over."
PARCELS = "parcels"
"""The mark that names an order's parcels, as they were when it joined the batch: one that cannot be read now is missed by it."""
AGAIN = (Decision.RETRY,)
"""For what a seller can no longer cancel: Flipkart takes cancellations only before a parcel is packed."""
AGAIN_OR_NOT = (Decision.RETRY, Decision.DROP)
REFUSALS = frozenset({400, 404, 422})

Send = Callable[[Sequence[Parcel]], Awaitable[bytes]]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An order with its parcels. At most one of `gone` and `held` says why it cannot go on."""

    order: BatchOrder
    parcels: tuple[Parcel, ...] = ()
    gone: str = ""
    held: HeldOrder | None = None

    @property
    def moving(self) -> bool:
        return not self.gone and self.held is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One stage of one batch."""

    client: FlipkartClient
    ctx: SyncContext
    batch: BatchFacts

    @property
    def flipkarts_now(self) -> datetime:
        """The time by Flipkart's clock, which is the one it judges dates by."""
        return self.client.answered_at or self.ctx.now

    def outcome(self, **parts: Any) -> StageOutcome:
        return StageOutcome(stage=self.batch.stage, **parts)

    def chunks(self, size: int = AT_ONCE) -> list[Sequence[BatchOrder]]:
        """The orders that wait, so many at a time that their parcels usually fit into one call that moves them on."""
        return batches(self.batch.orders, size)

    async def standing(self, orders: Sequence[BatchOrder]) -> list[Standing]:
        """Where Flipkart has these orders now, with what became of those that cannot go on."""
        if not orders:
            return []
        parcels, unread = read_parcels(await self.client.shipments_of([order.external_order_id for order in orders]))
        hidden = frozenset(row.external_id for row in unread)
        return [_standing(order, parcels, hidden) for order in orders]

    async def told(self, send: Send, parcels: Sequence[Parcel], what: str) -> dict[str, Result]:
        """What becomes of each parcel in a call that moves it on. A call that is refused as a whole is halved, so that one bad parcel
        does not keep the others from going on.
        """
        results: dict[str, Result] = {}
        for some in batches(parcels, AT_ONCE):
            results |= await self._told(send, some, what)
        return results

    async def _told(self, send: Send, parcels: Sequence[Parcel], what: str) -> dict[str, Result]:
        try:
            return read_results(await send(parcels), what)
        except WireChanged as error:
            if error.http_status not in REFUSALS:
                raise
            if len(parcels) == 1:
                return {parcels[0].shipment_id: refused(error)}
        middle = len(parcels) // 2
        return await self._told(send, parcels[:middle], what) | await self._told(send, parcels[middle:], what)


def refused(error: WireChanged) -> Result:
    """What a call says that Flipkart refused with a code, words, or both."""
    code, _, words = error.words.partition(" ")
    return Result(taken=False, code=code, words=words) if code.isupper() else Result(taken=False, words=error.words)


def _standing(order: BatchOrder, parcels: Sequence[Parcel], hidden: frozenset[str]) -> Standing:
    its = in_order(parcels, order.external_order_id)
    unread = not hidden.isdisjoint(order.marks.get(PARCELS, "").split())
    if unread or not its:
        told = "We cannot read what Flipkart tells of a parcel of this order. Try again, or look in the Seller Dashboard."
        none = "Flipkart shows no parcel of this order. Try again, or look in the Seller Dashboard."
        return Standing(order=order, held=held(order, "parcel_unreadable", told if unread else none, AGAIN))
    live = tuple(one for one in its if order.external_order_id in one.order_ids)
    if not live:
        return Standing(order=order, gone=SHOPPER_LEFT)
    strange = next((one.state for one in live if one.state not in STATUSES), "")
    if strange:
        reason = f"Flipkart calls this parcel {strange}, a word we do not know. Look in the Seller Dashboard, then try again."
        return Standing(order=order, parcels=live, held=held(order, "state_unknown", reason, AGAIN))
    return Standing(order=order, parcels=live)


def held(order: BatchOrder, code: str, reason: str, decisions: tuple[Decision, ...] = AGAIN_OR_NOT, **parts: Any) -> HeldOrder:
    return HeldOrder(external_order_id=order.external_order_id, code=code, reason=reason, decisions=decisions, **parts)


def stopped(found: Sequence[Standing]) -> dict[str, Any]:
    """The orders among these that are held or gone, as an outcome names them."""
    return {
        "held": tuple(one.held for one in found if one.held is not None),
        "gone": tuple((one.order.external_order_id, one.gone) for one in found if one.gone),
    }


def first_refused(parcels: Sequence[Parcel], results: dict[str, Result]) -> Result | None:
    """The first of these parcels' results that says no; a parcel without a result is one."""
    for parcel in parcels:
        result = results.get(parcel.shipment_id, Result(taken=False, words="it gave no answer for this parcel"))
        if not result.taken:
            return result
    return None
