"""What sealing and row security cost: the same sync and the same pages with both and without, in pairs of short rounds.

A busy machine slows whatever runs just then, and what shares its processor's caches. So the two rounds of a pair follow each other at once,
pairs begin with either side in turn, and each pair gives a ratio of its own: told are their median, the half of them that lies around it,
and what the quieter quarter of all rounds says. Processor time of this process and its database connection is what the walls cost; the
time that went by stands beside it.
"""

import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from typing import NamedTuple
from uuid import UUID

import msgspec
import psutil  # type: ignore[import-untyped]

from portal import db, vault
from portal.accounts import service as accounts
from portal.marketplaces.registry import CODES
from portal.people.service import open_session
from portal.settings import read
from portal.vault import BuyerSeal
from portal.web.security import SESSION_COOKIE
from tests.bench.figures import Busy, Figure, figure, rounded
from tests.bench.ingest import empty
from tests.bench.overhead import one_sync
from tests.bench.stage import Stage, staged
from tests.browsing import Browser, opened

ORDERS, LINES = 2_000, 2
SYNCS, VISITS = 20, 20
"""Pairs of rounds, besides a first one that warms both sides."""
PAGES = 15
"""Of each address, in a round."""

LOGIN = "bench"

Walls = Callable[[bool], AbstractAsyncContextManager[None]]


class Spent(NamedTuple):
    """What one round cost, per order in microseconds or per page in milliseconds."""

    processor: float
    wall: float


class Pair(NamedTuple):
    walled: Spent
    bare: Spent


async def measure() -> AsyncIterator[Figure]:
    """Syncs first, then pages over what the last of them left."""
    async with staged(orders=ORDERS, lines=LINES) as stage:
        worker = await stage.start("worker")
        account_id = UUID(await stage.connected())
        await worker.stop(4.0)  # from here on this process is worker and web, so that buyers can go unsealed
        async with _login(stage.addresses.worker):
            syncs = await _syncs(stage, account_id)
        for one in _told("ingest", syncs, "us/order", "ratio <= 1.1"):
            yield one
        await _index_without_sellers(stage)
        await stage.owner.execute("VACUUM ANALYZE")
        async with _login(stage.addresses.web):
            visits = await _visits(stage)
        for one in _told("page", visits, "ms", "ratio <= 1.05"):
            yield one


async def _syncs(stage: Stage, account_id: UUID) -> list[Pair]:
    settings = read(stage.environments.worker(stage.addresses), codes=CODES)
    held = vault.load(seal_keys=settings.seal_keys, open_keys=settings.open_keys)
    seller_id = await stage.owner.fetchval("SELECT seller_id FROM marketplace_accounts WHERE id = $1", account_id)
    account = accounts.ref(await accounts.get(seller_id, account_id))

    async def sync() -> Spent:
        await empty(stage)
        busy = await _Busy.from_now(stage)
        taken = await one_sync(stage, settings, account, held)
        # How long the marketplace took to answer is not ours.
        return Spent(busy.so_far_s() * 1e6 / ORDERS, (taken.wall_s - taken.answers_s) * 1e6 / ORDERS)

    return await _in_pairs(sync, lambda up: _walls(stage, up=up), SYNCS)


async def _visits(stage: Stage) -> list[Pair]:
    """The list of orders, one order, and all pages' own frame, as a seller looks at them."""
    settings = read(stage.environments.web(stage.addresses), codes=CODES)
    held = vault.load(seal_keys=settings.seal_keys, buyer_open_keys=settings.buyer_open_keys)
    found = await stage.owner.fetchrow("SELECT seller_id, id, (SELECT id FROM orders ORDER BY placed_at DESC LIMIT 1) FROM seller_users")
    assert found is not None
    seller_id, user_id, order_id = found
    async with opened(stage.addresses.web, held) as app:
        browser = Browser(app)
        browser.http.cookies.set(SESSION_COOKIE, await open_session(seller_id, user_id), domain="127.0.0.1")

        async def visit() -> Spent:
            busy, started = await _Busy.from_now(stage), time.perf_counter()
            for _ in range(PAGES):
                for path in ("/orders", f"/orders/{order_id}"):
                    assert (await browser.get(path)).status_code == 200
            return Spent(busy.so_far_s() * 1000 / PAGES / 2, (time.perf_counter() - started) * 1000 / PAGES / 2)

        return await _in_pairs(visit, lambda up: _walls(stage, up=up), VISITS)


