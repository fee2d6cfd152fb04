"""A run and its log, as pages, streams and the command line show them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from portal import db
from portal.errors import NotFound
from portal.paging import Where
from portal.runs.service.telling import LEVELS
from portal.tables.accounts import MarketplaceAccount
from portal.tables.syncs import SyncRun

CALLS_SHOWN = 20
"""Below one line; the rest is in the download."""


class CallShown(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange with the marketplace. `status` is None where no answer came; `request_id` is the marketplace's."""

    occurred_at: datetime
    operation: str
    method: str
    path: str
    status: int | None
    duration_ms: float
    attempt: int
    request_id: str
    fault: str

    @property
    def words(self) -> str:
        """The exchange on one line."""
        parts = (
            f"{self.method} {self.path}",
            str(self.status) if self.status else self.fault or "no answer",
            f"{self.duration_ms:.0f} ms",
            f"attempt {self.attempt}",
            f"their id {self.request_id}" if self.request_id else "",
        )
        return " · ".join(part for part in parts if part)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered event of a run, and the exchanges that led to it."""

    seq: int
    occurred_at: datetime
    kind: str
    level: str
    message: str
    detail: str
    calls: tuple[CallShown, ...] = ()


async def get(seller_id: UUID, run_id: UUID) -> SyncRun:
    """The run's row. NotFound when it is not this seller's."""
    async with db.transaction(seller_id):
        run = await SyncRun.objects().where(SyncRun.id == run_id).first()
    if run is None:
        raise NotFound("sync")
    return run


async def account_of(seller_id: UUID, run_id: UUID) -> MarketplaceAccount:
    run = await get(seller_id, run_id)
    async with db.transaction(seller_id):
        account = await MarketplaceAccount.objects().where(MarketplaceAccount.id == run.marketplace_account_id).first()
    if account is None:
        raise NotFound("account")
    return account


async def events(seller_id: UUID, run_id: UUID, after: int = 0, *, limit: int = 500, every_call: bool = False) -> Sequence[Line]:
    """Numbered lines after `after`, oldest first. `every_call` brings all exchanges of a line, not the newest few."""
    async with db.transaction(seller_id):
        rows = await db.connection().fetch(
            "SELECT * FROM sync_events WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT $3", run_id, after, limit
        )
        return await _with_calls(run_id, rows, None if every_call else CALLS_SHOWN)


async def since(seller_id: UUID, run_id: UUID, after: int, *, limit: int = 500) -> tuple[SyncRun, Sequence[Line]]:
    """The run's row and its lines after `after`, oldest first. The row is never older than the lines. NotFound as with `get`."""
    async with db.transaction(seller_id):
        # Each statement sees what was committed before it, so the row is asked for last.
        new = await events(seller_id, run_id, after, limit=limit)
        return await get(seller_id, run_id), new


async def last_events(
    seller_id: UUID, run_id: UUID, *, before: int | None = None, limit: int = 50, level: str = "", search: str = ""
) -> Sequence[Line]:
    """The newest lines (before `before`), oldest of them first.

    `level` leaves out what is less grave; `search` what does not say it, in the line or in one of its exchanges.
    """
    where = Where()
    where.add("e.run_id = {}", run_id)
    if before is not None:
        where.add("e.seq < {}", before)
    if level in LEVELS:
        where.add("e.level = ANY({})", list(LEVELS[LEVELS.index(level) :]))
    if search:
        where.add(
            "(e.message ILIKE {0} OR e.detail ILIKE {0} OR EXISTS (SELECT FROM sync_calls c WHERE c.run_id = e.run_id AND c.seq = e.seq"
            " AND (c.path ILIKE {0} OR c.operation ILIKE {0} OR c.request_id = {1} OR c.status::text = {1})))",
            f"%{_literal(search)}%",
            search,
        )
    async with db.transaction(seller_id):
        rows = await db.connection().fetch(
            f"SELECT * FROM sync_events e WHERE {where} ORDER BY e.seq DESC LIMIT {int(limit)}",  # noqa: S608 (our own words; values are bound)
            *where.values,
        )
        return await _with_calls(run_id, rows[::-1], CALLS_SHOWN)


def _literal(typed: str) -> str:
    """What was typed, as ILIKE takes it for itself."""
    return typed.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


async def _with_calls(run_id: UUID, rows: Sequence[Any], most: int | None) -> list[Line]:
    calls: dict[int, list[CallShown]] = {}
    if rows:
        found = await db.connection().fetch(
            """SELECT c.* FROM unnest($2::int[]) AS told (seq) CROSS JOIN LATERAL (
                   SELECT * FROM sync_calls WHERE run_id = $1 AND seq = told.seq ORDER BY id DESC LIMIT $3) AS c ORDER BY c.id""",
            run_id,
            [row["seq"] for row in rows],
            most,
        )
        for row in found:
            calls.setdefault(row["seq"], []).append(msgspec.convert({name: row[name] for name in CallShown.__struct_fields__}, CallShown))
    return [
        Line(
            seq=row["seq"],
            occurred_at=row["occurred_at"],
            kind=row["kind"],
            level=row["level"],
            message=row["message"],
            detail=row["detail"],
            calls=tuple(calls.get(row["seq"], ())),
        )
        for row in rows
    ]
