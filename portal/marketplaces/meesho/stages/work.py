"""What every stage works with: the client, the batch, and the two ways to ask Meesho how far it is."""

import asyncio
import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from portal.marketplaces.contract import SyncContext
from portal.marketplaces.errors import NotAllowed, Unreachable
from portal.marketplaces.facts import BatchFacts, BatchOrder, HeldOrder, MarkedOrder, OrderFact, StageOutcome, UnreadableRow
from portal.marketplaces.meesho.client import MeeshoClient
from portal.marketplaces.meesho.pushing import location
from portal.marketplaces.meesho.wire import processing as wire
from portal.marketplaces.meesho.wire.orders import orders_page
from portal.marketplaces.meesho.wire.rows import NAME
from portal.marketplaces.meesho.wire.supplier import supplier

WAITS_S = (2.0, 4.0, 8.0, *(10.0,) * 5)
"""Between questions about a request: about a minute, in which a worker is kept. Then the batch waits without one."""
PAUSE_S = 120.0
"""Before a request that is still under way is asked about again."""
PATIENCE = timedelta(minutes=30)
"""What Meesho has not worked off by then is held, so that it no longer keeps the other orders waiting."""

CUSTOMER_LEFT = "The shopper cancelled this order at Meesho."
LEFT_ALREADY = "Meesho says that this order has left already, so it is not processed here."
REPEATED = "Meesho sends the same page of orders again and again, so we cannot tell how they stand. We try again by ourselves."

_CALLS = uuid.UUID("c1b7b1a3-0f0e-5c2f-8f8e-0d5a6f0b9b11")


class Listed(NamedTuple):
    """Orders by their id, and the rows that could not be read."""

    facts: dict[str, OrderFact]
    set_aside: tuple[UnreadableRow, ...]


class Unfinished(NamedTuple):
    """Orders to be waited for, those that were waited for too long, and what has to be remembered of the first."""

    late: list[BatchOrder]
    overdue: list[BatchOrder]
    marked: tuple[MarkedOrder, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One stage of one batch."""

    client: MeeshoClient
    ctx: SyncContext
    batch: BatchFacts

    def outcome(self, **parts: Any) -> StageOutcome:
        return StageOutcome(stage=self.batch.stage, **parts)

    def chunks(self, orders: Sequence[BatchOrder], size: int = wire.MOST_ORDERS) -> Iterator[list[BatchOrder]]:
        for start in range(0, len(orders), size):
            yield list(orders[start : start + size])

    def key(self, call: str, orders: Sequence[BatchOrder]) -> str:
        """The Idempotency-Key of a call about these orders: the same whoever makes it and however often, and another one after a
        person has decided that it be tried again.
        """
        named = ",".join(sorted(f"{order.external_order_id}@{order.decided_at or 'never'}" for order in orders))
        return str(uuid.uuid5(_CALLS, f"{self.ctx.account.id}/{call}/{named}"))

    async def location(self) -> str:
        """The shop's one location, or the chosen one of several. NotAllowed where none is chosen, or where the keys open another shop than this account's."""
        shop = supplier(await self.client.supplier())
        if shop.identifier != self.ctx.account.external_account_id:
            words = "These keys open another Meesho shop than this account's, so nothing was sent. Reconnect the account with its own keys."
            raise NotAllowed(NAME, words, reason="other_shop")
        return location(shop, self.ctx.account.ships_from)

    async def listed(self, since: datetime, *, status: str = "", enough: Collection[str] = ()) -> Listed:
        """Orders changed from `since` on, read until all of `enough` are met where it names any. Raises Unreachable for a repeated page."""
        facts: dict[str, OrderFact] = {}
        aside: dict[str, UnreadableRow] = {}
        seen: set[str] = set()
        cursor: str | None = ""
        while cursor is not None and not (enough and facts.keys() >= set(enough)):
            rows = orders_page(await self.client.orders(since, None, cursor, status=status))
            if rows.digest in seen:
                raise Unreachable(NAME, reason="repeated_page", seller_message=REPEATED)
            seen.add(rows.digest)
            facts |= {fact.external_order_id: fact for fact in rows.facts}
            aside |= {row.external_id: row for row in rows.set_aside}
            cursor = rows.cursor
        return Listed(facts, tuple(aside.values()))

    async def known(self, orders: Sequence[BatchOrder]) -> dict[str, OrderFact]:
        """These orders as Meesho has them now, by id. One whose row cannot be read is missing."""
        if not orders:
            return {}
        names = {order.external_order_id for order in orders}
        since = min(datetime.fromisoformat(order.marks["updated_at"]) for order in orders)
        found = await self.listed(since, enough=names)
        return {name: fact for name, fact in found.facts.items() if name in names}

    async def worked_off(self, request_ids: Collection[str]) -> dict[str, wire.Progress]:
        """The requests that Meesho has finished by the end of our patience, by their ids."""
        found: dict[str, wire.Progress] = {}
        for wait_s in WAITS_S:
            await asyncio.sleep(self.client.patience(wait_s))
            for request_id in request_ids:
                if request_id not in found and (told := wire.progress(await self.client.request(request_id))).done:
                    found[request_id] = told
            if len(found) == len(set(request_ids)):
                break
        return found

    def unfinished(self, orders: Sequence[BatchOrder], mark: str) -> Unfinished:
        """Orders of requests that are not worked off. Patience counts from when that was first seen, which their mark tells, or anew from
        a person's decision.
        """
        late, overdue, marked = [], [], []
        for order in orders:
            seen = datetime.fromisoformat(order.marks[mark]) if mark in order.marks else None
            if seen is None or (order.decided_at is not None and order.decided_at > seen):
                marked.append(MarkedOrder(external_order_id=order.external_order_id, marks={mark: self.ctx.now.isoformat()}))
                late.append(order)
            elif self.ctx.now - seen > PATIENCE:
                overdue.append(order)
            else:
                late.append(order)
        return Unfinished(late, overdue, tuple(marked))

    def waiting(self, late: Sequence[BatchOrder], words: str) -> Iterator[StageOutcome]:
        """The step that lets the batch wait for these orders, none where there are none. `words` have a gap for how many they are."""
        if late:
            pause = timedelta(seconds=max(2.0, self.client.patience(PAUSE_S)))
            count = "1 order" if len(late) == 1 else f"{len(late)} orders"
            yield self.outcome(resume_at=self.ctx.now + pause, waiting_for=words.format(count))


def held(order: BatchOrder, code: str, reason: str) -> HeldOrder:
    """An order that may be tried again or cancelled."""
    return HeldOrder(external_order_id=order.external_order_id, code=code, reason=reason)


def because(said: wire.Said | None) -> str:
    """Meesho's words as the end of a sentence, with its full stop."""
    words = said.words.strip().rstrip(".") if said is not None else ""
    return f"{words or 'it said nothing about this order'}."