async def _index_without_sellers(stage: Stage) -> None:
    """Pages find their rows by indexes that begin with the seller, of whom nobody speaks without row security. So both sides get theirs."""
    for row in await stage.owner.fetch("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexdef LIKE '%(seller_id, %'"):
        columns = row["indexdef"].partition(" ON ")[2].replace("(seller_id, ", "(", 1)
        await stage.owner.execute(f"CREATE INDEX ON {columns}")


async def _in_pairs(work: Callable[[], Awaitable[Spent]], walls: Walls, pairs: int) -> list[Pair]:
    found = []
    for number in range(pairs + 1):
        spent: dict[bool, Spent] = {}
        for up in (True, False) if number % 2 else (False, True):
            async with walls(up):
                spent[up] = await _whole(work)
        found.append(Pair(spent[True], spent[False]))
    return found[1:]


async def _whole(work: Callable[[], Awaitable[Spent]]) -> Spent:
    """One round. A pool replaces a connection after fifty thousand statements: a round in which that happens does not count."""
    while True:
        try:
            return await work()
        except psutil.NoSuchProcess:
            continue


def _told(name: str, pairs: Sequence[Pair], unit: str, aim: str) -> Iterator[Figure]:
    """Of processor and of wall time: what it is without, and with both beside that."""
    for kind, wished in (("processor", aim), ("wall", "")):
        walled, bare = ([float(getattr(spent, kind)) for spent in side] for side in zip(*pairs, strict=True))
        without = figure(f"walls.{name}_{kind}_bare", statistics.median(bare), unit, note="without row security and sealing")
        yield without
        low, middle, high = statistics.quantiles([one / other for one, other in zip(walled, bare, strict=True)], n=4)
        quiet = statistics.quantiles(walled, n=4)[0] / statistics.quantiles(bare, n=4)[0]
        spread = f"with both; {len(pairs)} pairs, half of their ratios between {low:.3f} and {high:.3f}; quieter rounds {quiet:.3f}"
        within = figure(f"walls.{name}_{kind}", statistics.median(walled), unit, aim=wished, note=spread)
        yield msgspec.structs.replace(within, ratio_to=without.name, ratio=rounded(middle))


@asynccontextmanager
async def _login(url: str) -> AsyncIterator[None]:
    """One connection, so that every statement of a round is paid for by the same one."""
    await db.connect(url, min_size=1, max_size=1, name=LOGIN)
    try:
        yield
    finally:
        await db.disconnect()


class _Busy:
    """The processor time of this process and of its connection to the database, from now on."""

    def __init__(self, backends: Busy) -> None:
        self._backends = backends
        self._own = time.process_time()

    @classmethod
    async def from_now(cls, stage: Stage) -> "_Busy":
        rows = await stage.owner.fetch("SELECT pid FROM pg_stat_activity WHERE application_name = $1", LOGIN)
        return cls(Busy(*(row["pid"] for row in rows)))

    def so_far_s(self) -> float:
        return time.process_time() - self._own + self._backends.so_far_s()


@asynccontextmanager
async def _walls(stage: Stage, *, up: bool) -> AsyncIterator[None]:
    """Row security on every seller's table and buyers sealed, or neither. Both sides change the tables first: plans are made anew either way."""
    rows = await stage.owner.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relforcerowsecurity"
    )
    names = [row["relname"] for row in rows]
    for verb in ("DISABLE", "ENABLE") if up else ("ENABLE", "DISABLE"):
        await stage.owner.execute(";".join(f"ALTER TABLE {name} {verb} ROW LEVEL SECURITY" for name in names))
    with nullcontext() if up else _unsealed():
        yield


@contextmanager
def _unsealed() -> Iterator[None]:
    """Buyers are kept as they come, for as long as this lasts."""
    sealing, digesting = BuyerSeal.seal_row, BuyerSeal.digest

    def seal_row(self: BuyerSeal, row: str, values: Mapping[str, str]) -> list[bytes | None]:
        return [value.encode() if value else None for value in values.values()]

    def digest(self: BuyerSeal, *values: str) -> bytes:
        return "\x00".join(values).encode()[:16]

    BuyerSeal.seal_row, BuyerSeal.digest = seal_row, digest  # type: ignore[method-assign]
    try:
        yield
    finally:
        BuyerSeal.seal_row, BuyerSeal.digest = sealing, digesting  # type: ignore[method-assign]
