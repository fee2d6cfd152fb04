"""Runs that schedules ask for: many of one seller in a few statements."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import msgspec

from portal import clock, db
from portal.runs.service.telling import diagnostic_id
from portal.tables.syncs import Trigger

QUEUED_BY_SCHEDULE = "Started by the schedule. Waiting for a worker."


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A run of one account and target that is due."""

    account_id: UUID
    target: str


async def queue_many(seller_id: UUID, wanted: Sequence[Wanted]) -> dict[Wanted, UUID]:
    """A new queued run for each that has no live one, in the caller's transaction; the others are left out of the answer.

    The index of live runs decides, so a click at the same moment and this make one run. Who calls enqueues the jobs after the commit.
    """
    if not wanted:
        return {}
    held = db.connection()
    rows = await held.fetch(
        """INSERT INTO sync_runs (id, seller_id, marketplace_account_id, target, trigger, diagnostic_id, created_at, since, seq)
           SELECT asked.id, $1, asked.account_id, asked.target, $2, asked.diagnostic_id, $3,
               (SELECT c.watermark FROM sync_cursors c WHERE c.marketplace_account_id = asked.account_id AND c.target = asked.target), 1
           FROM unnest($4::uuid[], $5::uuid[], $6::text[], $7::text[]) AS asked (id, account_id, target, diagnostic_id)
           ON CONFLICT (marketplace_account_id, target) WHERE state IN ('queued', 'running', 'waiting', 'cancelling') DO NOTHING
           RETURNING id, marketplace_account_id, target""",
        seller_id,
        Trigger.SCHEDULE,
        clock.now(),
        [uuid4() for _ in wanted],
        [one.account_id for one in wanted],
        [one.target for one in wanted],
        [diagnostic_id() for _ in wanted],
    )
    await held.execute(
        """INSERT INTO sync_events (seller_id, run_id, seq, occurred_at, kind, message)
           SELECT $1, run_id, 1, $2, 'queued', $3 FROM unnest($4::uuid[]) AS made (run_id)""",
        seller_id,
        clock.now(),
        QUEUED_BY_SCHEDULE,
        [row["id"] for row in rows],
    )
    return {Wanted(account_id=row["marketplace_account_id"], target=row["target"]): row["id"] for row in rows}
