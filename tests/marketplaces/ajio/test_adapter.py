"""The contract, door by door, against a sandbox over real HTTP."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from portal.errors import Misconfigured
from portal.marketplaces.ajio import MARKETPLACE
from portal.marketplaces.ajio.adapter import AjioAdapter
from portal.marketplaces.ajio.transports.panel import PanelTransport
from portal.marketplaces.contract import Check, Page, ScheduleTarget
from portal.marketplaces.errors import KeysRejected, NotAllowed
from portal.marketplaces.facts import BatchFacts, ListingFact, OrderStatus, StockLine
from portal.marketplaces.http import Outside
from portal.marketplaces.sandbox import Fault
from tests.marketplaces.ajio.stand import ACCOUNT, DOORS, SHOP, Stand, facts, pages, plain, stand

pytestmark = pytest.mark.anyio

READABLE = [("partner_api", "orders"), ("partner_api", "returns"), ("partner_api", "listings")] + [
    ("portal_session", name) for name in ("orders", "returns", "payouts")
]


def by_text(rows: list[Any]) -> list[Any]:
    """Rows in an order of their own: the contract asks for none."""
    return sorted(rows, key=str)


@pytest.mark.parametrize(("door", "target"), READABLE)
async def test_a_full_read_equals_the_ledger(door: str, target: str) -> None:
    async with stand() as here, here.open(door) as adapter:
        read = await pages(adapter, target, here.ctx())
        assert by_text(plain(facts(read))) == by_text((await here.ledger(door))[target])
        assert read[-1].cursor is None
        assert read[-1].watermark
        assert all(page.cursor and not page.watermark for page in read[:-1])
        assert not any(page.set_aside or page.cut for page in read)


@pytest.mark.parametrize(("door", "target"), READABLE)
async def test_another_process_goes_on_after_every_cursor_without_gap_or_repeat(door: str, target: str) -> None:
    async with stand() as here, here.open(door) as adapter:
        read = await pages(adapter, target, here.ctx())
        assert len(read) > 1
        whole = facts(read)
        for number, page in enumerate(read[:-1], start=1):
            async with here.open(door) as second:
                rest = await pages(second, target, here.ctx(cursor=page.cursor))
            assert facts(read[:number]) + facts(rest) == whole
            assert rest[-1].watermark == read[-1].watermark


@pytest.mark.parametrize("size", [7, 100, 2000])
async def test_the_panels_page_split_does_not_matter(size: int) -> None:
    # Rows of one order stand on two pages when the page is small.
    async with stand() as here, here.open("portal_session") as adapter:
        assert isinstance(adapter, AjioAdapter)
        assert isinstance(adapter.transport, PanelTransport)
        split = AjioAdapter(PanelTransport(client=adapter.transport.client, page_size=size))
        for target in ("orders", "returns", "payouts"):
            found = plain(facts(await pages(split, target, here.ctx())))
            assert by_text(found) == by_text((await here.ledger("portal_session"))[target])


async def test_a_run_goes_on_in_the_middle_of_a_window_and_sets_aside_once() -> None:
    async with stand() as here, here.open("portal_session") as adapter:
        assert isinstance(adapter, AjioAdapter)
        assert isinstance(adapter.transport, PanelTransport)
        small = AjioAdapter(PanelTransport(client=adapter.transport.client, most_facts=15))
        here.wrong(Fault.UNREADABLE_ROW)
        read = await pages(small, "orders", here.ctx())
        assert len(read) > 15
        for number, page in enumerate(read[:-1], start=1):
            both = read[:number] + await pages(small, "orders", here.ctx(cursor=page.cursor))
            assert facts(both) == facts(read)
            assert [row for one in both for row in one.set_aside] == [row for one in read for row in one.set_aside]


async def test_known_open_orders_are_read_again_by_id_and_nothing_is_acknowledged() -> None:
    async with stand() as here, here.open() as adapter:
        ours = {order.external_order_id: order for order in facts(await pages(adapter, "orders", here.ctx()))}
        for _ in range(4):
            await here.add(updates=140)
        await here.add(orders=9)

        async def known_open() -> Sequence[str]:
            return list(ours)

        second = await pages(adapter, "orders", here.ctx(since="2026-11-20T06:30:00+00:00", known_open=known_open))
        ours |= {order.external_order_id: order for order in facts(second)}
        assert plain(list(ours.values())) == (await here.ledger())["orders"]
        assert {order.status for order in ours.values()} > {OrderStatus.OPEN, OrderStatus.CANCELLED}
        assert set(here.faults.served) == {"authToken", "pendency", "orders"}


async def test_an_acknowledged_order_is_on_hold_until_its_purchase_order_comes() -> None:
    async with stand() as here, here.open() as adapter:
        first = here.world.sold[0].order_id

        async def known_open() -> Sequence[str]:
            return [first]

        seen = []
        for _ in range(2):
            await here.add(updates=1)
            read = facts(await pages(adapter, "orders", here.ctx(known_open=known_open)))
            seen.append(next(order.status for order in read if order.external_order_id == first))
        assert seen == [OrderStatus.ON_HOLD, OrderStatus.CONFIRMED]


async def test_known_orders_go_on_after_the_last_one_read() -> None:
    async with stand() as here, here.open() as adapter:
        await here.add(updates=150)
        moved = [order.order_id for order in here.world.sold if order.state == "ACKNOWLEDGED"]

        async def known_open() -> Sequence[str]:
            return list(reversed(moved))

        read = await pages(adapter, "orders", here.ctx(known_open=known_open))
        asked = [page for page in read if page.cursor is None or '"known"' in page.cursor]
        for number, page in enumerate(asked[:-1], start=1):
            rest = await pages(adapter, "orders", here.ctx(cursor=page.cursor, known_open=known_open))
            assert facts(asked[:number]) + facts(rest) == facts(asked)


async def test_orders_ajio_does_not_answer_for_are_told() -> None:
    async with stand() as here, here.open() as adapter:

        async def known_open() -> Sequence[str]:
            return ["FN9999"]

        read = await pages(adapter, "orders", here.ctx(since="x", known_open=known_open))
        assert read[-1].watermark
        assert here.notes == ["AJIO gave no details for 1 orders we hold open. We ask again next time."]


async def test_a_first_run_says_that_the_partner_api_tells_no_history() -> None:
    async with stand() as here, here.open() as adapter:
        await pages(adapter, "orders", here.ctx())
        assert any("only in the seller panel" in note for note in here.notes)
        here.notes.clear()
        await pages(adapter, "orders", here.ctx(since="2026-11-20T06:30:00+00:00", first_day=here.shop.now - timedelta(days=9)))
        assert any("only in the seller panel" in note for note in here.notes), "a backfill says that older days are not told here"


async def test_an_old_cursor_means_from_the_start() -> None:
    async with stand() as here, here.open() as adapter:
        assert facts(await pages(adapter, "returns", here.ctx(cursor="page=2"))) == facts(await pages(adapter, "returns", here.ctx()))


@pytest.mark.parametrize(
    ("door", "target"), [("partner_api", "payouts"), ("portal_session", "listings")], ids=["payouts-by-partner", "listings-by-panel"]
)
async def test_what_a_door_does_not_share_is_said_before_any_call(door: str, target: str) -> None:
    async with stand() as here, here.open(door) as adapter:
        with pytest.raises(NotAllowed) as refused:
            await pages(adapter, target, here.ctx())
        assert here.faults.served == []
        if door == "partner_api":
            assert refused.value.seller_message == "AJIO shares payouts only with the seller panel. Upload the payment report instead."


async def test_the_panel_pulls_the_new_orders_of_its_report() -> None:
    async with stand() as here, here.open("portal_session") as adapter:
        here.world.move_on(100)
        (pulled,) = [one async for one in adapter.full_processing(here.ctx(), BatchFacts(batch_id=UUID(int=1), stage="pull", orders=()))]
        new = {order.order_id for order in here.world.sold if order.state == "NEW"}
        assert {fact.external_order_id for fact in pulled.orders} == new
        assert {one.external_order_id for one in pulled.passed} == new


# Validation


async def test_partner_keys_are_proven_by_reading() -> None:
    async with stand() as here, here.open(pob_id=" dvsandbox003 ") as adapter:
        found = await adapter.validate(here.ctx())
        assert found.external_account_id == "DVSANDBOX003"
        assert here.checks == [str(check) for check in Check]
        allowed = {one.target: one.allowed for one in found.permissions}
        assert allowed == {
            ScheduleTarget.ORDERS: True,
            ScheduleTarget.RETURNS: True,
            ScheduleTarget.LISTINGS: True,
            ScheduleTarget.INVENTORY: None,
            ScheduleTarget.FULL_PROCESSING: None,
            ScheduleTarget.PAYOUTS: False,
        }
        assert found.permissions[0].proof == "Read the list of new orders: 260"
        assert found.expires_at is None


async def test_a_panel_session_is_proven_by_its_pob_list() -> None:
    async with stand() as here, here.open("portal_session") as adapter:
        found = await adapter.validate(here.ctx())
        assert (found.external_account_id, found.seller_name) == ("DVSANDBOX003", "Sandbox Fashions 3")
        assert here.checks == [str(check) for check in Check]
        assert {one.target for one in found.permissions if one.allowed} == {
            ScheduleTarget.ORDERS,
            ScheduleTarget.RETURNS,
            ScheduleTarget.PAYOUTS,
        }


@pytest.mark.parametrize(
    ("door", "operation", "target"), [("partner_api", "return", "RETURNS"), ("portal_session", "rtv_report", "RETURNS")]
)
async def test_a_closed_list_is_a_permission_and_not_a_failure(door: str, operation: str, target: str) -> None:
    async with stand() as here, here.open(door) as adapter:
        here.wrong(Fault.FORBIDDEN, operation=operation)
        found = await adapter.validate(here.ctx())
        closed = next(one for one in found.permissions if one.target == target)
        assert closed.allowed is False
        assert "does not share returns" in closed.message


@pytest.mark.parametrize("door", DOORS)
async def test_refused_details_have_reached_ajio_but_were_not_accepted(door: str) -> None:
    async with stand() as here, here.open(door) as adapter:
        here.wrong(Fault.REVOKED)
        with pytest.raises(KeysRejected):
            await adapter.validate(here.ctx())
        assert here.checks == [str(Check.REACHED)]


async def test_a_pob_the_login_does_not_see_is_a_mismatch_and_not_an_empty_report() -> None:
    async with stand() as here, here.open("portal_session") as adapter:
        here.wrong(Fault.OTHER_SHOP)
        with pytest.raises(KeysRejected):
            await pages(adapter, "orders", here.ctx())
        assert here.faults.served == ["work_places", "work_places"]
        with pytest.raises(KeysRejected) as refused:
            await adapter.validate(here.ctx())
        assert refused.value.reason == "pob_mismatch"
        assert "DV****03" in refused.value.seller_message
        assert Check.SHOP not in here.checks


# Rows that are not as we know them


@pytest.mark.parametrize(("door", "target"), READABLE)
async def test_an_unreadable_row_is_set_aside_and_the_rest_is_kept(door: str, target: str) -> None:
    async with stand() as here, here.open(door) as adapter:
        await adapter.validate(here.ctx())
        here.wrong(Fault.UNREADABLE_ROW, times=1)
        read = await pages(adapter, target, here.ctx())
        aside = [row for page in read for row in page.set_aside]
        assert len(aside) == 1
        assert aside[0].external_id
        assert len(facts(read)) >= len((await here.ledger(door))[target]) - 1
        assert msgspec.json.decode(msgspec.json.encode(aside[0].raw)) == aside[0].raw


@pytest.mark.parametrize(("door", "target"), [one for one in READABLE if one[1] != "payouts"], ids=str)
async def test_an_unknown_status_survives_in_its_own_words(door: str, target: str) -> None:
    async with stand() as here, here.open(door) as adapter:
        await adapter.validate(here.ctx())
        here.wrong(Fault.UNKNOWN_VALUE, times=1)
        read = facts(await pages(adapter, target, here.ctx()))
        strange = [fact for fact in read if fact.raw_status == "SOMETHING_NEW"]
        assert [str(fact.status).lower() for fact in strange] == ["unknown"]
        assert len(read) == len((await here.ledger(door))[target])


@pytest.mark.parametrize(("door", "target"), READABLE)
async def test_a_repeated_page_ends_the_run_as_partial(door: str, target: str) -> None:
    async with stand() as here, here.open(door) as adapter:
        here.wrong(Fault.REPEATED_PAGE)
        read = await pages(adapter, target, here.ctx())
        assert read[-1].cut
        assert (read[-1].cursor, read[-1].watermark) == (None, None)
        assert len(here.faults.served) < 12


async def test_a_repeated_page_is_noticed_across_a_restart() -> None:
    async with stand() as here, here.open() as adapter:
        first = (await pages(adapter, "returns", here.ctx()))[0]
        here.wrong(Fault.REPEATED_PAGE)
        async with here.open() as second:
            rest = await pages(second, "returns", here.ctx(cursor=first.cursor))
        assert facts(rest) == []
        assert rest[-1].cut


# The panel's days


async def test_later_runs_read_the_weeks_again_in_which_orders_move() -> None:
    async with stand() as here, here.open("portal_session") as adapter:
        first = await pages(adapter, "orders", here.ctx())
        await here.add(updates=200)
        second = await pages(adapter, "orders", here.ctx(since=first[-1].watermark))
        assert plain(facts(second)) == (await here.ledger("portal_session"))["orders"]


async def test_a_backfill_keeps_to_its_days() -> None:
    async with stand() as here, here.open("portal_session") as adapter:
        moments = sorted(order.placed_at for order in here.world.sold)
        read = facts(await pages(adapter, "orders", here.ctx(first_day=moments[50], until=moments[90])))
        assert moments[50].date() <= read[0].placed_at.date()
        assert 40 <= len(read) < 260
        assert set(moments[50:91]) <= {order.placed_at for order in read}


# Stock


def lines_of(read: list[Page[Any]], quantity: int) -> list[StockLine]:
    listings: list[ListingFact] = facts(read)
    return [
        StockLine(
            task_id=UUID(int=number), sku=one.sku, quantity=quantity, external_listing_id=one.external_listing_id, attributes=one.attributes
        )
        for number, one in enumerate(listings, start=1)
    ]


async def pushed(here: Stand, adapter: Any, lines: Sequence[StockLine], **changed: Any) -> list[Page[Any]]:
    return [page async for page in adapter.push_inventory(here.ctx(**changed), lines)]


async def test_stock_goes_out_in_fifties_and_arrives() -> None:
    async with stand() as here, here.open() as adapter:
        lines = lines_of(await pages(adapter, "listings", here.ctx()), 41)
        read = await pushed(here, adapter, lines)
        assert [len(page.facts) for page in read] == [50, 50, 10]
        assert {outcome.state for outcome in facts(read)} == {"accepted"}
        assert [outcome.task_id for outcome in facts(read)] == [line.task_id for line in lines]
        assert {one["quantity_seen"] for one in (await here.ledger())["listings"]} == {41}


async def test_a_partly_refused_batch_names_its_lines() -> None:
    async with stand() as here, here.open() as adapter:
        lines = lines_of(await pages(adapter, "listings", here.ctx()), 5)[:3]
        gone = msgspec.structs.replace(lines[1], attributes=(("productId", "P9"), ("variantId", "GONE"), ("hsnCode", "1")))
        unread = msgspec.structs.replace(lines[2], attributes=())
        found = facts(await pushed(here, adapter, [lines[0], gone, unread]))
        assert [outcome.state for outcome in found] == ["accepted", "refused", "refused"]
        assert found[1].message == "Variant not found"
        assert "Read your AJIO listings first" in found[2].message
        assert here.world.pieces(0) == 5


async def test_a_lost_answer_to_a_stock_update_is_asked_again() -> None:
    async with stand() as here, here.open() as adapter:
        lines = lines_of(await pages(adapter, "listings", here.ctx()), 8)[:1]
        here.wrong(Fault.LOST_ANSWER, times=1, operation="updateInventory")
        assert [outcome.state for outcome in facts(await pushed(here, adapter, lines))] == ["accepted"]
        assert here.faults.served.count("updateInventory") == 2


async def test_a_push_goes_on_after_its_cursor_with_the_whole_list_or_its_rest() -> None:
    async with stand() as here, here.open() as adapter:
        lines = lines_of(await pages(adapter, "listings", here.ctx()), 3)
        whole = await pushed(here, adapter, lines)
        cursor = whole[0].cursor
        for again in (lines, lines[50:]):
            rest = await pushed(here, adapter, again, cursor=cursor)
            assert [one.task_id for one in facts(rest)] == [line.task_id for line in lines[50:]]


async def test_a_private_address_is_refused_outside_of_sandboxes() -> None:
    async with stand(SHOP) as here:
        assert MARKETPLACE.open is not None
        keys = MARKETPLACE.method().keys(pob_id="DVSANDBOX003", api_password="sandbox-api-password-3")
        async with MARKETPLACE.open(Outside(settings=here.outside.settings), ACCOUNT, keys) as adapter:
            with pytest.raises(Misconfigured):
                await adapter.validate(here.ctx())
        assert here.faults.served == []
