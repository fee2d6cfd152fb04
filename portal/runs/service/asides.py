"""Rows set aside, as people see them: listed, gathered by reason, and asked for again. `setting_aside` is the worker's side."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from portal import clock, db, paging
from portal.audit import service as audit
from portal.errors import BadInput, NotFound
from portal.jobs import Jobs
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.registry import marketplace
from portal.paging import Slice, Sorting, Where
from portal.runs.service.starting import Started, live, lock_account, queue, refuse_unless_working
from portal.tables.audit import Action
from portal.tables.syncs import Trigger

NEWEST_FIRST = Sorting("asides", "s.created_at", "s.id", ids=UUID)


@dataclass(frozen=True, slots=True, kw_only=True)
class AsideFilters:
    """What the list is narrowed to. `resolved` shows what has been settled instead of what has not."""

    account_id: UUID | None = None
    run_id: UUID | None = None
    target: str = ""
    reason: str = ""
    external_ids: tuple[str, ...] = ()
    resolved: bool = False


class AsideShown(msgspec.Struct, frozen=True, kw_only=True):
    """One row as it stands on a page. `raw` is what the marketplace sent, without its secrets and its buyer."""

    id: UUID
    account_id: UUID
    account_name: str
    marketplace_name: str
    target: str
    external_id: str
    reason: str
    raw: str
    run_id: UUID
    created_at: datetime
    retry_asked_at: datetime | None
    retry_asked_by: str
    resolved_at: datetime | None
    resolved_by: str


class AsideGroup(msgspec.Struct, frozen=True, kw_only=True):
    """All unresolved rows of one account that share a reason. `by_id`: the marketplace can be asked for exactly these rows."""

    account_id: UUID
    account_name: str
    marketplace_name: str
    target: str
    reason: str
    count: int
    asked: int
    by_id: bool


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one run that could not be read for one reason: how many, and a few of their ids."""

    reason: str
    count: int
    examples: tuple[str, ...]


async def set_asides(seller_id: UUID, run_id: UUID) -> list[Aside]:
    """What a run set aside and nobody has settled yet, gathered by reason, most frequent first."""
    async with db.transaction(seller_id) as held:
        rows = await held.fetch(
            """SELECT reason, count(*) AS count, (array_agg(external_id ORDER BY external_id))[1:5] AS examples FROM set_asides
               WHERE run_id = $1 AND resolved_at IS NULL GROUP BY reason ORDER BY count(*) DESC, reason LIMIT 20""",
            run_id,
        )
    return [Aside(reason=row["reason"], count=row["count"], examples=tuple(row["examples"])) for row in rows]


async def listed(seller_id: UUID, filters: AsideFilters, cursor: str = "") -> Slice[AsideShown]:
    """One page of rows, newest first."""
    async with db.transaction(seller_id):
        found = await paging.fetch(
            "s.*, a.name AS account_name, a.marketplace_code",
            "set_asides s",
            _conditions(filters),
            NEWEST_FIRST,
            paging.decode(NEWEST_FIRST, cursor),
            beside="JOIN marketplace_accounts a ON a.id = s.marketplace_account_id",
        )
    return found._replace(rows=[_shown(row) for row in found.rows])


async def grouped(seller_id: UUID, filters: AsideFilters) -> list[AsideGroup]:
    """The unresolved rows by account and reason, most frequent first."""
    where = _conditions(filters)
    async with db.transaction(seller_id) as held:
        rows = await held.fetch(
            f"""SELECT s.marketplace_account_id, a.name, a.marketplace_code, s.target, s.reason, count(*) AS count,
                       count(s.retry_asked_at) AS asked
                FROM set_asides s JOIN marketplace_accounts a ON a.id = s.marketplace_account_id
                WHERE {where} GROUP BY 1, 2, 3, 4, 5 ORDER BY count(*) DESC, 2, 5 LIMIT 50""",  # noqa: S608 (our own words; values are bound)
            *where.values,
        )
    return [
        AsideGroup(
            account_id=row["marketplace_account_id"],
            account_name=row["name"],
            marketplace_name=marketplace(row["marketplace_code"]).name,
            target=row["target"],
            reason=row["reason"],
            count=row["count"],
            asked=row["asked"],
            by_id=row["target"] in marketplace(row["marketplace_code"]).rereads,
        )
        for row in rows
    ]


