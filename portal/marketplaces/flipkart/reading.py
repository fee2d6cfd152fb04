"""Where a reading stands: its span, its steps, its page, so that another process can go on after any page."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

import msgspec

from portal.marketplaces.contract import Page, SyncContext
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import UnreadableRow
from portal.marketplaces.flipkart.wire.returns import SOURCES
from portal.marketplaces.flipkart.wire.shipments import CANCELLATION_TYPES, POST_DISPATCH, PRE_DISPATCH

Search = TypeVar("Search")
Fact = TypeVar("Fact")
Item = TypeVar("Item")

OVERLAP = timedelta(minutes=10)
"""Changes show up in searches a little late, so each reading begins this much before the last one began."""
SLICE = timedelta(days=7)
"""A long span is read in slices: a search that breaks off loses a week at most."""
AHEAD = timedelta(days=1)
"""How far past our own clock a reading up to now asks: Flipkart's clock may be ahead of ours, and nothing lies in its future."""

REPEATED = "Flipkart sent the same page twice, so this reading stopped there. What it brought is saved; the next one tries again."


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What a cursor holds. `began` is Flipkart's clock when the reading began: what the next reading starts from.

    `everything_open`: a first reading also takes open orders that have not changed for longer than the span.
    `known`: up to where an earlier reading knows everything; a backfill of older days takes nothing from that.
    """

    start: datetime
    end: datetime
    everything_open: bool = False
    known: datetime | None = None
    began: datetime | None = None
    step: int = 0
    next_url: str = ""
    last_page: str = ""

    @classmethod
    def of(cls, ctx: SyncContext) -> "Place":
        """Where this run goes on, or where it begins."""
        if ctx.cursor is not None:
            return msgspec.json.decode(ctx.cursor, type=cls)
        if ctx.first_day is not None:
            start = ctx.first_day
        elif ctx.since is not None:
            start = datetime.fromisoformat(ctx.since) - OVERLAP
        else:
            start = ctx.now - timedelta(days=ctx.first_days)
        end = ctx.until if ctx.until is not None else ctx.now + AHEAD
        first = ctx.since is None and ctx.first_day is None and ctx.until is None
        return cls(
            start=start.astimezone(UTC),
            end=max(end, start).astimezone(UTC),
            everything_open=first,
            known=datetime.fromisoformat(ctx.since) if ctx.since is not None else None,
        )

    def slices(self) -> list[tuple[datetime, datetime]]:
        """The span in weeks, oldest first."""
        cuts = [self.start]
        while cuts[-1] + SLICE < self.end:
            cuts.append(cuts[-1] + SLICE)
        return list(zip(cuts, [*cuts[1:], self.end], strict=True))

    def watermark(self, fallback: datetime) -> str:
        """Up to where everything is known now. A span that ended earlier vouches for no more than its end."""
        reached = min(self.began or fallback, self.end)
        return (reached if self.known is None else max(reached, self.known)).isoformat()

    def text(self) -> str:
        return msgspec.json.encode(self).decode()


@dataclass(frozen=True, slots=True)
class OrderSearch:
    """One search for parcels. Without a window it finds all of its states."""

    kind: str
    states: tuple[str, ...]
    window: tuple[datetime, datetime] | None
    cancellation_type: str = ""


def order_searches(place: Place) -> list[OrderSearch]:
    """What has to be asked to see every order that changed in the span.

    Parcels only move from the first search to the later ones, so asking in this order misses none that moves meanwhile; open
    orders come first because they are what a seller waits for.
    """
    whole = None if place.everything_open else (place.start, place.end)
    searches = [OrderSearch("preDispatch", PRE_DISPATCH, whole)]
    for window in place.slices():
        searches.append(OrderSearch("postDispatch", POST_DISPATCH, window))
        searches += [OrderSearch("cancelled", ("CANCELLED",), window, why) for why in CANCELLATION_TYPES]
    return searches


@dataclass(frozen=True, slots=True)
class ReturnSearch:
    source: str
    window: tuple[datetime, datetime]


def return_searches(place: Place) -> list[ReturnSearch]:
    return [ReturnSearch(source, window) for window in place.slices() for source in SOURCES]


class Repeats:
    """Notices a page that comes again, whatever cursor it came under. Forgets when the next search begins."""

    def __init__(self, last_page: str = "") -> None:
        self._seen = {last_page} - {""}

    def is_new(self, content: bytes) -> bool:
        name = page_name(content)
        if name in self._seen:
            return False
        self._seen.add(name)
        return True

    def forget(self) -> None:
        self._seen.clear()


def page_name(content: bytes) -> str:
    """A short name for a page by its rows; a page without rows has one too, since two of them in a row lead nowhere."""
    return hashlib.sha256(content).hexdigest()[:16]


def is_stale(error: WireChanged) -> bool:
    """Whether a call may have been refused because the address of the page in it is too old."""
    return error.http_status in {400, 404, 410, 422}


class Walk(Generic[Search]):
    """A reading under way: search after search, page after page, from where the cursor left off."""

    def __init__(self, ctx: SyncContext, plan: Callable[[Place], list[Search]]) -> None:
        self.place = Place.of(ctx)
        self._searches = plan(self.place)
        self._repeats = Repeats(self.place.last_page)
        self._resumed = bool(self.place.next_url)

    @property
    def over(self) -> bool:
        return self.place.step >= len(self._searches)

    @property
    def search(self) -> Search:
        return self._searches[self.place.step]

    async def page(self, first: Callable[[Search], Awaitable[bytes]], following: Callable[[str], Awaitable[bytes]]) -> bytes:
        """The next page. Addresses of pages do not live for ever: one that a cursor kept too long starts its search again."""
        resumed, self._resumed = self._resumed, False
        try:
            return await (following(self.place.next_url) if self.place.next_url else first(self.search))
        except WireChanged as error:
            if not (resumed and is_stale(error)):
                raise
        self._repeats.forget()
        self.place = msgspec.structs.replace(self.place, next_url="", last_page="")
        return await first(self.search)

    def take(self, content: bytes, next_url: str, began: datetime) -> bool:
        """Move behind a page: to the next one of its search, or to the next search. False for a page that came before."""
        if not self._repeats.is_new(content):
            return False
        began = self.place.began or began
        if next_url:
            self.place = msgspec.structs.replace(self.place, next_url=next_url, last_page=page_name(content), began=began)
        else:
            self._repeats.forget()
            self.place = msgspec.structs.replace(self.place, step=self.place.step + 1, next_url="", last_page="", began=began)
        return True

    def passed(self, facts: Sequence[Fact], set_aside: Sequence[UnreadableRow], now: datetime) -> Page[Fact]:
        """What the page behind us brought, with where to go on, or on the last one with what the next reading starts from."""
        return Page(
            facts=tuple(facts),
            set_aside=tuple(set_aside),
            cursor=None if self.over else self.place.text(),
            watermark=self.place.watermark(now) if self.over else None,
        )


def batches(these: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """So many at a time, in their order."""
    return [these[at : at + size] for at in range(0, len(these), size)]
