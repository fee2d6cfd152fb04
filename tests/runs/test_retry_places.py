"""Retry stands where the person looks: on the run, the account's card, the problem, the order, and with the rows set aside."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from litestar import Router
from litestar.di import Provide

from portal import db
from portal.accounts import routes as accounts
from portal.connecting import routes as connecting
from portal.home import routes as home
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.facts import UnreadableRow
from portal.orders import routes as orders
from portal.runs import service
from portal.tables.people import Role
from tests.runs.conftest import PAGES, Desk
from tests.visiting import Browser, Person, browsing
from tests.workshop import seen

pytestmark = pytest.mark.anyio

EVERYWHERE = [
    *PAGES,
    orders.ROUTES,
    Router("/", route_handlers=[*home.ROUTES, *accounts.ROUTES], dependencies={"unfinished": Provide(connecting.unfinished)}),
]


@pytest.fixture
async def asha(desk: Desk) -> AsyncIterator[Browser]:
    async with browsing(Person(desk.seller), EVERYWHERE, jobs=desk.jobs) as browser:
        yield browser


async def an_order(desk: Desk, external_id: str = "403-1") -> int:
    async with db.transaction(desk.seller) as held:
        return int(
            await held.fetchval(
                """INSERT INTO orders (seller_id, marketplace_account_id, external_order_id, status, raw_status, placed_at, marketplace_updated_at, currency)
                   VALUES ($1, $2, $3, 'open', 'Unshipped', now(), now(), 'INR') RETURNING id""",
                desk.seller,
                desk.account.id,
                external_id,
            )
        )


async def set_aside(desk: Desk, *ids: str) -> None:
    run = await desk.at_work()
    async with service.recording(run) as (_, made):
        rows = [UnreadableRow(external_id=one, reason="no date in it", raw={"orderId": one, "buyerName": "Meera"}) for one in ids]
        count = await service.keep_aside(run, rows)
        await service.record(run, new=1, changed=0, same=0, set_aside=count, cursor=None, total=None, made=made)
    await service.finish(run, watermark="w")


async def test_after_a_failure_it_stands_everywhere(desk: Desk, asha: Browser) -> None:
    order = await an_order(desk)
    run = await desk.at_work()
    await service.fail(run, "unreachable", "Bazaar is not answering.")
    for page in (f"/syncs/{run.id}", "/syncs", "/home", f"/accounts/{desk.account.id}", f"/orders/{order}"):
        assert f'action="/syncs/{run.id}/retry"' in (await asha.get(page)).text, page
    answer = await asha.send_form(f"/syncs/{run.id}/retry")
    assert answer.status_code == 303
    again = await desk.run(UUID(answer.headers["location"].rpartition("/")[2]))
    assert (again.retry_of, again.trigger) == (run.id, "retry")


async def test_it_does_not_stand_where_the_seller_must_act_first(desk: Desk, asha: Browser) -> None:
    order = await an_order(desk)
    run = await desk.at_work()
    await service.fail(run, "keys_rejected", "The shop refuses its key.")
    await seen(desk.addresses, "UPDATE marketplace_accounts SET needs_reconnect = true, reconnect_reason = 'The shop refuses its key.'")
    for page in (f"/syncs/{run.id}", "/syncs", "/home", f"/accounts/{desk.account.id}", f"/orders/{order}"):
        assert "/retry" not in (await asha.get(page)).text, page
    assert f"/accounts/{desk.account.id}/reconnect" in (await asha.get("/syncs")).text


async def test_a_row_of_an_order_can_be_read_again_from_the_order(desk: Desk, asha: Browser) -> None:
    order = await an_order(desk)
    await set_aside(desk, "403-1", "403-2")
    page = (await asha.get(f"/orders/{order}")).text
    assert page.count("A newer version of this order was set aside") == 1
    row = next(one for one in (await service.listed(desk.seller, service.AsideFilters())).rows if one.external_id == "403-1")
    answer = await asha.send_form(f"/set-asides/{row.id}/retry", {"back": f"/orders/{order}"})
    assert answer.headers["location"].startswith("/syncs/")
    assert "Asked for again by Asha" in (await asha.get(f"/orders/{order}")).text


async def test_the_rows_stand_by_reason_with_what_a_retry_does(desk: Desk, asha: Browser) -> None:
    await set_aside(desk, "403-1", "403-2")
    page = (await asha.get("/set-asides")).text
    assert "2 × no date in it" in page
    assert "asks the marketplace for exactly these rows" in page
    assert "Meera" not in page
    assert "2 rows set aside (orders)" in (await asha.get("/home")).text
    under_way = await desk.start()
    answer = await asha.send_form(
        "/set-asides/retry", {"account": str(desk.account.id), "target": "ORDERS", "reason": "no date in it", "back": "/set-asides"}
    )
    assert answer.headers["location"] == "/set-asides"
    assert (await asha.get("/set-asides")).text.count("Asked for by Asha") == 2
    assert (await desk.run(under_way.run_id)).reread is False
    for account, target in (("", "ORDERS"), (str(desk.account.id), "SOCKS")):
        assert (await asha.send_form("/set-asides/retry", {"account": account, "target": target})).status_code == 422
    assert "Nothing has been resolved yet." in (await asha.get("/set-asides?view=resolved")).text
    assert (await asha.get("/set-asides?run=no-run&account=nobody&type=SOCKS")).status_code == 200


async def test_a_kind_of_row_that_comes_by_range_says_so(desk: Desk, asha: Browser) -> None:
    run = await desk.take((await service.start(desk.seller, desk.account.id, ScheduleTarget.RETURNS, jobs=desk.jobs)).run_id)
    async with service.recording(run):
        await service.keep_aside(run, [UnreadableRow(external_id="R-1", reason="no date", raw={})])
    assert "reads everything again from the sync that met them" in (await asha.get("/set-asides")).text


async def test_who_may_not_sync_sees_rows_without_buttons(desk: Desk) -> None:
    await set_aside(desk, "403-1")
    async with browsing(Person(desk.seller, Role.VIEWER), PAGES) as chitra:
        page = (await chitra.get("/set-asides")).text
        assert "403-1" in page
        assert "/retry" not in page
        assert (await chitra.send_form("/set-asides/retry", {})).status_code == 403


async def test_the_age_of_the_data_stands_on_home_and_order_and_counts_runs_with_rows_aside(desk: Desk, asha: Browser) -> None:
    order = await an_order(desk)
    for page in ("/home", f"/orders/{order}"):
        assert "not synced yet" in (await asha.get(page)).text
    await set_aside(desk, "403-9")
    for page in ("/home", f"/orders/{order}"):
        assert "data as of" in (await asha.get(page)).text
