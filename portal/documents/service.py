"""What a report says of a run, read off its rows."""

from datetime import datetime
from typing import Any
from uuid import UUID

from portal import clock, db
from portal.documents.reports import Ahead, Counted, Held, RunReport
from portal.errors import Conflict
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.facts import OrderStatus
from portal.marketplaces.registry import marketplace
from portal.runs import painting
from portal.runs import service as runs
from portal.tables.syncs import FINISHED, SyncRun

MOST_HELD = 200
MOST_AHEAD = 5

UNSENT = (OrderStatus.OPEN, OrderStatus.ACCEPTED, OrderStatus.CONFIRMED, OrderStatus.PACKED, OrderStatus.READY)
WITH_DEADLINES = {ScheduleTarget.ORDERS, ScheduleTarget.FULL_PROCESSING}


async def report_of(seller_id: UUID, run_id: UUID) -> RunReport:
    """The report of a run that has ended. NotFound when it is not this seller's; Conflict while it still works."""
    run = await runs.get(seller_id, run_id)
    if run.state not in FINISHED or run.finished_at is None:
        raise Conflict("This sync still works. Its report comes when it has ended.")
    account = await runs.account_of(seller_id, run_id)
    async with db.transaction(seller_id) as held:
        rows = await held.fetch(
            """SELECT external_id, reason, count(*) OVER () AS many FROM set_asides WHERE run_id = $1
               ORDER BY created_at, external_id LIMIT $2""",
            run_id,
            MOST_HELD,
        )
        ahead = await _ahead(held, account.id, clock.now()) if run.target in WITH_DEADLINES else ()
    return RunReport(
        number=run.diagnostic_id,
        what=painting.TARGETS[run.target],
        account=account.name,
        place=marketplace(account.marketplace_code).name,
        ended_at=run.finished_at,
        counts=_counts(run),
        held=tuple(Held(number=row["external_id"] or "No number", reason=row["reason"]) for row in rows),
        held_more=rows[0]["many"] - len(rows) if rows else 0,
        ahead=ahead,
        trouble=run.error_message or run.partial_reason,
    )


def _counts(run: SyncRun) -> tuple[Counted, ...]:
    return (Counted(what="new", many=run.new_count), Counted(what="changed", many=run.changed_count))


async def _ahead(held: Any, account_id: UUID, now: datetime) -> tuple[Ahead, ...]:
    rows = await held.fetch(
        """SELECT dispatch_by, count(*) AS many FROM orders
           WHERE marketplace_account_id = $1 AND status = ANY($2) AND dispatch_by > $3
           GROUP BY dispatch_by ORDER BY dispatch_by LIMIT $4""",
        account_id,
        list(UNSENT),
        now,
        MOST_AHEAD,
    )
    return tuple(Ahead(at=row["dispatch_by"], what="to dispatch", many=row["many"]) for row in rows)
