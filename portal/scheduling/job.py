"""The sweep: start what is due, once, however many workers sweep, and point every schedule at its next slot.

After a downtime a schedule starts one run and goes on from now; the slots in between are past.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from portal import clock, db
from portal.errors import NotFound
from portal.jobs import Jobs
from portal.marketplaces import reach
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.registry import marketplace
from portal.runs import service as runs
from portal.runs.service import Wanted
from portal.scheduling import ending, rules
from portal.scheduling.forgotten import begin_forgotten
from portal.scheduling.nightly import check_tonight
from portal.scheduling.rules import Rule
from portal.tables.accounts import AccountState
from portal.tables.schedules import SlotOutcome
from portal.tables.syncs import Purpose
from portal.web.filters import clock_time

log = structlog.get_logger()

AT_ONCE = 4
"""Sellers whose due schedules are claimed side by side."""

TOO_LATE = timedelta(minutes=30)
"""Processing accepts orders in the seller's name, so it starts near the time he chose or not at all; reading catches up whenever."""


async def sweep(*, jobs: Jobs) -> int:
    """Everything the clock asks for: due schedules, nightly checks, requests whose turn has come. Answers how many runs were started."""
    await begin_forgotten()
    return await start_due(jobs=jobs) + await check_due(jobs=jobs) + await advance_requests(jobs=jobs)


async def check_due(*, jobs: Jobs) -> int:
    """Ask for the nightly checks whose time has come. Answers how many."""
    return await _one_by_one(await db.door("door_due_nightly_checks", clock.now()), check_tonight, jobs)


async def advance_requests(*, jobs: Jobs) -> int:
    """Requests that wait in vain, because their live run ended where no worker saw it. Answers how many became runs."""
    return await _one_by_one(await db.door("door_requests_to_advance"), runs.advance, jobs)


async def _one_by_one(rows: Sequence[Any], act: Callable[..., Awaitable[int]], jobs: Jobs) -> int:
    """Do something for each account, and add up; trouble with one stops nobody else."""
    done = 0
    for row in rows:
        try:
            done += await act(row["seller_id"], row["account_id"], jobs=jobs)
        except db.LOST_CONNECTION:
            raise
        except (asyncpg.PostgresError, NotFound):
            log.exception("not_started_by_the_clock", account=str(row["account_id"]))
    return done


async def start_due(*, jobs: Jobs) -> int:
    """Start what is due. Answers how many runs this sweeper started."""
    started = 0
    while True:
        due = await db.door("door_due_schedules", clock.now())
        claim = await _claim_all(due)
        for code, run_ids in claim.queued.items():
            await jobs.syncs(code, run_ids)
            started += len(run_ids)
        if claim.lost is not None:
            raise claim.lost
        if not claim.schedules:
            # Nothing is due, or other sweepers have it in their hands.
            return started


@dataclass
class _Claim:
    """What one pass took: how many schedules, the new runs by marketplace, and what ended it early."""

    schedules: int = 0
    queued: dict[str, list[UUID]] = field(default_factory=lambda: defaultdict(list))
    lost: BaseException | None = None


async def _claim_all(due: Sequence[Any]) -> _Claim:
    by_seller: dict[UUID, list[UUID]] = defaultdict(list)
    for row in due:
        by_seller[row["seller_id"]].append(row["schedule_id"])
    # In an order of its own, so that sweepers of the same moment seldom reach for the same seller.
    sellers = random.sample(list(by_seller), len(by_seller))
    claim = _Claim()

    async def take_turns() -> None:
        while sellers:
            seller_id = sellers.pop()
            try:
                count, made = await _claim(seller_id, by_seller[seller_id])
            except db.LOST_CONNECTION:
                raise
            except asyncpg.PostgresError:
                # What the database refuses for one seller must not keep all the others waiting.
                log.exception("schedules_not_started", seller=str(seller_id))
                continue
            claim.schedules += count
            for code, run_id in made:
                claim.queued[code].append(run_id)

    ends = await asyncio.gather(*(take_turns() for _ in range(AT_ONCE)), return_exceptions=True)
    claim.lost = next((end for end in ends if end is not None), None)
    return claim


