"""Accounts from before there were schedules begin like new ones, once."""

from datetime import timedelta

import pytest

from portal import clock
from portal.marketplaces.contract import ScheduleTarget
from portal.scheduling import job, service
from portal.scheduling.forgotten import begin_forgotten
from tests.factories import make_account
from tests.scheduling.conftest import NOON, Desk
from tests.workshop import seen

pytestmark = pytest.mark.anyio

SCHEDULES = "SELECT target, next_run_at FROM schedules WHERE marketplace_account_id = $1 ORDER BY target"
CHECKS = "SELECT next_at FROM nightly_checks WHERE marketplace_account_id = $1"


async def test_the_sweep_gives_an_old_account_what_a_new_one_begins_with(desk: Desk) -> None:
    old = await make_account(desk.seller, external="A2OLD", name="Older store")
    with clock.stopped_at(NOON):
        await job.sweep(jobs=desk.jobs)
    theirs, new = await seen(desk.addresses, SCHEDULES, old.id), await seen(desk.addresses, SCHEDULES, desk.account.id)
    assert theirs == new
    assert theirs
    ((night,),) = await seen(desk.addresses, CHECKS, old.id)
    assert NOON < night < NOON + timedelta(days=1)
    assert await begin_forgotten() == 0, "once"


async def test_what_a_seller_turned_off_stays_off(desk: Desk) -> None:
    for line in [ScheduleTarget(row["target"]) for row in await seen(desk.addresses, SCHEDULES, desk.account.id)]:
        await service.pause(desk.seller, desk.account.id, line, until=None, by="Asha")
    assert await begin_forgotten() == 0
    assert [row["next_run_at"] for row in await seen(desk.addresses, SCHEDULES, desk.account.id)] == [None] * 4


async def test_a_disconnected_account_is_left_alone(desk: Desk) -> None:
    gone = await make_account(desk.seller, external="A3GONE", name="Gone store")
    await seen(desk.addresses, "UPDATE marketplace_accounts SET state = 'disconnected' WHERE id = $1", gone.id)
    assert await begin_forgotten() == 0
    assert await seen(desk.addresses, SCHEDULES, gone.id) == []
