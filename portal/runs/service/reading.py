"""Runs, their events and what they set aside, as pages and the command line show them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from portal import db
from portal.errors import NotFound
from portal.marketplaces.registry import marketplace
from portal.tables.accounts import MarketplaceAccount
from portal.tables.syncs import SyncEvent, SyncRun


async def get(seller_id: UUID, run_id: UUID) -> SyncRun:
    """The run's row. NotFound when it is not this seller's."""
    async with db.transaction(seller_id):
        run = await SyncRun.objects().where(SyncRun.id == run_id).first()
    if run is None:
        raise NotFound("sync")
    return run


async def events(seller_id: UUID, run_id: UUID, after: int = 0, *, limit: int = 500) -> Sequence[SyncEvent]:
    """Numbered events after `after`, oldest first."""
    async with db.transaction(seller_id):
        return await SyncEvent.objects().where((SyncEvent.run_id == run_id) & (SyncEvent.seq > after)).order_by(SyncEvent.seq).limit(limit)


async def since(seller_id: UUID, run_id: UUID, after: int, *, limit: int = 500) -> tuple[SyncRun, list[SyncEvent]]:
    """The run's row and its events after `after`, oldest first. The row is never older than the events. NotFound as with `get`."""
    async with db.transaction(seller_id):
        # Each statement sees what was committed before it, so the row is asked for last.
        new = await events(seller_id, run_id, after, limit=limit)
        return await get(seller_id, run_id), list(new)


async def last_events(seller_id: UUID, run_id: UUID, *, before: int | None = None, limit: int = 50) -> Sequence[SyncEvent]:
    """The newest events (before `before`), oldest of them first."""
    async with db.transaction(seller_id):
        query = SyncEvent.objects().where(SyncEvent.run_id == run_id)
        if before is not None:
            query = query.where(SyncEvent.seq < before)
        found = await query.order_by(SyncEvent.seq, ascending=False).limit(limit)
    return list(reversed(found))


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the sync history."""

    id: UUID
    account_id: UUID
    account_name: str
    marketplace_name: str
    target: str
    trigger: str
    requested_by: str
    state: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    new: int
    changed: int
    same: int
    set_aside: int
    reason: str
    diagnostic_id: str


async def history(
    seller_id: UUID, *, account_id: UUID | None = None, state: str = "", before: tuple[datetime, UUID] | None = None, limit: int = 50
) -> list[Listed]:
    """Runs, newest first; `before` is the last line of the page above."""
    async with db.transaction(seller_id) as held:
        rows = await held.fetch(
            """SELECT r.*, a.name AS account_name, a.marketplace_code FROM sync_runs r JOIN marketplace_accounts a ON a.id = r.marketplace_account_id
               WHERE ($1::uuid IS NULL OR r.marketplace_account_id = $1) AND ($2 = '' OR r.state = $2)
                 AND ($3::timestamptz IS NULL OR (r.created_at, r.id) < ($3, $4))
               ORDER BY r.created_at DESC, r.id DESC LIMIT $5""",
            account_id,
            state,
            before[0] if before else None,
            before[1] if before else None,
            limit,
        )
    return [
        Listed(
            id=row["id"],
            account_id=row["marketplace_account_id"],
            account_name=row["account_name"],
            marketplace_name=marketplace(row["marketplace_code"]).name,
            target=row["target"],
            trigger=row["trigger"],
            requested_by=row["requested_by"],
            state=row["state"],
            created_at=row["created_at"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            new=row["new_count"],
            changed=row["changed_count"],
            same=row["same_count"],
            set_aside=row["set_aside_count"],
            reason=row["error_message"] or row["partial_reason"],
            diagnostic_id=row["diagnostic_id"],
        )
        for row in rows
    ]


async def account_of(seller_id: UUID, run_id: UUID) -> MarketplaceAccount:
    run = await get(seller_id, run_id)
    async with db.transaction(seller_id):
        account = await MarketplaceAccount.objects().where(MarketplaceAccount.id == run.marketplace_account_id).first()
    if account is None:
        raise NotFound("account")
    return account


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one run that could not be read for one reason: how many, and a few of their ids."""

    reason: str
    count: int
    examples: tuple[str, ...]


async def set_asides(seller_id: UUID, run_id: UUID) -> list[Aside]:
    """What a run set aside, gathered by reason, most frequent first."""
    async with db.transaction(seller_id) as held:
        rows = await held.fetch(
            """SELECT reason, count(*) AS count, (array_agg(external_id ORDER BY external_id))[1:5] AS examples FROM set_asides
               WHERE run_id = $1 AND resolved_at IS NULL GROUP BY reason ORDER BY count(*) DESC, reason LIMIT 20""",
            run_id,
        )
    return [Aside(reason=row["reason"], count=row["count"], examples=tuple(row["examples"])) for row in rows]
