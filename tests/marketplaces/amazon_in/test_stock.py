"""Pushing stock: one by one, by feed, and never twice at once."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from portal.marketplaces.amazon_in.wire.listings import stock_patch
from portal.marketplaces.contract import Page
from portal.marketplaces.errors import NotAllowed, Throttled, Unreachable
from portal.marketplaces.facts import LineOutcome, ListingFact, StockLine
from portal.marketplaces.http import Outside
from portal.marketplaces.sandbox import Fault, Shop
from tests.marketplaces.amazon_in.bench import Bench, running

pytestmark = pytest.mark.anyio

FEW = Shop(orders=5, listings=45, returns=0)
MANY = Shop(orders=5, listings=300, returns=0)

Pages = list[Page[LineOutcome]]


async def lines(bench: Bench, *, quantity: int = 17) -> list[StockLine]:
    """One line per listing of the shop, as the portal would make them from listing facts."""
    async with bench.adapter() as adapter:
        found: list[ListingFact] = [fact async for page in adapter.sync_listings(bench.ctx()) for fact in page.facts]
    return [
        StockLine(task_id=UUID(int=number), sku=fact.sku, quantity=quantity, attributes=fact.attributes)
        for number, fact in enumerate(found)
    ]


async def push(bench: Bench, todo: Sequence[StockLine], **parts: Any) -> Pages:
    async with bench.adapter() as adapter:
        return [page async for page in adapter.push_inventory(bench.ctx(**parts), todo)]


async def quantities(bench: Bench) -> dict[str, int | None]:
    return {row["sku"]: row["quantity_seen"] for row in (await bench.ledger())["listings"]}


def outcomes(read: Pages) -> dict[UUID, LineOutcome]:
    found = [outcome for page in read for outcome in page.facts]
    by_task = {outcome.task_id: outcome for outcome in found}
    assert len(by_task) == len(found)
    return by_task


@pytest.mark.parametrize(("shop", "operation"), [(FEW, "patchListingsItem"), (MANY, "createFeed")])
async def test_every_line_gets_its_outcome_and_the_stock_changes(shop: Shop, operation: str) -> None:
    async with running(shop) as bench:
        todo = await lines(bench)
        found = outcomes(await push(bench, todo))
        assert found.keys() == {line.task_id for line in todo}
        assert {outcome.state for outcome in found.values() if outcome.code != "fba"} == {"accepted"}
        assert {quantity for quantity in (await quantities(bench)).values() if quantity is not None} == {17}
        assert operation in await bench.calls()


@pytest.mark.parametrize("shop", [FEW, MANY])
async def test_stock_that_amazon_keeps_is_never_pushed(shop: Shop) -> None:
    async with running(shop) as bench:
        todo = await lines(bench)
        refused = [outcome for outcome in outcomes(await push(bench, todo)).values() if outcome.state == "refused"]
        assert {outcome.code for outcome in refused} == {"fba"}
        assert len(refused) == shop.listings // 10


@pytest.mark.parametrize("shop", [FEW, MANY])
async def test_a_refused_line_brings_amazons_words_and_the_others_pass(shop: Shop) -> None:
    async with running(shop) as bench:
        todo = await lines(bench)
        bad = StockLine(task_id=todo[0].task_id, sku=todo[0].sku, quantity=10_000, attributes=todo[0].attributes)
        found = outcomes(await push(bench, [bad, *todo[1:]]))
        assert found[bad.task_id].state == "refused"
        assert "must be from 0 to 9999" in found[bad.task_id].message
        assert sum(outcome.state == "accepted" for outcome in found.values()) == shop.listings - shop.listings // 10 - 1


async def test_a_sku_amazon_does_not_know_is_a_refused_line() -> None:
    async with running(FEW) as bench:
        unknown = StockLine(task_id=UUID(int=1), sku="A/B #1 +ü", quantity=3)
        assert outcomes(await push(bench, [unknown]))[unknown.task_id].code == "404"


@pytest.mark.parametrize("shop", [FEW, MANY])
async def test_every_cursor_resumes_with_one_outcome_per_line(shop: Shop) -> None:
    async with running(shop) as bench:
        todo = await lines(bench)
        read = await push(bench, todo)
        for number, page in enumerate(read[:-1]):
            rest = await push(bench, todo, cursor=page.cursor)
            assert outcomes(read[: number + 1] + rest).keys() == {line.task_id for line in todo}


async def test_a_feed_whose_answer_was_lost_is_not_started_twice() -> None:
    async with running(MANY) as bench:
        todo = await lines(bench)
        await bench.order_fault(Fault.LOST_ANSWER, operation="createFeed")
        kept: Pages = []
        async with bench.adapter() as adapter:
            run = adapter.push_inventory(bench.ctx(), todo)
            kept += [await anext(run), await anext(run)]
            with pytest.raises(Unreachable):
                await anext(run)
        rest = await push(bench, todo, cursor=kept[-1].cursor)
        assert outcomes(kept + rest).keys() == {line.task_id for line in todo}
        assert (await bench.calls()).count("createFeed") == 1


async def test_a_slow_feed_gives_the_job_back_and_is_awaited_by_its_id() -> None:
    async with running(MANY) as bench:
        todo = [line for line in await lines(bench) if dict(line.attributes)["channel"] == "DEFAULT"]
        await bench.tune(looks_needed=3)
        patient = Outside(settings={**bench.settings, "RATE": "1"}, tokens=bench.outside.tokens, allow_private=True)
        async with bench.adapter(outside=patient) as adapter:
            run = adapter.push_inventory(bench.ctx(), todo)
            started = [await anext(run), await anext(run)]
            with pytest.raises(Throttled):
                await anext(run)
        assert outcomes(await push(bench, todo, cursor=started[-1].cursor)).keys() == {line.task_id for line in todo}
        assert (await bench.calls()).count("createFeed") == 1


async def test_a_lost_answer_to_one_change_is_repeated_without_harm() -> None:
    async with running(FEW) as bench:
        todo = (await lines(bench))[:1]
        await bench.order_fault(Fault.LOST_ANSWER, operation="patchListingsItem")
        assert outcomes(await push(bench, todo))[todo[0].task_id].state == "accepted"
        assert (await quantities(bench))[todo[0].sku] == 17


async def test_a_missing_role_stops_the_push() -> None:
    async with running(FEW) as bench:
        todo = await lines(bench)
        await bench.order_fault(Fault.FORBIDDEN, operation="patchListingsItem", times=0)
        with pytest.raises(NotAllowed) as caught:
            await push(bench, todo)
        assert "Product Listing" in caught.value.seller_message


async def test_nothing_to_push_is_one_empty_page() -> None:
    async with running(FEW) as bench:
        assert [(page.facts, page.cursor) for page in await push(bench, [])] == [((), None)]


def test_a_quantity_is_merged_and_never_negative() -> None:
    patch = stock_patch(StockLine(task_id=UUID(int=1), sku="S", quantity=-4, attributes=(("product_type", "KURTA"),)))
    assert patch["productType"] == "KURTA"
    assert patch["patches"][0]["op"] == "merge"
    assert patch["patches"][0]["value"] == [{"fulfillment_channel_code": "DEFAULT", "quantity": 0}]
