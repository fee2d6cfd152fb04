"""Starting, joining, cancelling, going on: what a click does."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import asyncpg
import pytest

from portal import db
from portal.accounts import service as accounts
from portal.errors import Conflict, NotFound
from portal.jobs import Jobs
from portal.marketplaces.contract import ScheduleTarget
from portal.runs import service
from portal.tables.syncs import FINISHED, TRANSITIONS, RunState, Trigger
from tests.factories import make_account, make_seller
from tests.runs.conftest import LEASE, Desk
from tests.workshop import seen

pytestmark = pytest.mark.anyio


async def test_two_clicks_make_one_run(desk: Desk) -> None:
    first, second = await desk.start(by="Asha"), await desk.start(by="Bala")
    assert (first.joined, second.joined) == (False, True)
    assert (second.run_id, second.started_at) == (first.run_id, first.started_at)
    assert await desk.asked_for() == [f"sync-{first.run_id}-0"]
    assert len(await service.history(desk.seller)) == 1


async def test_ten_clicks_at_once_make_one_run(desk: Desk) -> None:
    started = await asyncio.gather(*(desk.start() for _ in range(10)))
    assert len({one.run_id for one in started}) == 1
    assert sorted(one.joined for one in started) == [False] + [True] * 9
    assert len(await desk.asked_for()) == 1


async def test_the_database_itself_refuses_a_second_live_run(desk: Desk) -> None:
    await desk.start()
    with pytest.raises(asyncpg.UniqueViolationError):
        async with db.transaction(desk.seller):
            await service.queue(desk.seller, desk.account.id, ScheduleTarget.ORDERS, trigger=Trigger.MANUAL)


async def test_the_database_refuses_every_step_that_is_not_in_the_table(desk: Desk) -> None:
    """`TRANSITIONS` is what the code goes by; the trigger of the migration says the same."""
    run_id = (await desk.start()).run_id
    held = await asyncpg.connect(desk.addresses.owner)
    try:
        for before, after in itertools.product(RunState, RunState):
            await held.execute("SET session_replication_role = replica")  # no triggers, in this session alone
            await held.execute(_TO, run_id, before)
            await held.execute("SET session_replication_role = DEFAULT")
            try:
                await held.execute(_TO, run_id, after)
                done = True
            except asyncpg.CheckViolationError:
                done = False
            assert done == (after is before or after in TRANSITIONS.get(before, ())), f"{before} to {after}"
    finally:
        await held.close()


_TO = f"""UPDATE sync_runs SET state = $2::text,
    finished_at = CASE WHEN $2::text IN ({", ".join(f"'{one}'" for one in FINISHED)}) THEN now() END WHERE id = $1"""


async def test_a_run_that_ended_makes_room_for_the_next(desk: Desk) -> None:
    taken = await desk.at_work()
    await service.finish(taken, watermark=None)
    assert not (await desk.start()).joined


STOPPED = (
    # what the account's row says, what the seller reads
    ("state = 'paused'", "Surat store is paused. Resume it first."),
    ("state = 'disconnected'", "Surat store is disconnected. Connect it again first."),
    ("state = 'active', needs_reconnect = true", "Surat store needs reconnecting before it can sync."),
)


async def test_an_account_that_cannot_work_says_why(desk: Desk) -> None:
    for change, sentence in STOPPED:
        await seen(desk.addresses, f"UPDATE marketplace_accounts SET {change}")
        with pytest.raises(Conflict) as caught:
            await desk.start()
        assert caught.value.seller_message == sentence
    assert await desk.asked_for() == []


async def test_pausing_leaves_running_work_alone_and_cancellable(desk: Desk) -> None:
    """A click joins it, and cancelling it works as ever."""
    taken = await desk.at_work()
    await accounts.pause(desk.seller, desk.account.id, by="Asha")
    assert (await desk.start()).joined
    assert await service.beat(taken)
    assert await service.request_cancel(desk.seller, taken.id, by="Asha") == RunState.CANCELLING


async def test_a_kind_of_sync_the_marketplace_does_not_offer_is_not_found(desk: Desk) -> None:
    other = await make_account(desk.seller, code="MEESHO", external="M1", name="Rajkot store")
    with pytest.raises(NotFound):
        await service.start(desk.seller, other.id, ScheduleTarget.LISTINGS, jobs=desk.jobs)


async def test_a_cancel_of_a_queued_run_ends_it_at_once(desk: Desk) -> None:
    run_id = (await desk.start()).run_id
    assert await service.request_cancel(desk.seller, run_id, by="Asha") == RunState.CANCELLED
    run = await desk.run(run_id)
    assert (run.state, run.finished_at is not None) == (RunState.CANCELLED, True)
    assert await service.take(desk.seller, run_id, lease=LEASE) is None
    assert not (await desk.start()).joined


async def test_a_cancel_of_a_running_run_is_answered_at_the_next_page(desk: Desk) -> None:
    taken = await desk.at_work()
    assert await service.request_cancel(desk.seller, taken.id, by="Asha") == RunState.CANCELLING
    assert await service.request_cancel(desk.seller, taken.id, by="Bala") == RunState.CANCELLING
    async with db.transaction(desk.seller):
        recorded = await service.record(taken, new=5, changed=0, same=0, set_aside=0, cursor="c", total=None)
    assert recorded.cancel_requested
    await service.cancelled(taken)
    assert [event.message for event in await service.events(desk.seller, taken.id)][-2:] == [
        "Page 1: 5 new, 0 changed, 0 same. 5 read so far.",
        "Cancelled. 5 already read are kept.",
    ]
    assert [kind for _, kind in await desk.told(taken.id)].count("cancelling") == 1


async def test_a_cancel_of_an_ended_run_changes_nothing(desk: Desk) -> None:
    taken = await desk.at_work()
    await service.finish(taken, watermark=None)
    before = await desk.told(taken.id)
    assert await service.request_cancel(desk.seller, taken.id, by="Asha") == RunState.SUCCEEDED
    assert await desk.told(taken.id) == before


async def test_a_retry_is_a_new_run_from_the_last_saved_page(desk: Desk) -> None:
    taken = await desk.at_work()
    async with db.transaction(desk.seller):
        await service.record(taken, new=5, changed=0, same=0, set_aside=0, cursor="page 2", total=None)
    with pytest.raises(Conflict):
        async with db.transaction(desk.seller):
            await service.queue(desk.seller, desk.account.id, ScheduleTarget.ORDERS, trigger=Trigger.RETRY, retry_of=taken.id)
    assert (await service.retry(desk.seller, taken.id, jobs=desk.jobs, by="Asha")).joined, "a live run is joined, not doubled"
    await service.fail(taken, "unreachable", "Amazon India is not answering.")
    again = await service.retry(desk.seller, taken.id, jobs=desk.jobs, by="Asha")
    run = await desk.run(again.run_id)
    assert (run.id != taken.id, run.retry_of, run.cursor, run.since, run.trigger) == (True, taken.id, "page 2", taken.since, Trigger.RETRY)
    assert (await desk.take(run.id)).cursor == "page 2"


Ask = Callable[[UUID, UUID, UUID, Jobs], Awaitable[object]]
STRANGERS: dict[str, Ask] = {
    # what chitra may try with asha's ids
    "start": lambda who, account, _, jobs: service.start(who, account, ScheduleTarget.ORDERS, jobs=jobs),
    "get": lambda who, _, run, __: service.get(who, run),
    "account of a run": lambda who, _, run, __: service.account_of(who, run),
    "cancel": lambda who, _, run, __: service.request_cancel(who, run, by="Chitra"),
    "retry": lambda who, _, run, jobs: service.retry(who, run, jobs=jobs, by="Chitra"),
    "account": lambda who, account, _, __: accounts.get(who, account),
    "check": lambda who, account, _, jobs: accounts.start_check(who, account, jobs=jobs),
    "pause": lambda who, account, _, __: accounts.pause(who, account, by="Chitra"),
    "resume": lambda who, account, _, __: accounts.resume(who, account, by="Chitra"),
}


async def test_anothers_id_is_as_unknown_as_one_that_never_was(desk: Desk) -> None:
    chitra = await make_seller("Chitra Crafts")
    run_id = (await desk.start()).run_id
    before = await desk.told(run_id)
    for what, ask in STRANGERS.items():
        said = []
        for account, run in ((desk.account.id, run_id), (uuid4(), uuid4())):
            with pytest.raises(NotFound) as caught:
                await ask(chitra, account, run, desk.jobs)
            said.append(caught.value.seller_message)
        assert said[0] == said[1], what
    assert await desk.told(run_id) == before


async def test_lists_hold_the_sellers_own_rows_only(desk: Desk) -> None:
    chitra = await make_seller("Chitra Crafts")
    run_id = (await desk.start()).run_id
    lists = (
        await service.history(chitra),
        await service.history(chitra, account_id=desk.account.id),
        await service.events(chitra, run_id),
        await service.last_events(chitra, run_id),
        await service.set_asides(chitra, run_id),
        await accounts.timeline(chitra, desk.account.id),
        await accounts.all_of(chitra),
    )
    assert not any(lists)
    assert await service.take(chitra, run_id, lease=LEASE) is None


async def test_each_account_has_its_own_runs(desk: Desk) -> None:
    other = await make_account(desk.seller, external="A2SECOND", name="Pune store")
    mine = await desk.start()
    theirs = await service.start(desk.seller, other.id, ScheduleTarget.ORDERS, jobs=desk.jobs)
    assert (mine.run_id != theirs.run_id, theirs.joined) == (True, False)
    assert [one.id for one in await service.history(desk.seller, account_id=other.id)] == [theirs.run_id]
