"""The courier's cut-off over a whole batch: when it closes on either side of half past five, and who is warned before."""

from collections.abc import AsyncIterator
from datetime import date, datetime
from pathlib import Path

import pytest

from portal import clock
from portal.clock import IST
from portal.postgres import Addresses
from portal.processing import cutoffs
from portal.tables.people import Role
from portal.tables.processing import ClosePolicy
from portal.tables.syncs import RunState
from portal.vault import Vault
from tests.factories import make_user
from tests.processing.dying import dies_at
from tests.processing.floor import Floor, floor
from tests.processing.pipelines.ajio import PIPELINE as AJIO

pytestmark = pytest.mark.anyio

TUESDAY, WEDNESDAY, THURSDAY = date(2026, 11, 24), date(2026, 11, 25), date(2026, 11, 26)
IMMEDIATE, DELAYED, MANUAL = ClosePolicy.IMMEDIATE, ClosePolicy.DELAYED, ClosePolicy.MANUAL


def at(day: date, hour: int, minute: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=IST)


@pytest.fixture
async def works(connected: Addresses, keys: Vault, tmp_path: Path) -> AsyncIterator[Floor]:
    async with floor(AJIO, connected, keys, tmp_path, orders=4) as one:
        await make_user(one.seller, "asha@example.in", role=Role.OPERATOR)
        await make_user(one.seller, "bala@example.in", role=Role.VIEWER)
        yield one


BEFORE, AFTER = at(TUESDAY, 16, 50), at(TUESDAY, 17, 45)
SAMPLE = [
    # opened at, holidays, policy; when it closes, and the day for which it then says the parcels count
    (BEFORE, (), DELAYED, at(TUESDAY, 17, 0), "before today's cut-off"),
    (AFTER, (WEDNESDAY,), DELAYED, at(THURSDAY, 17, 0), "before today's cut-off"),
    (AFTER, (), IMMEDIATE, AFTER, "dispatched on Wed 25 Nov"),
]
REST = [
    (BEFORE, (), IMMEDIATE, BEFORE, "before today's cut-off"),
    (BEFORE, (), MANUAL, at(TUESDAY, 17, 20), "before today's cut-off"),
    (BEFORE, (), MANUAL, at(TUESDAY, 17, 40), "dispatched on Wed 25 Nov"),
    (BEFORE, (TUESDAY,), IMMEDIATE, BEFORE, "dispatched on Wed 25 Nov"),
    (BEFORE, (TUESDAY,), DELAYED, at(WEDNESDAY, 17, 0), "before today's cut-off"),
    (AFTER, (), DELAYED, at(WEDNESDAY, 17, 0), "before today's cut-off"),
    (AFTER, (), MANUAL, AFTER, "dispatched on Wed 25 Nov"),
    (AFTER, (WEDNESDAY,), IMMEDIATE, AFTER, "dispatched on Thu 26 Nov"),
    (AFTER, (WEDNESDAY,), MANUAL, at(WEDNESDAY, 12, 0), "dispatched on Thu 26 Nov"),
]


@pytest.mark.parametrize(
    ("opened", "holidays", "policy", "closes", "says"), [*SAMPLE, *(pytest.param(*one, marks=pytest.mark.soak) for one in REST)]
)
async def test_a_batch_closes_when_its_rule_says(
    works: Floor, opened: datetime, holidays: tuple[date, ...], policy: ClosePolicy, closes: datetime, says: str
) -> None:
    await works.rule(close_policy=policy, holidays=holidays)
    with clock.stopped_at(opened):
        run_id = await works.start()
        run = await works.work(run_id)
    if policy is DELAYED:
        assert (run.state, run.resume_at) == (RunState.WAITING, closes)
        assert works.world.desk.manifests == {}
    if policy is MANUAL:
        assert run.partial_reason == "The manifests wait for you to close them."
        assert works.world.desk.manifests == {}
        batch_id = (await works.rows("SELECT id FROM batches"))[0]["id"]
        with clock.stopped_at(closes):
            run_id = await works.close(batch_id)
    with clock.stopped_at(closes):
        if policy is not IMMEDIATE:
            run = await works.work(run_id)
    assert run.state == RunState.SUCCEEDED
    said = [row["message"] for row in await works.rows("SELECT message FROM sync_events WHERE run_id = $1", run_id)]
    assert any(says in message for message in said), said
    await works.pipeline.agrees(works, {})


