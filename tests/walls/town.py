"""A whole portal in front of every marketplace's sandbox: web, a real worker process, the real queue, everything at its most talkative.

Whatever a worker or the web ever puts into the queue is copied aside by the database itself, so that jobs which are long done are seen too.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from litestar import Litestar

from portal import db
from portal.accounts import service as accounts
from portal.connecting import service as connecting
from portal.marketplaces.contract import AccountRef, ScheduleTarget
from portal.marketplaces.registry import MARKETPLACES
from portal.marketplaces.sandbox import Fault, Shop
from portal.nudges import Ears
from portal.people.service import Viewer, current
from portal.postgres import Addresses
from portal.runs import service as runs
from portal.sandboxes import bazaar
from portal.settings import Settings
from portal.tables.syncs import FINISHED, RunState, SyncRun
from portal.tables.wizards import TestState
from portal.vault import Vault
from tests.browsing import Browser, opened, signed_up
from tests.keyring.conftest import web_of
from tests.processing.pipelines import PIPELINES
from tests.serving import served
from tests.workers import Worker, worker

UNANSWERED_S = 65.0
"""Longer than any client waits for an answer."""

PATIENCE_S = 3 * UNANSWERED_S

COPY_ASIDE = """
CREATE TABLE queue_so_far (queue text, key text, job bytea);
CREATE FUNCTION queue_keep() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN INSERT INTO queue_so_far VALUES (NEW.queue, NEW.key, NEW.job); RETURN NULL; END $$;
CREATE TRIGGER queue_keep AFTER INSERT OR UPDATE ON saq_jobs FOR EACH ROW EXECUTE FUNCTION queue_keep()
"""

CARRIES_A_PASS = re.compile(r"auth|token|key|cookie|secret|sign", re.IGNORECASE)
"""Headers that prove who calls. What they hold is as good as a password for a while."""


class Overheard:
    """An ASGI application, and every pass that its callers showed."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.passes: set[str] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        for name, value in scope.get("headers", ()):
            if CARRIES_A_PASS.search(name.decode()):
                self.passes.add(value.decode(errors="replace").rpartition(" ")[2])
        await self._app(scope, receive, send)


@dataclass(kw_only=True)
class Town:
    """One seller, her browser, and everything that answers her. `answers` is all the portal has said to it, but what it may show in clear.

    `worlds` are what the sandboxes keep, by marketplace.
    """

    addresses: Addresses
    folder: Path
    shop: Shop
    base: str
    callers: Overheard
    settings: Settings
    vault: Vault
    app: Litestar
    worlds: Mapping[str, Any]
    worker: Worker
    ears: Ears
    side: httpx.AsyncClient
    owner: "asyncpg.Connection[asyncpg.Record]"
    asha: Browser
    viewer: Viewer
    answers: list[str] = field(default_factory=list, repr=False)

    async def account(self, account_id: UUID) -> AccountRef:
        return accounts.ref(await accounts.get(self.viewer.seller_id, account_id))

    async def get(self, path: str) -> httpx.Response:
        return self._noted(path, await self.asha.get(path))

    async def post(self, path: str, form: Mapping[str, str] | None = None) -> httpx.Response:
        return self._noted(path, await self.asha.post(path, form))

    async def look(self, path: str, headers: Mapping[str, str] | None = None) -> None:
        """Ask for a page that may not be there for this row, or lead elsewhere."""
        answer = await self.asha.get(path, headers)
        self.answers.append(f"{path} {answer.headers} {answer.text}")
        assert answer.status_code < 500 or path == "/readyz", (path, answer.status_code, answer.text[-2000:])

    def _noted(self, path: str, answer: httpx.Response) -> httpx.Response:
        self.answers.append(f"{path} {answer.headers} {answer.text}")
        assert answer.status_code < 400, (path, answer.status_code, answer.text[-2000:])
        return answer

    async def tested(self, wizard: str) -> None:
        """The setup's live test has ended well."""
        wizard_id = UUID(wizard.rpartition("/")[2])
        async with asyncio.timeout(PATIENCE_S), self.ears.about(connecting.topic(wizard_id)) as nudged:
            while True:
                row = await connecting.get(self.viewer.seller_id, wizard_id)
                if row.test_state in (TestState.PASSED, TestState.FAILED):
                    assert row.test_state == TestState.PASSED, row.error_message
                    return
                await nudged.wait(silence_s=PATIENCE_S)

    async def confirmed(self, wizard: str) -> UUID:
        """The account that a tested setup becomes, with its first run ended."""
        await self.get(f"{wizard}/5")
        await self.post(f"{wizard}/5", {"first_days": str(self.shop.days + 5)})
        account_id: UUID = (await connecting.get(self.viewer.seller_id, UUID(wizard.rpartition("/")[2]))).account_id
        for run_id in await self.owner.fetch("SELECT id FROM sync_runs WHERE marketplace_account_id = $1", account_id):
            await self.over(run_id["id"])
        return account_id

    async def synced(self, account_id: UUID, target: ScheduleTarget) -> SyncRun:
        """A run by its button, as far as it gets: to its end, or to where it has to wait."""
        answer = await self.post(f"/accounts/{account_id}/syncs", {"target": target})
        return await self.over(UUID(answer.headers["location"].rpartition("/")[2]))

    async def over(self, run_id: UUID, *, waited_out: bool = False, meanwhile: Callable[[], Awaitable[None]] | None = None) -> SyncRun:
        """The run where it stops; with `waited_out` what it waits for is there at once, until it is through. `meanwhile` is done at each wait."""
        async with asyncio.timeout(PATIENCE_S), self.ears.about(runs.topic(run_id)) as nudged:
            while True:
                run = await runs.get(self.viewer.seller_id, run_id)
                if run.state in FINISHED or (run.state == RunState.WAITING and not waited_out):
                    return run
                if run.state == RunState.WAITING:
                    if meanwhile is not None:
                        await meanwhile()
                    await self.owner.execute("UPDATE sync_runs SET resume_at = now() WHERE id = $1 AND state = 'waiting'", run_id)
                await nudged.wait(silence_s=1.0)

    async def proven(self) -> None:
        """As if her password had been typed just now: the ten minutes of it are over sooner than some journeys."""
        await self.owner.execute("UPDATE sessions SET proven_at = now()")

    async def goes_wrong(self, fault: Fault) -> None:
        """Every sandbox, once each, at its next call that can."""
        for place in MARKETPLACES:
            if place.sandbox is not None:
                ordered = {"fault": fault, "times": 1, "after": 0, "seconds": UNANSWERED_S if fault is Fault.TIMEOUT else 0.0}
                (await self.side.post(f"/{place.slug}/_sandbox/faults", json=[ordered])).raise_for_status()

    async def well_again(self) -> None:
        """As on another day: sandboxes behave, nothing waits, nobody has to reconnect."""
        for place in MARKETPLACES:
            if place.sandbox is not None:
                (await self.side.post(f"/{place.slug}/_sandbox/faults/clear")).raise_for_status()
        await self.owner.execute("UPDATE sync_runs SET state = 'failed', finished_at = now() WHERE finished_at IS NULL")
        await self.owner.execute("UPDATE marketplace_accounts SET needs_reconnect = false, state = 'active'")
        await self.owner.execute("DELETE FROM marketplace_circuits; DELETE FROM call_budgets")


