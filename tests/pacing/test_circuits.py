"""A host that answers nobody is left alone by everybody, and exactly one call finds out whether it is back."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from portal import clock
from portal.marketplaces.budgets import SharedBudgets
from portal.marketplaces.circuits import (
    ALONE,
    LONGEST_PAUSE_S,
    PROBE_WITHIN,
    TOGETHER,
    AccountCircuit,
    OutageWatch,
    SharedCircuits,
    outages,
)
from portal.marketplaces.quotas import Quota, Silence
from portal.postgres import Addresses
from tests.factories import make_account, make_seller

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
HOST = "api.example"


def worker() -> AccountCircuit:
    """One account's conversation in a worker of its own."""
    return AccountCircuit(SharedCircuits(), "ANY", uuid4())


async def fail(circuit: AccountCircuit, times: int = 1, *, at: datetime = NOON) -> Silence | None:
    silence = None
    with clock.stopped_at(at):
        for _ in range(times):
            silence = await circuit.unanswered(HOST)
    return silence


async def asked(circuit: AccountCircuit, at: datetime) -> Silence | None:
    with clock.stopped_at(at):
        return await circuit.silence(HOST)


async def opened() -> Silence:
    for _ in range(TOGETHER - 1):
        await fail(worker())
    silence = await fail(worker())
    assert silence is not None
    return silence


async def test_several_accounts_without_an_answer_open_it_for_everybody(connected: Addresses) -> None:
    for number in range(TOGETHER - 1):
        assert await fail(worker(), at=NOON + timedelta(seconds=number)) is None
    silence = await fail(worker(), at=NOON + timedelta(seconds=30))
    assert silence is not None
    assert silence.since == NOON, "the silence began with the first call that went unanswered"
    bystander = await asked(worker(), NOON + timedelta(seconds=31))
    assert bystander is not None
    assert bystander.since == NOON


async def test_one_account_alone_needs_longer(connected: Addresses) -> None:
    """It may be the only one there is, or the only one the host chokes on."""
    alone = worker()
    assert await fail(alone, ALONE - 1) is None
    assert await fail(alone) is not None


async def test_an_answer_in_between_begins_the_count_anew(connected: Addresses) -> None:
    circuit = worker()
    await fail(worker(), TOGETHER - 1)
    assert await asked(circuit, NOON) is None
    await circuit.answered(HOST)
    assert await fail(worker(), TOGETHER - 1) is None


async def test_exactly_one_probe_goes_through(connected: Addresses) -> None:
    silence = await opened()
    crowd = [worker() for _ in range(8)]
    assert all(await asyncio.gather(*(asked(one, silence.retry_at - timedelta(seconds=1)) for one in crowd)))
    answers = await asyncio.gather(*(asked(one, silence.retry_at) for one in crowd))
    assert sum(answer is None for answer in answers) == 1
    assert all(answer.retry_at > silence.retry_at for answer in answers if answer)


async def test_an_answer_to_the_probe_closes_it_for_everybody(connected: Addresses) -> None:
    silence = await opened()
    probe = worker()
    assert await asked(probe, silence.retry_at) is None
    await probe.answered(HOST)
    assert await asked(worker(), silence.retry_at) is None
    assert await asked(worker(), silence.retry_at) is None


async def test_pauses_grow_to_a_quarter_of_an_hour_and_differ(connected: Addresses) -> None:
    silence = await opened()
    pauses = [silence.retry_at - NOON]
    for _ in range(9):
        probe = worker()
        assert await asked(probe, silence.retry_at) is None
        again = await fail(probe, at=silence.retry_at)
        assert again is not None
        assert again.since == silence.since
        pauses.append(again.retry_at - silence.retry_at)
        silence = again
    seconds = [pause.total_seconds() for pause in pauses]
    assert seconds[0] <= 30
    assert seconds[4] > seconds[0] * 4
    assert max(seconds) <= LONGEST_PAUSE_S
    assert len(set(seconds)) == len(seconds)


async def test_a_call_that_was_under_way_when_it_opened_lengthens_nothing(connected: Addresses) -> None:
    silence = await opened()
    assert await fail(worker(), 3) == silence


async def test_a_probe_whose_worker_died_is_followed_by_another(connected: Addresses) -> None:
    silence = await opened()
    assert await asked(worker(), silence.retry_at) is None
    assert await asked(worker(), silence.retry_at + PROBE_WITHIN - timedelta(seconds=1)) is not None
    assert await asked(worker(), silence.retry_at + PROBE_WITHIN) is None


async def test_hosts_and_marketplaces_have_circuits_of_their_own(connected: Addresses) -> None:
    await opened()
    with clock.stopped_at(NOON):
        assert await AccountCircuit(SharedCircuits(), "ANY", uuid4()).silence("auth.example") is None
        assert await AccountCircuit(SharedCircuits(), "OTHER", uuid4()).silence(HOST) is None


async def test_an_outage_is_told_once_to_those_it_concerns(connected: Addresses) -> None:
    asha, chitra = await make_seller(), await make_seller("Chitra")
    quota = Quota("orders", 2.0, 5.0)
    for number in range(3):
        account = await make_account(asha, external=f"A{number}")
        await SharedBudgets().of(account).take(str(number), quota, host=HOST)
    elsewhere = await make_account(chitra, external="A9")
    await SharedBudgets().of(elsewhere).take("9", quota, host="another.example")
    for _ in range(TOGETHER):
        await fail(AccountCircuit(SharedCircuits(), account.code, uuid4()))
    with clock.stopped_at(NOON + timedelta(seconds=1)):
        (told,) = await outages(asha)
        assert (told.code, told.since) == (account.code, NOON)
        assert told.retry_at is not None
        assert await outages(chitra) == []
        assert await OutageWatch().of(asha) == [told]
    with clock.stopped_at(NOON + timedelta(minutes=5)):
        assert [one.retry_at for one in await outages(asha)] == [None], "nobody has tried, so no time can be promised"
    with clock.stopped_at(NOON + timedelta(hours=3)):
        assert await outages(asha) == []
