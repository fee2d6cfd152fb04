"""The contract, read against a served sandbox and compared with its ledger."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from portal import sandboxes
from portal.marketplaces.contract import Check, Page, ScheduleTarget
from portal.marketplaces.errors import KeysRejected, NotAllowed
from portal.marketplaces.facts import OrderStatus, StockLine
from portal.marketplaces.flipkart import MARKETPLACE, orders
from portal.marketplaces.flipkart.reading import AHEAD
from portal.marketplaces.flipkart.wire.shipments import search_body
from portal.marketplaces.sandbox import Fault, Shop
from tests.marketplaces.flipkart.shops import ACCOUNT, Bazaar, Recording, bazaar, kept, moment, pages_of, reader
from tests.serving import served

pytestmark = pytest.mark.anyio

KINDS = ("orders", "returns", "listings")
BIG = Shop(orders=300, returns=70, listings=130)


async def test_a_full_read_equals_the_ledger() -> None:
    """Every order with all its parcels, every return of both sources and every listing arrives, to the last paisa."""
    async with bazaar(BIG) as place, place.adapter() as adapter:
        for kind in KINDS:
            pages = await pages_of(adapter, kind, place.ctx())
            expected = await place.ledger(kind)
            assert len(expected) == {"orders": 300, "returns": 70, "listings": 130}[kind]
            assert kept(kind, pages) == expected
            assert [page.cursor is None for page in pages] == [False] * (len(pages) - 1) + [True]
            assert not any(page.set_aside or page.cut for page in pages)


async def test_the_shop_has_what_makes_orders_hard() -> None:
    """The ledger comparison proves little unless there are parcels apart, holds, two items and every search to find them by."""
    async with bazaar(BIG) as place:
        facts = list((await place.ledger("orders")).values())
    assert any(len(fact.shipments) > 1 and len({one.status for one in fact.shipments}) > 1 for fact in facts)
    assert any(len(fact.items) > len(fact.shipments) for fact in facts)
    assert {OrderStatus.OPEN, OrderStatus.ON_HOLD, OrderStatus.SHIPPED, OrderStatus.DELIVERED, OrderStatus.CANCELLED} <= {
        fact.status for fact in facts
    }


@pytest.mark.parametrize("size", [1, 7, 20])
async def test_the_cut_of_pages_changes_nothing(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders of two parcels are whole even when a page ends between the two."""
    monkeypatch.setattr(orders, "search_body", partial(search_body, page_size=size))
    async with bazaar() as place, place.adapter() as adapter:
        pages = await pages_of(adapter, "orders", place.ctx())
        assert kept("orders", pages) == await place.ledger("orders")
        whole = await place.ledger("orders")
        assert all(len(fact.shipments) == len(whole[fact.external_order_id].shipments) for page in pages for fact in page.facts)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_run_goes_on_at_every_cursor(kind: str) -> None:
    """Killed after any page, another process with nothing but the cursor brings exactly the rest, and the same watermark."""
    async with bazaar(Shop(orders=90, returns=60, listings=230)) as place:
        async with place.adapter() as adapter:
            whole = await pages_of(adapter, kind, place.ctx())
        assert len(whole) > 2
        for at, page in enumerate(whole[:-1]):
            async with place.adapter() as other:
                rest = await pages_of(other, kind, place.ctx(cursor=page.cursor))
            assert [one.facts for one in rest] == [one.facts for one in whole[at + 1 :]]
            assert rest[-1].watermark == whole[-1].watermark


@pytest.mark.parametrize(
    ("kind", "field", "stale"),
    [
        ("orders", "next_url", "/v3/shipments/filter?next_token=of-last-week"),
        ("returns", "next_url", "/v2/returns?source=of-last-week"),
        ("listings", "page_id", "of-last-week"),
    ],
)
async def test_a_page_address_kept_for_too_long_starts_its_search_again(kind: str, field: str, stale: str) -> None:
    """A run that waited overnight must not fail for ever on the address in its cursor."""
    async with bazaar(Shop(orders=90, returns=60, listings=530)) as place, place.adapter() as adapter:
        whole = await pages_of(adapter, kind, place.ctx())
        cursor = next(page.cursor for page in whole if page.cursor and msgspec.json.decode(page.cursor)[field])
        old = msgspec.json.encode({**msgspec.json.decode(cursor), field: stale}).decode()
        rest = await pages_of(adapter, kind, place.ctx(cursor=old))
        assert not any(page.cut for page in rest)
        assert kept(kind, rest, kept(kind, whole[: whole.index(next(one for one in whole if one.cursor == cursor))])) == await place.ledger(
            kind
        )


