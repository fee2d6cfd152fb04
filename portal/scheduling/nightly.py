"""The nightly check: read the last thirty days again, and say how many orders reading as we go had missed.

An order may come to light hours after it was placed, or change without its time of change moving. Every account is compared once a
night, right after a sync; accounts are spread over the night.
"""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

from portal import clock, db
from portal.errors import Conflict
from portal.jobs import Jobs
from portal.marketplaces.contract import AccountRef, ScheduleTarget
from portal.runs import service as runs
from portal.tables.schedules import NightlyCheck
from portal.tables.syncs import Purpose

DAYS = 30
NIGHT_BEGINS = timedelta(hours=1)
NIGHT = timedelta(hours=4)


def next_night(account_id: UUID, moment: datetime) -> datetime:
    """This account's time in the next night after `moment`: between 1 and 5 in the morning, always the same time."""
    drawn = int.from_bytes(hashlib.blake2b(account_id.bytes, digest_size=4).digest()) % int(NIGHT.total_seconds())
    midnight, tomorrow = clock.ist_day(clock.in_ist(moment).date())
    own = NIGHT_BEGINS + timedelta(seconds=drawn)
    return midnight + own if midnight + own > moment else tomorrow + own


async def first_check(account: AccountRef) -> None:
    """Put a new account on the night's list, in the caller's transaction."""
    row = NightlyCheck(marketplace_account_id=account.id, seller_id=account.seller_id, next_at=next_night(account.id, clock.now()))
    await NightlyCheck.insert(row).on_conflict(action="DO NOTHING")


async def check_tonight(seller_id: UUID, account_id: UUID, *, jobs: Jobs) -> int:
    """Ask for this account's check if its time has come and no other sweeper was quicker: 1, else 0. On hold it waits for its next night."""
    return int(await _claimed(seller_id, account_id) and await _asked(seller_id, account_id, jobs))


async def _claimed(seller_id: UUID, account_id: UUID) -> bool:
    """Whether this night's check is ours: of several sweepers one moves the time on."""
    async with db.transaction(seller_id) as held:
        return bool(
            await held.fetchval(
                "UPDATE nightly_checks SET next_at = $2 WHERE marketplace_account_id = $1 AND next_at <= $3 RETURNING 1",
                account_id,
                next_night(account_id, clock.now()),
                clock.now(),
            )
        )


async def _asked(seller_id: UUID, account_id: UUID, jobs: Jobs) -> bool:
    """Fresh data first, so that what has not been read yet does not count as missing; the check follows it."""
    now = clock.now()
    try:
        await runs.ask(seller_id, account_id, ScheduleTarget.ORDERS, Purpose.INCREMENTAL, jobs=jobs)
        await runs.ask(
            seller_id,
            account_id,
            ScheduleTarget.ORDERS,
            Purpose.RECONCILIATION,
            jobs=jobs,
            first_day=now - timedelta(days=DAYS),
            until=now,
        )
    except Conflict:
        return False
    return True
