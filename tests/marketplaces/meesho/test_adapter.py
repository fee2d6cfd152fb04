"""Reading and writing a whole shop: everything once, nothing lost, wherever it is interrupted."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from portal.marketplaces.contract import Check, Page, ScheduleTarget, SyncContext
from portal.marketplaces.errors import KeysRejected, NotAllowed, Unreachable
from portal.marketplaces.facts import OrderStatus, StockLine
from portal.marketplaces.meesho import pushing
from portal.marketplaces.meesho.adapter import REPEATED, MeeshoAdapter, open_meesho
from portal.marketplaces.meesho.pushing import idempotency_key
from portal.marketplaces.meesho.wire.supplier import Location, Supplier
from portal.marketplaces.sandbox import Fault, Shop
from tests.marketplaces.meesho.shopping import ACCOUNT, Sandboxed, as_ledger, facts_of, in_paise, merged, moment, sandboxed

pytestmark = pytest.mark.anyio

Read = Callable[[MeeshoAdapter, SyncContext], AsyncIterator[Page[Any]]]

READS: dict[str, Read] = {
    "orders": MeeshoAdapter.sync_orders,
    "returns": MeeshoAdapter.sync_returns,
    "payouts": MeeshoAdapter.sync_payouts,
}
EVERY_READ = pytest.mark.parametrize("kind", READS)


def gathered(kind: str, pages: list[Page[Any]]) -> list[dict[str, Any]]:
    """What tables would hold after those pages, written as the ledger is."""
    if kind == "payouts":
        return merged(facts_of(pages))
    return as_ledger(facts_of(pages), {"orders": "external_order_id", "returns": "external_return_id"}[kind])


async def expected(shop: Sandboxed, kind: str) -> list[dict[str, Any]]:
    found = await shop.ledger(kind)
    return [in_paise(payout) for payout in found] if kind == "payouts" else found


async def read(shop: Sandboxed, kind: str, ctx: SyncContext, *, most_rows: int = 100) -> list[Page[Any]]:
    async with shop.adapter(most_rows=most_rows) as adapter:
        return [page async for page in READS[kind](adapter, ctx)]


@EVERY_READ
@pytest.mark.parametrize("most_rows", [100, 7])
async def test_a_full_read_equals_the_ledger_however_it_is_paged(shop: Sandboxed, kind: str, most_rows: int) -> None:
    pages = await read(shop, kind, shop.context(), most_rows=most_rows)

    assert gathered(kind, pages) == await expected(shop, kind)
    assert [page.cursor is None for page in pages] == [False] * (len(pages) - 1) + [True]
    assert [page.watermark is None for page in pages] == [True] * (len(pages) - 1) + [False]
    assert not any(page.cut or page.set_aside for page in pages)


@EVERY_READ
async def test_a_read_goes_on_at_every_cursor_without_gap_or_repeat(shop: Sandboxed, kind: str) -> None:
    """Any page's cursor, in a fresh conversation, brings exactly the pages behind it."""
    whole = await read(shop, kind, shop.context(), most_rows=40)

    for place, page in enumerate(whole[:-1]):
        rest = await read(shop, kind, shop.context(cursor=page.cursor), most_rows=40)
        assert rest == whole[place + 1 :]


@EVERY_READ
async def test_a_read_that_breaks_off_goes_on_where_it_was(shop: Sandboxed, kind: str) -> None:
    await shop.order(Fault.OUTAGE, times=0, after=2)
    pages: list[Page[Any]] = []

    async def read_on(adapter: MeeshoAdapter) -> None:
        async for page in READS[kind](adapter, shop.context()):
            pages.append(page)

    async with shop.adapter(most_rows=9) as adapter:
        with pytest.raises(Unreachable):
            await read_on(adapter)
    await shop.clear()

    pages += await read(shop, kind, shop.context(cursor=pages[-1].cursor), most_rows=9)

    assert len(pages) > 2
    assert gathered(kind, pages) == await expected(shop, kind)


@EVERY_READ
async def test_a_page_that_comes_again_ends_the_run(shop: Sandboxed, kind: str) -> None:
    """The same rows under a fresh cursor are no progress: the run ends as cut, without a watermark, instead of for ever."""
    await shop.order(Fault.REPEATED_PAGE, times=0, after=1)

    pages = await read(shop, kind, shop.context(), most_rows=5)

    assert pages[-1].cut == REPEATED
    assert pages[-1].cursor is None
    assert pages[-1].watermark is None
    assert len(pages) <= 3


