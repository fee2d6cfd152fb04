"""What sealing and row security cost: the same sync and the same page with both and without, turn by turn, in processor time."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from uuid import UUID

from portal import db, vault
from portal.accounts import service as accounts
from portal.marketplaces.registry import CODES
from portal.people.service import open_session
from portal.settings import read
from portal.vault import BuyerSeal
from portal.web.security import SESSION_COOKIE
from tests.bench.figures import Busy, Figure, figure
from tests.bench.ingest import empty
from tests.bench.overhead import LINES, ORDERS, one_sync
from tests.bench.stage import Stage, staged
from tests.browsing import Browser, opened

ROUNDS, PAGES = 3, 60

_TENANTS = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND (relrowsecurity OR relforcerowsecurity)
"""


async def measure() -> AsyncIterator[Figure]:
    """Best of the rounds each; rounds with and without take turns, so that a busy machine is busy for both."""
    async with staged(orders=ORDERS, lines=LINES) as stage:
        worker = await stage.start("worker")
        account_id = UUID(await stage.connected())
        await worker.stop(4.0)
        settings = read(stage.environments.worker(stage.addresses), codes=CODES)
        await db.connect(stage.addresses.worker, min_size=1, max_size=1, name="bench")
        stage.closing.push_async_callback(db.disconnect)
        seller_id = await stage.owner.fetchval("SELECT seller_id FROM marketplace_accounts WHERE id = $1", account_id)
        account = accounts.ref(await accounts.get(seller_id, account_id))
        held = vault.load(seal_keys=settings.seal_keys, open_keys=settings.open_keys)
        taken: dict[str, list[float]] = {"ingest": [], "ingest_bare": [], "page": [], "page_bare": []}
        for _ in range(ROUNDS):
            async with _unwalled(stage):
                with _unsealed():
                    await empty(stage)
                    busy = await _busy(stage)
                    await one_sync(stage, settings, account, held)
                    taken["ingest_bare"].append(busy.so_far_s() * 1e6 / ORDERS)
            await empty(stage)
            busy = await _busy(stage)
            await one_sync(stage, settings, account, held)
            taken["ingest"].append(busy.so_far_s() * 1e6 / ORDERS)
        await stage.owner.execute("VACUUM ANALYZE")
        user_id = await stage.owner.fetchval("SELECT id FROM seller_users")
        async with opened(stage.addresses.worker, held) as app:
            browser = Browser(app)
            browser.http.cookies.set(SESSION_COOKIE, await open_session(seller_id, user_id), domain="127.0.0.1")
            for _ in range(ROUNDS):
                async with _unwalled(stage):
                    taken["page_bare"].append(await _pages(stage, browser))
                taken["page"].append(await _pages(stage, browser))
    best = {name: min(times) for name, times in taken.items()}
    for name, unit, aim in (("ingest", "us/order", "ratio <= 1.1"), ("page", "ms", "ratio <= 1.05")):
        bare = figure(f"walls.{name}_bare", best[f"{name}_bare"], unit, note="processor time without row security and sealing")
        yield bare
        yield figure(f"walls.{name}", best[name], unit, aim=aim, note="with both").against(bare)


async def _busy(stage: Stage) -> "_Spent":
    rows = await stage.owner.fetch("SELECT pid FROM pg_stat_activity WHERE application_name = 'bench'")
    return _Spent(Busy(*(row["pid"] for row in rows)))


class _Spent:
    """The processor time of this process and of its connections to the database, from now on."""

    def __init__(self, backends: Busy) -> None:
        self._backends = backends
        self._own = time.process_time()

    def so_far_s(self) -> float:
        return time.process_time() - self._own + self._backends.so_far_s()


async def _pages(stage: Stage, browser: Browser) -> float:
    """Milliseconds of processor time for a page of orders."""
    await browser.get("/orders")
    busy = await _busy(stage)
    for _ in range(PAGES):
        assert (await browser.get("/orders")).status_code == 200
    return busy.so_far_s() * 1000 / PAGES


@asynccontextmanager
async def _unwalled(stage: Stage) -> AsyncIterator[None]:
    """Every table without row security, for as long as this lasts."""
    names = [row["relname"] for row in await stage.owner.fetch(_TENANTS)]
    await stage.owner.execute(";".join(f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY" for name in names))
    try:
        yield
    finally:
        await stage.owner.execute(";".join(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY" for name in names))


@contextmanager
def _unsealed() -> Iterator[None]:
    """Buyers are kept as they come, for as long as this lasts."""
    sealing, digesting = BuyerSeal.seal, BuyerSeal.digest

    def seal(self: BuyerSeal, column: str, row: str, value: str) -> bytes:
        return value.encode()

    def digest(self: BuyerSeal, *values: str) -> bytes:
        return "\x00".join(values).encode()[:16]

    BuyerSeal.seal, BuyerSeal.digest = seal, digest  # type: ignore[method-assign]
    try:
        yield
    finally:
        BuyerSeal.seal, BuyerSeal.digest = sealing, digesting  # type: ignore[method-assign]