async def test_the_next_run_brings_what_changed_and_little_else() -> None:
    """The watermark is Flipkart's clock. From ten minutes before it on, new and moved orders come, old ones stay away."""
    async with bazaar(Shop(orders=200)) as place, place.adapter() as adapter:
        first = await pages_of(adapter, "orders", place.ctx())
        assert moment(first[-1].watermark) == place.shop.now
        await place.add(orders=3, updates=2)
        # Our own clock is two days ahead of the sandbox's: had it become the watermark, the five would be lost.
        later = place.ctx(since=first[-1].watermark, now=place.shop.now + timedelta(days=2))
        second = await pages_of(adapter, "orders", later)
        expected = await place.ledger("orders")
        assert kept("orders", second, kept("orders", first)) == expected
        assert len(expected) == 203
        assert 5 <= len(kept("orders", second)) < 20
        assert moment(second[-1].watermark) > place.shop.now


async def test_changes_just_before_the_watermark_come_again() -> None:
    """Changes show up late in searches, so ten minutes are read twice."""
    async with bazaar() as place, place.adapter() as adapter:
        newest = max((await place.ledger("orders")).values(), key=lambda fact: fact.marketplace_updated_at)
        for late, comes in ((timedelta(minutes=9), True), (timedelta(minutes=11), False)):
            since = (newest.marketplace_updated_at + late).isoformat()
            found = kept("orders", await pages_of(adapter, "orders", place.ctx(since=since)))
            assert (newest.external_order_id in found) is comes


async def test_a_backfill_keeps_to_its_days_and_vouches_for_no_more() -> None:
    async with bazaar(Shop(orders=150)) as place, place.adapter() as adapter:
        start, end = place.shop.now - timedelta(days=20), place.shop.now - timedelta(days=10)
        pages = await pages_of(adapter, "orders", place.ctx(first_day=start, until=end))
        found = kept("orders", pages)
        assert found
        expected = await place.ledger("orders")
        for fact in found.values():
            assert fact == expected[fact.external_order_id]
        within = {one for one, fact in expected.items() if start <= fact.marketplace_updated_at <= end}
        assert within <= found.keys()
        assert moment(pages[-1].watermark) == end
        known = (place.shop.now - timedelta(days=1)).isoformat()
        again = await pages_of(adapter, "orders", place.ctx(since=known, first_day=start, until=end))
        assert again[-1].watermark == known


@pytest.mark.parametrize("kind", KINDS)
async def test_a_page_that_comes_again_ends_the_run(kind: str) -> None:
    """The same rows under ever new cursors would be read for ever; the run stops, says so, and keeps its old watermark."""
    async with bazaar(Shop(orders=60, returns=60, listings=40)) as place, place.adapter() as adapter:
        await place.order(Fault.REPEATED_PAGE, times=0)
        pages = await pages_of(adapter, kind, place.ctx())
    assert pages[-1].cut
    assert pages[-1].cursor is None
    assert pages[-1].watermark is None
    assert len(pages) <= 3


@pytest.mark.parametrize("kind", KINDS)
async def test_one_bad_row_is_set_aside_and_the_rest_is_kept(kind: str) -> None:
    async with bazaar(Shop(orders=60, returns=40, listings=20)) as place, place.adapter() as adapter:
        await place.order(Fault.UNREADABLE_ROW)
        pages = await pages_of(adapter, kind, place.ctx())
        expected = await place.ledger(kind)
        buyers = [fact.buyer for fact in (await place.ledger("orders")).values()]
    aside = [row for page in pages for row in page.set_aside]
    assert len(aside) == 1
    assert aside[0].external_id
    assert "could not read" in aside[0].reason
    assert len(kept(kind, pages)) >= len(expected) - 1
    text = repr(aside)
    assert not any(buyer.name in text or buyer.address in text for buyer in buyers)


