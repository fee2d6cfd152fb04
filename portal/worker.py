"""The worker: one SAQ worker per marketplace it serves, plus upkeep, in one process.

It tells the database that it lives, sweeps for runs that lost their worker, and on a signal hands everything back within seconds.
"""

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import structlog
from saq import Worker
from saq.utils import cancel_tasks

from portal import clock, db, files, vault
from portal.accounts.job import check_account, erase_history, look_after
from portal.connecting import service as connecting
from portal.connecting.job import confirm_wizard, test_keys
from portal.errors import Misconfigured
from portal.exports import making as exports
from portal.exports.making import make_export
from portal.jobs import UPKEEP, Jobs, Queues, queue_name
from portal.keyring import canaries
from portal.mail import LINKS
from portal.marketplaces import budgets
from portal.marketplaces.opening import Doorway
from portal.marketplaces.registry import CODES
from portal.notices import service as notices
from portal.outbox import service as outbox
from portal.people import throttling
from portal.processing import cutoffs
from portal.processing.prints.job import forget_ended, print_papers
from portal.processing.reports import mailing
from portal.processing.reports.mailing import report_run
from portal.runs import service as runs
from portal.scheduling import job as scheduling
from portal.settings import Settings
from portal.syncing.job import run_sync

log = structlog.get_logger()

CONCURRENCY = 8
"""Runs of different accounts side by side, per marketplace. Each waits mostly for its marketplace."""

STOP_WITHIN_S = 3.0


class _Quiet(Worker[Any]):
    SIGNALS: list[signal.Signals] = []  # noqa: RUF012 (SAQ's own shape); several workers share this process, so it listens for all of them
    _ending: asyncio.Task[None] | None = None

    async def stop(self) -> None:
        """End at once: a job that is cut off goes on elsewhere. `start` asks for it too; only the first to ask ends anything.

        A loop that is cancelled a second time, while it takes back what it has asked the database, leaves its connection broken.
        """
        self.event.set()
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        await asyncio.shield(self._ending)

    async def _end(self) -> None:
        """SAQ would warn of each loop that waits for a job, as all do that are idle."""
        loops, self.tasks = list(self.tasks), set()
        if not await cancel_tasks(loops, timeout=STOP_WITHIN_S):
            log.warning("work_did_not_end", queue=self.queue.name)
        await super().stop()


async def work(settings: Settings, database_url: str) -> None:
    """Serve until SIGINT or SIGTERM. Raises Misconfigured when a key ring is missing, or is not the one this database was sealed with."""
    codes = settings.worker_marketplaces or CODES
    # The private keys of other marketplaces may lie in the same file; this process has no use for them.
    held = vault.load(seal_keys=settings.seal_keys, open_keys=settings.open_keys, private_of=codes)
    missing = [code for code in codes if not held.opens(code)]
    if missing:
        raise Misconfigured(
            f"This worker has no private key for {', '.join(missing)}.",
            hint="Set PORTAL_OPEN_KEYS to a file that holds them, or name fewer codes in PORTAL_WORKER_MARKETPLACES.",
        )
    await files.check(settings)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    names = (*(queue_name(code) for code in codes), UPKEEP)
    # It serves some queues and may ask for work in any: a sweep finds lost runs of every marketplace.
    known = (*(queue_name(code) for code in CODES), UPKEEP)
    async with AsyncExitStack() as open_things:
        await db.connect(database_url, max_size=2 * CONCURRENCY + 6, name="portal-worker")
        open_things.push_async_callback(db.disconnect)
        await canaries.check(held, codes)
        await canaries.plant(held)
        # A listening connection per queue, and a few for the work itself.
        queues = await open_things.enter_async_context(
            Queues(known, database_url=database_url, queue_url=settings.queue_url, size=len(names) + 6)
        )
        jobs = Jobs(queues)
        doorway = Doorway(settings)
        context = {"settings": settings, "vault": held, "jobs": jobs, "doorway": doorway}
        workers = [_worker(queues, name, context) for name in names]
        worker_id = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:6]}"
        tasks = [
            *(asyncio.create_task(one.start(), name=one.queue.name) for one in workers),
            asyncio.create_task(_every(settings.beat_s, lambda: beat(worker_id, codes)), name="beat"),
            asyncio.create_task(_every(settings.sweep_s, lambda: sweep(settings, jobs)), name="sweep"),
            # Apart from the sweep: a mail server that takes its time must not keep runs waiting.
            asyncio.create_task(_every(settings.sweep_s, lambda: write_and_send(settings, held.derived(LINKS))), name="mails"),
            asyncio.create_task(_every(settings.beat_s, doorway.tally.write_down), name="tally"),
        ]
        if settings.schedules:
            tasks.append(asyncio.create_task(_every(settings.sweep_s, lambda: by_the_clock(jobs)), name="schedules"))
        _collect_rarely()
        log.info("worker_ready", worker=worker_id, marketplaces=codes)
        stopping = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for one in workers:
            one.event.set()
        await asyncio.gather(*(one.stop() for one in workers))
        for task in (stopping, *tasks):
            task.cancel()
        await asyncio.gather(stopping, *tasks, return_exceptions=True)
        await _farewell(worker_id, doorway)
        for task in done - {stopping}:
            task.result()  # a part of the worker died by itself: say so by failing