def _conditions(filters: AsideFilters) -> Where:
    where = Where()
    if filters.resolved:
        where.add("s.resolved_at IS NOT NULL")
    else:
        where.add("s.resolved_at IS NULL")
    if filters.account_id is not None:
        where.add("s.marketplace_account_id = {}", filters.account_id)
    if filters.run_id is not None:
        where.add("s.run_id = {}", filters.run_id)
    if filters.target:
        where.add("s.target = {}", filters.target)
    if filters.reason:
        where.add("s.reason = {}", filters.reason)
    if filters.external_ids:
        where.add("s.external_id = ANY({})", list(filters.external_ids))
    return where


def _shown(row: Any) -> AsideShown:
    return AsideShown(
        id=row["id"],
        account_id=row["marketplace_account_id"],
        account_name=row["account_name"],
        marketplace_name=marketplace(row["marketplace_code"]).name,
        target=row["target"],
        external_id=row["external_id"],
        reason=row["reason"],
        raw=row["raw_form"],
        run_id=row["run_id"],
        created_at=row["created_at"],
        retry_asked_at=row["retry_asked_at"],
        retry_asked_by=row["retry_asked_by"],
        resolved_at=row["resolved_at"],
        resolved_by=row["resolved_by"],
    )


# Asking for rows again. The request is a mark on the rows, so it outlives a sync that is under way and is done after it.


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request: how many rows it names, and the run that reads them. `run` None: next in line, after the one under way."""

    rows: int
    run: Started | None


async def ask_for_one(seller_id: UUID, aside_id: UUID, *, jobs: Jobs, by: str) -> Asked:
    """Read this row again. NotFound when it is not this seller's, or settled by now; Conflict when the account cannot be read."""
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow("SELECT marketplace_account_id, target FROM set_asides WHERE id = $1 AND resolved_at IS NULL", aside_id)
        if row is None:
            raise NotFound("row")
        return await _ask(seller_id, row["marketplace_account_id"], ScheduleTarget(row["target"]), "id = $5", aside_id, jobs=jobs, by=by)


async def ask_for_all(seller_id: UUID, account_id: UUID, target: ScheduleTarget, reason: str, *, jobs: Jobs, by: str) -> Asked:
    """Read all rows again that this account has set aside for this reason."""
    return await _ask(seller_id, account_id, target, "reason = $5", reason, jobs=jobs, by=by)


async def _ask(seller_id: UUID, account_id: UUID, target: ScheduleTarget, which: str, value: object, *, jobs: Jobs, by: str) -> Asked:
    if target is ScheduleTarget.INVENTORY:
        raise BadInput("Refused quantities are sent again from the stock page.")
    async with db.transaction(seller_id) as held:
        account = await lock_account(account_id)
        refuse_unless_working(account)
        rows = await held.fetch(
            f"""UPDATE set_asides SET retry_asked_at = $3, retry_asked_by = $4
                WHERE marketplace_account_id = $1 AND target = $2 AND resolved_at IS NULL AND {which} RETURNING id""",  # noqa: S608 (our own words)
            account_id,
            target,
            clock.now(),
            by,
            value,
        )
        if not rows:
            raise NotFound("row")
        await audit.write(seller_id, Action.ASIDES_RETRIED, f"{target}: {len(rows)} rows asked for again", actor=by, account_id=account_id)
    return Asked(rows=len(rows), run=await read_again(seller_id, account_id, target, jobs=jobs))


async def read_again(seller_id: UUID, account_id: UUID, target: ScheduleTarget, *, jobs: Jobs) -> Started | None:
    """A run that reads what was asked for again; None when nothing is, or when a run is under way, which must end first."""
    async with db.transaction(seller_id) as held:
        asked = await held.fetchrow(
            """SELECT s.retry_asked_by AS by, r.since FROM set_asides s LEFT JOIN sync_runs r ON r.id = s.run_id
               WHERE s.marketplace_account_id = $1 AND s.target = $2 AND s.retry_asked_at IS NOT NULL AND s.resolved_at IS NULL
               ORDER BY r.created_at LIMIT 1""",
            account_id,
            target,
        )
        if asked is None:
            return None
        account = await lock_account(account_id)
        if await live(account_id, target) is not None:
            return None
        refuse_unless_working(account)
        # Where single rows cannot be asked for, the oldest of their runs says from where to read everything again.
        run = await queue(seller_id, account_id, target, trigger=Trigger.RETRY, by=asked["by"], reread=True, since=asked["since"])
    await jobs.sync(account["marketplace_code"], run.id, 0)
    return Started(run_id=run.id, joined=False, started_at=run.created_at)