@pytest.mark.parametrize(("kind", "status"), [("orders", OrderStatus.UNKNOWN), ("returns", "UNKNOWN"), ("listings", "unknown")])
async def test_a_word_nobody_knows_survives(kind: str, status: str) -> None:
    """The row is kept with our UNKNOWN and Flipkart's own word."""
    async with bazaar() as place, place.adapter() as adapter:
        await place.order(Fault.UNKNOWN_VALUE)
        pages = await pages_of(adapter, kind, place.ctx())
        assert len(kept(kind, pages)) == len(await place.ledger(kind))
    strange = [fact for page in pages for fact in page.facts if fact.raw_status.startswith("TELEPORTED")]
    assert len(strange) == 1
    assert strange[0].status == status


async def test_validation_names_the_shop_and_ticks_its_lines() -> None:
    ticked: list[Check] = []

    async def checked(check: Check) -> None:
        ticked.append(check)

    async with bazaar() as place, place.adapter() as adapter:
        found = await adapter.validate(place.ctx(checked=checked))
        assert ticked == [Check.REACHED, Check.ACCEPTED, Check.PERMISSIONS, Check.SHOP]
        assert found.external_account_id.startswith("sandbox-seller-")
        allowed = {permission.target: permission.allowed for permission in found.permissions}
        assert allowed == {
            ScheduleTarget.ORDERS: True,
            ScheduleTarget.RETURNS: True,
            ScheduleTarget.LISTINGS: True,
            ScheduleTarget.INVENTORY: None,
            ScheduleTarget.FULL_PROCESSING: None,
        }
        await place.order(Fault.OTHER_SHOP)
        other = await adapter.validate(place.ctx())
        assert other.external_account_id not in {"", found.external_account_id}


async def test_a_shop_without_returns_is_known_by_its_application_and_keeps_that_name() -> None:
    """Its first return tells the seller id; the account that was connected under the application's id is still the same shop."""
    async with bazaar(Shop(orders=5, returns=0, listings=3)) as place, place.adapter() as adapter:
        app_id = place.keys().app_id
        assert (await adapter.validate(place.ctx())).external_account_id == app_id
    async with bazaar() as place:
        app_id = place.keys().app_id
        known = msgspec.structs.replace(ACCOUNT, external_account_id=app_id)
        async with place.adapter(account=known) as adapter:
            assert (await adapter.validate(place.ctx(account=known))).external_account_id == app_id


async def test_missing_permission_is_told_apart_from_refused_keys() -> None:
    async with bazaar() as place, place.adapter() as adapter:
        await place.order(Fault.FORBIDDEN, operation="returns.search", times=0)
        found = await adapter.validate(place.ctx())
    permission = {one.target: one for one in found.permissions}[ScheduleTarget.RETURNS]
    assert permission.allowed is False
    assert "returns" in permission.message


async def test_a_check_notices_a_secret_replaced_today() -> None:
    """A pass that still lives for weeks says nothing about the secret, so the check signs in anew."""
    ticked: list[Check] = []

    async def checked(check: Check) -> None:
        ticked.append(check)

    async with bazaar() as place, place.adapter() as adapter:
        await adapter.validate(place.ctx())
        await place.order(Fault.REVOKED, times=0)
        with pytest.raises(KeysRejected):
            await adapter.validate(place.ctx(checked=checked))
    assert ticked == [Check.REACHED]


async def _lines(place: Any, adapter: Any, quantity: int) -> list[StockLine]:
    listings = kept("listings", await pages_of(adapter, "listings", place.ctx()))
    return [
        StockLine(
            task_id=uuid4(), sku=fact.sku, quantity=quantity, external_listing_id=fact.external_listing_id, attributes=fact.attributes
        )
        for fact in listings.values()
        if fact.pushable
    ]


async def _push(adapter: Any, ctx: Any, lines: list[StockLine]) -> list[Page[Any]]:
    return [page async for page in adapter.push_inventory(ctx, lines)]


