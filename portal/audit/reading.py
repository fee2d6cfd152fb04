"""Reading the trail: one page of it, and all of it for a file."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from portal import db, paging
from portal.paging import Slice, Sorting, Where

NEWEST_FIRST = Sorting("trail", "e.occurred_at", "e.id")
AT_ONCE = 500
COLUMNS = "e.occurred_at, e.actor, e.action, e.marketplace_account_id, e.before, e.after, e.device, e.masked_address, e.result, e.position"
WITH_NAME = "LEFT JOIN marketplace_accounts a ON a.id = e.marketplace_account_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the trail is narrowed to. `topic` is the first word of an action: person, team, account, …"""

    actor: str = ""
    topic: str = ""
    account_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the trail. `account_name` is empty where no account is concerned, and for one that never came to be."""

    position: int | None
    occurred_at: datetime
    actor: str
    action: str
    account_name: str
    before: str
    after: str
    device: str
    masked_address: str
    result: str


async def listed(seller_id: UUID, filters: Filters, cursor: str = "") -> Slice[Entry]:
    """One page, newest first."""
    async with db.transaction(seller_id):
        found = await paging.fetch(
            f"{COLUMNS}, coalesce(a.name, '') AS account_name",
            "audit_entries e",
            _conditions(filters),
            NEWEST_FIRST,
            paging.decode(NEWEST_FIRST, cursor),
            beside=WITH_NAME,
        )
    return found._replace(rows=[_entry(row) for row in found.rows])


async def everything(seller_id: UUID, filters: Filters) -> AsyncIterator[Entry]:
    """All that fits, newest first. What is newer than the first of them is not among them."""
    last: Any = None
    while True:
        where = _conditions(filters)
        if last is not None:
            where.add("(e.occurred_at, e.id) < ({}, {})", last["occurred_at"], last["id"])
        async with db.transaction(seller_id) as held:
            rows = await held.fetch(
                f"""SELECT e.id, {COLUMNS}, coalesce(a.name, '') AS account_name FROM audit_entries e {WITH_NAME}
                    WHERE {where} ORDER BY e.occurred_at DESC, e.id DESC LIMIT {AT_ONCE}""",  # noqa: S608 (our own words; values are bound)
                *where.values,
            )
        for row in rows:
            yield _entry(row)
        if len(rows) < AT_ONCE:
            return
        last = rows[-1]


async def actors(seller_id: UUID) -> list[str]:
    """Everybody the trail names, by name."""
    async with db.transaction(seller_id) as held:
        rows = await held.fetch("SELECT DISTINCT actor FROM audit_entries WHERE actor <> '' ORDER BY 1 LIMIT 200")
    return [row["actor"] for row in rows]


async def accounts(seller_id: UUID) -> dict[str, str]:
    """Every account, also those disconnected by now: id to name."""
    async with db.transaction(seller_id) as held:
        rows = await held.fetch("SELECT id, name FROM marketplace_accounts ORDER BY lower(name), id")
    return {str(row["id"]): row["name"] for row in rows}


def _conditions(filters: Filters) -> Where:
    where = Where()
    if filters.actor:
        where.add("e.actor = {}", filters.actor)
    if filters.topic:
        where.add("split_part(e.action, '.', 1) = {}", filters.topic)
    if filters.account_id is not None:
        where.add("e.marketplace_account_id = {}", filters.account_id)
    if filters.since is not None:
        where.add("e.occurred_at >= {}", filters.since)
    if filters.until is not None:
        where.add("e.occurred_at < {}", filters.until)
    return where


def _entry(row: Any) -> Entry:
    return Entry(**{name: row[name] for name in Entry.__struct_fields__})
