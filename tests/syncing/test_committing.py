"""Two pages under way at once: what the second may do before the first is committed, and what becomes of it when the first is not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from portal import clock, db
from portal.marketplaces.contract import Page, ScheduleTarget
from portal.marketplaces.errors import Throttled
from portal.marketplaces.facts import OrderFact, OrderItemFact, OrderStatus
from portal.marketplaces.registry import MARKETPLACES
from portal.orders import keeping
from portal.runs import service as runs
from portal.runs.kept import Kept
from portal.runs.service import Taken
from portal.syncing import targets
from portal.syncing.committing import EARLY, Commits, Ready
from portal.vault import BuyerSeal
from tests.workshop import Workshop, kept_orders, seen

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 16, 6, 30, tzinfo=UTC)
SOON_S = 60


@pytest.fixture
async def taken(works: Workshop) -> Taken:
    found = await runs.take(works.seller, await works.start(), lease=works.lease)
    assert found is not None
    return found


def page(number: int, *order_ids: str, line: str = "1") -> Page[OrderFact]:
    facts = tuple(
        OrderFact(
            external_order_id=order_id,
            status=OrderStatus.OPEN,
            raw_status="OPEN",
            placed_at=NOON,
            marketplace_updated_at=NOON,
            items=(OrderItemFact(external_item_id=line, sku=f"SKU-{line}", title="Kurta", quantity=1, unit_amount=None),),
        )
        for order_id in order_ids
    )
    return Page(facts=facts, cursor=str(number))


class Told:
    """Pages for a run, and what has happened to them. The write of the page with cursor `hangs` does its work and never ends.

    `late`: after the last of them another one is announced and never comes.
    """

    def __init__(
        self, works: Workshop, *pages: Page[OrderFact], fault: Exception | None = None, hangs: str | None = None, late: bool = False
    ) -> None:
        self._pages = pages
        self._fault = fault
        self._hangs = hangs
        self._late = late
        self._keep = targets.keeper(works.account, ScheduleTarget.ORDERS, BuyerSeal(b"k" * 32, "scope"))
        self.begun = [asyncio.Event() for _ in pages]
        self.written = [asyncio.Event() for _ in pages]

    async def ready(self) -> AsyncIterator[Ready]:
        for place, one in enumerate(self._pages):
            yield one, partial(self._made_ready, place)
        if self._late:
            await asyncio.Event().wait()
        if self._fault is not None:
            raise self._fault

    def _made_ready(self, place: int) -> targets.Write:
        return partial(self._write, place, self._keep(self._pages[place].facts))

    async def _write(self, place: int, write: targets.Write) -> Kept:
        self.begun[place].set()
        kept = await write()
        self.written[place].set()
        if self._pages[place].cursor == self._hangs:
            await asyncio.Event().wait()
        return kept


def commits(taken: Taken, *, side_by_side: bool = True) -> Commits:
    return Commits(taken, aside=False, side_by_side=side_by_side)


async def committed(taken: Taken, told: Told, *, side_by_side: bool = True) -> list[str | None]:
    return [one.cursor async for one, _ in commits(taken, side_by_side=side_by_side).overlapping(told.ready())]


@asynccontextmanager
async def nothing_recorded(works: Workshop, run_id: UUID) -> AsyncIterator[None]:
    """Within, every page stops where it would move the run's cursor."""
    held = await asyncpg.connect(works.addresses.owner)
    try:
        async with held.transaction():
            await held.execute("SELECT FROM sync_runs WHERE id = $1 FOR UPDATE", run_id)
            yield
    finally:
        await held.close()


async def until(works: Workshop, sessions: int, condition: str) -> None:
    """Wait until so many of the portal's connections are in this condition."""
    async with asyncio.timeout(SOON_S):
        while len(await seen(works.addresses, f"SELECT FROM pg_stat_activity WHERE usename = 'portal_worker' AND {condition}")) < sessions:
            await asyncio.sleep(0.01)