async def test_a_close_that_was_begun_is_ended_even_after_the_cut_off(works: Floor) -> None:
    """One of its two manifests has left by then. The other does not wait for the next day."""
    await works.rule(close_policy=DELAYED)
    with clock.stopped_at(BEFORE):
        run_id = await works.start()
        await works.work(run_id)
    with clock.stopped_at(at(TUESDAY, 17, 0)), dies_at(lambda step: step.stage.closes and len(works.world.desk.manifests) == 2):
        await works.work(run_id)
    assert [row["count"] for row in await works.rows("SELECT count(*) FROM documents WHERE kind = 'manifest'")] == [1]
    with clock.stopped_at(AFTER):
        assert (await works.work(run_id)).state == RunState.SUCCEEDED
    await works.pipeline.agrees(works, {})


async def warned(works: Floor, moment: datetime) -> list[str]:
    """The subjects of the mails that are written when somebody looks at this moment, and whom they are for."""
    before = {row["id"] for row in await works.rows("SELECT id FROM mails")}
    with clock.stopped_at(moment):
        await cutoffs.warn_due()
    rows = await works.rows("SELECT id, subject, recipient FROM mails ORDER BY recipient")
    return [f"{row['recipient']}: {row['subject']}" for row in rows if row["id"] not in before]


async def test_who_may_close_is_warned_three_times_and_no_more(works: Floor) -> None:
    await works.rule(close_policy=MANUAL)
    with clock.stopped_at(at(TUESDAY, 11, 0)):
        await works.process()
    expected = {
        (11, 5): [],
        (15, 29): [],
        (15, 30): ["asha@example.in: 2 h 0 min left to close the manifests of Surat store"],
        (15, 45): [],
        (16, 31): ["asha@example.in: 59 min left to close the manifests of Surat store"],
        (17, 0): ["asha@example.in: 30 min left to close the manifests of Surat store"],
        (17, 29): [],
        (17, 31): [],
    }
    assert {(hour, minute): await warned(works, at(TUESDAY, hour, minute)) for hour, minute in expected} == expected
    assert len(await warned(works, at(WEDNESDAY, 15, 31))) == 1


async def test_who_comes_late_to_the_cut_off_is_warned_at_once(works: Floor) -> None:
    await works.rule(close_policy=MANUAL)
    works.world.desk.hold_s = 3600
    with clock.stopped_at(at(TUESDAY, 16, 30)):
        run_id = await works.start()
        run = await works.work(run_id)
    assert run.resume_at is not None
    assert await warned(works, at(TUESDAY, 17, 5)) == []
    works.world.desk.hold_s = 0
    with clock.stopped_at(max(run.resume_at, at(TUESDAY, 17, 10))):
        await works.work(run_id)
    assert len(await warned(works, at(TUESDAY, 17, 12))) == 1
    assert await warned(works, at(TUESDAY, 17, 13)) == []


async def test_a_batch_that_closes_by_itself_says_when(works: Floor) -> None:
    await works.rule(close_policy=DELAYED)
    with clock.stopped_at(at(TUESDAY, 11, 0)):
        await works.process()
    assert len(await warned(works, at(TUESDAY, 15, 31))) == 1
    body = (await works.rows("SELECT body FROM mails"))[0]["body"]
    assert "The manifests close at 24 Nov, 5:00 pm" in body or "The manifests close at 5:00 pm" in body
    assert "count for the next dispatch, on Wed 25 Nov" in body
    assert await warned(works, at(TUESDAY, 17, 1)) == []


async def test_a_batch_with_another_rule_is_looked_at_anew(works: Floor) -> None:
    await works.rule(close_policy=MANUAL)
    with clock.stopped_at(at(TUESDAY, 11, 0)):
        await works.process()
    assert await warned(works, at(TUESDAY, 11, 5)) == []
    await works.rule(close_policy=MANUAL, cutoff=12 * 60)
    assert len(await warned(works, at(TUESDAY, 11, 6))) == 1


async def test_nobody_is_warned_of_closed_manifests(works: Floor) -> None:
    with clock.stopped_at(at(TUESDAY, 11, 0)):
        await works.process()
    assert await warned(works, at(TUESDAY, 17, 1)) == []