@asynccontextmanager
async def town(addresses: Addresses, keys: Path, folder: Path, shop: Shop) -> AsyncIterator[Town]:
    """In a database of its own. `keys` is a folder of rings as `keys generate` makes it, `folder` is where the worker keeps its files."""
    sandboxes = bazaar(shop=shop)
    for pipeline in PIPELINES:
        pipeline.ready(sandboxes.stalls[pipeline.place.slug].state["world"])
    callers = Overheard(sandboxes)
    async with served(callers) as base, httpx.AsyncClient(base_url=base, trust_env=False, timeout=60) as side:
        groups = {place.code: _group(place.code, f"{base}/{place.slug}") for place in MARKETPLACES if place.sandbox is not None}
        told = {f"PORTAL_{code}_{name}": value for code, group in groups.items() for name, value in group.items()}
        environment = {
            "PORTAL_DATABASE_URL": addresses.worker,
            "PORTAL_DATA_DIR": str(folder),
            "PORTAL_SEAL_KEYS": str(keys / "seal"),
            "PORTAL_OPEN_KEYS": str(keys / "open"),
            "PORTAL_ALLOW_PRIVATE_MARKETPLACES": "true",
            "PORTAL_LOG_JSON": "true",
            "PORTAL_LOG_LEVEL": "DEBUG",
            "PORTAL_SCHEDULES": "false",
            "PORTAL_SWEEP_S": "1",
            **told,
        }
        more: dict[str, Any] = {"allow_private_marketplaces": True, "data_dir": folder}
        # As in life, the web knows an application's public names alone.
        public = {code: {name: value for name, value in group.items() if "SECRET" not in name} for code, group in groups.items()}
        vault, owner = web_of(keys), await asyncpg.connect(addresses.owner)
        try:
            await owner.execute(COPY_ASIDE)
            async with opened(addresses.web, vault, **more, marketplaces=public) as app, worker(environment) as one:
                asha = await signed_up(app)
                viewer = await current(asha.session)
                assert viewer is not None
                yield Town(
                    addresses=addresses,
                    folder=folder,
                    shop=shop,
                    base=base,
                    callers=callers,
                    settings=Settings(**more, marketplaces=groups),
                    vault=vault,
                    app=app,
                    worlds={place.code: sandboxes.stalls[place.slug].state.get("world") for place in MARKETPLACES if place.sandbox},
                    worker=one,
                    ears=app.state["ears"],
                    side=side,
                    owner=owner,
                    asha=asha,
                    viewer=viewer,
                )
        finally:
            await owner.close()


def _group(code: str, base: str) -> dict[str, str]:
    """The settings that point one marketplace at its sandbox, let it be asked as quickly as it answers and keep a batch from waiting."""
    place = next(one for one in MARKETPLACES if one.code == code)
    assert place.sandbox_settings is not None
    group = {name.removeprefix(f"PORTAL_{code}_"): value for name, value in place.sandbox_settings(base).items()}
    wished = next((pipeline.settings for pipeline in PIPELINES if pipeline.code == code), {})
    return {**group, "RATE": "1000000", **wished}


async def rows(one: Town, query: str) -> list[Any]:
    """What the seller's own rows answer."""
    async with db.transaction(one.viewer.seller_id) as held:
        return list(await held.fetch(query))
