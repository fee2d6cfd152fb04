"""Orders, returns and payouts through the reports of the seller panel, and full processing between them and the seller's own hands.

Reports are asked for by days and name no time of change, so every run also reads the weeks again in which orders still move.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from portal.marketplaces.ajio.client.panel import BIGGEST_PAGE, PanelClient, Window
from portal.marketplaces.ajio.client.refusals import pob_missing
from portal.marketplaces.ajio.stages import STAGES
from portal.marketplaces.ajio.stages.over_panel import do_panel_stage
from portal.marketplaces.ajio.transports.cursors import ReportPlace, read, written
from portal.marketplaces.ajio.transports.reading import Fetch, report_rows
from portal.marketplaces.ajio.wire import payments, people, reports
from portal.marketplaces.ajio.wire.body import MARKETPLACE, Unreadable
from portal.marketplaces.ajio.wire.scalars import from_panel, indian_day
from portal.marketplaces.contract import Check, FoundShop, Page, Permission, ScheduleTarget, SyncContext, Validation
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
from portal.marketplaces.proving import FirstProof, first_proof, sold_sample

BY_HAND = "Proven by the first batch. Some of its stages wait for you: the panel takes files only from your own hands."
NO_LISTINGS = "The AJIO panel session does not open listings or stock. Connect with POB ID and API password for these."
CLOSED: Mapping[ScheduleTarget, str] = {
    ScheduleTarget.LISTINGS: NO_LISTINGS,
    ScheduleTarget.INVENTORY: NO_LISTINGS,
}
"""What this door does not open, and why."""
MOST_PLACES = 50
"""Pages of POBs we look through at most: five thousand POBs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How one report is read. All but `window` are days: re-read before `since`, and looked ahead after today."""

    target: ScheduleTarget
    rows_name: str
    what: str
    fetch: Fetch
    gather: Callable[[Sequence[Any]], Any]
    id_of: Callable[[Any], str]
    window: int
    again: int
    ahead: int = 0
    most_facts: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelTransport:
    """`page_size` is what one report call asks for, two thousand rows at most; `most_facts` is what one page of ours holds."""

    client: PanelClient
    page_size: int = BIGGEST_PAGE
    most_facts: int = 500

    async def validate(self, ctx: SyncContext) -> Validation:
        """Finds the POB among those the login sees, then opens each report for one day. A new account's POB has to be chosen first."""
        try:
            names = await self._places_with_ours()
        except (KeysRejected, NotAllowed, WireChanged):
            await ctx.checked(Check.REACHED)
            raise
        await ctx.checked(Check.REACHED)
        await ctx.checked(Check.ACCEPTED)
        if not ctx.account.external_account_id and len(shops := self._choice(names)) > 1:
            return Validation(external_account_id="", seller_name="", shops=shops)
        name = names[self.client.pob_id]
        allowed, rows = await self._try(ctx, self._orders)
        permissions = [allowed, *[(await self._try(ctx, report))[0] for report in (self._returns, self._payments)]]
        for target, why in CLOSED.items():
            permissions.append(Permission(target=target, allowed=False, message=why))
            await ctx.tried(permissions[-1])
        permissions.append(Permission(target=ScheduleTarget.FULL_PROCESSING, allowed=None, message=BY_HAND))
        await ctx.tried(permissions[-1])
        await ctx.checked(Check.PERMISSIONS)
        await ctx.checked(Check.SHOP)
        ends = self.client.session.expires_at
        return Validation(
            external_account_id=self.client.pob_id,
            seller_name=name or f"AJIO POB {self.client.pob_id}",
            permissions=tuple(permissions),
            expires_at=ends if ends and ends > ctx.now else None,
            note="A panel session lasts hours to days. POB ID and API password last longer.",
            first_proof=_proof(reports.orders(rows).facts[:1]),
        )

    async def _places_with_ours(self) -> dict[str, str]:
        """The POBs that the login sees, ours among them. Raises KeysRejected when two looks at the login's list do not find it."""
        for _ in range(2):
            names = await self._places()
            if self.client.pob_id in names:
                return names
        raise pob_missing(self.client.pob_id)

    def _choice(self, names: dict[str, str]) -> tuple[FoundShop, ...]:
        """The POBs that can be connected: those that the login sees now and saw when the session was captured."""
        captured = {one.id for one in self.client.session.context.pobs}
        return tuple(FoundShop(id=one, name=name) for one, name in names.items() if one in captured)

    async def _places(self) -> dict[str, str]:
        names: dict[str, str] = {}
        for page in range(MOST_PLACES):
            found = people.work_places(await self.client.work_places(page))
            names |= found.names
            if found.last or not found.names:
                break
        return names

    async def _try(self, ctx: SyncContext, report: Report) -> tuple[Permission, list[Any]]:
        """Whether today's report of this kind opens, and the rows seen in it."""
        today = indian_day(ctx.now)
        try:
            found = reports.sheet(await report.fetch(Window(first=today, last=today), 0, 1), report.rows_name, report.what)
        except NotAllowed as refused:
            permission, rows = Permission(target=report.target, allowed=False, message=refused.seller_message), []
        else:
            proof = f"Opened today's report of {report.what}: {len(found.rows)} rows seen"
            permission, rows = Permission(target=report.target, allowed=True, proof=proof), list(found.rows)
        await ctx.tried(permission)
        return permission, rows

    def orders(self, ctx: SyncContext) -> AsyncIterator[Page[OrderFact]]:
        return self._read(ctx, self._orders)

    def returns(self, ctx: SyncContext) -> AsyncIterator[Page[ReturnFact]]:
        return self._read(ctx, self._returns)

    def payouts(self, ctx: SyncContext) -> AsyncIterator[Page[PayoutFact]]:
        return self._read(ctx, self._payments)

    async def listings(self, ctx: SyncContext) -> AsyncIterator[Page[ListingFact]]:
        nothing: tuple[Page[ListingFact], ...] = ()
        for page in nothing:
            yield page
        raise NotAllowed(MARKETPLACE, NO_LISTINGS, reason="partner_only")

    @property
    def rereads(self) -> frozenset[ScheduleTarget]:
        return frozenset()

    async def reread(self, external_ids: Sequence[str]) -> AsyncIterator[Page[OrderFact]]:
        nothing: tuple[Page[OrderFact], ...] = ()
        for page in nothing:
            yield page
        raise NotAllowed(MARKETPLACE, "The seller panel gives reports, no single orders.", reason="partner_only")

    async def process(self, ctx: SyncContext, batch: BatchFacts) -> AsyncIterator[StageOutcome]:
        if batch.stage == STAGES[0].code:
            # Of a POB that the login no longer sees, the report is empty instead of refused.
            await self._places_with_ours()
        async for outcome in do_panel_stage(self.client, ctx, batch, page_size=self.page_size):
            yield outcome

    async def push(self, ctx: SyncContext, lines: Sequence[StockLine]) -> AsyncIterator[Page[LineOutcome]]:
        nothing: tuple[Page[LineOutcome], ...] = ()
        for page in nothing:
            yield page
        raise NotAllowed(MARKETPLACE, NO_LISTINGS, reason="partner_only")

    async def _read(self, ctx: SyncContext, report: Report) -> AsyncIterator[Page[Any]]:
        """Window after window, oldest first. A window is gathered whole, because rows of one order may stand on two pages."""
        if ctx.cursor is None:
            # Of a POB that the login no longer sees, reports are empty instead of refused.
            await self._places_with_ours()
        place = read(ctx.cursor, ReportPlace) or _start(ctx, report)
        while True:
            window = Window(first=place.first, last=min(place.end, place.first + timedelta(days=report.window - 1)))
            rows, cut = await report_rows(report.fetch, window, rows_name=report.rows_name, what=report.what, page_size=self.page_size)
            found = report.gather(rows)
            follows = ReportPlace(first=window.last + timedelta(days=1), end=place.end, began=place.began)
            ended = cut or follows.first > place.end
            size = min(self.most_facts, report.most_facts)
            waiting = [fact for fact in found.facts if report.id_of(fact) > place.after]
            for start in range(0, max(1, len(waiting)), size):
                facts = tuple(waiting[start : start + size])
                final = start + size >= len(waiting)
                within = ReportPlace(first=place.first, end=place.end, after=report.id_of(facts[-1]) if facts else "", began=place.began)
                over = final and bool(ended)
                yield Page(
                    facts=facts,
                    set_aside=found.set_aside if start == 0 and not place.after else (),
                    cursor=None if over else written(follows if final else within),
                    watermark=place.began if over and not cut else None,
                    cut=cut if over else "",
                )
            if ended:
                return
            place = follows

    @property
    def _orders(self) -> Report:
        return Report(
            target=ScheduleTarget.ORDERS,
            rows_name="orderList",
            what="orders",
            fetch=self.client.order_report,
            gather=reports.orders,
            id_of=lambda fact: str(fact.external_order_id),
            window=7,
            again=30,
        )

    @property
    def _returns(self) -> Report:
        return Report(
            target=ScheduleTarget.RETURNS,
            rows_name="rtvList",
            what="returns",
            fetch=self.client.return_report,
            gather=reports.returns,
            id_of=lambda fact: str(fact.external_return_id),
            window=15,
            again=60,
        )

    @property
    def _payments(self) -> Report:
        """Payments are expected on days to come, so this report looks ahead."""
        return Report(
            target=ScheduleTarget.PAYOUTS,
            rows_name="paymentList",
            what="payments",
            fetch=self.client.payment_report,
            gather=payments.payouts,
            id_of=lambda fact: str(fact.external_payout_id),
            window=30,
            again=45,
            ahead=45,
            most_facts=5,
        )


def _proof(orders: Sequence[OrderFact]) -> FirstProof:
    """What the tries brought along. This door sends no stock, so no call is shown."""
    sku = sold_sample(orders[0]) if orders else None
    return first_proof(orders=orders, no_order="There is no order in today's report.", sku=sku, no_sku=NO_LISTINGS, no_stock=NO_LISTINGS)


def _start(ctx: SyncContext, report: Report) -> ReportPlace:
    """The days of a whole run: a backfill's own, else everything that may have moved since the last one."""
    today = indian_day(ctx.now)
    since = _moment(ctx.since)
    if ctx.first_day is not None:
        first = indian_day(ctx.first_day)
    elif since is not None:
        first = indian_day(since) - timedelta(days=report.again)
    else:
        first = today - timedelta(days=ctx.first_days)
    end = indian_day(ctx.until) if ctx.until is not None else today + timedelta(days=report.ahead)
    return ReportPlace(first=min(first, end), end=end, began=ctx.now.isoformat())


def _moment(since: str | None) -> datetime | None:
    """The moment of a watermark; None for one that another release wrote otherwise."""
    try:
        return from_panel(since, "since")
    except Unreadable:
        return None