async def _claim(seller_id: UUID, schedule_ids: Sequence[UUID]) -> tuple[int, list[tuple[str, UUID]]]:
    """One seller's due schedules, in one transaction: their runs, and their next slots. Answers how many were ours, and the new runs."""
    now = clock.now()
    async with db.transaction(seller_id) as held:
        rows = await held.fetch(
            """SELECT s.*, a.marketplace_code, a.state, a.needs_reconnect
               FROM schedules s JOIN marketplace_accounts a ON a.id = s.marketplace_account_id
               WHERE s.id = ANY($1) AND s.enabled AND s.next_run_at <= $2 ORDER BY s.id FOR UPDATE OF s SKIP LOCKED""",
            list(schedule_ids),
            now,
        )
        claimed = len(rows)
        rows = await _keepable(seller_id, rows)
        held_back = [row for row in rows if _on_hold(row)]
        missed = [row for row in rows if not _on_hold(row) and _missed(row, now)]
        ready = [row for row in rows if not _on_hold(row) and not _missed(row, now)]
        made = await runs.queue_many(seller_id, [_wanted(row) for row in ready])
        outcomes = {row["id"]: await _outcome(seller_id, row, made) for row in ready}
        outcomes |= {row["id"]: SlotOutcome.MISSED for row in missed}
        await _move_on([row for row in rows if row["id"] in outcomes], outcomes, now)
        await _skip(held_back, now)
    codes = {row["marketplace_account_id"]: row["marketplace_code"] for row in rows}
    return claimed, [(codes[wanted.account_id], run_id) for wanted, run_id in made.items()]


async def _keepable(seller_id: UUID, rows: Sequence[Any]) -> list[Any]:
    """The schedules without those that the account's way to connect does not open: they began before that was known, and end here."""
    kept = [
        row for row in rows if row["target"] in await reach.open_to(marketplace(row["marketplace_code"]), row["marketplace_account_id"])
    ]
    ended = [row["id"] for row in rows if row not in kept]
    if ended:
        await ending.end(seller_id, ended)
    return kept


def _wanted(row: Any) -> Wanted:
    return Wanted(account_id=row["marketplace_account_id"], target=row["target"])


def _on_hold(row: Any) -> bool:
    return bool(row["state"] != AccountState.ACTIVE or row["needs_reconnect"])


def _missed(row: Any, now: datetime) -> bool:
    return row["target"] == ScheduleTarget.FULL_PROCESSING and bool(now - row["next_run_at"] > TOO_LATE)


async def _outcome(seller_id: UUID, row: Any, made: dict[Wanted, UUID]) -> SlotOutcome:
    """What became of this slot: a run of its own, an event of the run that was live, or a place behind one that reads other days."""
    if _wanted(row) in made:
        return SlotOutcome.STARTED
    target = ScheduleTarget(row["target"])
    live = await runs.live(row["marketplace_account_id"], target)
    if live is None:
        return SlotOutcome.JOINED  # it ended between the two statements, with everything fresh
    if live.purpose != Purpose.INCREMENTAL:
        await runs.put_in_line(seller_id, row["marketplace_account_id"], target)
        return SlotOutcome.NEXT
    slot = clock_time(row["next_run_at"])
    await runs.tell(live.id, "joined", f"The sync planned for {slot} found this one under way, so no second one was started.")
    return SlotOutcome.JOINED


def _next(row: Any, now: datetime) -> tuple[datetime, int]:
    rule = Rule(
        interval=row["interval_minutes"],
        start=row["window_start"],
        end=row["window_end"],
        times=tuple(row["set_times"]),
        weekdays=row["weekdays"],
    )
    slot = rules.next_slot(rule, now)
    return slot, rules.spread_s(row["marketplace_account_id"], slot)


async def _move_on(rows: Sequence[Any], outcomes: dict[UUID, SlotOutcome], now: datetime) -> None:
    if not rows:
        return
    slots = [_next(row, now) for row in rows]
    await db.connection().execute(
        """UPDATE schedules s SET last_slot_at = s.next_run_at, last_outcome = told.outcome, next_run_at = told.slot, spread_s = told.spread,
               paused_until = NULL, held_since = NULL, held_slots = 0
           FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::int[]) AS told (id, outcome, slot, spread) WHERE s.id = told.id""",
        [row["id"] for row in rows],
        [outcomes[row["id"]] for row in rows],
        [slot for slot, _ in slots],
        [spread for _, spread in slots],
    )


async def _skip(rows: Sequence[Any], now: datetime) -> None:
    """A slot that comes while the account is on hold leaves no run, only a count on the schedule."""
    if not rows:
        return
    slots = [_next(row, now) for row in rows]
    await db.connection().execute(
        """UPDATE schedules s SET next_run_at = told.slot, spread_s = told.spread, held_since = coalesce(s.held_since, s.next_run_at),
               held_slots = s.held_slots + 1
           FROM unnest($1::uuid[], $2::timestamptz[], $3::int[]) AS told (id, slot, spread) WHERE s.id = told.id""",
        [row["id"] for row in rows],
        [slot for slot, _ in slots],
        [spread for _, spread in slots],
    )
