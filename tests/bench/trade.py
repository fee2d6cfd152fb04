"""A portal in trade with every marketplace: a shop of the same size at each of them, a real worker, and this process in the web's place."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import psutil  # type: ignore[import-untyped]

from portal import db, vault
from portal.connecting import service as connecting
from portal.jobs import Jobs, Queues, queue_name
from portal.marketplaces.contract import AccountRef, Marketplace, ScheduleTarget
from portal.marketplaces.registry import CODES, MARKETPLACES
from portal.marketplaces.sandbox import Shop
from portal.runs import service as runs
from portal.settings import Settings
from portal.tables.wizards import ConnectWizard, TestState, WizardState
from portal.up.child import ROOT
from portal.up.supervisor import answers
from portal.vault import Vault
from tests.bench.figures import peak_mb
from tests.bench.stage import PATIENCE_S, Stage, free_port, staged
from tests.factories import make_seller, make_user

LIVE = tuple(place for place in MARKETPLACES if place.open is not None and place.sandbox is not None)
UNPACED = {f"PORTAL_{place.code}_RATE": "1000000" for place in LIVE}
POLL_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run that has come to its end. `busy_s` is what the worker computed meanwhile, `taken_s` what the clock says."""

    row: asyncpg.Record
    taken_s: float
    busy_s: float


@dataclass(kw_only=True)
class Trade:
    """What is running. `owner` is a connection that sees every row, `side` leads to the sandboxes."""

    owner: "asyncpg.Connection[asyncpg.Record]"
    shop: Shop
    side: httpx.AsyncClient
    worker: psutil.Process
    jobs: Jobs
    vault: Vault
    settings: Settings

    async def connect(self, place: Marketplace, values: Mapping[str, str]) -> AccountRef:
        """A new seller's account, through the wizard. Its first sync of orders has ended."""
        seller_id = await make_seller()
        user_id = await make_user(seller_id, f"{seller_id.hex}@example.in")
        method = place.method_of(values)
        begun = await connecting.begin(seller_id, user_id, place.code, settings=self.settings)
        await connecting.choose(seller_id, begun.id, name="Surat store", method=method.code, version=None, settings=self.settings)
        await connecting.prepared(seller_id, begun.id)
        typed = {name: value for name, value in values.items() if name in method.fields()}
        await connecting.enter(seller_id, begun.id, typed, version=None, vault=self.vault, jobs=self.jobs)
        tested = await _settled(begun, lambda row: row.test_state != TestState.RUNNING)
        assert tested.test_state == TestState.PASSED, (place.code, tested.error_message)
        await connecting.confirm(seller_id, begun.id, first_days=self.shop.days + 5, jobs=self.jobs)
        done = await _settled(begun, lambda row: row.state != WizardState.CONFIRMING)
        account = AccountRef(
            id=done.account_id, seller_id=seller_id, code=place.code, external_account_id=done.found_account_id, name=done.name
        )
        await self._idle(account.id)
        return account

    async def sync(self, account: AccountRef, target: ScheduleTarget) -> Ended:
        """Everything of that target, from the moment the worker takes the run; also what was read before."""
        await self.owner.execute("DELETE FROM sync_cursors")
        before = _computed(self.worker)
        started = await runs.start(account.seller_id, account.id, target, jobs=self.jobs)
        await self._idle(account.id)
        row = await self.owner.fetchrow("SELECT * FROM sync_runs WHERE id = $1", started.run_id)
        assert row is not None
        taken_s = (row["finished_at"] - row["started_at"]).total_seconds()
        return Ended(row=row, taken_s=taken_s, busy_s=_computed(self.worker) - before)

    async def calls(self, place: Marketplace) -> list[str]:
        """The operations that a marketplace has answered, in order."""
        found: list[str] = (await self.side.get(f"/{place.slug}/_sandbox/calls")).raise_for_status().json()
        return found

    def peak_mb(self) -> float:
        """The most memory the worker has ever held."""
        return peak_mb(self.worker.pid)

    async def _idle(self, account_id: UUID) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await self.owner.fetchval(
                "SELECT 1 FROM sync_runs WHERE marketplace_account_id = $1 AND finished_at IS NULL LIMIT 1", account_id
            ):
                await asyncio.sleep(POLL_S)


async def _settled(wizard: ConnectWizard, reached: Any) -> ConnectWizard:
    async with asyncio.timeout(PATIENCE_S):
        while not reached(row := await connecting.get(wizard.seller_id, wizard.id)):
            await asyncio.sleep(POLL_S)
    return row


def _computed(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return float(spent.user + spent.system)


@asynccontextmanager
async def trading(shop: Shop) -> AsyncIterator[Trade]:
    """Sandboxes with that shop in a process of their own, and a worker that is not paced. No account is connected yet."""
    async with staged(orders=1) as stage:
        base = await _fair(stage, shop)
        worker = await stage.start("worker")
        await db.connect(stage.addresses.web, max_size=4, name="bench")
        stage.closing.push_async_callback(db.disconnect)
        queues = await stage.closing.enter_async_context(
            Queues(tuple(queue_name(code) for code in CODES), database_url=stage.addresses.web, size=2)
        )
        side = await stage.closing.enter_async_context(httpx.AsyncClient(base_url=base, trust_env=False, timeout=60))
        yield Trade(
            owner=stage.owner,
            shop=shop,
            side=side,
            worker=psutil.Process(worker.pid),
            jobs=Jobs(queues),
            vault=vault.load(seal_keys=stage.environments.keys["PORTAL_SEAL_KEYS"]),
            settings=Settings(),
        )


async def _fair(stage: Stage, shop: Shop) -> str:
    """Start the sandboxes and point the stage's processes at them. Answers their address."""
    port = free_port()
    sizes = map(str, (shop.orders, shop.returns, shop.payouts, shop.listings))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.fair", str(port), *sizes), cwd=ROOT, stdout=subprocess.DEVNULL
    )
    stage.closing.push_async_callback(process.wait)
    stage.closing.callback(process.terminate)
    base = f"http://127.0.0.1:{port}"
    await answers(f"{base}/")
    stage.environments = replace(stage.environments, sandbox_base=base, given={**stage.environments.given, **UNPACED})
    return base
