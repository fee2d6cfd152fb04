"""How the portal is: alive, ready, in figures. For supervisors and Prometheus, not for sellers."""

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import psycopg_pool
from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.exceptions import PermissionDeniedException
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from saq import Queue

import portal
from portal import clock, db
from portal.jobs import UPKEEP, Queues
from portal.nudges import Ears
from portal.people.guarding import PUBLIC
from portal.settings import Settings, is_loopback
from portal.web.security import host_of

SILENT_AFTER = timedelta(seconds=60)
LOOK_EVERY = timedelta(seconds=5)
PATIENCE_S = 2.0
OPEN: dict[str, Any] = {PUBLIC: True}

_MIGRATION_ID = re.compile(r'^ID = "(.+)"$', re.MULTILINE)
_UNREACHABLE = (OSError, TimeoutError, asyncpg.PostgresError, *db.LOST_CONNECTION, psycopg.Error, psycopg_pool.PoolTimeout)


class WorkerWatch:
    """When a worker was last heard of. Looks at most every few seconds, however many pages ask."""

    def __init__(self) -> None:
        self._started = clock.now()
        self._newest: datetime | None = None
        self._looked_at: datetime | None = None

    async def newest(self) -> datetime | None:
        """The last sign of life of any worker; None when there never was one."""
        now = clock.now()
        if self._looked_at is None or not self._looked_at <= now < self._looked_at + LOOK_EVERY:
            self._newest = await db.pool().fetchval("SELECT max(seen_at) FROM worker_beats")
            self._looked_at = now
        return self._newest

    async def silent_since(self) -> datetime | None:
        """Since when no worker has reported; None while one does.

        Where there never was a worker it is the start of this process: nobody has reported since then.
        """
        last = await self.newest() or self._started
        return last if clock.now() - last > SILENT_AFTER else None


class Figures:
    """What /metrics tells besides traffic, read when it is asked for."""

    def __init__(self, registry: CollectorRegistry, watch: WorkerWatch) -> None:
        self.registry = registry
        self._watch = watch
        self._up = Gauge("portal_database_up", "1 while the database answers.", registry=registry)
        self._runs = Gauge("portal_runs", "Sync runs by state.", ("state",), registry=registry)
        self._streams = Gauge("portal_streams_open", "Open event streams of this process.", registry=registry)
        self._pool = Gauge("portal_database_connections", "Connections of this process's pool.", ("state",), registry=registry)
        self._refusals = Gauge(
            "portal_operator_refusals",
            "How often a marketplace has refused the portal's own application.",
            ("marketplace",),
            registry=registry,
        )
        self._worker = Gauge("portal_worker_silence_seconds", "Since the last sign of life of any worker; -1: never.", registry=registry)

    async def text(self, ears: Ears) -> bytes:
        self._streams.set(ears.open)
        pool = db.pool()
        self._pool.labels("idle").set(pool.get_idle_size())
        self._pool.labels("busy").set(pool.get_size() - pool.get_idle_size())
        self._pool.labels("most").set(pool.get_max_size())
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._ask()
        except _UNREACHABLE:
            self._up.set(0)
        return generate_latest(self.registry)

    async def _ask(self) -> None:
        runs = await db.door("door_runs_by_state")
        self._runs.clear()
        for row in runs:
            self._runs.labels(row["state"]).set(row["runs"])
        for row in await db.pool().fetch("SELECT marketplace_code, refusals FROM operator_refusals"):
            self._refusals.labels(row["marketplace_code"]).set(row["refusals"])
        newest = await self._watch.newest()
        self._worker.set((clock.now() - newest).total_seconds() if newest else -1)
        self._up.set(1)


@get("/healthz", opt=OPEN, include_in_schema=False)
async def healthz() -> dict[str, str]:
    """Alive: the process answers, whatever its surroundings do."""
    return {"status": "ok"}


@get("/readyz", opt=OPEN, include_in_schema=False)
async def readyz(queues: NamedDependency[Queues]) -> Response[dict[str, Any]]:
    """Ready: 200 when every check is `ok`, 503 with the reason beside the check otherwise."""
    checks: Mapping[str, Callable[[], Awaitable[str]]] = {
        "database": _database,
        "migrations": _migrations,
        "queue": lambda: _queue(queues[UPKEEP]),
    }
    found = dict(zip(checks, await asyncio.gather(*(_asked(check) for check in checks.values())), strict=True))
    ready = all(answer == "ok" for answer in found.values())
    return Response(
        {"status": "ok" if ready else "unready", "checks": found}, status_code=200 if ready else 503, headers={"Cache-Control": "no-store"}
    )


@get("/metrics", opt=OPEN, include_in_schema=False)
async def metrics(
    request: Request[Any, Any, State], settings: NamedDependency[Settings], figures: NamedDependency[Figures], ears: NamedDependency[Ears]
) -> Response[bytes]:
    """Prometheus text, for this machine or for who knows PORTAL_METRICS_TOKEN."""
    if not _may_read_figures(request, settings.metrics_token):
        raise PermissionDeniedException
    return Response(await figures.text(ears), media_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


HANDLERS = (healthz, readyz, metrics)


def _may_read_figures(request: Request[Any, Any, State], token: str) -> bool:
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if token and hmac.compare_digest(given.encode(), token.encode()):
        return True
    # A proxy on this machine is loopback as well; what it forwards for others names another host, or says that it was forwarded.
    forwarded = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-forwarded-host"))
    return (
        not forwarded
        and is_loopback(request.client.host if request.client else "")
        and is_loopback(host_of(request.headers.get("host", "")))
    )


async def _asked(check: Callable[[], Awaitable[str]]) -> str:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await check()
    except _UNREACHABLE as error:
        return type(error).__name__


async def _database() -> str:
    await db.pool().fetchval("SELECT 1")
    return "ok"


async def _migrations() -> str:
    done = await db.pool().fetch("SELECT name FROM migration WHERE app_name = 'portal'")
    pending = MIGRATIONS - {row["name"] for row in done}
    return f"{len(pending)} pending: run `python -m portal migrate`" if pending else "ok"


async def _queue(queue: Queue) -> str:
    await queue.count("queued")
    return "ok"


def migrations_in(folder: Path) -> frozenset[str]:
    """The ids of all migrations in a folder, without importing them."""
    found = (_MIGRATION_ID.search(path.read_text()) for path in sorted(folder.glob("*.py")))
    return frozenset(match[1] for match in found if match)


MIGRATIONS = migrations_in(portal.MIGRATIONS)
