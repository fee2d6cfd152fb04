"""What each target reads through the adapter, and where its facts are kept. A new kind of work is a line in both."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import msgspec

from portal import db
from portal.files import Files
from portal.inventory import service as inventory
from portal.listings import service as listings
from portal.marketplaces.contract import AccountRef, MarketplaceAdapter, Page, ScheduleTarget, SyncContext
from portal.marketplaces.facts import LineOutcome, ListingFact, OrderFact, UnreadableRow
from portal.marketplaces.registry import marketplace
from portal.orders import service as orders
from portal.payouts import service as payouts
from portal.processing import perform as processing
from portal.processing import steps as stepping
from portal.returns import service as returns
from portal.runs import service as runs
from portal.runs.kept import Kept
from portal.vault import BuyerSeal

Write = Callable[[], Awaitable[Kept]]
Keeper = Callable[[Sequence[Any]], Write]

NAMED_BY = {
    # target: the fact's own name, which a row that was set aside carries too
    ScheduleTarget.ORDERS: "external_order_id",
    ScheduleTarget.RETURNS: "external_return_id",
    ScheduleTarget.PAYOUTS: "external_payout_id",
    ScheduleTarget.LISTINGS: "sku",
    ScheduleTarget.INVENTORY: "sku",
}


def named(target: ScheduleTarget, facts: Sequence[Any]) -> list[str]:
    """Every id under which one of these facts may have been set aside before: its own, and those of an order's parcels."""
    if target not in NAMED_BY:
        return []
    own = [getattr(fact, NAMED_BY[target]) for fact in facts]
    if target is ScheduleTarget.ORDERS:
        own += [parcel.external_shipment_id for fact in facts for parcel in fact.shipments]
    return own


def apart(target: ScheduleTarget, one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether these two pages name nothing in common. Facts without names of their own are never apart."""
    return target in NAMED_BY and set(named(target, one)).isdisjoint(named(target, other))


def named_alone(account: AccountRef, target: ScheduleTarget) -> bool:
    """Whether keeping a page writes only rows of the orders it names: none that another page may write as well, as learned listings are."""
    return target is ScheduleTarget.ORDERS and not _learns(account)


def _learns(account: AccountRef) -> bool:
    """Whether listings are learned from orders, for want of a catalogue that the marketplace lists."""
    return ScheduleTarget.LISTINGS not in marketplace(account.code).supported_targets


def pages(run: runs.Taken, account: AccountRef, adapter: MarketplaceAdapter, ctx: SyncContext, files: Files) -> AsyncIterator[Page[Any]]:
    """The adapter's pages for the run's target. `files` takes the documents that come with them."""
    if run.target is ScheduleTarget.FULL_PROCESSING:
        return processing.pages(account, adapter, ctx, run.id, files)
    if run.target is ScheduleTarget.INVENTORY:
        return _push(run, account, adapter, ctx)
    readers: dict[ScheduleTarget, Callable[[SyncContext], AsyncIterator[Page[Any]]]] = {
        ScheduleTarget.ORDERS: adapter.sync_orders,
        ScheduleTarget.RETURNS: adapter.sync_returns,
        ScheduleTarget.PAYOUTS: adapter.sync_payouts,
        ScheduleTarget.LISTINGS: adapter.sync_listings,
    }
    return readers[run.target](ctx)


async def _push(run: runs.Taken, account: AccountRef, adapter: MarketplaceAdapter, ctx: SyncContext) -> AsyncIterator[Page[LineOutcome]]:
    """Approved quantities on their way out. What the marketplace refuses is set aside with its words, so the run says so."""
    lines = await inventory.lines_to_push(account, run_id=run.id)
    if not lines:
        yield Page(facts=(), cursor=None)
        return
    async with aclosing(adapter.push_inventory(ctx, lines)) as outcomes:  # type: ignore[type-var]
        async for page in outcomes:
            refused = tuple(
                UnreadableRow(external_id=one.sku, reason=one.message or "The marketplace refused this quantity.", raw={"code": one.code})
                for one in page.facts
                if one.state == "refused"
            )
            yield msgspec.structs.replace(page, set_aside=(*page.set_aside, *refused), total=len(lines))


def keeper(account: AccountRef, target: ScheduleTarget, seal: BuyerSeal) -> Keeper:
    """How a target's facts are kept: made ready at once, written when called, in the caller's transaction."""
    if target is ScheduleTarget.ORDERS:
        return partial(_keep_orders, account, seal)
    if target is ScheduleTarget.FULL_PROCESSING:
        return partial(_keep_steps, account, seal)
    keepers: dict[ScheduleTarget, Callable[[AccountRef, Sequence[Any]], Awaitable[Kept]]] = {
        ScheduleTarget.RETURNS: returns.keep,
        ScheduleTarget.PAYOUTS: payouts.keep,
        ScheduleTarget.LISTINGS: listings.keep,
        ScheduleTarget.INVENTORY: inventory.keep_outcomes,
    }
    return lambda facts: partial(keepers[target], account, facts)


def _keep_orders(account: AccountRef, seal: BuyerSeal, facts: Sequence[OrderFact]) -> Write:
    page = orders.prepare(account, facts, seal)

    async def write() -> Kept:
        kept = await orders.keep(account, page)
        if _learns(account):
            await listings.learn(account, _learned(facts))
        return kept

    return write


def _keep_steps(account: AccountRef, seal: BuyerSeal, steps: Sequence[stepping.Step]) -> Write:
    """Steps of a batch, and the orders that were read on the way."""
    read = [order for step in steps for order in step.outcome.orders]
    page = orders.prepare(account, read, seal)

    async def write() -> Kept:
        await orders.keep(account, page)
        kept = Kept()
        for step in steps:
            kept += await stepping.keep(account, step)
        return kept

    return write


def _learned(facts: Sequence[OrderFact]) -> list[ListingFact]:
    """Listings as orders tell of them, where the marketplace lists no catalogue: each SKU once, the newest order's word last."""
    known = {
        item.sku: ListingFact(
            sku=item.sku,
            external_listing_id=item.external_listing_id,
            title=item.title,
            status="",
            raw_status="",
            attributes=item.attributes,
        )
        for fact in facts
        for item in fact.items
        if item.sku and item.external_listing_id
    }
    return list(known.values())


async def afterwards(account: AccountRef, target: ScheduleTarget) -> None:
    """What a complete run makes possible: payout lines find the orders that came after them, and the other way round."""
    if target in (ScheduleTarget.ORDERS, ScheduleTarget.PAYOUTS):
        async with db.transaction(account.seller_id):
            await payouts.match_lines(account)
