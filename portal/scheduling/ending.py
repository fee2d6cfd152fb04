"""Schedules that end because their account's way to connect does not open their work any more."""

from collections.abc import Sequence
from uuid import UUID

from portal import db
from portal.audit import service as audit
from portal.scheduling import rules
from portal.scheduling.rules import Rule
from portal.tables.audit import Action

NOT_OPEN = "not open to this account any more"


async def end(seller_id: UUID, schedule_ids: Sequence[UUID]) -> None:
    """Delete these schedules, each on record with what it said. In the caller's transaction of `seller_id`."""
    rows = await db.connection().fetch("DELETE FROM schedules WHERE id = ANY($1) RETURNING *", list(schedule_ids))
    for row in rows:
        rule = Rule(
            interval=row["interval_minutes"],
            start=row["window_start"],
            end=row["window_end"],
            times=tuple(row["set_times"]),
            weekdays=row["weekdays"],
        )
        await audit.write(
            seller_id,
            Action.SCHEDULE_ENDED,
            f"{row['target']}: {NOT_OPEN}",
            before=rules.sentence(rule),
            account_id=row["marketplace_account_id"],
        )