async def test_the_next_page_is_written_before_this_one_is_committed_and_recorded_after_it(works: Workshop, taken: Taken) -> None:
    told = Told(works, page(1, "A"), page(2, "B"), page(3, "C"))
    async with nothing_recorded(works, taken.id):
        working = asyncio.create_task(committed(taken, told))
        async with asyncio.timeout(SOON_S):
            await told.written[1].wait()
        assert not told.begun[2].is_set()
        assert not await kept_orders(works.addresses, works.account.id)
    async with asyncio.timeout(SOON_S):
        assert await working == ["1", "2", "3"]
    assert [one[:6] for one in await works.messages(taken.id) if one.startswith("Page")] == ["Page 1", "Page 2", "Page 3"]
    assert (await runs.get(works.seller, taken.id)).cursor == "3"


@pytest.mark.parametrize(
    ("side_by_side", "second", "at_once"),
    [(True, "B", True), (True, "A", False), (False, "B", False)],
    ids=["nothing in common", "an order in common", "rows that no page names"],
)
async def test_two_pages_are_written_at_once_where_they_cannot_meet(
    works: Workshop, taken: Taken, side_by_side: bool, second: str, at_once: bool
) -> None:
    """Else each could hold a row that the other one waits for."""
    told = Told(works, page(1, "A"), page(2, second), hangs="1")
    working = asyncio.create_task(committed(taken, told, side_by_side=side_by_side))
    try:
        async with asyncio.timeout(SOON_S):
            await told.written[0].wait()
            if at_once:
                await told.begun[1].wait()
        await until(works, 2, "state = 'idle in transaction' AND query NOT LIKE 'BEGIN%'")
        for _ in range(20):  # what is free to go on does
            await asyncio.sleep(0)
        assert told.begun[1].is_set() is at_once
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_pages_that_teach_listings_are_written_one_after_the_other(works: Workshop) -> None:
    """Two pages of one shop name the same SKUs."""
    sideways = {
        place.code
        for place in MARKETPLACES
        if targets.named_alone(msgspec.structs.replace(works.account, code=place.code), ScheduleTarget.ORDERS)
    }
    assert sideways == {place.code for place in MARKETPLACES if ScheduleTarget.LISTINGS in place.supported_targets}


async def test_an_order_whose_lines_come_on_two_pages_keeps_them_all(works: Workshop, taken: Taken) -> None:
    told = Told(works, page(1, "A", "B", line="1"), page(2, "B", "C", line="2"))
    async with nothing_recorded(works, taken.id):
        working = asyncio.create_task(committed(taken, told))
        await until(works, 1, "wait_event_type = 'Lock'")
        assert not told.begun[1].is_set()
    async with asyncio.timeout(SOON_S):
        assert await working == ["1", "2"]
    kept = await kept_orders(works.addresses, works.account.id)
    lines = {number: sorted(item["external_item_id"] for item in row["items"]) for number, row in kept.items()}
    assert lines == {"A": ["1"], "B": ["1", "2"], "C": ["2"]}


@pytest.mark.parametrize(("walk", "may_be_lost"), [("overlapping", True), ("in_turn", False)])
async def test_only_what_can_be_read_again_may_be_lost_in_a_crash(works: Workshop, taken: Taken, walk: str, may_be_lost: bool) -> None:
    """Told by who has set how a commit is made: this transaction, or the one who runs the database."""
    said = []

    async def write() -> Kept:
        said.append(await db.connection().fetchval("SELECT source FROM pg_settings WHERE name = 'synchronous_commit'"))
        return Kept()

    async def ready() -> AsyncIterator[Ready]:
        yield page(1, "A"), lambda: write

    assert [one.cursor async for one, _ in getattr(commits(taken), walk)(ready())] == ["1"]
    assert [source == "session" for source in said] == [may_be_lost]


