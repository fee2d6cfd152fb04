"""How the portal is: alive, ready, in figures. For supervisors and Prometheus, not for sellers."""

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.exceptions import PermissionDeniedException
from prometheus_client import CONTENT_TYPE_LATEST
from saq import Queue

import portal
from portal import clock, db
from portal.figures import PATIENCE_S, UNREACHABLE, Figures
from portal.jobs import UPKEEP, Queues
from portal.people.guarding import PUBLIC
from portal.runs.feeds import Feeds
from portal.settings import Settings, is_loopback
from portal.web.security import host_of

SILENT_AFTER = timedelta(seconds=60)
LOOK_EVERY = timedelta(seconds=5)
OPEN: dict[str, Any] = {PUBLIC: True}

_MIGRATION_ID = re.compile(r'^ID = "(.+)"$', re.MULTILINE)


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
    request: Request[Any, Any, State],
    settings: NamedDependency[Settings],
    figures: NamedDependency[Figures],
    feeds: NamedDependency[Feeds],
    queues: NamedDependency[Queues],
) -> Response[bytes]:
    """Prometheus text, for this machine or for who knows PORTAL_METRICS_TOKEN."""
    if not _may_read_figures(request, settings.metrics_token):
        raise PermissionDeniedException
    return Response(await figures.text(feeds, queues), media_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


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
    except UNREACHABLE as error:
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