async def test_pages_that_come_in_turns_end_the_run(shop: Sandboxed) -> None:
    """A, B, A: the earlier page is remembered in the cursor, so another process sees it too."""
    first, second, *_ = await read(shop, "orders", shop.context(), most_rows=10)
    assert second.cursor is not None
    assert first.cursor is not None

    await shop.order(Fault.REPEATED_PAGE)
    pages = await read(shop, "orders", shop.context(cursor=second.cursor), most_rows=10)

    assert [page.cut for page in pages] == [REPEATED]


@EVERY_READ
async def test_an_unreadable_row_is_set_aside_and_the_others_are_kept(shop: Sandboxed, kind: str) -> None:
    await shop.order(Fault.UNREADABLE_ROW)

    pages = await read(shop, kind, shop.context())

    (row,) = pages[0].set_aside
    assert row.reason
    if kind != "payouts":
        assert len(gathered(kind, pages)) == len(await expected(shop, kind)) - 1


async def test_an_unknown_word_survives(shop: Sandboxed) -> None:
    await shop.order(Fault.UNKNOWN_VALUE)

    pages = await read(shop, "orders", shop.context())

    assert pages[0].facts[0].status is OrderStatus.UNKNOWN
    assert pages[0].facts[0].raw_status == "TELEPORTED"


async def test_the_next_run_brings_what_changed_and_no_more_than_the_overlap(shop: Sandboxed) -> None:
    first = await read(shop, "orders", shop.context())
    before = {order["external_order_id"]: order for order in await shop.ledger("orders")}
    await shop.add(5)

    second = await read(shop, "orders", shop.context(since=first[-1].watermark))

    after = {order["external_order_id"]: order for order in await shop.ledger("orders")}
    changed = {name for name, order in after.items() if order != before.get(name)}
    found = {fact.external_order_id for fact in facts_of(second)}
    assert changed <= found
    assert len(changed) > 5, "five new orders, and older ones that moved on"
    assert len(found) < len(changed) + 20
    assert gathered("orders", first + second) == await shop.ledger("orders")
    assert second[-1].watermark is not None
    assert first[-1].watermark is not None
    assert moment(second[-1].watermark) > moment(first[-1].watermark)


async def test_a_run_without_news_keeps_its_place(shop: Sandboxed) -> None:
    """Nothing found is no reason to forget how far we were, nor to trust our own clock."""
    (page,) = await read(shop, "orders", shop.context(since=shop.shop.now.isoformat()))

    assert page.facts == ()
    assert page.watermark is not None
    assert moment(page.watermark) <= shop.shop.now


async def test_a_cursor_of_another_release_begins_anew(shop: Sandboxed) -> None:
    for cursor in ("page 7", '{"page":7}'):
        pages = await read(shop, "orders", shop.context(cursor=cursor))
        assert gathered("orders", pages) == await shop.ledger("orders")


async def test_a_backfill_stays_between_its_ends(shop: Sandboxed) -> None:
    start, end = shop.shop.now - timedelta(days=12), shop.shop.now - timedelta(days=9)

    pages = await read(shop, "orders", shop.context(since=shop.shop.now.isoformat(), first_day=start, until=end))

    found = facts_of(pages)
    assert found
    assert all(start <= order.marketplace_updated_at <= end for order in found)
    assert len(found) == sum(start <= moment(order["marketplace_updated_at"]) <= end for order in await shop.ledger("orders"))


async def test_reading_payments_again_gives_whole_payouts_again(shop: Sandboxed) -> None:
    """Whole days are read, so the overlap never leaves a payout with the sum of half a day."""
    first = await read(shop, "payouts", shop.context())

    again = await read(shop, "payouts", shop.context(since=first[-1].watermark))

    whole = {payout["external_payout_id"]: payout for payout in await expected(shop, "payouts")}
    found = gathered("payouts", again)
    assert found
    for payout in found:
        assert payout == whole[payout["external_payout_id"]]


async def test_an_empty_shop_is_read_in_one_page_per_list() -> None:
    async with sandboxed(Shop(orders=0, returns=0, payouts=0)) as shop:
        assert [len(await read(shop, kind, shop.context())) for kind in READS] == [1, 2, 1]


