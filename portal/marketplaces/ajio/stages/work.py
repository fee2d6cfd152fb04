"""What every stage works with: the client, the batch, and fifty orders at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from portal.marketplaces.ajio.client.partner import PAGE_SIZE, PartnerClient
from portal.marketplaces.ajio.wire import processing as wire
from portal.marketplaces.ajio.wire.orders import known_orders
from portal.marketplaces.contract import SyncContext
from portal.marketplaces.facts import BatchFacts, BatchOrder, OrderFact, StageOutcome

CUSTOMER_LEFT = "The shopper cancelled this order at AJIO."


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One stage of one batch."""

    client: PartnerClient
    ctx: SyncContext
    batch: BatchFacts

    def outcome(self, **parts: Any) -> StageOutcome:
        return StageOutcome(stage=self.batch.stage, **parts)

    def chunks(self, orders: Sequence[BatchOrder] | None = None) -> Iterator[list[BatchOrder]]:
        """The orders that wait, as many at a time as one call takes."""
        waiting = self.batch.orders if orders is None else orders
        for start in range(0, len(waiting), PAGE_SIZE):
            yield list(waiting[start : start + PAGE_SIZE])

    async def progress(self, orders: Sequence[BatchOrder]) -> dict[str, wire.Progress]:
        """Where AJIO has these orders, by id; those it has not accepted are missing."""
        return (await self.progress_and_facts(orders))[0]

    async def progress_and_facts(self, orders: Sequence[BatchOrder]) -> tuple[dict[str, wire.Progress], tuple[OrderFact, ...]]:
        """The same, and the orders as a sync would read them. Fifty at most."""
        document = await self.client.orders([order.external_order_id for order in orders])
        return wire.progress(document), known_orders(document).facts