def _collect_rarely() -> None:
    """What was loaded stays, and a page of orders is thousands of objects that live and die together without a cycle among them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _worker(queues: Queues, name: str, context: dict[str, Any]) -> _Quiet:
    functions: list[Callable[..., Awaitable[Any]]] = [run_sync, test_keys, confirm_wizard, check_account, erase_history]
    functions += [print_papers, report_run, make_export]
    worker = _Quiet(
        queues[name],
        functions=functions,
        concurrency=CONCURRENCY if name != UPKEEP else 2,
        shutdown_grace_period_s=0,
        cancellation_hard_deadline_s=STOP_WITHIN_S,
        # PostgreSQL hands out delayed jobs only when asked; a second is soon enough for a person.
        timers={"schedule": 1, "worker_info": 30, "sweep": 60, "abort": 5},
        dequeue_timeout=5,
    )
    worker.context.update(context)
    return worker


async def _every(seconds: float, act: Callable[[], Awaitable[None]]) -> None:
    """Act now and then again; a database or a store of documents that is away for a while ends nothing."""
    while True:
        try:
            await act()
        except (OSError, db.DatabaseUnavailable, files.StoreUnavailable, *db.LOST_CONNECTION) as error:
            log.warning("upkeep_postponed", reason=type(error).__name__)
        await asyncio.sleep(seconds)


async def beat(worker_id: str, codes: tuple[str, ...]) -> None:
    """Say that this worker lives. Pages tell everybody when no worker has said so for a minute."""
    async with db.pool().acquire() as held:
        await held.execute(
            """INSERT INTO worker_beats (worker_id, marketplaces, started_at, seen_at) VALUES ($1, $2, now(), now())
               ON CONFLICT (worker_id) DO UPDATE SET seen_at = now()""",
            worker_id,
            ",".join(codes),
        )
        await held.execute("DELETE FROM worker_beats WHERE seen_at < now() - interval '1 day'")


async def _farewell(worker_id: str, doorway: Doorway) -> None:
    with suppress(OSError, *db.LOST_CONNECTION):
        await doorway.tally.write_down()
        async with db.pool().acquire() as held:
            await held.execute("DELETE FROM worker_beats WHERE worker_id = $1", worker_id)


async def write_and_send(settings: Settings, secret: str) -> None:
    """Write the mails nobody has written yet, then send what is due. `secret` signs the links in them."""
    told = await notices.tell_due() + await connecting.mail_reminders() + await cutoffs.warn_due()
    sent = await outbox.deliver(settings, secret)
    if told or sent:
        log.info("mails", told=told, sent=sent)


async def sweep(settings: Settings, jobs: Jobs) -> None:
    """What nobody else would notice: lost runs, unheard alarm clocks, secrets that lay too long, accounts nobody asked about."""
    rescued = await runs.rescue(clock.now() - timedelta(seconds=settings.lease_s), jobs=jobs)
    wiped = await connecting.wipe_stale()
    await throttling.forget()
    await budgets.forget_full()
    cleared = await runs.clear_old_logs(keep_days=settings.run_log_days)
    checked, expiring = await look_after(jobs)
    await mailing.ask_for_due(jobs, settings.worker_marketplaces or CODES)
    forgotten = await forget_ended(files.at(settings)) + await exports.forget_ended(files.at(settings))
    if rescued or wiped or cleared or checked or expiring or forgotten:
        log.info("swept", rescued=rescued, wiped=wiped, logs_cleared=cleared, checked=checked, expiring=expiring, files_forgotten=forgotten)


async def by_the_clock(jobs: Jobs) -> None:
    """Start what schedules and nights ask for, in whichever worker looks first."""
    started = await scheduling.sweep(jobs=jobs)
    if started:
        log.info("started_by_the_clock", runs=started)
