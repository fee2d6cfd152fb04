"""Where workers are killed: a PostgreSQL of its own, every marketplace's sandbox with one shop, an account at each, and real workers."""

import asyncio
import os
import random
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from portal import db, migrating
from portal.jobs import Jobs
from portal.marketplaces.contract import AccountRef, Marketplace, ScheduleTarget
from portal.marketplaces.sandbox import Shop
from portal.postgres import Addresses, Embedded, let_in
from portal.runs import service as runs
from portal.sandboxes import bazaar
from portal.settings import Settings
from portal.tables.syncs import FINISHED
from portal.vault import Vault
from tests.contract.desks import Desk
from tests.contract.ledgers import difference, held_rows, told
from tests.contract.stalls import LIVE, Tap
from tests.factories import make_seller, make_user
from tests.pacing.buckets import Arrivals
from tests.serving import served
from tests.workers import Rings, Worker, worker
from tests.workshop import queueing, seen

EVERYTHING_ENDS_WITHIN_S = 600

Asgi = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]


class Slow:
    """An application whose marketplaces take their time to answer, as real ones do. Its side doors are quick."""

    def __init__(self, app: Asgi, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http" and "/_sandbox" not in scope["path"]:
            await asyncio.sleep(self._seconds)
        await self._app(scope, receive, send)


@dataclass(kw_only=True)
class Site:
    """One account at one marketplace, and the runs of it that have been asked for, the newest last."""

    place: Marketplace
    account: AccountRef
    side: httpx.AsyncClient
    asked: list[UUID] = field(default_factory=list)


@dataclass(kw_only=True)
class Ground:
    """What stands while workers come and go. `environment` is a worker's."""

    server: Embedded
    addresses: Addresses
    environment: dict[str, str]
    jobs: Jobs
    sites: list[Site]
    died_by_themselves: int = 0

    async def keep_busy(self) -> None:
        """Start the next run wherever the last one has ended. It reads everything again."""
        for site in self.sites:
            row = await self._row(site.asked[-1])
            if row["state"] in FINISHED:
                assert row["state"] == "succeeded", (site.place.code, row["state"], row["error_message"], row["partial_reason"])
                await seen(self.addresses, "DELETE FROM sync_cursors WHERE marketplace_account_id = $1", site.account.id)
                started = await runs.start(site.account.seller_id, site.account.id, ScheduleTarget.ORDERS, jobs=self.jobs)
                site.asked.append(started.run_id)

    async def all_end(self) -> None:
        """Every run comes to its end with what stands now."""
        async with asyncio.timeout(EVERYTHING_ENDS_WITHIN_S):
            while await seen(self.addresses, "SELECT FROM sync_runs WHERE finished_at IS NULL"):
                await asyncio.sleep(0.2)

    async def interruptions(self) -> dict[str, int]:
        """How often a run of each marketplace had to be taken up again."""
        rows = await seen(
            self.addresses,
            """SELECT a.marketplace_code AS code, sum(r.attempt - 1) AS again FROM sync_runs r
               JOIN marketplace_accounts a ON a.id = r.marketplace_account_id GROUP BY 1""",
        )
        return {row["code"]: row["again"] for row in rows}

    async def wrong(self) -> list[str]:
        """Every run that did not succeed, every order missing, changed or twice."""
        ended = await seen(self.addresses, "SELECT id, state, error_message, partial_reason FROM sync_runs WHERE state <> 'succeeded'")
        found = [str(dict(row)) for row in ended]
        for site in self.sites:
            ledger = told((await site.side.get("/_sandbox/ledger")).raise_for_status().json()["orders"], "orders")
            found += [
                f"{site.place.code}: {line}" for line in difference("orders", ledger, await held_rows(site.account.seller_id, "orders"))
            ]
            counted = await seen(self.addresses, "SELECT count(*) FROM orders WHERE marketplace_account_id = $1", site.account.id)
            first = await self._row(site.asked[0])
            if (counted[0]["count"], first["new_count"], first["changed_count"]) != (len(ledger), len(ledger), 0):
                found.append(f"{site.place.code}: {counted[0]['count']} orders, first run told {dict(first)}")
        return found

    async def restart_postgres(self, *, crash: bool) -> None:
        """The database goes away and comes back: in good order, or as after a kernel's out-of-memory kill."""
        if crash:
            os.kill(int((self.server.cluster / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
        await asyncio.to_thread(self.server.stop)
        await asyncio.to_thread(self.server.start)

    async def _row(self, run_id: UUID) -> Any:
        return (await seen(self.addresses, "SELECT * FROM sync_runs WHERE id = $1", run_id))[0]


class Shift:
    """So many workers at work. Whoever ends is replaced, as a supervisor does."""

    def __init__(self, ground: Ground, closing: AsyncExitStack) -> None:
        self._ground = ground
        self._closing = closing
        self.workers: list[Worker] = []

    async def filled(self, count: int) -> None:
        """So many workers are ready. Those that ended without being killed are counted."""
        gone = [one for one in self.workers if one.process.returncode is not None]
        self._ground.died_by_themselves += len(gone)
        self.workers = [one for one in self.workers if one not in gone]
        while len(self.workers) < count:
            self.workers.append(await self._closing.enter_async_context(worker(self._ground.environment)))

    async def kill(self, dice: random.Random) -> None:
        """SIGKILL for one of those at work."""
        victim = self.workers.pop(dice.randrange(len(self.workers)))
        if victim.process.returncode is None:
            victim.process.send_signal(signal.SIGKILL)
        await victim.gone()


async def survive(ground: Ground, *, kills: int, workers: int, restarts: int, seed: int) -> None:
    """Kill a worker `kills` times at random moments, and bring the database down `restarts` times while they work."""
    dice = random.Random(seed)
    falls = set(dice.sample(range(kills), restarts))
    async with AsyncExitStack() as closing:
        shift = Shift(ground, closing)
        for number in range(kills):
            await ground.keep_busy()
            await shift.filled(workers)
            await asyncio.sleep(dice.uniform(0, 2.5))  # not waiting for anything: this is where the dice put the kill
            if number in falls:
                await ground.restart_postgres(crash=dice.random() < 0.5)
                await asyncio.sleep(dice.uniform(0, 2.5))
            await shift.kill(dice)
        await shift.filled(workers)
        await ground.all_end()


@asynccontextmanager
async def ground(keys: Vault, rings: Rings, shop: Shop, *, rows: int, answer_s: float) -> AsyncIterator[Ground]:
    """Everything up, each account connected and its first sync asked for. Pages have at most `rows` rows and take `answer_s`."""
    async with AsyncExitStack() as standing:
        # A short path, because the database's socket lies below it.
        folder = standing.enter_context(tempfile.TemporaryDirectory(prefix="portal-", ignore_cleanup_errors=True))
        server = Embedded(Path(folder), durable=False)
        addresses = await asyncio.to_thread(standing.enter_context, server)
        await migrating.migrate(addresses.owner, sandbox=True)
        let_in(addresses)
        await db.connect(addresses.worker, max_size=5)
        standing.push_async_callback(db.disconnect)
        arrivals, tap = Arrivals(bazaar(LIVE, shop=shop)), Tap()
        standing.push_async_callback(tap.ended)
        base = await standing.enter_async_context(served(Slow(arrivals, answer_s)))
        environment = {
            "PORTAL_DATABASE_URL": addresses.worker,
            "PORTAL_SEAL_KEYS": rings[0],
            "PORTAL_OPEN_KEYS": rings[1],
            "PORTAL_ALLOW_PRIVATE_MARKETPLACES": "true",
            "PORTAL_LOG_JSON": "true",
            "PORTAL_LEASE_S": "1",
            "PORTAL_BEAT_S": "0.25",
            "PORTAL_SWEEP_S": "0.5",
        }
        sites = []
        for place in LIVE:
            assert place.sandbox_settings is not None
            pointed = dict(place.sandbox_settings(f"{base}/{place.slug}")) | {f"PORTAL_{place.code}_RATE": "1000000"}
            environment |= pointed
            side = await standing.enter_async_context(httpx.AsyncClient(base_url=f"{base}/{place.slug}", trust_env=False, timeout=60))
            (await side.post("/_sandbox/page", json={"rows": rows})).raise_for_status()
            group = {name.removeprefix(f"PORTAL_{place.code}_"): value for name, value in pointed.items()}
            seller_id = await make_seller()
            desk = Desk(
                place=place,
                shop=shop,
                side=side,
                settings=Settings(marketplaces={place.code: group}, allow_private_marketplaces=True),
                vault=keys,
                seller_id=seller_id,
                user_id=await make_user(seller_id, f"{place.slug}@example.in"),
                tap=tap,
                arrivals=arrivals,
            )
            account = await desk.connect()
            first = await seen(addresses, "SELECT id FROM sync_runs WHERE marketplace_account_id = $1 AND target = 'ORDERS'", account.id)
            sites.append(Site(place=place, account=account, side=side, asked=[first[0]["id"]]))
        jobs = await standing.enter_async_context(queueing(addresses.worker))
        yield Ground(server=server, addresses=addresses, environment=environment, jobs=jobs, sites=sites)
