"""Accounts nobody has used lately are looked at by themselves: not all at once, and never where that could do harm."""

from datetime import timedelta
from typing import Any

import pytest

from portal import clock, db
from portal.accounts import service
from portal.accounts.job import CHECKS_AT_ONCE, look_after
from portal.accounts.service.proving import AGAIN_AFTER, IDLE_AFTER, REFUSED_AFTER, soon
from portal.marketplaces.contract import AccountRef, ScheduleTarget
from portal.marketplaces.errors import KeysRejected
from portal.marketplaces.sandbox import Fault
from portal.runs import service as runs
from tests.contract.desks import Desk
from tests.factories import make_account

pytestmark = pytest.mark.anyio


async def due(d: Desk) -> list[Any]:
    return [account_id for _, account_id in await service.idle(CHECKS_AT_ONCE)]


async def change(d: Desk, account: AccountRef, **columns: Any) -> None:
    async with db.transaction(d.seller_id) as held:
        for name, value in columns.items():
            await held.execute(f"UPDATE marketplace_accounts SET {name} = $2 WHERE id = $1", account.id, value)


async def test_only_an_account_without_a_recent_proof_is_due(d: Desk, account: AccountRef) -> None:
    """A run that succeeds is a proof, so accounts at work are not asked besides."""
    row = await service.get(d.seller_id, account.id)
    assert IDLE_AFTER <= row.next_check_at - row.last_proven_at <= IDLE_AFTER * 1.25
    assert await due(d) == []
    with clock.stopped_at(row.next_check_at):
        assert await due(d) == [account.id]
        await d.sync(account, ScheduleTarget.ORDERS)
        assert await due(d) == []


async def test_accounts_proven_in_one_moment_are_not_asked_in_one_moment() -> None:
    """Drawn evenly from a quarter of the time, so a thousand accounts spread over an hour."""
    with clock.stopped_at(clock.now()):
        drawn = sorted(soon(IDLE_AFTER) - clock.now() for _ in range(1000))
    assert IDLE_AFTER <= drawn[0] < drawn[-1] <= IDLE_AFTER * 1.25
    quarters = [sum(1 for one in drawn if one <= IDLE_AFTER * (1 + share / 16)) for share in (1, 2, 3)]
    assert [abs(found - expected) < 100 for found, expected in zip(quarters, (250, 500, 750), strict=True)] == [True] * 3


async def test_a_look_is_one_call_chain_and_then_not_again_for_hours(d: Desk, account: AccountRef) -> None:
    row = await service.get(d.seller_id, account.id)
    with clock.stopped_at(row.next_check_at + timedelta(minutes=1)):
        assert await look_after(d.jobs) == (1, 0)
        assert await look_after(d.jobs) == (0, 0)
        await d.work()
        row = await service.get(d.seller_id, account.id)
        assert row.last_proven_at == clock.now()
        assert await look_after(d.jobs) == (0, 0)
    assert (await d.story(account)).count("validated") == 1, "nothing new is no line"


async def test_an_outage_is_asked_about_again_soon_and_a_refusal_once_a_day(d: Desk, account: AccountRef) -> None:
    for fault, operation, after in ((Fault.OUTAGE, "signIn", AGAIN_AFTER), (Fault.REVOKED, "signIn", REFUSED_AFTER)):
        await d.fault(fault, operation=operation)
        row = await d.check(account)
        assert after * 0.9 <= row.next_check_at - clock.now() <= after * 1.3, fault
        await d.well_again()
    await service.refused(account, KeysRejected("Amazon India", "Locked.", reason="login_locked"), version=row.credential_version)
    row = await service.get(d.seller_id, account.id)
    assert row.next_check_at is None, "another try might make it worse"


async def test_paused_and_busy_accounts_are_left_alone(d: Desk, account: AccountRef) -> None:
    past = clock.now() - timedelta(minutes=1)
    await change(d, account, next_check_at=past)
    await runs.start(d.seller_id, account.id, ScheduleTarget.ORDERS, jobs=d.jobs)
    assert await due(d) == []
    await d.work()
    await change(d, account, next_check_at=past)
    await service.pause(d.seller_id, account.id, by="Asha")
    assert await due(d) == []
    await service.resume(d.seller_id, account.id, by="Asha")
    assert await due(d) == [account.id]


async def test_a_backlog_is_worked_off_a_few_at_a_time_the_longest_unasked_first(d: Desk) -> None:
    many = [await make_account(d.seller_id, external=f"A{number}SHOP", name=f"Store {number}") for number in range(CHECKS_AT_ONCE + 5)]
    for number, one in enumerate(many):
        await change(d, one, next_check_at=clock.now() - timedelta(minutes=60 - number))
    first = await due(d)
    assert first == [one.id for one in many[:CHECKS_AT_ONCE]]
    assert (await look_after(d.jobs))[0] == CHECKS_AT_ONCE
    assert (await look_after(d.jobs))[0] == 5
