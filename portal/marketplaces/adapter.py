"""What a marketplace's client can do, once it is open for one account."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from portal.marketplaces.contract import Page, ScheduleTarget, SyncContext, Validation
from portal.marketplaces.facts import BatchFacts, LineOutcome, ListingFact, OrderFact, PayoutFact, ReturnFact, StageOutcome, StockLine


class MarketplaceAdapter(Protocol):
    """One open conversation with a marketplace, for one account.

    Every method raises only MarketplaceErrors: KeysRejected, NotAllowed, Throttled, Unreachable, WireChanged. After any of them
    the run resumes with the cursor of the last page that was yielded. The same fact may come twice; the later one counts.
    """

    code: ClassVar[str]
    supported_targets: ClassVar[frozenset[ScheduleTarget]]

    async def validate(self, ctx: SyncContext) -> Validation:
        """Live, cheap, names the seller it found. Tells `ctx.checked` and `ctx.tried` as it goes, and shows a first proof if it can."""
        ...

    def sync_orders(self, ctx: SyncContext) -> AsyncIterator[Page[OrderFact]]:
        """Orders with items and shipments, oldest change first."""
        ...

    def sync_returns(self, ctx: SyncContext) -> AsyncIterator[Page[ReturnFact]]: ...

    def sync_payouts(self, ctx: SyncContext) -> AsyncIterator[Page[PayoutFact]]: ...

    def sync_listings(self, ctx: SyncContext) -> AsyncIterator[Page[ListingFact]]: ...

    def push_inventory(self, ctx: SyncContext, lines: Sequence[StockLine]) -> AsyncIterator[Page[LineOutcome]]:
        """Absolute quantities; one outcome per line, in batches of the marketplace's size."""
        ...

    def full_processing(self, ctx: SyncContext, batch: BatchFacts) -> AsyncIterator[StageOutcome]:
        """One stage, `batch.stage`, for the orders that wait for it.

        Each outcome is committed before the next step is taken, and a killed worker comes back with the orders that are left. So a
        call that changes something is made once per step, and only after asking what became of it before.
        """
        ...


@runtime_checkable
class Rereading(Protocol):
    """An adapter that can read single rows again by their ids. `rereads` are the targets for which this conversation can."""

    @property
    def rereads(self) -> frozenset[ScheduleTarget]: ...

    def reread(self, ctx: SyncContext, target: ScheduleTarget, external_ids: Sequence[str]) -> AsyncIterator[Page[Any]]:
        """Exactly these rows. One that still cannot be read comes back set aside; one that the marketplace no longer has, not at all."""
        ...
