"""The sync history: which runs there were, narrowed and page by page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from portal import db, paging
from portal.marketplaces.registry import marketplace
from portal.paging import Slice, Sorting, Where
from portal.runs.service.attending import ATTENTION, WAITS_FOR_PERSON, Attention
from portal.tables.syncs import RunState, Trigger

NEWEST_FIRST = Sorting("runs", "r.created_at", "r.id", ids=UUID)

FOR_PERSON = "for_person"
"""The filter value of runs that ended for a person to act."""

BY_NAME = "name:"
"""Begins the filter value of runs that a person asked for."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the sync history. `whole` runs read everything in reach, not only what had changed."""

    id: UUID
    account_id: UUID
    account_name: str
    marketplace_name: str
    target: str
    trigger: str
    requested_by: str
    purpose: str
    state: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    new: int
    changed: int
    same: int
    set_aside: int
    reason: str
    partial_kind: str
    error_code: str
    whole: bool
    reread: bool
    diagnostic_id: str
    attention: Attention = Attention.NONE
    """Whether it ended for a person to act, and whether somebody has."""

    @property
    def nothing_to_do(self) -> bool:
        return self.state == RunState.SUCCEEDED and not self.new + self.changed + self.same


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the history is narrowed to. `state` is a run's, or FOR_PERSON. `started_by` is a trigger, or BY_NAME and the person who asked. `search` is an id."""

    account_id: UUID | None = None
    state: str = ""
    target: str = ""
    started_by: str = ""
    search: str = ""
    created_from: datetime | None = None
    created_to: datetime | None = None


async def history(seller_id: UUID, *, account_id: UUID | None = None, limit: int = 50) -> list[Listed]:
    """The newest runs, of one account or of all."""
    async with db.transaction(seller_id):
        found = await _page(_conditions(Filters(account_id=account_id)), None, limit)
    return found.rows


async def search(seller_id: UUID, filters: Filters, cursor: str = "") -> Slice[Listed]:
    """One page of the history, newest first."""
    async with db.transaction(seller_id):
        return await _page(_conditions(filters), paging.decode(NEWEST_FIRST, cursor), paging.PAGE_SIZE)


async def accounts_of(seller_id: UUID) -> list[tuple[UUID, str]]:
    """Every account that can have a history, also those disconnected by now, by name."""
    async with db.transaction(seller_id) as held:
        rows = await held.fetch("SELECT id, name FROM marketplace_accounts ORDER BY lower(name), id")
    return [(row["id"], row["name"]) for row in rows]


async def askers(seller_id: UUID) -> list[str]:
    """Everybody who ever asked for a sync, by name."""
    async with db.transaction(seller_id) as held:
        rows = await held.fetch(
            "SELECT DISTINCT requested_by FROM sync_runs WHERE requested_by <> '' AND trigger IN ('manual', 'retry') ORDER BY 1 LIMIT 50"
        )
    return [row["requested_by"] for row in rows]


async def _page(where: Where, cursor: paging.Cursor | None, size: int) -> Slice[Listed]:
    found = await paging.fetch(
        f"r.*, a.name AS account_name, a.marketplace_code, {ATTENTION} AS attention",
        "sync_runs r",
        where,
        NEWEST_FIRST,
        cursor,
        beside="JOIN marketplace_accounts a ON a.id = r.marketplace_account_id",
        size=size,
    )
    return found._replace(rows=[_listed(row) for row in found.rows])


def _conditions(filters: Filters) -> Where:
    where = Where()
    if filters.account_id is not None:
        where.add("r.marketplace_account_id = {}", filters.account_id)
    if filters.state == FOR_PERSON:
        where.add(WAITS_FOR_PERSON)
    elif filters.state:
        where.add(f"r.state = {{}} AND NOT {WAITS_FOR_PERSON}", filters.state)
    if filters.target:
        where.add("r.target = {}", filters.target)
    if filters.started_by.startswith(BY_NAME):
        where.add("r.requested_by = {}", filters.started_by.removeprefix(BY_NAME))
    elif filters.started_by in set(Trigger):
        where.add("r.trigger = {}", filters.started_by)
    if filters.search:
        where.add("(r.diagnostic_id = {} OR r.request_id = {})", filters.search.upper(), filters.search)
    if filters.created_from is not None:
        where.add("r.created_at >= {}", filters.created_from)
    if filters.created_to is not None:
        where.add("r.created_at < {}", filters.created_to)
    return where


def _listed(row: Any) -> Listed:
    return Listed(
        id=row["id"],
        account_id=row["marketplace_account_id"],
        account_name=row["account_name"],
        marketplace_name=marketplace(row["marketplace_code"]).name,
        target=row["target"],
        trigger=row["trigger"],
        requested_by=row["requested_by"],
        purpose=row["purpose"],
        state=row["state"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        new=row["new_count"],
        changed=row["changed_count"],
        same=row["same_count"],
        set_aside=row["set_aside_count"],
        reason=row["error_message"] or row["partial_reason"],
        partial_kind=row["partial_kind"],
        error_code=row["error_code"],
        whole=row["since"] is None,
        reread=row["reread"],
        diagnostic_id=row["diagnostic_id"],
        attention=Attention(row["attention"]),
    )
