"""A run's queue entry point: take it, open the account, perform, and give every fault its ending."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from portal import clock, db
from portal import files as store
from portal.accounts import service as accounts
from portal.errors import Conflict, PortalError, SecretUnreadable
from portal.inventory import service as inventory
from portal.jobs import Jobs
from portal.marketplaces import details, lasting
from portal.marketplaces.contract import AccountRef, ScheduleTarget
from portal.marketplaces.errors import KeysRejected, NotAllowed, Resting, Throttled, Unreachable, WireChanged
from portal.marketplaces.http import Call
from portal.marketplaces.opening import Doorway
from portal.marketplaces.registry import marketplace
from portal.orders import buyers
from portal.processing.perform import StageWaits
from portal.runs import service as runs
from portal.settings import Settings
from portal.syncing.perform import perform
from portal.tables.syncs import RunState, Trigger
from portal.vault import Vault

log = structlog.get_logger()

PATIENCE = {Unreachable: 12, WireChanged: 3}
"""How many waits in a row, without a page in between, before a run gives up. Progress renews it."""

LONGEST_OUTAGE = timedelta(days=1)
"""How long a run waits for a marketplace that answers nobody. Such waits cost no patience: they are nobody's fault here."""

SPREAD_S = 5.0
"""Runs that wait for the same moment come back over so many seconds."""


async def run_sync(ctx: dict[str, Any], *, run_id: str) -> None:
    """Perform a run. A second delivery is harmless: a finished or taken run is left alone."""
    settings: Settings = ctx["settings"]
    jobs: Jobs = ctx["jobs"]
    seller_id = await db.seller_of("door_seller_of_run", UUID(run_id))
    if seller_id is None:
        return
    run = await runs.take(seller_id, UUID(run_id), lease=timedelta(seconds=settings.lease_s))
    if run is None:
        return
    traced = {
        "run": run_id,
        "sync": run.diagnostic_id,
        "account": str(run.account_id),
        "attempt": run.attempt,
        "request_id": run.request_id,
    }
    structlog.contextvars.bind_contextvars(**traced)
    try:
        async with _kept_alive(run, settings.beat_s):
            await _work(run, ctx["vault"], ctx["doorway"], jobs, store.at(settings))
    except runs.LeaseLost:
        log.info("lease_lost")
    except asyncio.CancelledError:
        with suppress(runs.LeaseLost):
            await runs.hand_back(run)
        raise
    finally:
        structlog.contextvars.unbind_contextvars(*traced)
    if run.target is ScheduleTarget.INVENTORY and await inventory.anything_pending(run.seller_id, run.account_id):
        # Quantities approved while this push was under way never join it: they are the next one.
        with suppress(Conflict):
            await runs.start(run.seller_id, run.account_id, run.target, jobs=jobs, trigger=Trigger(run.trigger))
    await runs.advance(run.seller_id, run.account_id, jobs=jobs)
    await _rows_asked_for(run, jobs)
    following = await runs.next_in_line(run)
    if following:
        await jobs.sync(run.marketplace_code, *following)


async def _rows_asked_for(run: runs.Taken, jobs: Jobs) -> None:
    """Rows that somebody asked for again while this run was under way are the next one; those it was asked for itself are done with."""
    if run.reread:
        await runs.tried(run)
    with suppress(Conflict):
        await runs.read_again(run.seller_id, run.account_id, run.target, jobs=jobs)


