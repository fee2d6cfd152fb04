"""The report of a run, with what happened to batches in it."""

from typing import Any
from uuid import UUID

import msgspec

from portal import clock, db
from portal.documents import service as documents
from portal.documents.reports import Ahead, Counted, Held, RunReport
from portal.language import mark
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.registry import marketplace
from portal.processing import closing, rules
from portal.runs import service as runs
from portal.runs.service import Attention
from portal.tables.syncs import SyncRun

TAKEN_IN, PAPERS, PROCESSED = (word.lower() for word in (mark("Taken in"), mark("Documents"), mark("Processed")))
TO_HAND_OVER = "to hand over"


async def report_of(seller_id: UUID, run_id: UUID) -> RunReport:
    """The report of a run that has ended. NotFound when it is not this seller's; Conflict while it still works."""
    report = await documents.report_of(seller_id, run_id)
    run = await runs.get(seller_id, run_id)
    return await _with_batch(report, run) if run.target == ScheduleTarget.FULL_PROCESSING else report


async def _with_batch(report: RunReport, run: SyncRun) -> RunReport:
    """What lies between the run's first and last moment is its doing: an account has one processing run at a time."""
    async with db.transaction(run.seller_id) as held:
        rows = await held.fetch(_TOUCHED, run.marketplace_account_id, run.created_at, run.finished_at, documents.MOST_HELD)
        counted = await held.fetchrow(_COUNTED, run.marketplace_account_id, run.created_at, run.finished_at)
        cutoff = await _cutoff(run)
    stuck = tuple(_held(row) for row in rows if row["state"] != "gone")
    return msgspec.structs.replace(
        report,
        counts=(
            Counted(what=TAKEN_IN, many=run.new_count),
            Counted(what=PAPERS, many=counted["papers"]),
            Counted(what=PROCESSED, many=counted["done"]),
        ),
        held=(*stuck, *report.held),
        left=tuple(_held(row) for row in rows if row["state"] == "gone"),
        waiting=counted["waiting"],
        of_batch=True,
        waits=await runs.attention(run.seller_id, run.id) in (Attention.HELD, Attention.CLOSING),
        ahead=(*cutoff, *report.ahead),
    )


_TOUCHED = """
SELECT external_order_id, state, held_reason, decided_at > held_at AS decided FROM batch_orders
WHERE marketplace_account_id = $1 AND held_at BETWEEN $2 AND $3 AND held_reason <> '' ORDER BY held_at, id LIMIT $4
"""

_COUNTED = """
SELECT (SELECT count(*) FROM documents WHERE marketplace_account_id = $1 AND created_at BETWEEN $2 AND $3) AS papers,
       (SELECT count(*) FROM batch_orders o JOIN batches b ON b.id = o.batch_id
        WHERE b.marketplace_account_id = $1 AND b.closed_at BETWEEN $2 AND $3 AND o.state = 'done') AS done,
       (SELECT count(*) FROM batch_orders WHERE marketplace_account_id = $1 AND state = 'held' AND held_at < $2) AS waiting
"""


def _held(row: Any) -> Held:
    return Held(number=row["external_order_id"], reason=row["held_reason"], decided=bool(row["decided"]))


async def _cutoff(run: SyncRun) -> tuple[Ahead, ...]:
    """The courier's next cut-off, for the parcels that are on their way in the account's open batch; none where no manifests are closed."""
    batch = await db.connection().fetchrow(
        """SELECT a.marketplace_code, count(*) AS parcels FROM batch_orders o JOIN batches b ON b.id = o.batch_id
           JOIN marketplace_accounts a ON a.id = b.marketplace_account_id
           WHERE a.id = $1 AND b.state = 'open' AND o.state = 'in' GROUP BY a.marketplace_code""",
        run.marketplace_account_id,
    )
    if batch is None or not any(stage.closes for stage in marketplace(batch["marketplace_code"]).stages):
        return ()
    rule = await rules.of_account(run.marketplace_account_id)
    return (Ahead(at=closing.next_cutoff(rule, clock.now()), what=TO_HAND_OVER, many=batch["parcels"]),)