@pytest.mark.parametrize("rows", [1, EARLY], ids=["small tables", "tables that have grown"])
async def test_only_a_plan_that_was_made_in_grown_tables_is_kept(works: Workshop, taken: Taken, rows: int) -> None:
    """Told by what a plan would be now, when hashing costs too much: one that was kept does not know about that."""
    await committed(taken, Told(works, page(1, *map(str, range(rows)))))
    async with AsyncExitStack() as every:
        connections = [await every.enter_async_context(db.pool().acquire()) for _ in range(db.pool().get_idle_size())]
        plans = [plan for one in connections if (plan := await plan_of_keeping(one))]
    assert plans
    assert all(("Hash Left Join" in plan) is (rows == EARLY) for plan in plans), plans


async def plan_of_keeping(connection: Any) -> str:
    """As this connection would keep a page now; empty, where it never has."""
    name = await connection.fetchval("SELECT name FROM pg_prepared_statements WHERE statement = $1", keeping.KEEP)
    if name is None:
        return ""
    nothing = ", ".join(["NULL"] * 37)
    async with connection.transaction():
        await connection.execute(
            f"SET LOCAL ROLE {db.TENANT_ROLE}; SET LOCAL enable_hashjoin = off; SET LOCAL plan_cache_mode = force_generic_plan"
        )
        return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE {name}({nothing})"))


async def test_a_page_that_cannot_be_read_comes_after_the_one_that_was(works: Workshop, taken: Taken) -> None:
    told = Told(works, page(1, "A"), fault=Throttled("Amazon India", retry_at=clock.now()))
    pages = commits(taken).overlapping(told.ready())
    assert (await anext(pages))[0].cursor == "1"
    with pytest.raises(Throttled):
        await anext(pages)
    assert set(await kept_orders(works.addresses, works.account.id)) == {"A"}


async def test_a_page_is_told_when_it_is_committed_however_long_the_next_one_takes(works: Workshop, taken: Taken) -> None:
    """Who cancels a slow run waits for no page that is still to come."""
    told = Told(works, page(1, "A"), late=True)
    both = commits(taken)
    async with asyncio.timeout(SOON_S), aclosing(both.overlapping(told.ready())) as pages:
        async for one, _ in pages:
            assert one.cursor == "1"
            both.stop()
    assert set(await kept_orders(works.addresses, works.account.id)) == {"A"}


async def test_a_page_that_is_not_committed_takes_the_next_one_along(works: Workshop, taken: Taken) -> None:
    await seen(works.addresses, "UPDATE sync_runs SET attempt = attempt + 1")  # another worker has the run
    with pytest.raises(runs.LeaseLost):
        await committed(taken, Told(works, page(1, "A"), page(2, "B"), page(3, "C")))
    assert not await kept_orders(works.addresses, works.account.id)


async def test_who_stops_gets_the_page_that_was_under_way_and_no_more(works: Workshop, taken: Taken) -> None:
    both, came = commits(taken), []
    async for one, _ in both.overlapping(Told(works, *(page(number, str(number)) for number in range(1, 6))).ready()):
        came.append(one.cursor)
        both.stop()
    assert came == ["1", "2"]
    assert set(await kept_orders(works.addresses, works.account.id)) == {"1", "2"}


async def test_what_is_under_way_when_the_reader_goes_away_is_rolled_back(works: Workshop, taken: Taken) -> None:
    told = Told(works, page(1, "A"), page(2, "B"), hangs="2")
    async with aclosing(commits(taken).overlapping(told.ready())) as pages:
        assert (await anext(pages))[0].cursor == "1"
        async with asyncio.timeout(SOON_S):
            await told.written[1].wait()
    assert set(await kept_orders(works.addresses, works.account.id)) == {"A"}
    assert (await runs.get(works.seller, taken.id)).cursor == "1"
    assert not await seen(works.addresses, "SELECT FROM pg_locks WHERE relation = 'orders'::regclass AND mode = 'RowExclusiveLock'")
