"""A batch as the engine would drive it, in memory: each stage is given the orders that wait for it, and its outcomes are taken in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from portal.marketplaces.facts import BatchFacts, BatchLine, BatchOrder, Decision, DocumentFact, HeldOrder, StageOutcome
from portal.marketplaces.flipkart.adapter import FlipkartAdapter
from portal.marketplaces.flipkart.sandbox.goods import HOUR, Order, Parcel
from portal.marketplaces.flipkart.stages import STAGES
from portal.marketplaces.sandbox import Shop
from tests.marketplaces.flipkart.shops import Bazaar, bazaar

CODES = [stage.code for stage in STAGES]


@dataclass(kw_only=True)
class Batch:
    """`ready` are the orders that were made for it, in the order in which they came."""

    place: Bazaar
    adapter: FlipkartAdapter
    now: datetime
    ready: list[Order]
    policy: str = "ask"
    stock: dict[str, int] = field(default_factory=dict)
    orders: dict[str, BatchOrder] = field(default_factory=dict)
    passed: dict[str, int] = field(default_factory=dict)
    held: dict[str, HeldOrder] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    documents: list[DocumentFact] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    async def stage(self, code: str) -> list[StageOutcome]:
        """Do one stage for the orders that wait for it; what it said, taken in."""
        position = CODES.index(code)
        waiting = tuple(order for order_id, order in self.orders.items() if self._waits(order_id, position))
        facts = BatchFacts(batch_id=UUID(int=1), stage=code, orders=waiting, stock=self.stock, stock_policy=self.policy)
        ctx = self.place.ctx(now=self.now, note=self._note)
        said = []
        async for outcome in self.adapter.full_processing(ctx, facts):
            said.append(outcome)
            self._take(outcome, position)
        return said

    async def until(self, code: str) -> list[StageOutcome]:
        """Every stage up to this one; what the last of them said."""
        said: list[StageOutcome] = []
        for earlier in CODES[: CODES.index(code) + 1]:
            said = await self.stage(earlier)
        return said

    def decide(self, order_id: str, decision: Decision, **marks: str) -> None:
        """A person says how a held order goes on: at the stage that held it, or at the one that cancels."""
        assert decision in self.held.pop(order_id).decisions
        order = self.orders[order_id]
        self.orders[order_id] = msgspec.structs.replace(order, decision=decision, marks={**order.marks, **marks})
        if decision is Decision.DROP:
            self.passed[order_id] = CODES.index("cancel")

    def codes(self) -> dict[str, str]:
        return {order_id: one.code for order_id, one in self.held.items()}

    def _waits(self, order_id: str, position: int) -> bool:
        return self.passed[order_id] == position and order_id not in self.held and order_id not in self.gone

    async def _note(self, line: str) -> None:
        self.notes.append(line)

    def _take(self, outcome: StageOutcome, position: int) -> None:
        marks = {one.external_order_id: one.marks for one in outcome.passed}
        for fact in outcome.orders if position == 0 else ():
            lines = tuple(BatchLine(external_item_id=one.external_item_id, sku=one.sku, ordered=one.quantity) for one in fact.items)
            joined = BatchOrder(external_order_id=fact.external_order_id, lines=lines, marks=marks[fact.external_order_id])
            self.orders[fact.external_order_id] = joined
        for one in outcome.passed:
            order = self.orders[one.external_order_id]
            lines = tuple(
                msgspec.structs.replace(line, confirmed=one.confirmed.get(line.external_item_id, line.confirmed)) for line in order.lines
            )
            self.orders[one.external_order_id] = msgspec.structs.replace(
                order, lines=lines, marks={**order.marks, **one.marks}, decision=""
            )
            self.passed[one.external_order_id] = position + 1
        self.held |= {one.external_order_id: one for one in outcome.held}
        self.gone |= dict(outcome.gone)
        self.documents += outcome.documents


@asynccontextmanager
async def batch(count: int = 4, *, parcels: int = 1, lines: int = 1, transport: Any = None, **parts: Any) -> AsyncIterator[Batch]:
    """Orders of so many parcels with so many lines each, approved and due, with plenty in stock; packed as soon as that is asked for."""
    async with bazaar(Shop(orders=0, listings=40), transport=transport) as place, place.adapter() as adapter:
        shelves, desk = place.world.shelves, place.world.desk
        desk.pack_s = 0.0
        made = shelves.bring(count * (8 if parcels == lines == 1 else 40))
        chosen = [order for order in made if [len(parcel.lines) for parcel in order.parcels] == [lines] * parcels][:count]
        assert len(chosen) == count
        for order in made:
            for parcel in order.parcels:
                parcel.hold = parcel.state == "APPROVED"
        desk.make_ready(parcel for order in chosen for parcel in order.parcels)
        shelves.now += HOUR
        yield Batch(place=place, adapter=adapter, now=shelves.now, ready=chosen, stock=dict.fromkeys(shelves.offers, 1000), **parts)


def order_of(one: Batch, order_id: str) -> Order:
    """This order, as the sandbox has it."""
    return one.place.world.shelves.by_order[order_id]


def parcel_of(one: Batch, order_id: str) -> Parcel:
    """The only parcel of this order, as the sandbox has it."""
    (parcel,) = order_of(one, order_id).parcels
    return parcel
