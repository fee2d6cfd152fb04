"""What the engine adds to a marketplace's own answer time: a whole sync beside an empty loop that only fetches and parses the same pages."""

import time
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from uuid import UUID

import httpx

from portal import clock, db, vault
from portal.accounts import service as accounts
from portal.jobs import UPKEEP, Jobs, Queues, queue_name
from portal.marketplaces import details
from portal.marketplaces.budgets import SharedBudgets
from portal.marketplaces.contract import AccountRef, ScheduleTarget, SyncContext
from portal.marketplaces.http import Outside, Quota
from portal.marketplaces.opening import Doorway
from portal.marketplaces.registry import CODES, marketplace
from portal.runs import service as runs
from portal.settings import Settings, read
from portal.syncing.job import run_sync
from portal.vault import Vault
from tests.bench.figures import Figure, figure
from tests.bench.ingest import empty
from tests.bench.stage import CODE, Stage, staged

ORDERS, LINES, ROUNDS, CLAIMS = 5_000, 2, 3, 500


class Answers(httpx.AsyncBaseTransport):
    """Real HTTP that adds up how long answers took to come, body and all."""

    def __init__(self) -> None:
        self._real = httpx.AsyncHTTPTransport(verify=False)
        self.took_s = 0.0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        started = time.perf_counter()
        response = await self._real.handle_async_request(request)
        await response.aread()
        self.took_s += time.perf_counter() - started
        return response

    async def aclose(self) -> None:
        """Several conversations share it."""


class Pass(NamedTuple):
    """One reading of the whole shop: the time that went by, and what of it was waiting for answers."""

    wall_s: float
    answers_s: float

    @property
    def own_us(self) -> float:
        """What is ours, per order."""
        return (self.wall_s - self.answers_s) * 1e6 / ORDERS


async def measure() -> AsyncIterator[Figure]:
    """The loop, the sync, and what one claim of the shared budget costs. Best of the rounds each."""
    async with staged(orders=ORDERS, lines=LINES) as stage:
        worker = await stage.start("worker")
        account_id = UUID(await stage.connected())
        await worker.stop(4.0)  # from here on the syncs run in this process, where answers can be timed
        settings = read(stage.environments.worker(stage.addresses), codes=CODES)
        await db.connect(stage.addresses.worker, max_size=4, name="bench")
        stage.closing.push_async_callback(db.disconnect)
        seller_id = await stage.owner.fetchval("SELECT seller_id FROM marketplace_accounts WHERE id = $1", account_id)
        account = accounts.ref(await accounts.get(seller_id, account_id))
        held = vault.load(seal_keys=settings.seal_keys, open_keys=settings.open_keys)
        loops, syncs = [], []
        for _ in range(ROUNDS):
            loops.append(await _loop(settings, account, held))
            await empty(stage)
            syncs.append(await one_sync(stage, settings, account, held))
        loop, sync = min(loops, key=lambda one: one.own_us), min(syncs, key=lambda one: one.own_us)
        bare = figure(
            "overhead.loop", loop.own_us, "us/order", note=f"fetch and parse only; answers took {loop.answers_s:.2f} of {loop.wall_s:.2f} s"
        )
        yield bare
        note = f"the engine's time beyond the answers, {ORDERS} new orders; answers took {sync.answers_s:.2f} of {sync.wall_s:.2f} s"
        yield figure("overhead.engine", sync.own_us, "us/order", note=note).against(bare)
        async for one in _claims():
            yield one


async def _loop(settings: Settings, account: AccountRef, held: Vault) -> Pass:
    place, answers, read_so_far = marketplace(account.code), Answers(), 0
    async with db.transaction(account.seller_id):
        keys = (await details.fetch(place, account, held, purpose="bench", actor="bench")).keys
    outside = Outside(settings=settings.of(account.code), transport=answers, allow_private=True)
    started = time.perf_counter()
    assert place.open is not None
    async with place.open(outside, account, keys) as adapter:
        async for page in adapter.sync_orders(SyncContext(account=account, now=clock.now())):
            read_so_far += len(page.facts)
    assert read_so_far == ORDERS
    return Pass(time.perf_counter() - started, answers.took_s)


async def one_sync(stage: Stage, settings: Settings, account: AccountRef, held: Vault) -> Pass:
    """A whole sync of the shop in this process."""
    answers = Answers()
    await stage.owner.execute("DELETE FROM sync_cursors")
    names = (*map(queue_name, CODES), UPKEEP)
    async with Queues(names, database_url=stage.addresses.worker, size=2) as queues:
        context: dict[str, Any] = {
            "settings": settings,
            "vault": held,
            "jobs": Jobs(queues),
            "doorway": Doorway(settings, transport=answers),
        }
        started_run = await runs.start(account.seller_id, account.id, ScheduleTarget.ORDERS, jobs=context["jobs"])
        await stage.owner.execute("DELETE FROM saq_jobs")  # performed here and now, and nobody waits behind it
        started = time.perf_counter()
        await run_sync(context, run_id=str(started_run.run_id))
        wall_s = time.perf_counter() - started
    run = await runs.get(account.seller_id, started_run.run_id)
    assert (run.state, run.new_count) == ("succeeded", stage.orders), run.error_message
    return Pass(wall_s, answers.took_s)


async def _claims() -> AsyncIterator[Figure]:
    """A claim of a slow bucket is a statement of its own; turns of a quick one come several at a time."""
    kinds = {"slow": Quota("slow", 1e5, 2.0), "quick": Quota("quick", 1e6, 1e6)}
    for name, quota in kinds.items():
        budgets = SharedBudgets()
        await budgets.take(CODE, "bench", quota)
        started = time.perf_counter()
        for _ in range(CLAIMS):
            await budgets.take(CODE, "bench", quota)
        yield figure(
            f"overhead.claim_{name}", (time.perf_counter() - started) * 1e6 / CLAIMS, "us/call", note="one turn of the shared budget"
        )
