"""An operator at a terminal, beside a running worker and a sandbox marketplace."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from portal import db, vault
from portal.marketplaces.amazon_in.sandbox import sandbox_keys
from portal.postgres import Addresses, create_database, drop_database
from tests.conftest import TEMPLATE
from tests.marketplaces.amazon_in.bench import Bench, running
from tests.workers import PATIENCE_S, TOP, Rings, environment, worker, worker_settings
from tests.workshop import Workshop, queueing, shop_of_today


@dataclass(frozen=True)
class Answer:
    """How a command ended and what it said."""

    status: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, Any]:
        """The one JSON object it printed."""
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass
class Operator:
    addresses: Addresses
    bench: Bench
    settings: dict[str, str]
    works: Workshop
    """The first seller's connected account."""

    @property
    def keys(self) -> dict[str, str]:
        return sandbox_keys(self.bench.shop)

    async def types(self, *words: object, stdin: str = "") -> Answer:
        """`python -m portal …` in a process of its own, with the web's rights."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "portal", *map(str, words)),
            cwd=TOP,
            env=environment(self.settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(stdin.encode()), PATIENCE_S)
        answer = Answer(int(process.returncode or 0), out.decode(), err.decode())
        assert "Traceback" not in answer.out + answer.err, answer.err
        return answer


@pytest.fixture(scope="module")
def office(server: Addresses) -> Iterator[Addresses]:
    """A database for the whole module, because a worker stays at it."""
    create_database(server.owner, "portal_office", template=TEMPLATE)
    yield server.of("portal_office")
    drop_database(server.owner, "portal_office")


@pytest.fixture(scope="module")
async def operator(office: Addresses, rings: Rings) -> AsyncIterator[Operator]:
    keys = vault.load(seal_keys=rings[0], open_keys=rings[1])
    await db.connect(office.worker, max_size=4)
    shop = shop_of_today(orders=150)
    async with running(shop) as bench, queueing(office.worker) as jobs:
        # Nobody is killed here, and on a busy machine a short lease might run out by itself.
        settings = {**worker_settings(office, rings, bench.base), "PORTAL_LEASE_S": "60"}
        async with worker(settings):
            works = await Workshop.opened(office, bench, keys, jobs)
            yield Operator(office, bench, {"PORTAL_DATABASE_URL": office.web, "PORTAL_SEAL_KEYS": rings[0]}, works)
    await db.disconnect()