async def test_validation_ticks_its_lines_and_names_shop_and_permissions(shop: Sandboxed) -> None:
    ticked: list[Check] = []

    async def checked(check: Check) -> None:
        ticked.append(check)

    await shop.order(Fault.FORBIDDEN, times=0, operation="payments")
    async with shop.adapter() as adapter:
        found = await adapter.validate(shop.context(checked=checked))

    assert ticked == [Check.REACHED, Check.ACCEPTED, Check.PERMISSIONS, Check.SHOP]
    assert found.external_account_id == shop.keys.supplier_identifier
    assert found.seller_name == "Sandbox Fashions 1"
    told = {permission.target: permission for permission in found.permissions}
    assert {target: permission.allowed for target, permission in told.items()} == {
        ScheduleTarget.ORDERS: True,
        ScheduleTarget.RETURNS: True,
        ScheduleTarget.PAYOUTS: False,
        ScheduleTarget.INVENTORY: None,
        ScheduleTarget.FULL_PROCESSING: None,
    }
    assert "payments" in told[ScheduleTarget.PAYOUTS].message
    assert "Read order" in told[ScheduleTarget.ORDERS].proof


@pytest.mark.parametrize(("fault", "ticked"), [(Fault.REVOKED, [Check.REACHED]), (Fault.OUTAGE, []), (Fault.FORBIDDEN, [Check.REACHED])])
async def test_a_failed_validation_ticks_what_was_proven(shop: Sandboxed, fault: Fault, ticked: list[Check]) -> None:
    done: list[Check] = []

    async def checked(check: Check) -> None:
        done.append(check)

    await shop.order(fault, times=0)
    async with shop.adapter() as adapter:
        with pytest.raises((KeysRejected, Unreachable, NotAllowed)):
            await adapter.validate(shop.context(checked=checked))

    assert done == ticked


async def test_another_shops_keys_are_reported_as_that_shop(shop: Sandboxed) -> None:
    await shop.order(Fault.OTHER_SHOP)

    async with shop.adapter() as adapter:
        found = await adapter.validate(shop.context())

    assert found.external_account_id == "anotherone"


async def stock_lines(shop: Sandboxed, count: int, quantity: int = 7) -> list[StockLine]:
    listings = (await shop.ledger("listings"))[:count]
    return [
        StockLine(
            task_id=UUID(int=number + 1),
            sku=listing["sku"],
            quantity=quantity,
            external_listing_id=listing["external_listing_id"],
            attributes=tuple((name, value) for name, value in listing["attributes"]),
        )
        for number, listing in enumerate(listings)
    ]


async def pushed(shop: Sandboxed, lines: list[StockLine], **changes: Any) -> list[Page[Any]]:
    async with shop.adapter() as adapter:
        return [page async for page in adapter.push_inventory(shop.context(**changes), lines)]


async def in_stock(shop: Sandboxed) -> dict[str, int]:
    return {listing["sku"]: listing["quantity_seen"] for listing in await shop.ledger("listings")}


async def test_stock_arrives_and_every_line_has_an_outcome(shop: Sandboxed) -> None:
    """58 lines: a batch of 50 that Meesho works off later and one it answers at once; an unknown SKU is refused by name."""
    lines = [*await stock_lines(shop, 57), StockLine(task_id=UUID(int=900), sku="NOBODY-KNOWS", quantity=1)]

    pages = await pushed(shop, lines)

    told = facts_of(pages)
    assert [one.task_id for one in told] == [line.task_id for line in lines]
    assert {one.state for one in told[:-1]} == {"accepted"}
    assert (told[-1].state, told[-1].code) == ("refused", "SKU_NOT_FOUND")
    stock = await in_stock(shop)
    assert all(stock[line.sku] == 7 for line in lines[:-1])
    assert [page.cursor is None for page in pages] == [False] * (len(pages) - 1) + [True]
    assert (await shop.calls()).count("inventory") == 2


