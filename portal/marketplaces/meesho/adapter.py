"""Meesho in the portal's words."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import ClassVar, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from portal.marketplaces.contract import AccountRef, Check, Location, Page, Permission, ScheduleTarget, SyncContext, Validation
from portal.marketplaces.errors import KeysRejected, NotAllowed
from portal.marketplaces.facts import (
    BatchFacts,
    LineOutcome,
    ListingFact,
    OrderFact,
    PayoutFact,
    ReturnFact,
    ReturnKind,
    StageOutcome,
    StockLine,
    UnreadableRow,
)
from portal.marketplaces.http import Outside
from portal.marketplaces.meesho.bookmarks import Bookmark
from portal.marketplaces.meesho.client import MeeshoClient
from portal.marketplaces.meesho.keys import MeeshoKeys
from portal.marketplaces.meesho.pushing import processing_permission, pushed, stock_permission, stock_proof
from portal.marketplaces.meesho.settlement import SettledRow, Settlements
from portal.marketplaces.meesho.stages import do_stage
from portal.marketplaces.meesho.wire.orders import orders_page
from portal.marketplaces.meesho.wire.payments import payments_page
from portal.marketplaces.meesho.wire.returns import returns_page
from portal.marketplaces.meesho.wire.rows import NAME, Rows, midnight
from portal.marketplaces.meesho.wire.supplier import supplier

ORDERS_OVERLAP = timedelta(hours=1)
RETURNS_OVERLAP = timedelta(hours=6)
PAYOUTS_OVERLAP = timedelta(days=3)

SUPPORTED = frozenset(ScheduleTarget) - {ScheduleTarget.LISTINGS}

REPEATED = "Meesho sent the same page again, so we stopped here. The next run goes on."

_KINDS = (ReturnKind.CUSTOMER, ReturnKind.RTO)

Row = TypeVar("Row")
Fact = TypeVar("Fact")
Changing = TypeVar("Changing", OrderFact, ReturnFact)


class MeeshoAdapter:
    """One conversation with Meesho for one supplier."""

    code: ClassVar[str] = "MEESHO"
    supported_targets: ClassVar[frozenset[ScheduleTarget]] = SUPPORTED

    def __init__(self, client: MeeshoClient) -> None:
        self._client = client
        self._told_skew = False

    async def validate(self, ctx: SyncContext) -> Validation:
        """The shop these keys open, and which data: one call each.

        Errors: as every call; a refusal of one kind of data is a Permission, not an error.
        """
        try:
            shop = supplier(await self._client.supplier())
        except (KeysRejected, NotAllowed):
            await ctx.checked(Check.REACHED)
            raise
        await ctx.checked(Check.REACHED)
        await ctx.checked(Check.ACCEPTED)
        orders: list[OrderFact] = []
        permissions = [
            await self._tried(ctx, ScheduleTarget.ORDERS, _first_order(self._client, ctx, orders)),
            await self._tried(ctx, ScheduleTarget.RETURNS, _first_return(self._client, ctx)),
            await self._tried(ctx, ScheduleTarget.PAYOUTS, _first_payment(self._client, ctx)),
        ]
        permissions += [stock_permission(shop, ctx.account.ships_from), processing_permission(shop, ctx.account.ships_from)]
        for one in permissions[-2:]:
            await ctx.tried(one)
        await ctx.checked(Check.PERMISSIONS)
        await ctx.checked(Check.SHOP)
        return Validation(
            external_account_id=shop.identifier,
            seller_name=shop.name or shop.identifier,
            permissions=tuple(permissions),
            locations=tuple(Location(id=one.location_id, name=one.name) for one in shop.locations),
            first_proof=stock_proof(shop, orders, ctx.account.ships_from),
        )

    async def _tried(self, ctx: SyncContext, target: ScheduleTarget, proof: Awaitable[str]) -> Permission:
        try:
            found = Permission(target=target, allowed=True, proof=await proof)
        except NotAllowed as error:
            found = Permission(target=target, allowed=False, message=error.seller_message)
        await ctx.tried(found)
        return found

    def sync_orders(self, ctx: SyncContext) -> AsyncIterator[Page[OrderFact]]:
        """Sub-orders changed since the last run, oldest change first; Meesho never splits one, so each is an order.

        Shape: pages of 50. Watermark: the latest `updated_at` met, widened by an hour when the next run begins.
        """

        async def read(mark: Bookmark) -> Rows[OrderFact]:
            return orders_page(await self._client.orders(mark.start, mark.end, mark.token))

        return self._walk(ctx, Bookmark.of(ctx, overlap=ORDERS_OVERLAP), read, _changed)

    def sync_returns(self, ctx: SyncContext) -> AsyncIterator[Page[ReturnFact]]:
        """Returns changed since the last run: first what buyers sent back, then what never reached them.

        Shape: pages of 50. Watermark: the latest `updated_at` met, widened by six hours.
        """

        async def read(mark: Bookmark) -> Rows[ReturnFact]:
            kind = _KINDS[mark.list]
            return returns_page(await self._client.returns(kind, mark.start, mark.end, mark.token), kind)

        return self._walk(ctx, Bookmark.of(ctx, overlap=RETURNS_OVERLAP), read, _changed, lists=len(_KINDS))

    def sync_payouts(self, ctx: SyncContext) -> AsyncIterator[Page[PayoutFact]]:
        """What Meesho paid, one payout per payment date; whole days only, so that each sum is whole.

        Shape: pages of 100 settled rows; a payout comes in parts and has its net amount in the last page.
        Watermark: the latest payment date met, widened by three days.
        """

        async def read(mark: Bookmark) -> Rows[SettledRow]:
            return payments_page(await self._client.payments(mark.first_day, mark.last_day, mark.token))

        return self._walk(ctx, Bookmark.of(ctx, overlap=PAYOUTS_OVERLAP), read, _gathered)

    def sync_listings(self, ctx: SyncContext) -> AsyncIterator[Page[ListingFact]]:
        raise NotAllowed(NAME, "Meesho gives out no list of products. We learn them from your orders and from a catalogue file you upload.")

    def push_inventory(self, ctx: SyncContext, lines: Sequence[StockLine]) -> AsyncIterator[Page[LineOutcome]]:
        """Absolute quantities, 50 lines a call, an outcome per line. Stock goes to the shop's one location, or the chosen one of several."""
        return pushed(self._client, ctx, lines)

    def full_processing(self, ctx: SyncContext, batch: BatchFacts) -> AsyncIterator[StageOutcome]:
        """One stage of `stages.STAGES`, for the orders that wait for it."""
        return do_stage(self._client, ctx, batch)

    async def _walk(
        self,
        ctx: SyncContext,
        mark: Bookmark,
        read: Callable[[Bookmark], Awaitable[Rows[Row]]],
        take: "Take[Row, Fact]",
        *,
        lists: int = 1,
    ) -> AsyncIterator[Page[Fact]]:
        """Page after page, list after list, until Meesho has no more or repeats itself."""
        while True:
            rows = await read(mark)
            await self._tell_skew(ctx)
            if rows.digest in mark.seen:
                yield Page(facts=(), cursor=None, cut=REPEATED)
                return
            ended = rows.cursor is None and mark.list + 1 == lists
            taken = take(mark, rows, ended)
            mark = taken.mark.onward(rows.digest, rows.cursor)
            yield Page(
                facts=taken.facts,
                set_aside=taken.set_aside,
                cursor=None if ended else mark.text(),
                watermark=mark.watermark if ended else None,
            )
            if ended:
                return

    async def _tell_skew(self, ctx: SyncContext) -> None:
        if self._client.skew and not self._told_skew:
            self._told_skew = True
            minutes = max(1, round(abs(self._client.skew.total_seconds()) / 60))
            await ctx.note(f"Our clock and Meesho's differ by {minutes} min. We go by Meesho's.")


