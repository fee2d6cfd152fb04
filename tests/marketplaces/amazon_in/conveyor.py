"""The engine's part in memory: orders go through the adapter's stages, and every outcome is taken in before the next step."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import httpx
import msgspec

from portal import clock
from portal.marketplaces.amazon_in import MARKETPLACE
from portal.marketplaces.amazon_in.sandbox import sandbox
from portal.marketplaces.amazon_in.sandbox.desk import Desk
from portal.marketplaces.amazon_in.sandbox.state import State
from portal.marketplaces.facts import BatchFacts, BatchLine, BatchOrder, Decision, DocumentFact, HeldOrder, StageOutcome
from portal.marketplaces.http import Outside
from portal.marketplaces.sandbox import Shop
from tests.marketplaces.amazon_in.bench import Bench
from tests.serving import served

STAGES = [stage.code for stage in MARKETPLACE.stages]
DROPS = next(number for number, stage in enumerate(MARKETPLACE.stages) if stage.drops)
PLENTY = 1_000


@dataclass(kw_only=True)
class Conveyor:
    """One batch. `at` is how many stages are behind each order that is neither held nor gone."""

    bench: Bench
    world: State
    stock: dict[str, int]
    orders: dict[str, BatchOrder] = field(default_factory=dict)
    at: dict[str, int] = field(default_factory=dict)
    held: dict[str, HeldOrder] = field(default_factory=dict)
    stood_at: dict[str, int] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    documents: list[DocumentFact] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def through(self) -> set[str]:
        return {order_id for order_id, stages in self.at.items() if stages == len(STAGES)}

    async def run(self, *, until: str = "", outside: Outside | None = None) -> None:
        """Every stage with work to do, up to `until`; a batch that waits is left where it stands."""
        pulled = bool(self.orders)
        while True:
            position = min((stages for stages in self.at.values() if stages < len(STAGES)), default=None) if pulled else 0
            if position is None or STAGES[position] == until:
                return
            pulled = True
            async with self.bench.adapter(outside=outside) as adapter:
                async for outcome in adapter.full_processing(self.bench.ctx(now=clock.now(), note=self._note), self._facts(position)):
                    self._take(outcome, position)
            if position and position in self.at.values():
                return

    def begin_anew(self) -> None:
        """As if nothing had been processed yet, at Amazon and here; the process forgets its passes too."""
        self.world.orders.reopen()
        self.world.desk = Desk(self.world.orders)
        self.bench.outside = Outside(settings=self.bench.settings, allow_private=True)
        for book in (self.orders, self.at, self.held, self.stood_at, self.gone, self.documents, self.waits, self.notes):
            book.clear()

    async def _note(self, words: str) -> None:
        self.notes.append(words)

    def _facts(self, position: int) -> BatchFacts:
        waiting = tuple(order for order_id, order in self.orders.items() if self.at.get(order_id) == position)
        return BatchFacts(batch_id=UUID(int=1), stage=STAGES[position], orders=waiting, stock=dict(self.stock))

    def _take(self, outcome: StageOutcome, position: int) -> None:
        for fact in outcome.orders if position == 0 else ():
            if fact.external_order_id not in self.orders:
                lines = tuple(BatchLine(external_item_id=one.external_item_id, sku=one.sku, ordered=one.quantity) for one in fact.items)
                self.orders[fact.external_order_id] = BatchOrder(external_order_id=fact.external_order_id, lines=lines, marks={})
        for marked in outcome.marked:
            self._mark(marked.external_order_id, marked.marks)
        for passed in outcome.passed:
            self._mark(passed.external_order_id, passed.marks, decision="")
            self.at[passed.external_order_id] = position + 1
        for held in outcome.held:
            self._mark(held.external_order_id, {}, decision="")
            self.held[held.external_order_id] = held
            self.stood_at[held.external_order_id] = self.at.pop(held.external_order_id)
        for order_id, reason in outcome.gone:
            self.gone[order_id] = reason
            del self.at[order_id]
        self.documents += outcome.documents
        self.waits += [outcome.waiting_for] if outcome.resume_at else []

    def _mark(self, order_id: str, marks: Mapping[str, str], **parts: str) -> None:
        order = self.orders[order_id]
        self.orders[order_id] = msgspec.structs.replace(order, marks={**order.marks, **marks}, **parts)

    def decide(self, order_id: str, decision: Decision, **marks: str) -> None:
        """What a person says about a held order."""
        held = self.held.pop(order_id)
        assert decision in held.decisions
        assert set(marks) <= {name for name, _ in held.corrects}
        stood = self.stood_at.pop(order_id)
        self.at[order_id] = DROPS if decision is Decision.DROP else stood
        self._mark(order_id, marks, decision=decision)

    async def calls(self, operation: str) -> int:
        return (await self.bench.calls()).count(operation)


@asynccontextmanager
async def conveyor(shop: Shop) -> AsyncIterator[Conveyor]:
    """A shop whose orders all wait to be sent, and plenty of stock."""
    app = sandbox(shop)
    world: State = app.state["world"]
    world.orders.reopen()
    async with served(app) as base, httpx.AsyncClient(timeout=30, trust_env=False, verify=False) as http:
        yield Conveyor(bench=Bench(shop, base, http), world=world, stock=dict.fromkeys(world.stock.articles, PLENTY))
