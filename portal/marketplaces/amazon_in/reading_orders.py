"""Reading orders: which window, which page of it, where to go on, and what the next run starts from."""

import hashlib
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

import msgspec

from portal import clock
from portal.marketplaces.amazon_in.client import AmazonClient, iso
from portal.marketplaces.amazon_in.refusals import InvalidRequest
from portal.marketplaces.amazon_in.wire.order_shapes import WireOrder
from portal.marketplaces.amazon_in.wire.orders import OrdersPage, read_orders
from portal.marketplaces.contract import SyncContext
from portal.marketplaces.errors import NotAllowed
from portal.marketplaces.facts import UnreadableRow

OVERLAP = timedelta(minutes=10)
"""Read again behind the watermark: a change may become visible a little after the limit Amazon named."""
WINDOW = timedelta(days=30)
TOKEN_LIFE = timedelta(hours=23, minutes=30)
"""Amazon keeps a page token for 24 hours."""
OLDEST = timedelta(days=729)
"""Amazon serves no order older than two years."""
TOO_FRESH = timedelta(minutes=3)
"""An end must lie at least two minutes back, by Amazon's clock."""
PAGE_SIZE = 100
REMEMBERED_PAGES = 24

EVERYTHING = "BUYER,RECIPIENT,PROCEEDS,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,TAX,PAYMENT,FULFILLMENT_ORDERS"
DATA_SETS = (EVERYTHING, "PROCEEDS,CANCELLATION,FULFILLMENT,PACKAGES,PAYMENT", "PROCEEDS,FULFILLMENT,PACKAGES")
"""What we ask for; where Amazon refuses one set, the next smaller one. The second leaves out what needs a restricted role."""
PARCELS = ("FULFILLMENT,PACKAGES",)


