"""How an account's data stands against its schedule: by the slots that came due, so that a night between two windows delays nothing."""

from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice, takewhile

import msgspec

from portal import clock, db
from portal.marketplaces.contract import ScheduleTarget
from portal.runs import freshness
from portal.scheduling import rules
from portal.scheduling.service import rule_of
from portal.tables.accounts import MarketplaceAccount
from portal.tables.schedules import Schedule

GRACE = timedelta(minutes=10)
"""A slot counts this long after its time: until then its sync may well be under way."""

READ = frozenset({ScheduleTarget.ORDERS, ScheduleTarget.RETURNS, ScheduleTarget.PAYOUTS, ScheduleTarget.LISTINGS})
"""Targets whose runs leave data behind that can be old."""


class Punctuality(StrEnum):
    """How data stands: read since the last slot that came due, one slot behind, or more than one."""

    ON_TIME = "on_time"
    DELAYED = "delayed"
    LATE = "late"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """`as_of` is None until a sync has read to its end."""

    as_of: datetime | None
    punctuality: Punctuality


def punctuality(schedule: Schedule, as_of: datetime | None) -> Punctuality | None:
    """How data read until `as_of` stands. Data that was never read is late as soon as a slot came due, and nothing (None) before that."""
    behind = _slots_behind(schedule, as_of, most=2)
    if as_of is None:
        return Punctuality.LATE if behind else None
    return (Punctuality.ON_TIME, Punctuality.DELAYED, Punctuality.LATE)[behind]


def _slots_behind(schedule: Schedule, as_of: datetime | None, *, most: int) -> int:
    """How many slots, up to `most`, came due after `as_of` and after the rule was made. Those of a pause came not due."""
    due_by = clock.now() - GRACE
    begin = max(as_of, schedule.changed_at) if as_of is not None else schedule.changed_at
    passed = takewhile(lambda slot: slot <= due_by, rules.slots_after(rule_of(schedule), begin))
    started = schedule.last_slot_at or begin
    due = (slot for slot in passed if slot <= started or slot >= schedule.next_run_at)
    return len(list(islice(due, most)))


async def of_account(account: MarketplaceAccount) -> dict[ScheduleTarget, Standing]:
    """How each kind of data of this account stands whose schedule is on; without those that nothing can be said about."""
    now = clock.now()
    async with db.transaction(account.seller_id):
        schedules = await Schedule.objects().where((Schedule.marketplace_account_id == account.id) & (Schedule.enabled.eq(True)))
    read = await freshness.of_account(account.seller_id, account.id)
    found = {}
    for schedule in schedules:
        target = ScheduleTarget(schedule.target)
        paused = schedule.paused_until is not None and schedule.paused_until > now
        how = punctuality(schedule, read.get(target)) if target in READ and not paused else None
        if how is not None:
            found[target] = Standing(as_of=read.get(target), punctuality=how)
    return found
