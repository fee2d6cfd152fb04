"""Amazon behind the contract: which page follows, what a run starts from, what the next one needs."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, ClassVar

from portal.marketplaces.amazon_in import (
    checking,
    pushing_stock,
    reading_listings,
    reading_orders,
    reading_payouts,
    reading_returns,
    rereading,
)
from portal.marketplaces.amazon_in.client import AmazonClient
from portal.marketplaces.amazon_in.keys import AmazonKeys
from portal.marketplaces.amazon_in.stages import do_stage
from portal.marketplaces.amazon_in.wire.orders import order_facts
from portal.marketplaces.contract import AccountRef, Page, ScheduleTarget, SyncContext, Validation
from portal.marketplaces.facts import BatchFacts, LineOutcome, ListingFact, OrderFact, PayoutFact, ReturnFact, StageOutcome, StockLine
from portal.marketplaces.http import Outside

SUPPORTED = frozenset(ScheduleTarget)

REREADS = frozenset({ScheduleTarget.ORDERS, ScheduleTarget.LISTINGS})


class AmazonAdapter:
    """One account's conversation with Amazon."""

    code: ClassVar[str] = "AMAZON_IN"
    supported_targets: ClassVar[frozenset[ScheduleTarget]] = SUPPORTED
    rereads: ClassVar[frozenset[ScheduleTarget]] = REREADS

    def __init__(self, client: AmazonClient) -> None:
        self._client = client

    async def validate(self, ctx: SyncContext) -> Validation:
        return await checking.check(self._client, ctx)

    async def sync_orders(self, ctx: SyncContext) -> AsyncIterator[Page[OrderFact]]:
        reading = reading_orders.begin(ctx)
        async with aclosing(reading_orders.read(self._client, ctx, reading, order_facts)) as steps:
            async for step in steps:
                last = step.after is None and not step.cut
                # A backfill looks at when orders were placed, which says nothing about changes since: the watermark stays.
                mark = step.mark.isoformat() if step.mark and reading.by == "lastUpdated" else ctx.since
                yield Page(
                    facts=step.facts,
                    cursor=reading_orders.cursor(step.after) if step.after else None,
                    watermark=mark if last else None,
                    set_aside=step.set_aside,
                    cut=step.cut,
                )

    async def sync_returns(self, ctx: SyncContext) -> AsyncIterator[Page[ReturnFact]]:
        async with aclosing(reading_returns.read(self._client, ctx)) as pages:
            async for page in pages:
                yield page

    async def sync_payouts(self, ctx: SyncContext) -> AsyncIterator[Page[PayoutFact]]:
        async with aclosing(reading_payouts.read(self._client, ctx)) as pages:
            async for page in pages:
                yield page

    async def sync_listings(self, ctx: SyncContext) -> AsyncIterator[Page[ListingFact]]:
        async with aclosing(reading_listings.read(self._client, ctx)) as pages:
            async for page in pages:
                yield page

    def reread(self, ctx: SyncContext, target: ScheduleTarget, external_ids: Sequence[str]) -> AsyncIterator[Page[Any]]:
        if target is ScheduleTarget.LISTINGS:
            return rereading.listings(self._client, external_ids)
        return rereading.orders(self._client, external_ids)

    async def push_inventory(self, ctx: SyncContext, lines: Sequence[StockLine]) -> AsyncIterator[Page[LineOutcome]]:
        async with aclosing(pushing_stock.push(self._client, ctx, lines)) as pages:
            async for page in pages:
                yield page

    def full_processing(self, ctx: SyncContext, batch: BatchFacts) -> AsyncIterator[StageOutcome]:
        return do_stage(self._client, ctx, batch)


@asynccontextmanager
async def open_amazon(outside: Outside, account: AccountRef, keys: AmazonKeys) -> AsyncIterator[AmazonAdapter]:
    """An adapter with its connections open."""
    async with AmazonClient(outside, account, keys) as client:
        yield AmazonAdapter(client)
