"""What every stage works with: the client, the orders that wait, and their marks as they stand now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from portal.marketplaces.amazon_in import rereading
from portal.marketplaces.amazon_in.client import AmazonClient
from portal.marketplaces.amazon_in.client.easy_ship import EasyShip
from portal.marketplaces.contract import SyncContext
from portal.marketplaces.facts import BatchFacts, BatchOrder, Decision, HeldOrder, MarkedOrder, OrderFact, OrderStatus, StageOutcome

CANCELLED = "This order is cancelled at Amazon."
DROPPED = "dropped"
CANCEL_REASON = "cancel_reason"
SLOT, PACKAGE, AWB, CARRIER, INVOICE = "slot", "package", "awb", "carrier", "customer_invoice"
LABEL, MANIFEST = "label", "manifest"
"""Names that the marks of every marketplace share: `carrier`, `awb`, `customer_invoice`, `label` and `manifest`."""


@dataclass(slots=True, kw_only=True)
class Work:
    """One stage of one batch. `orders` wait for it, oldest first."""

    client: AmazonClient
    easy_ship: EasyShip
    ctx: SyncContext
    batch: BatchFacts
    orders: list[BatchOrder]
    _added: dict[str, dict[str, str]] = field(default_factory=dict)
    _settled: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, client: AmazonClient, ctx: SyncContext, batch: BatchFacts) -> "Work":
        return cls(client=client, easy_ship=EasyShip(client), ctx=ctx, batch=batch, orders=list(batch.orders))

    def outcome(self, **parts: Any) -> StageOutcome:
        made = StageOutcome(stage=self.batch.stage, **parts)
        self._settled |= {one.external_order_id for one in made.passed} | {one.external_order_id for one in made.held}
        self._settled |= {order_id for order_id, _ in made.gone}
        return made

    def left(self, orders: Sequence[BatchOrder]) -> list[BatchOrder]:
        """Those of these orders about which no outcome has said anything final."""
        return [order for order in orders if order.external_order_id not in self._settled]

    def marks(self, order: BatchOrder) -> dict[str, str]:
        """The order's marks, with what this stage has added."""
        return {**order.marks, **self._added.get(order.external_order_id, {})}

    def mark(self, orders: Iterable[BatchOrder], **marks: str) -> tuple[MarkedOrder, ...]:
        """The same marks for all of these orders, for an outcome."""
        told = []
        for order in orders:
            self._added.setdefault(order.external_order_id, {}).update(marks)
            told.append(MarkedOrder(external_order_id=order.external_order_id, marks=dict(marks)))
        return tuple(told)

    async def order_now(self, order: BatchOrder) -> OrderFact | None:
        """The order as Amazon has it; None for one it does not know."""
        pages = [page async for page in rereading.orders(self.client, [order.external_order_id])]
        return next((fact for page in pages for fact in page.facts), None)


def is_cancelled(found: OrderFact | None) -> bool:
    return found is not None and found.status is OrderStatus.CANCELLED


def held(order: BatchOrder, code: str, reason: str, *decisions: Decision, corrects: tuple[tuple[str, str], ...] = ()) -> HeldOrder:
    """An order that waits for a person; by itself it can be tried again or dropped."""
    return HeldOrder(
        external_order_id=order.external_order_id,
        code=code,
        reason=reason,
        decisions=decisions or (Decision.RETRY, Decision.DROP),
        corrects=corrects,
    )