Fact = TypeVar("Fact")
FactsOf = Callable[[Sequence[WireOrder]], tuple[tuple[Fact, ...], tuple[UnreadableRow, ...]]]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands, small enough for a cursor.

    `by` is the time that windows cut: `lastUpdated` for a normal run, `created` for a backfill. `end` is the end of the whole
    reading (None: up to Amazon's now). `token_at` is when `token` was handed out. `mark` is the earliest limit Amazon named for
    what it showed: the next watermark. `seen` names this window's pages by content. `restarted`: a page token was refused once.
    """

    by: str
    start: datetime
    end: datetime | None = None
    window_end: datetime | None = None
    token: str = ""
    token_at: datetime | None = None
    level: int = 0
    mark: datetime | None = None
    seen: tuple[str, ...] = ()
    restarted: bool = False

    def window(self) -> dict[str, str]:
        limits = {f"{self.by}After": iso(self.start)}
        if self.window_end is not None:
            limits[f"{self.by}Before"] = iso(self.window_end)
        return limits

    def windowed(self, now: datetime) -> "Reading":
        """This reading at the beginning of the window that starts at `start`."""
        latest = now - TOO_FRESH
        end = self.start + WINDOW
        if self.end is not None:
            end = min(end, self.end, latest)
        elif end >= latest:
            return msgspec.structs.replace(self, window_end=None, token="", token_at=None)
        return msgspec.structs.replace(self, window_end=max(end, self.start), token="", token_at=None)

    def fresh_now(self) -> "Reading":
        return self.fresh(clock.now())

    def fresh(self, now: datetime) -> "Reading":
        """This reading as another process may go on with it: a page token that is too old means the window again."""
        if self.token and (self.token_at is None or now - self.token_at > TOKEN_LIFE):
            return msgspec.structs.replace(self, token="", token_at=None, seen=())
        return self


class Step(msgspec.Struct, Generic[Fact], frozen=True, kw_only=True):
    """One page of a reading and the reading after it (None: that was all)."""

    facts: tuple[Fact, ...] = ()
    set_aside: tuple[UnreadableRow, ...] = ()
    after: Reading | None = None
    mark: datetime | None = None
    cut: str = ""


def begin(ctx: SyncContext) -> Reading:
    """Where this run starts: at its cursor, at its watermark less the overlap, or at its first day."""
    if ctx.cursor is not None:
        return msgspec.json.decode(ctx.cursor, type=Reading).fresh_now()
    oldest = ctx.now - OLDEST
    if ctx.first_day is not None:
        return Reading(by="created", start=max(ctx.first_day.astimezone(UTC), oldest), end=ctx.until).windowed(ctx.now)
    start = datetime.fromisoformat(ctx.since) - OVERLAP if ctx.since else ctx.now - timedelta(days=ctx.first_days)
    return Reading(by="lastUpdated", start=max(start, oldest), end=ctx.until).windowed(ctx.now)


async def read(
    client: AmazonClient,
    ctx: SyncContext,
    reading: Reading,
    facts_of: FactsOf[Fact],
    *,
    data_sets: tuple[str, ...] = DATA_SETS,
    limits: dict[str, str] | None = None,
) -> AsyncGenerator[Step[Fact], None]:
    """What `facts_of` makes of the pages of orders from `reading` on. Ends by itself or with a step that says why it was cut."""
    position: Reading | None = reading
    while position is not None:
        page, asked = await _page(client, ctx, position, data_sets, limits or {})
        step = _step(page, asked, ctx.now, facts_of)
        yield step
        position = step.after


async def _page(
    client: AmazonClient, ctx: SyncContext, reading: Reading, data_sets: tuple[str, ...], limits: dict[str, str]
) -> tuple[OrdersPage, Reading]:
    """One page, and the reading that got it: a refused token starts the window again, a refused data set asks for less."""
    while True:
        params = {
            **reading.window(),
            **limits,
            "maxResultsPerPage": str(PAGE_SIZE),
            "includedData": data_sets[min(reading.level, len(data_sets) - 1)],
        }
        if reading.token:
            params["paginationToken"] = reading.token
        try:
            return read_orders(await client.search_orders(params)), reading
        except (InvalidRequest, NotAllowed) as error:
            refused = isinstance(error, InvalidRequest)
            if refused and reading.token and not reading.restarted:
                reading = msgspec.structs.replace(reading, token="", token_at=None, seen=(), restarted=True)
            elif reading.level + 1 < len(data_sets) and (refused or reading.level == 0):
                reading = msgspec.structs.replace(reading, level=reading.level + 1)
                if reading.level == 1:
                    await ctx.note("Amazon withholds some order details from these keys. Orders are read without them.")
            else:
                raise


def _step(page: OrdersPage, asked: Reading, now: datetime, facts_of: FactsOf[Fact]) -> Step[Fact]:
    named = _name(page)
    if named in asked.seen:
        return Step(
            cut="Amazon sent the same page of orders twice, so we stopped here. Everything read so far is kept; the next run reads on."
        )
    seen = (*asked.seen, named)[-REMEMBERED_PAGES:]
    # The earliest limit of all pages: what changed while we were turning pages lies after it and is read next time.
    mark = min((one for one in (asked.mark, page.updated_before) if one is not None), default=None)
    after: Reading | None = None
    if page.next_token:
        after = msgspec.structs.replace(asked, token=page.next_token, token_at=clock.now(), mark=mark, seen=seen)
    elif asked.window_end is not None and asked.window_end < min(asked.end or now, now - TOO_FRESH):
        # Only the last window's limit is the run's: an earlier window ends where we cut it.
        after = msgspec.structs.replace(asked, start=asked.window_end, mark=None, seen=(), restarted=False).windowed(now)
    facts, aside = facts_of(page.orders)
    return Step(facts=facts, set_aside=page.set_aside + aside, after=after, mark=mark)


def _name(page: OrdersPage) -> str:
    """A page by what is in it, so that it is known again under whatever token it comes."""
    read_rows = [f"{order.orderId}@{order.lastUpdatedTime.isoformat()}" for order in page.orders]
    parts = read_rows + [row.external_id for row in page.set_aside]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


def cursor(reading: Reading) -> str:
    return msgspec.json.encode(reading).decode()