@pytest.mark.parametrize(("chosen", "where"), [("LOC0002", "LOC0002"), ("", None), ("LOC-of-another-shop", None)])
def test_stock_goes_to_the_chosen_one_of_several_locations(chosen: str, where: str | None) -> None:
    """Where none is chosen nothing may be sent, and the seller is told where she chooses."""
    shop = Supplier(identifier="surat", locations=(Location(location_id="LOC0001", name="Surat"), Location(location_id="LOC0002")))
    if where is None:
        with pytest.raises(NotAllowed) as refused:
            pushing.location(shop, chosen)
        assert refused.value.seller_message == pushing.CHOOSE
    else:
        assert pushing.location(shop, chosen) == where
    assert pushing.stock_permission(shop, chosen).proof == f"Stock would go to {where or 'the location you choose'}."
    assert pushing.location(Supplier(identifier="surat", locations=shop.locations[:1]), chosen) == "LOC0001"


async def test_a_request_under_way_is_asked_for_again_by_another_process(shop: Sandboxed) -> None:
    """The request id is in the cursor before anybody waits, so nothing is sent a second time."""
    lines = await stock_lines(shop, 30)
    async with shop.adapter() as adapter:
        first = await anext(adapter.push_inventory(shop.context(), lines))

    pages = await pushed(shop, lines, cursor=first.cursor)

    assert first.facts == ()
    assert [one.state for one in facts_of(pages)] == ["accepted"] * 30
    assert (await shop.calls()).count("inventory") == 1


class Recorded(httpx.AsyncHTTPTransport):
    """Real HTTP that remembers the headers it sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[httpx.Headers] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            self.sent.append(request.headers)
        return await super().handle_async_request(request)


async def test_a_lost_answer_is_asked_for_with_the_same_idempotency_key(shop: Sandboxed) -> None:
    """Meesho did the work and the line broke: the repeat carries the same key under a fresh nonce, and gets the first answer."""
    await shop.order(Fault.LOST_ANSWER, operation="inventory")
    lines, wire = await stock_lines(shop, 5), Recorded()

    async with open_meesho(replace(shop.outside(), transport=wire), ACCOUNT, shop.keys) as adapter:
        pages = [page async for page in adapter.push_inventory(shop.context(), lines)]

    assert [one.state for one in facts_of(pages)] == ["accepted"] * 5
    first, second = wire.sent
    assert first["idempotency-key"] == second["idempotency-key"] == idempotency_key(shop.context(), lines)
    assert first["x-nonce"] != second["x-nonce"]


async def test_an_idempotency_key_belongs_to_tasks_and_quantities(shop: Sandboxed) -> None:
    ctx, lines = shop.context(), await stock_lines(shop, 3)

    assert idempotency_key(ctx, lines) == idempotency_key(ctx, list(reversed(lines)))
    assert idempotency_key(ctx, lines) != idempotency_key(ctx, lines[:2])
    assert idempotency_key(ctx, lines) != idempotency_key(ctx, await stock_lines(shop, 3, quantity=8))


async def test_a_line_that_spoils_its_batch_is_refused_alone(shop: Sandboxed) -> None:
    """Meesho refuses the whole call for one impossible quantity; the others are sent again without it."""
    good = await stock_lines(shop, 4)
    bad = StockLine(task_id=UUID(int=77), sku="KURTA-BAD", quantity=1_000_000)

    pages = await pushed(shop, [*good[:2], bad, *good[2:]])

    told = {one.sku: one for one in facts_of(pages)}
    assert told["KURTA-BAD"].state == "refused"
    assert "100000" in told["KURTA-BAD"].message
    assert all(told[line.sku].state == "accepted" for line in good)
    assert len(facts_of(pages)) == 5


async def test_a_cursor_of_other_lines_is_not_followed(shop: Sandboxed) -> None:
    lines = await stock_lines(shop, 57)
    pages = await pushed(shop, lines)

    others = await pushed(shop, lines[:10], cursor=pages[-2].cursor)

    assert len(facts_of(others)) == 10


async def test_nothing_to_push_is_one_empty_page_and_no_call(shop: Sandboxed) -> None:
    assert await pushed(shop, []) == [Page(facts=(), cursor=None)]
    assert await shop.calls() == []


async def test_what_meesho_does_not_offer_is_said_in_a_sentence(shop: Sandboxed) -> None:
    async with shop.adapter() as adapter:
        with pytest.raises(NotAllowed) as listings:
            [page async for page in adapter.sync_listings(shop.context())]

    assert "catalogue file" in listings.value.seller_message
    assert MeeshoAdapter.supported_targets == set(ScheduleTarget) - {ScheduleTarget.LISTINGS}
