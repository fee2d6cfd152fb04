"""What can be asked of the workers, as methods. Payloads are ids; key, time-out and retries are settled here once.

Every marketplace has a queue of its own, so that a worker can serve one and see nothing of the others. `UPKEEP` is the queue of
work that belongs to none: sweeps, mails, wiping what is stale.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from psycopg_pool import AsyncConnectionPool
from saq import Job, Queue, Status
from saq.errors import MissingDependencyError
from saq.queue.postgres import ENQUEUE, PostgresQueue

from portal.db import DatabaseUnavailable
from portal.errors import Misconfigured

UPKEEP = "upkeep"
DAY_S = 86_400
HOUR_S = 3_600


def queue_name(code: str) -> str:
    """The queue of one marketplace."""
    return code.lower()


class _OurTables(PostgresQueue):
    async def init_db(self) -> None:
        """The owner's `migrate` has made the tables; the logins of web and worker may not, and need not, try."""

    async def enqueue_all(self, made: Sequence[Job]) -> None:
        """Many jobs with one statement and one notice, as `enqueue` would put each; a job that is in the queue already stays as it is."""
        for job in made:
            job.queue, job.status, job.queued = self, Status.QUEUED, int(time.time() * 1000)
        if made:
            await self._put(made)

    async def _enqueue(self, job: Job) -> Job | None:
        return job if await self._put([job]) else None

    async def _put(self, made: Sequence[Job]) -> int:
        """How many were not there yet. SAQ's own statement reads what it finds, which a worker may do in its own queue only.

        It also takes the place of a finished job; ours leave no row behind.
        """
        async with self.pool.connection() as held:
            done = await held.execute(
                """INSERT INTO saq_jobs (key, job, queue, status, priority, group_key, scheduled)
                   SELECT asked.key, asked.job, %(queue)s, %(status)s, %(priority)s, %(group_key)s, %(scheduled)s
                   FROM unnest(%(keys)s::text[], %(jobs)s::bytea[]) AS asked (key, job) ON CONFLICT DO NOTHING""",
                {
                    "queue": self.name,
                    "status": made[0].status,
                    "priority": made[0].priority,
                    "group_key": made[0].group_key,
                    "scheduled": made[0].scheduled or int(time.time()),
                    "keys": [job.key for job in made],
                    "jobs": [self.serialize(job) for job in made],
                },
            )
            if done.rowcount:
                await self._notify(ENQUEUE, connection=held)
        return done.rowcount

    async def at_work(self, key: str) -> bool:
        """Whether a worker holds the job of this key, also one that may not be read from here."""
        async with self.pool.connection() as held:
            found = await (await held.execute("SELECT at_work FROM door_job_at_work(%(key)s)", {"key": key})).fetchone()
        return found is not None and bool(found[0])


def _on_redis(url: str, name: str) -> Queue:
    try:
        from saq.queue.redis import RedisQueue
    except MissingDependencyError:
        raise Misconfigured(
            "PORTAL_QUEUE_URL names a redis server, but its driver is not installed.",
            hint="pip install 'saq[redis]', or use PORTAL_QUEUE_URL=postgres.",
        ) from None
    return RedisQueue.from_url(url, name=name)


class Queues:
    """The queues of one process over one small connection pool. Use as an async context manager.

    `database_url` is the process's own database address; `queue_url` is `postgres` or a redis address.
    """

    def __init__(self, names: tuple[str, ...], *, database_url: str, queue_url: str = "postgres", size: int = 4) -> None:
        self._pool: AsyncConnectionPool | None = None
        self._queues: dict[str, Queue] = {}
        if urlsplit(queue_url).scheme in {"redis", "rediss"}:
            self._queues = {name: _on_redis(queue_url, name) for name in names}
            return
        self._pool = AsyncConnectionPool(
            database_url,
            min_size=1,
            max_size=size,
            open=False,
            # Else those that lay idle while the database was restarted would each fail somebody who asks for work.
            check=AsyncConnectionPool.check_connection,
            kwargs={"autocommit": True, "application_name": "portal-queue"},
        )
        self._queues = {name: _OurTables(pool=self._pool, name=name, manage_pool_lifecycle=False) for name in names}

    async def __aenter__(self) -> "Queues":
        if self._pool is not None:
            try:
                await self._pool.open(wait=True, timeout=15)
            except psycopg.OperationalError as error:
                await self._pool.close(timeout=2)
                raise _away(error) from error
        for queue in self._queues.values():
            await queue.connect()
        return self

    async def __aexit__(self, *exc: object) -> None:
        for queue in self._queues.values():
            await queue.disconnect()
        if self._pool is not None:
            await self._pool.close(timeout=2)

    def __getitem__(self, name: str) -> Queue:
        return self._queues[name]

    @property
    def all(self) -> Mapping[str, Queue]:
        return self._queues


async def make_tables(database_url: str) -> None:
    """Create or bring up to date the queue's own tables; as the owner, from `migrate`."""
    async with AsyncConnectionPool(database_url, min_size=1, max_size=1, open=False, kwargs={"autocommit": True}) as pool:
        await PostgresQueue(pool=pool, name=UPKEEP, manage_pool_lifecycle=False).init_db()


