"""What a stage over the panel works with: the order report, read once for all orders of the batch, and errands."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import msgspec

from portal.errors import BadInput
from portal.marketplaces.ajio.client.panel import LONGEST_WINDOW_DAYS, PanelClient, Window
from portal.marketplaces.ajio.stages.work import Work
from portal.marketplaces.ajio.transports.reading import report_rows
from portal.marketplaces.ajio.wire import processing as wire
from portal.marketplaces.ajio.wire import reports
from portal.marketplaces.ajio.wire.body import MARKETPLACE
from portal.marketplaces.ajio.wire.reports import Standing
from portal.marketplaces.ajio.wire.scalars import indian_day
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import BatchOrder, OrderFact

PLACED = "placed"
"""The mark of the day an order was placed, by which the report is asked for."""
BACK_DAYS = 30
MOST_PROBLEMS = 20


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """The order report of the batch's days."""

    standings: dict[str, Standing]
    facts: dict[str, OrderFact]


@dataclass(slots=True, kw_only=True)
class PanelWork(Work):
    """Over the seller panel, whose report tells of all orders."""

    client: PanelClient
    page_size: int
    _book: Book | None = None

    @property
    def settings(self) -> Mapping[str, str]:
        return self.client.outside.settings

    async def rows(self, first: date) -> list[Any]:
        """The order report from that day to today. Raises WireChanged where it does not end."""
        window = Window(first=first, last=indian_day(self.ctx.now))
        rows, cut = await report_rows(self.client.order_report, window, rows_name="orderList", what="orders", page_size=self.page_size)
        if cut:
            raise WireChanged(MARKETPLACE, "orders", words=cut)
        return rows

    async def book(self) -> Book:
        """Where the report has the orders of this batch. Read when it is first asked for."""
        if self._book is None:
            rows = await self.rows(self._first_day())
            ours = {order.external_order_id for order in self.batch.orders}
            facts = {fact.external_order_id: fact for fact in reports.orders(rows).facts if fact.external_order_id in ours}
            self._book = Book(standings=reports.standings(rows), facts=facts)
        return self._book

    def _first_day(self) -> date:
        today = indian_day(self.ctx.now)
        told = [date.fromisoformat(order.marks[PLACED]) for order in self.batch.orders if PLACED in order.marks]
        first = min(told) if len(told) == len(self.batch.orders) and told else today - timedelta(days=BACK_DAYS)
        return max(min(first, today), today - timedelta(days=LONGEST_WINDOW_DAYS - 1))

    async def standing(self, order: BatchOrder) -> Standing | None:
        return (await self.book()).standings.get(order.external_order_id)

    async def progress_and_facts(self, orders: Sequence[BatchOrder]) -> tuple[dict[str, wire.Progress], tuple[OrderFact, ...]]:
        book = await self.book()
        named = [order.external_order_id for order in orders]
        known = {
            order_id: wire.Progress(
                order_id=order_id, status=found.word, po_number=found.po_number, carrier=found.carrier, tracking_number=found.awb
            )
            for order_id in named
            if (found := book.standings.get(order_id)) is not None
        }
        return known, tuple(book.facts[order_id] for order_id in named if order_id in book.facts)


def told(problems: Iterable[str]) -> tuple[str, ...]:
    """So many of the problems as somebody reads, and how many more there are."""
    found = tuple(problems)
    more = len(found) - MOST_PROBLEMS
    return (*found[:MOST_PROBLEMS], f"There are {more} more problems like these.") if more > 0 else found


def told_of(mistake: BadInput) -> tuple[str, ...]:
    return (mistake.seller_message,)
