"""Orders, returns, listings and stock through the partner API.

It has no change filter. New orders come from pendency; every order we hold open is read again by id. Nothing is ever acknowledged
here: that decision is the seller's.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from portal.marketplaces.ajio.client.partner import PAGE_SIZE, PartnerClient
from portal.marketplaces.ajio.stages import do_stage
from portal.marketplaces.ajio.transports.cursors import SAME_PAGE, ListPlace, PushPlace, read, written
from portal.marketplaces.ajio.wire import orders, returns, stock
from portal.marketplaces.ajio.wire.body import MARKETPLACE, Rows
from portal.marketplaces.contract import Check, Page, Permission, ScheduleTarget, SyncContext, Validation
from portal.marketplaces.errors import KeysRejected, NotAllowed, WireChanged
from portal.marketplaces.facts import (
    BatchFacts,
    LineOutcome,
    ListingFact,
    OrderFact,
    PayoutFact,
    ReturnFact,
    StageOutcome,
    StockLine,
)
from portal.marketplaces.proving import FirstProof, first_proof, listing_line, listing_sample, stock_sample

Fact = TypeVar("Fact")
Fetch = Callable[[int], Awaitable[dict[str, Any]]]
Read = Callable[[dict[str, Any]], Rows[Fact]]

NO_PAYOUTS = "AJIO shares payouts only with the seller panel. Upload the payment report instead."
CLOSED: Mapping[ScheduleTarget, str] = {ScheduleTarget.PAYOUTS: NO_PAYOUTS}
"""What this door does not open, and why."""
NO_HISTORY = "AJIO's partner API tells new orders and those we already hold. Older ones are only in the seller panel."


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerTransport:
    client: PartnerClient

    async def validate(self, ctx: SyncContext) -> Validation:
        """Signs in and reads one row of each list. A list that is closed to this POB is a permission, not a failure."""
        try:
            await self.client.sign_in()
        except (KeysRejected, NotAllowed, WireChanged):
            await ctx.checked(Check.REACHED)
            raise
        await ctx.checked(Check.REACHED)
        allowed, waiting = await self._try(ScheduleTarget.ORDERS, self.client.pendency, orders.new_orders, "new orders")
        await ctx.checked(Check.ACCEPTED)
        permissions = [allowed]
        await ctx.tried(allowed)
        permissions.append((await self._try(ScheduleTarget.RETURNS, self.client.returns, returns.returns, "returns"))[0])
        await ctx.tried(permissions[-1])
        allowed, products = await self._try(ScheduleTarget.LISTINGS, self.client.products, stock.listings, "products")
        permissions.append(allowed)
        permissions.append(Permission(target=ScheduleTarget.INVENTORY, allowed=None, message="Proven by the first stock update."))
        permissions.append(Permission(target=ScheduleTarget.FULL_PROCESSING, allowed=None, message="Proven by the first batch."))
        permissions.extend(Permission(target=target, allowed=False, message=why) for target, why in CLOSED.items())
        for one in permissions[2:]:
            await ctx.tried(one)
        await ctx.checked(Check.PERMISSIONS)
        await ctx.checked(Check.SHOP)
        return Validation(
            external_account_id=self.client.pob_id,
            seller_name=f"AJIO POB {self.client.pob_id}",
            permissions=tuple(permissions),
            first_proof=_proof(waiting, products),
        )

    async def _try(
        self, target: ScheduleTarget, fetch: Callable[[int, int], Awaitable[dict[str, Any]]], read_all: Read[Fact], what: str
    ) -> tuple[Permission, tuple[Fact, ...]]:
        """Whether one row of this list can be read, and that row."""
        try:
            found = read_all(await fetch(0, 1))
        except NotAllowed as refused:
            return Permission(target=target, allowed=False, message=refused.seller_message), ()
        count = found.count if found.total is None else found.total
        return Permission(target=target, allowed=True, proof=f"Read the list of {what}: {count}"), tuple(found.facts)

    async def orders(self, ctx: SyncContext) -> AsyncIterator[Page[OrderFact]]:
        place = read(ctx.cursor, ListPlace) or ListPlace(began=ctx.now.isoformat())
        known = ListPlace(stage="known", began=place.began)
        fresh: set[str] = set()
        if place.stage != known.stage:
            if (ctx.since is None or ctx.first_day is not None) and ctx.cursor is None:
                await ctx.note(NO_HISTORY)
            async for page in self._walk(place, self.client.pendency, orders.new_orders, then=known):
                fresh.update(order.external_order_id for order in page.facts)
                yield page
                if page.cut:
                    return
            place = known
        async for page in self._known(ctx, place, fresh):
            yield page

    async def _known(self, ctx: SyncContext, place: ListPlace, fresh: set[str]) -> AsyncIterator[Page[OrderFact]]:
        """Orders we hold open, in the order of their ids, so that a run goes on after the last one it read."""
        asked = sorted({order_id for order_id in await ctx.known_open() if order_id > place.after} - fresh)
        unanswered = 0
        for start in range(0, len(asked), PAGE_SIZE):
            chunk = asked[start : start + PAGE_SIZE]
            found = orders.known_orders(await self.client.orders(chunk))
            unanswered += max(0, len(chunk) - found.count)
            last = start + PAGE_SIZE >= len(asked)
            if last and unanswered:
                await ctx.note(f"AJIO gave no details for {unanswered} orders we hold open. We ask again next time.")
            yield Page(
                facts=found.facts,
                set_aside=found.set_aside,
                cursor=None if last else written(ListPlace(stage="known", after=chunk[-1], began=place.began)),
                watermark=place.began if last else None,
            )
        if not asked:
            yield Page(facts=(), cursor=None, watermark=place.began)

    @property
    def rereads(self) -> frozenset[ScheduleTarget]:
        return frozenset({ScheduleTarget.ORDERS})

    async def reread(self, external_ids: Sequence[str]) -> AsyncIterator[Page[OrderFact]]:
        """Accepted orders by their ids, fifty a call; those that are not accepted yet are looked for among the new ones."""
        missing = set(external_ids)
        for start in range(0, len(external_ids), PAGE_SIZE):
            found = orders.known_orders(await self.client.orders(external_ids[start : start + PAGE_SIZE]))
            missing -= {order.external_order_id for order in found.facts} | {row.external_id for row in found.set_aside}
            yield Page(facts=found.facts, cursor=None, total=len(external_ids), set_aside=found.set_aside)
        if missing:
            async for page in self._walk(ListPlace(began=""), self.client.pendency, orders.new_orders):
                facts = tuple(order for order in page.facts if order.external_order_id in missing)
                aside = tuple(row for row in page.set_aside if row.external_id in missing)
                if facts or aside:
                    yield Page(facts=facts, cursor=None, total=len(external_ids), set_aside=aside)

    async def returns(self, ctx: SyncContext) -> AsyncIterator[Page[ReturnFact]]:
        place = read(ctx.cursor, ListPlace) or ListPlace(began=ctx.now.isoformat())
        async for page in self._walk(place, self.client.returns, returns.returns):
            yield page

    async def listings(self, ctx: SyncContext) -> AsyncIterator[Page[ListingFact]]:
        place = read(ctx.cursor, ListPlace) or ListPlace(began=ctx.now.isoformat())
        async for page in self._walk(place, self.client.products, stock.listings):
            yield page

    async def payouts(self, ctx: SyncContext) -> AsyncIterator[Page[PayoutFact]]:
        nothing: tuple[Page[PayoutFact], ...] = ()
        for page in nothing:
            yield page
        raise NotAllowed(MARKETPLACE, NO_PAYOUTS, reason="panel_only")

    def process(self, ctx: SyncContext, batch: BatchFacts) -> AsyncIterator[StageOutcome]:
        return do_stage(self.client, ctx, batch)

    async def _walk(self, place: ListPlace, fetch: Fetch, read_all: Read[Fact], then: ListPlace | None = None) -> AsyncIterator[Page[Fact]]:
        """Pages of a list from `place` on. The last one leads to `then`, or ends the run with its watermark."""
        seen = {place.last} - {""}
        number, more = place.page, True
        while more:
            found = read_all(await fetch(number))
            if found.count and found.digest in seen:
                yield Page(facts=(), cursor=None, cut=SAME_PAGE)
                return
            seen.add(found.digest)
            number += 1
            more = _goes_on(found, number)
            follows = ListPlace(page=number, last=found.digest, began=place.began) if more else then
            yield Page(
                facts=found.facts,
                set_aside=found.set_aside,
                cursor=written(follows) if follows else None,
                watermark=None if follows else place.began,
                total=None if then else found.total,
            )

    async def push(self, ctx: SyncContext, lines: Sequence[StockLine]) -> AsyncIterator[Page[LineOutcome]]:
        """Fifty lines a call. Lines whose listing was never read are refused here, with what to do."""
        waiting = _after(lines, read(ctx.cursor, PushPlace))
        for start in range(0, len(waiting), PAGE_SIZE):
            chunk = waiting[start : start + PAGE_SIZE]
            ready = [line for line in chunk if stock.sendable(line)]
            answered = stock.outcomes(await self.client.update_inventory(stock.inventory_body(ready)), ready) if ready else ()
            kept = {outcome.task_id: outcome for outcome in (*answered, *(stock.unsendable(line) for line in chunk if line not in ready))}
            last = start + PAGE_SIZE >= len(waiting)
            yield Page(
                facts=tuple(kept[line.task_id] for line in chunk),
                cursor=None if last else written(PushPlace(after=str(chunk[-1].task_id))),
                watermark=ctx.now.isoformat() if last else None,
                total=len(lines),
            )
        if not waiting:
            yield Page(facts=(), cursor=None, watermark=ctx.now.isoformat(), total=len(lines))


def _proof(waiting: Sequence[OrderFact], products: Sequence[ListingFact]) -> FirstProof:
    """What the tries brought along, and the stock call that would follow."""
    no_order = "There is no new order waiting."
    if not products:
        return first_proof(orders=waiting, no_order=no_order)
    line = listing_line(products[0])
    if not stock.sendable(line):
        return first_proof(orders=waiting, no_order=no_order, sku=listing_sample(products[0]), no_stock=stock.NEVER_READ)
    return first_proof(
        orders=waiting,
        no_order=no_order,
        sku=listing_sample(products[0]),
        stock=stock_sample(line, known=products[0].quantity_seen is not None),
        call=stock.inventory_body([line]),
    )


def _goes_on(found: Rows[Any], number: int) -> bool:
    """Whether page `number` exists: by AJIO's own count where it gives one, else by a full page before it."""
    if not found.count:
        return False
    return number < found.pages if found.pages is not None else found.count >= PAGE_SIZE


def _after(lines: Sequence[StockLine], place: PushPlace | None) -> list[StockLine]:
    """The lines still without an outcome, whether the caller repeats the whole list or only its rest."""
    done = next((number for number, line in enumerate(lines, start=1) if place and str(line.task_id) == place.after), 0)
    return list(lines[done:])