class Jobs:
    """Enqueues. A second delivery of any job is harmless; asking twice for the same thing makes one job."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    async def sync(self, code: str, run_id: UUID, attempt: int, *, at: datetime | None = None) -> None:
        """Perform a run. The key holds the attempt, so the job of a dead worker never stands in the way of the next one.

        The job of a worker that died before it took the run has the same attempt; there the moment makes another key.
        """
        # A run may take hours for a big shop. What ends a hung one is the silence of its heartbeat, not a total time.
        queue, key = queue_name(code), f"sync-{run_id}-{attempt}"
        if await self._at_work(queue, key):
            key = f"{key}-{int(time.time())}"
        await self._enqueue(queue, "run_sync", key, at=at, within_s=DAY_S, retries=1, run_id=str(run_id))

    async def wake(self, code: str, run_id: UUID, attempt: int) -> None:
        """Perform a waiting run now, whose row says that it is due. The job that was to wake it later finds nothing left to take."""
        await self._enqueue(queue_name(code), "run_sync", f"sync-{run_id}-{attempt}-woken", within_s=DAY_S, retries=1, run_id=str(run_id))

    async def syncs(self, code: str, run_ids: Sequence[UUID]) -> None:
        """Perform runs that have just been made, all asked for at once."""
        made = [
            Job(
                function="run_sync",
                key=f"sync-{run_id}-0",
                timeout=DAY_S,
                heartbeat=0,
                retries=1,
                retry_delay=2,
                retry_backoff=60,
                priority=1,
                ttl=-1,
                kwargs={"run_id": str(run_id)},
            )
            for run_id in run_ids
        ]
        queue = self._queues[queue_name(code)]
        try:
            if isinstance(queue, _OurTables):
                await queue.enqueue_all(made)
            else:
                for job in made:
                    await queue.enqueue(job)
        except psycopg.OperationalError as error:
            raise _away(error) from error

    async def test_keys(self, code: str, wizard_id: UUID, attempt: int) -> None:
        """Try the keys of a wizard; somebody is waiting for it, so it goes first in line."""
        await self._enqueue(
            queue_name(code), "test_keys", f"test-{wizard_id}-{attempt}", within_s=40, priority=-1, wizard_id=str(wizard_id)
        )

    async def confirm_wizard(self, code: str, wizard_id: UUID) -> None:
        """Turn a tested wizard into an account."""
        await self._enqueue(queue_name(code), "confirm_wizard", f"confirm-{wizard_id}", within_s=40, priority=-1, wizard_id=str(wizard_id))

    async def check_account(self, code: str, account_id: UUID, moment: datetime, *, by: str = "") -> None:
        """Check a saved connection: first in line when somebody (`by`) waits for the answer, after all else when nobody does."""
        key = f"check-{account_id}-{int(moment.timestamp())}"
        await self._enqueue(
            queue_name(code), "check_account", key, within_s=60, priority=-1 if by else 1, account_id=str(account_id), by=by
        )

    async def erase_history(self, code: str, account_id: UUID, *, at: datetime | None = None) -> None:
        """Delete what a disconnected account has left behind. The job that asks for itself again has a key by its time."""
        key = f"erase-{account_id}" + (f"-{int(at.timestamp())}" if at else "")
        await self._enqueue(queue_name(code), "erase_history", key, at=at, within_s=DAY_S, priority=1, account_id=str(account_id))

    async def print_papers(self, code: str, print_id: UUID) -> None:
        """Make a print file; somebody is waiting for it, so it goes first in line."""
        await self._enqueue(queue_name(code), "print_papers", f"print-{print_id}", within_s=1200, priority=-1, print_id=str(print_id))

    async def make_export(self, export_id: UUID) -> None:
        """Put everything of a seller into one file. It is of no marketplace, so any worker may."""
        await self._enqueue(UPKEEP, "make_export", f"export-{export_id}", within_s=HOUR_S, export_id=str(export_id))

    async def report_run(self, code: str, run_id: UUID) -> None:
        """Mail the report of a scheduled run that has ended."""
        await self._enqueue(queue_name(code), "report_run", f"report-{run_id}", within_s=1200, run_id=str(run_id))

    async def anybody_waits(self, code: str) -> bool:
        """Whether work of that marketplace is due and has no worker yet."""
        try:
            return bool(await self._queues[queue_name(code)].count("queued"))
        except psycopg.OperationalError as error:
            raise _away(error) from error

    async def _at_work(self, queue: str, key: str) -> bool:
        """Whether a worker holds this job already. Whoever asks for it all the same knows that it does not do what is wanted any more."""
        held = self._queues[queue]
        try:
            if isinstance(held, _OurTables):
                return await held.at_work(key)
            job = await held.job(key)
        except psycopg.OperationalError as error:
            raise _away(error) from error
        return job is not None and job.status is Status.ACTIVE

    async def _enqueue(
        self,
        queue: str,
        function: str,
        key: str,
        *,
        at: datetime | None = None,
        within_s: int,
        retries: int = 3,
        priority: int = 0,
        **payload: Any,
    ) -> None:
        try:
            await self._queues[queue].enqueue(
                function,
                key=key,
                timeout=within_s,
                heartbeat=0,
                retries=retries,
                retry_delay=2,
                retry_backoff=60,
                # PostgreSQL's queue takes priorities from 0 (first) upwards.
                priority=priority + 1,
                scheduled=int(at.timestamp()) if at else 0,
                # A finished job leaves no row behind, so the same key may be asked for again at once.
                ttl=-1,
                **payload,
            )
        except psycopg.OperationalError as error:
            raise _away(error) from error


def _away(error: Exception) -> DatabaseUnavailable:
    """The queue lives in the database; its driver's own words may hold the address, so only their kind is kept."""
    return DatabaseUnavailable(
        "The database does not answer.", detail=type(error).__name__, hint="Check PORTAL_DATABASE_URL, then try again."
    )
