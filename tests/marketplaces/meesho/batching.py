"""A batch in memory: the engine's part of processing, as small as it can be, around one adapter and one sandbox."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from portal.marketplaces.contract import SyncContext
from portal.marketplaces.facts import BatchFacts, BatchLine, BatchOrder, Decision, DocumentFact, HeldOrder, OrderFact, StageOutcome
from portal.marketplaces.http import Outside
from portal.marketplaces.meesho import MARKETPLACE
from portal.marketplaces.meesho.adapter import open_meesho
from portal.marketplaces.meesho.keys import MeeshoKeys
from portal.marketplaces.meesho.sandbox.routes import World
from portal.marketplaces.meesho.sandbox.store import CANCELLED
from portal.marketplaces.meesho.stages import STAGES
from portal.marketplaces.sandbox import Fault, Faults, Ordered, Shop
from tests.marketplaces.meesho.shopping import ACCOUNT
from tests.serving import served

PLENTY = 1_000
CODES = [stage.code for stage in STAGES]


@dataclass(kw_only=True)
class Batch:
    """`orders` are those that are in, by id; `held`, `gone` and `papers` what the outcomes said. `now` is what the runs are told."""

    base: str
    world: World
    faults: Faults
    keys: MeeshoKeys
    now: datetime
    orders: dict[str, BatchOrder] = field(default_factory=dict)
    held: dict[str, HeldOrder] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    papers: list[DocumentFact] = field(default_factory=list)
    facts: dict[str, OrderFact] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    stock: dict[str, int] = field(default_factory=dict)
    policy: str = "ask"
    timeout_s: str = "60"
    _left: dict[str, BatchOrder] = field(default_factory=dict)

    async def stage(self, code: str, *, forget: bool = False) -> StageOutcome:
        """One stage for all orders that are in; the last outcome. With `forget` nothing of it is kept, as if its worker had been killed."""

        async def note(words: str) -> None:
            self.told.append(words)

        account = msgspec.structs.replace(ACCOUNT, external_account_id=self.keys.supplier_identifier)
        batch = BatchFacts(
            batch_id=UUID(int=1), stage=code, orders=tuple(self.orders.values()), stock=self._stock(), stock_policy=self.policy
        )
        ctx = SyncContext(account=account, now=self.now, note=note)
        async with open_meesho(self._outside(), ACCOUNT, self.keys) as adapter:
            outcomes = [outcome async for outcome in adapter.full_processing(ctx, batch)]
        if not forget:
            for outcome in outcomes:
                self._keep(outcome)
        return outcomes[-1]

    async def until(self, code: str) -> None:
        """Every stage up to and with this one."""
        for one in CODES[: CODES.index(code) + 1]:
            await self.stage(one)

    async def through(self) -> None:
        await self.until(CODES[-1])

    def decide(self, name: str, decision: Decision) -> None:
        """A person's decision about a held order; it is in again."""
        self.held.pop(name)
        self.now += timedelta(minutes=1)
        self.orders[name] = msgspec.structs.replace(self._left[name], decision=decision, decided_at=self.now)

    def wrong(self, fault: Fault, **how: Any) -> None:
        self.faults.ordered.append(Ordered(fault=fault, **how))

    def shopper_cancels(self, name: str) -> None:
        self.world.store.reach(name, CANCELLED)

    def _stock(self) -> dict[str, int]:
        return self.stock or {article.sku: PLENTY for article in self.world.store.catalogue}

    def _outside(self) -> Outside:
        return Outside(settings={"URL": self.base, "RATE": "1000000", "TIMEOUT_S": self.timeout_s}, allow_private=True)

    def _keep(self, outcome: StageOutcome) -> None:
        if outcome.stage == CODES[0]:
            marks = {one.external_order_id: one.marks for one in outcome.passed}
            for fact in outcome.orders:
                lines = tuple(BatchLine(external_item_id=item.external_item_id, sku=item.sku, ordered=item.quantity) for item in fact.items)
                name = fact.external_order_id
                self.orders[name] = BatchOrder(external_order_id=name, lines=lines, marks=marks[name])
        for marked in outcome.marked:
            order = self.orders[marked.external_order_id]
            self.orders[marked.external_order_id] = msgspec.structs.replace(order, marks={**order.marks, **marked.marks})
        for one in outcome.passed:
            order = self.orders[one.external_order_id]
            self.orders[one.external_order_id] = msgspec.structs.replace(order, marks={**order.marks, **one.marks}, decision="")
        for name, reason in outcome.gone:
            self.gone[name] = reason
            self.orders.pop(name)
        for held in outcome.held:
            self.held[held.external_order_id] = held
            self._left[held.external_order_id] = self.orders.pop(held.external_order_id)
        self.papers += outcome.documents
        self.facts |= {fact.external_order_id: fact for fact in outcome.orders}


@asynccontextmanager
async def batching(pending: int) -> AsyncIterator[Batch]:
    """A sandbox with so many pending orders and no others."""
    shop = Shop(orders=0, returns=0, payouts=0, listings=30)
    assert MARKETPLACE.sandbox is not None
    assert MARKETPLACE.sandbox_keys is not None
    app = MARKETPLACE.sandbox(shop)
    world: World = app.state["world"]
    for _ in range(pending):
        world.store.arrive()
    async with served(app) as base:
        keys = MeeshoKeys(**MARKETPLACE.sandbox_keys(shop))
        yield Batch(base=base, world=world, faults=app.state["faults"], keys=keys, now=shop.now + timedelta(hours=1))
