"""What is promised to one order is there for no other: not in the next batch, not at another marketplace, not in the same second."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest

from portal import clock, db
from portal.listings import service as listings
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import BatchLine, Decision, ListingFact, PassedOrder, StageOutcome
from portal.marketplaces.registry import marketplace
from portal.marketplaces.stages import Stage
from portal.postgres import Addresses
from portal.processing import held_orders, steps, stock
from portal.processing.steps import Step
from portal.tables.syncs import RunState
from portal.vault import Vault
from tests.factories import make_account, make_seller
from tests.processing.floor import floor
from tests.processing.pipelines.ajio import PIPELINE as AJIO

pytestmark = pytest.mark.anyio

GOODS = "KURTA-RED-M"


@dataclass(frozen=True, kw_only=True)
class Counter:
    """One account of a seller with an open batch, where the goods go by a name of their own."""

    account: AccountRef
    batch: UUID
    sku: str
    stage: Stage

    async def told(self, pieces: int) -> None:
        """The marketplace says what it has, now."""
        fact = ListingFact(sku=self.sku, external_listing_id=self.sku, title="", status="active", raw_status="", quantity_seen=pieces)
        async with db.transaction(self.account.seller_id) as held:
            await listings.keep(self.account, [fact])
            await held.execute("UPDATE listings SET own_sku = $2 WHERE marketplace_account_id = $1", self.account.id, GOODS)

    async def order(self, name: str, ordered: int, *, promised: int = 0) -> None:
        """An order that waits at the stage of quantities, or has been promised so many."""
        line = BatchLine(external_item_id="1", sku=self.sku, ordered=ordered)
        async with db.transaction(self.account.seller_id) as held:
            await held.execute(
                """INSERT INTO batch_orders (seller_id, marketplace_account_id, batch_id, external_order_id, passed, lines, confirmed)
                   VALUES ($1, $2, $3, $4, $5, $6, $7)""",
                self.account.seller_id,
                self.account.id,
                self.batch,
                name,
                2 if promised else 1,
                msgspec.json.encode([line]).decode(),
                msgspec.json.encode({"1": promised} if promised else {}).decode(),
            )

    async def promise(self, name: str, pieces: int) -> None:
        """What the stage of quantities found, written down as its step is."""
        passed = PassedOrder(external_order_id=name, confirmed={"1": pieces})
        step = Step(batch_id=self.batch, position=2, stage=self.stage, outcome=StageOutcome(stage="quantities", passed=(passed,)))
        async with db.transaction(self.account.seller_id):
            await steps.keep(self.account, step)

    async def left(self) -> int:
        async with db.transaction(self.account.seller_id):
            return (await stock.left(self.account, [self.sku]))[self.sku].pieces

    async def state(self, name: str) -> tuple[str, str]:
        async with db.transaction(self.account.seller_id) as held:
            row = await held.fetchrow(
                "SELECT state, held_code FROM batch_orders WHERE marketplace_account_id = $1 AND external_order_id = $2",
                self.account.id,
                name,
            )
        return row["state"], row["held_code"]

    async def change(self, name: str, state: str) -> None:
        async with db.transaction(self.account.seller_id) as held:
            await held.execute(
                "UPDATE batch_orders SET state = $3 WHERE marketplace_account_id = $1 AND external_order_id = $2",
                self.account.id,
                name,
                state,
            )

    async def close(self, ago: timedelta) -> None:
        async with db.transaction(self.account.seller_id) as held:
            await held.execute("UPDATE batches SET state = 'closed', closed_at = $2 WHERE id = $1", self.batch, clock.now() - ago)


async def opened(seller: UUID, code: str, sku: str) -> Counter:
    account = await make_account(seller, code=code, external=f"{code}-1", name=code)
    batch = uuid4()
    async with db.transaction(seller) as held:
        await held.execute(
            "INSERT INTO batches (id, seller_id, marketplace_account_id, number) VALUES ($1, $2, $3, 1)", batch, seller, account.id
        )
    stage = next(one for one in marketplace(code).stages if "quantities" in one.produces)
    return Counter(account=account, batch=batch, sku=sku, stage=stage)


@pytest.fixture
async def here_and_there(connected: Addresses) -> tuple[Counter, Counter]:
    seller = await make_seller()
    here, there = await opened(seller, "AJIO", "A-1"), await opened(seller, "MEESHO", "M-77")
    await here.told(10)
    await there.told(10)
    return here, there


async def test_a_promise_at_one_marketplace_is_taken_from_all(here_and_there: tuple[Counter, Counter]) -> None:
    here, there = here_and_there
    await there.order("T1", 4, promised=4)
    assert (await here.left(), await there.left()) == (6, 6)


async def test_an_order_that_leaves_gives_its_pieces_back(here_and_there: tuple[Counter, Counter]) -> None:
    here, there = here_and_there
    await there.order("T1", 4, promised=4)
    for state, left in (("held", 6), ("released", 6), ("gone", 10)):
        await there.change("T1", state)
        assert await here.left() == left, state


async def test_what_was_handed_over_counts_until_the_stock_is_told_anew(here_and_there: tuple[Counter, Counter]) -> None:
    here, there = here_and_there
    await there.order("T1", 4, promised=4)
    await there.change("T1", "done")
    await there.close(timedelta(seconds=0))
    assert await here.left() == 6
    await here.told(6)
    assert await here.left() == 6


async def test_other_goods_and_other_sellers_are_not_touched(here_and_there: tuple[Counter, Counter]) -> None:
    here, _ = here_and_there
    stranger = await opened(await make_seller("Chitra Crafts"), "AJIO", "A-1")
    await stranger.told(10)
    await stranger.order("S1", 9, promised=9)
    assert await here.left() == 10


async def test_of_two_promises_in_the_same_moment_the_second_is_held(here_and_there: tuple[Counter, Counter]) -> None:
    """Both stages read ten pieces and want seven: the one that writes second waits for the first and hears of it."""
    here, there = here_and_there
    await here.order("H1", 7)
    await there.order("T1", 7)
    written, may_end = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with db.transaction(here.account.seller_id):
            await here.promise("H1", 7)
            written.set()
            await may_end.wait()

    async with asyncio.TaskGroup() as both:
        both.create_task(first())
        await written.wait()
        second = both.create_task(there.promise("T1", 7))
        while not second.done() and not await stands_in_line():
            await asyncio.sleep(0.01)  # no event tells that a lock is waited for
        may_end.set()
    assert await here.state("H1") == ("in", "")
    assert await there.state("T1") == ("held", "stock_taken")


@pytest.mark.parametrize(("code", "offered"), [("AJIO", True), ("MEESHO", False)])
async def test_to_send_less_is_offered_where_the_marketplace_takes_it(connected: Addresses, code: str, offered: bool) -> None:
    counter = await opened(await make_seller(), code, "A-1")
    await counter.told(1)
    await counter.order("A1", 2)
    await counter.promise("A1", 2)
    (group,) = await held_orders.listed(counter.account.seller_id)
    assert (Decision.REDUCE in group.decisions) is offered


async def stands_in_line() -> bool:
    async with db.pool().acquire() as held:
        return bool(await held.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"))


async def test_what_a_person_insisted_on_is_not_questioned(here_and_there: tuple[Counter, Counter]) -> None:
    here, there = here_and_there
    await there.order("T1", 8, promised=8)
    await here.order("H1", 7)
    async with db.transaction(here.account.seller_id) as held:
        await held.execute("UPDATE batch_orders SET decision = 'as_ordered' WHERE external_order_id = 'H1'")
    await here.promise("H1", 7)
    assert await here.state("H1") == ("in", "")


async def test_the_next_batch_finds_what_the_last_one_left(connected: Addresses, keys: Vault, tmp_path: Path) -> None:
    async with floor(AJIO, connected, keys, tmp_path, orders=1) as works:
        goods = works.world.catalogue[0]
        works.pipeline.add(works.world, 1)
        first, second = works.world.sold
        for order, pieces in ((first, 3), (second, 2)):
            order.lines = order.lines[:1]
            order.lines[0].article, order.lines[0].pieces = goods, pieces
        second.state = "LATER"
        await works.stock(**{goods.sku: 4})
        assert (await works.process()).state == RunState.SUCCEEDED
        second.state = "NEW"
        works.world.forget_waiting()
        assert (await works.process()).state == RunState.PARTIAL
        ((waiting,),) = [group.orders for group in await held_orders.listed(works.seller)]
        assert waiting.reason == f"2 of {goods.sku} are ordered and 1 are left."
        await works.stock()
        await held_orders.decide(works.seller, waiting.id, Decision.RETRY, {}, by="Asha")
        assert (await works.process()).state == RunState.SUCCEEDED
        await works.pipeline.agrees(works, {})
