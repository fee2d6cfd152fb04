"""What our client sends and what our sandbox answers, held against Amazon's own models."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import jsonschema
import pytest

from portal.marketplaces.amazon_in.wire.listings import stock_feed
from portal.marketplaces.contract import Page
from portal.marketplaces.facts import Decision, StockLine
from portal.marketplaces.sandbox import Fault, Shop
from tests.marketplaces.amazon_in.bench import Bench, running
from tests.marketplaces.amazon_in.conveyor import conveyor
from tests.marketplaces.amazon_in.models import FEEDS, MODELS, check_answer, check_request, operation_of

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not MODELS.is_dir(), reason="no copy of Amazon's models beside this repository"),
]

SHOP = Shop(orders=150, listings=45, returns=9)
BIG = Shop(orders=5, listings=1010, returns=0)


async def drained(run: AsyncIterator[Page[Any]]) -> list[Any]:
    return [fact async for page in run for fact in page.facts]


async def everything(bench: Bench) -> None:
    async with bench.adapter(outside=bench.tapped()) as adapter:
        await adapter.validate(bench.ctx())
        await drained(adapter.sync_orders(bench.ctx()))
        await drained(adapter.sync_returns(bench.ctx()))
        await drained(adapter.sync_payouts(bench.ctx()))
        listings = await drained(adapter.sync_listings(bench.ctx()))
        lines = [
            StockLine(task_id=UUID(int=number), sku=fact.sku, quantity=5, attributes=fact.attributes)
            for number, fact in enumerate(listings)
        ]
        await drained(adapter.push_inventory(bench.ctx(), lines))


def check(bench: Bench) -> set[str]:
    """Every exchange that a model describes is as described; the names of the operations seen."""
    seen: set[str] = set()
    for request, status, body in bench.wire.seen:
        operation = operation_of(request)
        if operation is None:
            assert request.url.path.endswith("/auth/o2/token") or "/_documents/" in request.url.path
            continue
        seen.add(operation.name)
        check_request(operation, request)
        check_answer(operation, status, body)
    return seen


async def test_a_small_shops_whole_conversation_is_as_modelled() -> None:
    async with running(SHOP) as bench:
        await everything(bench)
        assert check(bench) >= {
            "searchOrders",
            "getMarketplaceParticipations",
            "searchListingsItems",
            "patchListingsItem",
            "getReports",
            "createReport",
            "getReport",
            "getReportDocument",
        }


async def test_a_big_catalogue_goes_by_report_and_feed_as_modelled() -> None:
    async with running(BIG) as bench:
        await everything(bench)
        assert check(bench) >= {"createReport", "createFeedDocument", "createFeed", "getFeeds", "getFeed", "getFeedDocument"}


async def test_a_batch_with_serial_numbers_and_a_dropped_order_is_as_modelled() -> None:
    async with conveyor(Shop(seed=4, orders=4, listings=40, returns=0)) as belt:
        serial, dropped, unslotted = (order.order_id for order in list(belt.world.orders)[:3])
        item = belt.world.orders.items(belt.world.orders[0])[0]
        belt.world.orders.wants_serials.add(serial)
        belt.world.orders.asks_to_cancel.add(dropped)
        belt.world.desk.no_slots.add(unslotted)
        tapped = belt.bench.tapped()
        await belt.run(outside=tapped)
        belt.decide(serial, Decision.CORRECT, **{f"serials_{item.item_id}": ",".join("1" * item.quantity)})
        belt.decide(dropped, Decision.DROP)
        await belt.run(outside=tapped)
        assert check(belt.bench) >= {
            "listHandoverSlots",
            "getScheduledPackage",
            "createScheduledPackage",
            "createRestrictedDataToken",
            "createFeed",
            "getFeed",
            "getReport",
            "getReportDocument",
            "getOrder",
            "getListingsItem",
        }
        assert {status for _, status, _ in belt.bench.wire.seen} == {200, 201, 202, 404}


@pytest.mark.parametrize("fault", [Fault.FORBIDDEN, Fault.SLOW_DOWN, Fault.EXPIRED_TOKEN])
async def test_refusals_are_as_modelled(fault: Fault) -> None:
    async with running(SHOP) as bench:
        await bench.order_fault(fault, operation="searchOrders")
        async with bench.adapter(outside=bench.tapped()) as adapter:
            await adapter.validate(bench.ctx())
        check(bench)
        assert {status for _, status, _ in bench.wire.seen} & {403, 429}


def test_a_stock_feed_fits_the_published_schema() -> None:
    schema = json.loads((FEEDS / "listings-feed-schema-v2.json").read_text(encoding="utf-8"))
    lines = [StockLine(task_id=UUID(int=n), sku=f"S/{n}", quantity=n, attributes=(("product_type", "SHIRT"),)) for n in range(3)]
    document = json.loads(stock_feed("A1EXAMPLE", lines))
    validator = jsonschema.validators.validator_for(schema)
    errors = [error.message for error in validator(schema).iter_errors(document)]
    assert errors == []
    assert [message["messageId"] for message in document["messages"]] == [1, 2, 3]