async def test_stock_is_told_in_tens_and_changes() -> None:
    async with bazaar(Shop(orders=3, listings=35)) as place, place.adapter() as adapter:
        lines = await _lines(place, adapter, 17)
        pages = await _push(adapter, place.ctx(), lines)
        assert [len(page.facts) for page in pages] == [10] * (len(lines) // 10) + [len(lines) % 10] * bool(len(lines) % 10)
        assert [fact.task_id for page in pages for fact in page.facts] == [line.task_id for line in lines]
        assert {fact.state for page in pages for fact in page.facts} == {"accepted"}
        after = await place.ledger("listings")
        assert all(after[line.sku].quantity_seen == 17 for line in lines)


async def test_a_push_goes_on_after_the_last_answered_line() -> None:
    async with bazaar(Shop(orders=3, listings=35)) as place, place.adapter() as adapter:
        lines = await _lines(place, adapter, 5)
        first = await anext(adapter.push_inventory(place.ctx(), lines))
        rest = await _push(adapter, place.ctx(cursor=first.cursor), lines)
        assert [fact.task_id for page in rest for fact in page.facts] == [line.task_id for line in lines[10:]]
        # The engine may also hand over only what is left; then the cursor names a line that is not there.
        again = await _push(adapter, place.ctx(cursor=first.cursor), lines[10:])
        assert [fact.task_id for page in again for fact in page.facts] == [line.task_id for line in lines[10:]]


async def test_a_failed_sku_is_refused_in_its_own_words_while_the_call_is_fine() -> None:
    """HTTP 200 says nothing about a SKU. Lines that cannot be sent at all are refused without a call."""
    async with bazaar(Shop(orders=3, listings=20)) as place, place.adapter() as adapter:
        good, wrong, nowhere, torn, below = (await _lines(place, adapter, 4))[:5]
        swap = msgspec.structs.replace
        wrong = swap(
            wrong, attributes=tuple((name, "WRONGFSN000000" if name == "product_id" else value) for name, value in wrong.attributes)
        )
        nowhere = swap(nowhere, attributes=())
        torn = swap(torn, attributes=(*torn.attributes, ("location", "LOC0123456789abcdef")))
        below = swap(below, quantity=-1)
        outcomes = [fact for page in await _push(adapter, place.ctx(), [good, wrong, nowhere, torn, below]) for fact in page.facts]
        assert [outcome.state for outcome in outcomes] == ["accepted", "refused", "refused", "refused", "refused"]
        assert outcomes[1].message == "product_id does not belong to this SKU"
        assert outcomes[1].code == "422"
        assert "no location" in outcomes[2].message
        assert "2 locations" in outcomes[3].message
        assert outcomes[4].message == "Stock cannot be below 0."


async def test_stock_goes_to_the_chosen_location_and_leaves_the_others_alone() -> None:
    """A SKU that is not sold from the chosen one gets it where it is sold from; without a choice one of several is no place to send to."""
    async with bazaar(Shop(orders=3, listings=12, locations=3)) as place:
        offers, chosen = place.world.shelves.offers, place.world.shelves.locations[1]
        async with place.adapter() as adapter:
            lines = await _lines(place, adapter, 77)
            before = {sku: dict(offer.stock) for sku, offer in offers.items()}
            unasked = {one.sku: one.state for page in await _push(adapter, place.ctx(), lines) for one in page.facts}
        assert {sku for sku, state in unasked.items() if state == "refused"} == {line.sku for line in lines if len(before[line.sku]) > 1}
        account = msgspec.structs.replace(ACCOUNT, ships_from=chosen)
        async with place.adapter(account=account) as adapter:
            told = [one for page in await _push(adapter, place.ctx(account=account), lines) for one in page.facts]
            assert {one.state for one in told} == {"accepted"}
            seen = kept("listings", await pages_of(adapter, "listings", place.ctx(account=account)))
        for line in lines:
            there = chosen if chosen in before[line.sku] else next(iter(before[line.sku]))
            assert offers[line.sku].stock == {**before[line.sku], there: 77}
            assert seen[line.sku].quantity_seen == 77


async def test_a_check_names_the_locations_of_listings_parcels_and_returns() -> None:
    async with bazaar(Shop(orders=40, returns=8, listings=30, locations=4)) as place, place.adapter() as adapter:
        found = await adapter.validate(place.ctx())
        assert [one.id for one in found.locations] == sorted(place.world.shelves.locations)
    async with bazaar(Shop(orders=40, returns=8, listings=0, locations=4)) as place, place.adapter() as adapter:
        found = await adapter.validate(place.ctx())
        named = {one.id for one in found.locations}
        assert named <= set(place.world.shelves.locations)
        assert len(named) > 1, "no listing names any, but parcels and returns do"


async def test_the_same_sku_twice_ends_with_the_later_number() -> None:
    """A stock call is a map by SKU, so two numbers for one SKU need two calls, in order."""
    async with bazaar(Shop(orders=3, listings=5)) as place, place.adapter() as adapter:
        line = (await _lines(place, adapter, 4))[0]
        twice = [line, msgspec.structs.replace(line, task_id=uuid4(), quantity=9)]
        pages = await _push(adapter, place.ctx(), twice)
        assert [len(page.facts) for page in pages] == [1, 1]
        assert (await place.ledger("listings"))[line.sku].quantity_seen == 9


async def test_a_lost_answer_to_a_stock_call_is_simply_asked_again() -> None:
    async with bazaar(Shop(orders=3, listings=5)) as place, place.adapter() as adapter:
        lines = await _lines(place, adapter, 6)
        await place.order(Fault.LOST_ANSWER)
        outcomes = [fact for page in await _push(adapter, place.ctx(), lines) for fact in page.facts]
        assert {outcome.state for outcome in outcomes} == {"accepted"}
        assert (await place.calls()).count("inventory.update") == 2


async def test_what_is_not_open_says_so() -> None:
    """Payments come by file; the reader refuses with a sentence and without a call."""
    async with bazaar(Shop(orders=1)) as place, place.adapter() as adapter:
        with pytest.raises(NotAllowed) as payouts:
            await anext(adapter.sync_payouts(place.ctx()))
        assert "Settled Transactions" in payouts.value.seller_message
        assert place.seen == []
    assert ScheduleTarget.PAYOUTS not in MARKETPLACE.supported_targets


async def test_a_reading_asks_past_our_own_clock() -> None:
    """Were our clock slow, a search that ended at our present would hide Flipkart's newest rows."""
    async with bazaar() as place, place.adapter() as adapter:
        slow = place.ctx(now=place.shop.now - AHEAD + timedelta(hours=1), first_days=40)
        assert kept("orders", await pages_of(adapter, "orders", slow)) == await place.ledger("orders")


class _OneHidden(Recording):
    """Answers 404 to every call for details that names one certain parcel."""

    hidden = ""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.hidden and self.hidden in request.url.path:
            return httpx.Response(404, json={"errors": [{"code": "INVALID_SHIPMENTS"}]})
        return await super().handle_async_request(request)


async def test_a_parcel_without_details_hides_no_other() -> None:
    transport = _OneHidden()
    async with bazaar(transport=transport) as place, place.adapter() as adapter:
        expected = await place.ledger("orders")
        poor = next(fact for fact in expected.values() if len(fact.shipments) == 1)
        transport.hidden = poor.shipments[0].external_shipment_id
        pages = await pages_of(adapter, "orders", place.ctx())
    found = kept("orders", pages)
    assert found.pop(poor.external_order_id).buyer is None
    del expected[poor.external_order_id]
    assert found == expected
    assert [row.external_id for page in pages for row in page.set_aside] == [transport.hidden]


async def test_a_sandbox_works_under_a_prefix() -> None:
    """The runner serves all sandboxes behind one port, each under its slug."""
    shop = Shop(orders=50, returns=30, listings=12)
    async with (
        served(sandboxes.bazaar([MARKETPLACE], shop=shop)) as root,
        httpx.AsyncClient(base_url=f"{root}/flipkart", verify=False) as side,
    ):
        place = Bazaar(shop=shop, base=f"{root}/flipkart", side=side)
        async with place.adapter() as adapter:
            for kind in KINDS:
                assert kept(kind, await pages_of(adapter, kind, place.ctx())) == await place.ledger(kind)


async def test_a_reader_can_be_left_after_any_page() -> None:
    async with bazaar() as place, place.adapter() as adapter:
        pages = reader(adapter, "orders")(place.ctx())
        await anext(pages)
        await pages.aclose()