async def _work(run: runs.Taken, vault: Vault, doorway: Doorway, jobs: Jobs, files: store.Files) -> None:
    place = marketplace(run.marketplace_code)
    account = AccountRef(
        id=run.account_id,
        seller_id=run.seller_id,
        code=run.marketplace_code,
        external_account_id=run.external_account_id,
        name=run.account_name,
        ships_from=run.ships_from,
    )

    async def observe(call: Call) -> None:
        run.calls.write(call)
        log.info("marketplace_call", operation=call.operation, method=call.method, path=call.path, status=call.status, fault=call.fault)
        if call.fault:
            await runs.note(run, f"{place.name} did not answer as it should. We try again.", level="warning", detail=_exchange(call))

    try:
        async with db.transaction(run.seller_id):
            # Both in one transaction, the account's keys last: where the seller left meanwhile there are none, and no new data key stays behind.
            seal = await buyers.seal_at_work(run.seller_id, place, vault)
            opened = await details.fetch(place, account, vault, purpose=f"sync of {run.target}", actor="worker", run_id=run.id)
        run.hush.extend(details.secret_values(opened.keys))
        keep = lasting.keeper(place, account, opened, vault, run_id=run.id)
        async with doorway.opened(place, account, opened.keys, observe=observe, keep=keep) as adapter:
            state = await perform(run, account, adapter, seal, files=files, others_wait=lambda: jobs.anybody_waits(run.marketplace_code))
        if state is RunState.QUEUED:
            # A second later, and so behind everybody who waits now.
            await jobs.sync(run.marketplace_code, run.id, run.attempt, at=clock.now() + timedelta(seconds=1))
        elif state in (RunState.SUCCEEDED, RunState.PARTIAL):
            await accounts.accepted(account, version=opened.version, target=run.target, run_id=run.id)
    except KeysRejected as error:
        await runs.fail(run, error.code, error.seller_message, detail=str(error))
        await accounts.refused(account, error, version=opened.version, run_id=run.id)
    except NotAllowed as error:
        await runs.fail(run, error.code, error.seller_message, detail=str(error))
        await accounts.not_allowed(account, run.target, error, version=opened.version, run_id=run.id)
    except StageWaits as pause:
        await _wait(run, jobs, pause, _until(pause.until), pause.seller_message, fault=False)
    except Throttled as error:
        await _wait(run, jobs, error, _until(error.retry_at), error.seller_message, fault=False)
    except Resting as error:
        if clock.now() - error.since > LONGEST_OUTAGE:
            await runs.fail(run, error.code, error.seller_message, detail=str(error))
        else:
            await _wait(run, jobs, error, _until(error.retry_at) + random.uniform(0, SPREAD_S), error.seller_message, fault=False)  # noqa: S311
    except (Unreachable, WireChanged) as error:
        faults = await runs.faults(run)
        patience = next(waits for kind, waits in PATIENCE.items() if isinstance(error, kind))
        if faults + 1 >= patience:
            await runs.fail(run, error.code, error.seller_message, detail=str(error))
        else:
            asked = error.retry_at if isinstance(error, Unreachable) else None
            seconds = max(backoff(faults), _until(asked) if asked else 0.0)
            shown = clock.in_ist(clock.now() + timedelta(seconds=seconds)).strftime("%-I:%M:%S %p").lower()
            await _wait(run, jobs, error, seconds, f"{error.seller_message} Next attempt at {shown}.")
    except SecretUnreadable as error:
        await details.put_on_record_unreadable(account, error, actor="worker", run_id=run.id)
        await runs.fail(run, error.code, error.seller_message, detail=str(error))
    except PortalError as error:
        await runs.fail(run, error.code, error.seller_message, detail=str(error))
    except (runs.LeaseLost, OSError, *db.LOST_CONNECTION):
        # The run is somebody else's, or the database is gone and the lease runs out: either way it goes on from its last page.
        raise
    except Exception as error:
        # Whatever this is, it is ours. The seller gets a sentence and an id, the log gets the trace, and nothing is hidden.
        await runs.fail(run, "our_fault", "Something failed on our side. What was read is kept.", detail=type(error).__name__)
        raise


async def _wait(run: runs.Taken, jobs: Jobs, error: PortalError, seconds: float, message: str, *, fault: bool = True) -> None:
    """Give the run back until then. A full budget or an outage is no `fault`: it may happen many times before the first page comes."""
    at = clock.now() + timedelta(seconds=seconds)
    at = await runs.wait_until(run, at, message, code=error.code, detail=str(error), fault=fault)
    # One second later than due: the queue counts whole seconds, and an early job would find the run not due.
    await jobs.sync(run.marketplace_code, run.id, run.attempt, at=at + timedelta(seconds=1))


def _until(moment: datetime) -> float:
    return max(1.0, (moment - clock.now()).total_seconds())


def backoff(faults: int, *, first_s: float = 2.0, most_s: float = 900.0) -> float:
    """Exponential with full jitter: between 0.5 s and the doubling ceiling."""
    return random.uniform(0.5, min(most_s, first_s * 2**faults))  # noqa: S311 (spreads load, guards nothing)


def _exchange(call: Call) -> str:
    parts = (
        call.method,
        call.path,
        f"status {call.status}" if call.status else call.fault,
        f"{call.duration_ms:.0f} ms",
        f"attempt {call.attempt}",
        call.request_id,
    )
    return " · ".join(part for part in parts if part)


@asynccontextmanager
async def _kept_alive(run: runs.Taken, every_s: float) -> AsyncIterator[None]:
    """Beat while the body works. When the run turns out to be somebody else's, the body is cancelled and LeaseLost raised."""
    body = asyncio.current_task()
    lost = False

    async def beat() -> None:
        nonlocal lost
        while True:
            await asyncio.sleep(every_s)
            try:
                mine = await runs.beat(run)
            except (OSError, *db.LOST_CONNECTION):
                continue  # the database is away for a moment; whether the lease outlasted it, the next beat tells
            if not mine:
                lost = True
                if body is not None:
                    body.cancel()
                return

    beating = asyncio.create_task(beat(), name=f"beat-{run.id}")
    try:
        yield
    except asyncio.CancelledError:
        if lost and body is not None:
            body.uncancel()
            raise runs.LeaseLost from None
        raise
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError, OSError, *db.LOST_CONNECTION):
            await beating