class Taken(NamedTuple, Generic[Fact]):
    """What a page amounts to, and the bookmark with what it taught us."""

    mark: Bookmark
    facts: tuple[Fact, ...]
    set_aside: tuple[UnreadableRow, ...]


class Take(Protocol[Row, Fact]):
    def __call__(self, mark: Bookmark, rows: Rows[Row], ended: bool, /) -> Taken[Fact]: ...


def _changed(mark: Bookmark, rows: Rows[Changing], _: bool) -> Taken[Changing]:
    """The facts as they are; the latest of them moves the watermark."""
    changes = [fact.marketplace_updated_at for fact in rows.facts]
    latest = max((moment for moment in changes if moment is not None), default=None)
    return Taken(mark.met(latest), rows.facts, rows.set_aside)


def _gathered(mark: Bookmark, rows: Rows[SettledRow], ended: bool) -> Taken[PayoutFact]:
    """Payouts, or parts of them; the sums so far go into the bookmark."""
    settlements = Settlements(paid=dict(mark.paid))
    set_aside = list(rows.set_aside)
    for row in rows.facts:
        try:
            settlements.add(row)
        except ValueError as error:
            set_aside.append(row.refused(str(error)))
    latest = max((midnight(row.paid_on) for row in rows.facts), default=None)
    facts = settlements.part(last=ended)
    return Taken(msgspec.structs.replace(mark.met(latest), paid=settlements.paid), facts, tuple(set_aside))


async def _first_order(client: MeeshoClient, ctx: SyncContext, orders: list[OrderFact]) -> str:
    """Reads a page of orders and leaves them in `orders`, for the first proof."""
    found = orders_page(await client.orders(_month_ago(ctx), None, "")).facts
    orders.extend(found)
    return f"Read order {found[0].external_order_id}." if found else "No orders in the last 30 days."


async def _first_return(client: MeeshoClient, ctx: SyncContext) -> str:
    found = returns_page(await client.returns(ReturnKind.CUSTOMER, _month_ago(ctx), None, ""), ReturnKind.CUSTOMER).facts
    return f"Read the return of {found[0].external_order_id}." if found else "No returns in the last 30 days."


async def _first_payment(client: MeeshoClient, ctx: SyncContext) -> str:
    found = payments_page(await client.payments(_month_ago(ctx).date(), None, "")).facts
    return f"Read the payment of {found[0].sub_order_num}." if found else "No payments in the last 30 days."


def _month_ago(ctx: SyncContext) -> datetime:
    return ctx.now - timedelta(days=30)


@asynccontextmanager
async def open_meesho(outside: Outside, account: AccountRef, keys: MeeshoKeys) -> AsyncIterator[MeeshoAdapter]:
    """An adapter for that account. Misconfigured when Meesho's address is not set."""
    async with MeeshoClient(outside, account, keys) as client:
        yield MeeshoAdapter(client)
