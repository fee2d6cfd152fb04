"""The contract, said in client and wire."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from portal.marketplaces.contract import AccountRef, Page, ScheduleTarget, SyncContext, Validation
from portal.marketplaces.errors import NotAllowed
from portal.marketplaces.facts import BatchFacts, LineOutcome, ListingFact, OrderFact, PayoutFact, ReturnFact, StageOutcome, StockLine
from portal.marketplaces.flipkart import checking, orders, returns, stock
from portal.marketplaces.flipkart.client import FlipkartClient
from portal.marketplaces.flipkart.keys import FlipkartKeys
from portal.marketplaces.flipkart.stages import do_stage
from portal.marketplaces.flipkart.wire.decoding import MARKETPLACE
from portal.marketplaces.http import Outside

SUPPORTED = frozenset(ScheduleTarget) - {ScheduleTarget.PAYOUTS}

REREADS = frozenset({ScheduleTarget.ORDERS})


class FlipkartAdapter:
    """One open conversation with Flipkart, for one account."""

    code: ClassVar[str] = "FLIPKART"
    supported_targets: ClassVar[frozenset[ScheduleTarget]] = SUPPORTED
    rereads: ClassVar[frozenset[ScheduleTarget]] = REREADS

    def __init__(self, client: FlipkartClient) -> None:
        self._client = client

    async def validate(self, ctx: SyncContext) -> Validation:
        """Signs in anew, then reads one page of each kind of data."""
        return await checking.validate(self._client, ctx)

    def sync_orders(self, ctx: SyncContext) -> AsyncIterator[Page[OrderFact]]:
        """Orders changed in the span, each with all its parcels; open ones first on a first reading, then oldest change first."""
        return orders.read(self._client, ctx)

    def sync_returns(self, ctx: SyncContext) -> AsyncIterator[Page[ReturnFact]]:
        """Returns changed in the span, both those of customers and those of couriers."""
        return returns.read(self._client, ctx)

    def sync_payouts(self, ctx: SyncContext) -> AsyncIterator[Page[PayoutFact]]:
        return _closed(
            "Flipkart gives sellers no payments through its interface. Upload the Settled Transactions file from Payments instead."
        )

    def sync_listings(self, ctx: SyncContext) -> AsyncIterator[Page[ListingFact]]:
        """The whole catalogue, with stock and location of each SKU."""
        return stock.read(self._client, ctx)

    def reread(self, ctx: SyncContext, target: ScheduleTarget, external_ids: Sequence[str]) -> AsyncIterator[Page[Any]]:
        """Orders by the parcels that were set aside."""
        return orders.reread(self._client, external_ids)

    def push_inventory(self, ctx: SyncContext, lines: Sequence[StockLine]) -> AsyncIterator[Page[LineOutcome]]:
        """Absolute stock, ten SKUs a call."""
        return stock.push(self._client, ctx, lines)

    def full_processing(self, ctx: SyncContext, batch: BatchFacts) -> AsyncIterator[StageOutcome]:
        """From an approved order to a manifest, one of ten stages."""
        return do_stage(self._client, ctx, batch)


async def _closed(sentence: str) -> AsyncIterator[Any]:
    """A reader that refuses with its first step, as the contract asks of targets that are not open."""
    if sentence:
        raise NotAllowed(MARKETPLACE, sentence)
    yield


@asynccontextmanager
async def open_flipkart(outside: Outside, account: AccountRef, keys: FlipkartKeys) -> AsyncIterator[FlipkartAdapter]:
    """A conversation with Flipkart for this account, with these keys."""
    async with FlipkartClient(outside, account, keys) as client:
        yield FlipkartAdapter(client)
