"""What every stage works with, whichever door the account's keys open: the batch, where AJIO has its orders, and fifty of them at a time."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal.marketplaces.ajio.client.partner import PAGE_SIZE, PartnerClient
from portal.marketplaces.ajio.wire import processing as wire
from portal.marketplaces.ajio.wire.orders import known_orders
from portal.marketplaces.contract import SyncContext
from portal.marketplaces.facts import BatchFacts, BatchOrder, OrderFact, StageOutcome

CUSTOMER_LEFT = "The shopper cancelled this order at AJIO."


@dataclass(slots=True, kw_only=True)
class Work(ABC):
    """One stage of one batch."""

    ctx: SyncContext
    batch: BatchFacts

    def outcome(self, **parts: Any) -> StageOutcome:
        return StageOutcome(stage=self.batch.stage, **parts)

    def chunks(self, orders: Sequence[BatchOrder] | None = None) -> Iterator[list[BatchOrder]]:
        """The orders that wait, as many at a time as one call takes."""
        waiting = self.batch.orders if orders is None else orders
        for start in range(0, len(waiting), PAGE_SIZE):
            yield list(waiting[start : start + PAGE_SIZE])

    @property
    @abstractmethod
    def settings(self) -> Mapping[str, str]:
        """The operator's settings for AJIO, without their prefix."""

    async def progress(self, orders: Sequence[BatchOrder]) -> dict[str, wire.Progress]:
        """Where AJIO has these orders, by id; those it does not tell of are missing. Fifty at most."""
        return (await self.progress_and_facts(orders))[0]

    @abstractmethod
    async def progress_and_facts(self, orders: Sequence[BatchOrder]) -> tuple[dict[str, wire.Progress], tuple[OrderFact, ...]]:
        """The same, and the orders as a sync would read them."""


@dataclass(slots=True, kw_only=True)
class PartnerWork(Work):
    """Over the partner API, which tells of orders only once they are accepted."""

    client: PartnerClient

    @property
    def settings(self) -> Mapping[str, str]:
        return self.client.outside.settings

    async def progress_and_facts(self, orders: Sequence[BatchOrder]) -> tuple[dict[str, wire.Progress], tuple[OrderFact, ...]]:
        document = await self.client.orders([order.external_order_id for order in orders])
        return wire.progress(document), known_orders(document).facts
