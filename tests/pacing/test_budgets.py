"""However many processes use a credential, together they ask no more than it allows."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from portal import clock, db
from portal.marketplaces.budgets import IN_HAND, SharedBudgets, allowance, forget_full
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.quotas import PATIENCE_S, Quota
from portal.postgres import Addresses
from tests.factories import make_account, make_seller
from tests.pacing.buckets import overdrawn
from tests.workshop import everything_in, seen

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
SLOW = Quota("orders", 2.0, 5.0)


async def claimed(budgets: SharedBudgets, at: datetime, quota: Quota = SLOW, *, credential: str = "one") -> float:
    with clock.stopped_at(at):
        return await budgets.take("ANY", credential, quota)


async def test_processes_that_share_a_credential_share_its_budget(connected: Addresses) -> None:
    processes = [SharedBudgets() for _ in range(3)]
    turns = [NOON + timedelta(seconds=await claimed(processes[number % 3], NOON)) for number in range(15)]
    assert turns == sorted(turns)
    assert not overdrawn([turn.timestamp() for turn in turns], SLOW)


async def test_a_bucket_nobody_knows_is_half_full_and_fills_with_time(connected: Addresses) -> None:
    budgets = SharedBudgets()
    at_once = [await claimed(budgets, NOON) for _ in range(3)]
    assert at_once[:2] == [0, 0]
    assert at_once[2] > 0
    an_hour_later = [await claimed(budgets, NOON + timedelta(hours=1)) for _ in range(5)]
    assert [wait == 0 for wait in an_hour_later] == [True] * 4 + [False], "and a part is kept in hand"


async def test_a_wait_that_is_too_long_claims_nothing(connected: Addresses) -> None:
    rare = Quota("reports", 0.01, 1.0)
    budgets = SharedBudgets()
    await claimed(budgets, NOON, rare)
    waits = [await claimed(budgets, NOON, rare) for _ in range(3)]
    assert waits[0] > PATIENCE_S
    assert len(set(waits)) == 1, "who asks in vain does not push the next turn away"


async def test_credentials_and_operations_have_budgets_of_their_own(connected: Addresses) -> None:
    budgets = SharedBudgets()
    for _ in range(6):
        await claimed(budgets, NOON)
    assert await claimed(budgets, NOON) > 0
    assert await claimed(budgets, NOON, credential="two") == 0
    assert await claimed(budgets, NOON, Quota("returns", 2.0, 5.0)) == 0


async def test_a_hold_stops_every_process_until_its_moment_and_lets_one_call_go_then(connected: Addresses) -> None:
    one, other = SharedBudgets(), SharedBudgets()
    await claimed(one, NOON)
    until = NOON + timedelta(seconds=90)
    with clock.stopped_at(NOON):
        await one.hold("ANY", "one", SLOW, until)
    assert await claimed(other, NOON) == pytest.approx(90)
    assert await claimed(other, until) == 0
    assert await claimed(one, until) > 0, "the bucket is empty after a hold"


async def test_a_hold_never_shortens_another(connected: Addresses) -> None:
    budgets = SharedBudgets()
    await claimed(budgets, NOON)
    with clock.stopped_at(NOON):
        for seconds in (90, 10):
            await budgets.hold("ANY", "one", SLOW, NOON + timedelta(seconds=seconds))
    assert await claimed(budgets, NOON) == pytest.approx(90)


async def test_a_quick_bucket_is_claimed_in_batches_that_never_exceed_it(connected: Addresses) -> None:
    """On the running clock: twice the budget is asked for, by three who know nothing of each other."""
    quick = Quota("orders", 400.0, 400.0)
    processes = [SharedBudgets() for _ in range(3)]
    made: list[float] = []

    async def ask(budgets: SharedBudgets) -> None:
        for _ in range(200):
            wait = await budgets.take("ANY", "one", quick)
            if wait > 0:
                await asyncio.sleep(wait)
            made.append(asyncio.get_running_loop().time())

    await asyncio.gather(*map(ask, processes))
    assert len(made) == 600
    assert not overdrawn(sorted(made), quick)


async def test_turns_claimed_ahead_cost_no_statement_and_cannot_be_saved_up(connected: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    budgets = SharedBudgets()
    quick = Quota("orders", 1000.0, 1000.0)
    for _ in range(60):
        assert await budgets.take("ANY", "one", quick) == 0
    (ahead,) = budgets._ahead.values()
    assert ahead.size > 8, "what is used up at once is claimed in ever larger portions"
    assert ahead.good_until - asyncio.get_running_loop().time() <= IN_HAND / 2 * quick.burst / quick.rate
    ahead.good_until = 0.0
    await budgets.take("ANY", "one", quick)
    assert ahead.size == 1


async def test_no_part_of_a_credential_reaches_the_table(connected: Addresses) -> None:
    account = await make_account(await make_seller())
    await SharedBudgets().of(account).take("PIXEL-POB-0815", SLOW, host="api.example")
    stored = await everything_in(connected)
    assert "api.example" in stored
    assert "PIXEL-POB-0815" not in stored


async def test_a_page_can_say_what_is_left(connected: Addresses) -> None:
    account = await make_account(await make_seller())
    assert await allowance(account.seller_id, account.id) is None
    budget = SharedBudgets().of(account)
    with clock.stopped_at(NOON):
        await budget.take("one", SLOW, host="api.example")
    with clock.stopped_at(NOON + timedelta(hours=1)):
        full = await allowance(account.seller_id, account.id)
        assert full is not None
        assert (full.left, full.most, full.next_at) == (4, 4, None)
        for _ in range(4):
            await budget.take("one", SLOW)
        spent = await allowance(account.seller_id, account.id)
    assert spent is not None
    assert (spent.left, spent.next_at) == (0, NOON + timedelta(hours=1, seconds=0.5))


async def test_another_sellers_budget_is_not_shown(connected: Addresses) -> None:
    mine, other = await make_account(await make_seller()), await make_account(await make_seller("Chitra"), external="A1CHITRA")
    await SharedBudgets().of(mine).take("one", SLOW, host="api.example")
    assert await allowance(other.seller_id, mine.id) is None


async def test_an_account_that_is_only_tested_leaves_no_trace_of_itself(connected: Addresses) -> None:
    tested = AccountRef(id=uuid4(), seller_id=await make_seller(), code="ANY", external_account_id="", name="")
    assert await SharedBudgets().of(tested).take("one", SLOW, host="api.example") == 0
    assert await seen(connected, "SELECT * FROM credential_uses") == []


async def test_what_nobody_has_used_for_a_day_is_forgotten(connected: Addresses) -> None:
    budgets = SharedBudgets()
    await claimed(budgets, datetime.now(UTC) - timedelta(days=2), credential="old")
    await budgets.take("ANY", "new", SLOW)
    await forget_full()
    assert len(await db.pool().fetch("SELECT 1 FROM call_budgets")) == 1
