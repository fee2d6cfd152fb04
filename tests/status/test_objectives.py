"""What /status says: only what can be told, in numbers that follow from rows."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
from litestar import Litestar

from portal import clock
from portal.marketplaces.contract import AccountRef
from portal.people.service import current
from portal.postgres import Addresses
from portal.runs import service as runs
from portal.status import routes, service
from portal.status.page_times import PageTimes
from portal.status.routes import spelt
from portal.vault import Vault
from tests.browsing import Browser, opened, signed_up
from tests.factories import make_account, make_seller
from tests.runs.conftest import LEASE, Desk
from tests.runs.conftest import desk as desk  # noqa: PLC0414 (a fixture)
from tests.workshop import seen

pytestmark = pytest.mark.anyio

LEASE_S = LEASE.total_seconds()


async def order(addresses: Addresses, account: AccountRef, number: int, *, placed: timedelta, took: timedelta) -> None:
    """An order placed so long ago that came so much later."""
    at = clock.now() - placed
    await seen(
        addresses,
        """INSERT INTO orders (seller_id, marketplace_account_id, external_order_id, status, placed_at, marketplace_updated_at, first_seen_at)
           VALUES ($1, $2, $3, 'new', $4, $4, $5)""",
        account.seller_id,
        account.id,
        f"O-{number}",
        at,
        at + took,
    )


async def connected_for(addresses: Addresses, account: AccountRef, age: timedelta) -> None:
    await seen(addresses, "UPDATE marketplace_accounts SET created_at = $2 WHERE id = $1", account.id, clock.now() - age)


async def test_arrivals_are_told_by_new_orders_of_ones_own_alone(desk: Desk) -> None:
    assert await service.arrivals(desk.seller) == service.Arrivals(orders=0, half=None, most=None)
    await connected_for(desk.addresses, desk.account, timedelta(days=5))
    for minutes in range(1, 101):
        await order(desk.addresses, desk.account, minutes, placed=timedelta(days=3), took=timedelta(minutes=minutes))
    await order(desk.addresses, desk.account, 200, placed=timedelta(days=6), took=timedelta(days=5))  # came with the first sync
    stranger = await make_account(await make_seller("Chitra Crafts"), external="A9")
    await connected_for(desk.addresses, stranger, timedelta(days=5))
    await order(desk.addresses, stranger, 300, placed=timedelta(days=2), took=timedelta(days=1))
    found = await service.arrivals(desk.seller)
    assert found == service.Arrivals(orders=100, half=timedelta(minutes=50), most=timedelta(minutes=95))


async def test_a_run_that_nobody_takes_is_lost_and_one_that_is_taken_is_not(desk: Desk) -> None:
    taken = await desk.at_work()
    assert await service.survival(desk.seller, service.silent_since(LEASE_S)) == service.Survival(live=1, lost=0)
    with clock.stopped_at(clock.now() + 3 * LEASE):
        assert (await service.survival(desk.seller, service.silent_since(LEASE_S))).lost == 0
    with clock.stopped_at(clock.now() + 5 * LEASE):
        silent = service.silent_since(LEASE_S)
        assert (await service.survival(desk.seller, silent)).lost == await service.lost_anywhere(silent) == 1
        await runs.rescue(clock.now() - LEASE, jobs=desk.jobs)
        assert (await service.survival(desk.seller, silent)).lost == await service.lost_anywhere(silent) == 0
        again = await desk.take(taken.id)
        assert (await service.survival(desk.seller, silent)).lost == 0
        await runs.finish(again, watermark=None)
    with clock.stopped_at(clock.now() + 50 * LEASE):
        assert await service.survival(desk.seller, service.silent_since(LEASE_S)) == service.Survival(live=0, lost=0)


async def test_a_wait_is_lost_only_when_its_time_is_long_over(desk: Desk) -> None:
    taken = await desk.at_work()
    await runs.wait_until(taken, clock.now() + timedelta(hours=1), "Later.", code="throttled")
    for leases, lost in ((10, 0), (80 + 3, 0), (80 + 5, 1)):  # an hour is 80 leases
        with clock.stopped_at(clock.now() + leases * LEASE):
            silent = service.silent_since(LEASE_S)
            assert (await service.survival(desk.seller, silent)).lost == lost, leases
            assert await service.lost_anywhere(silent) == lost, leases


def test_page_times_forget_what_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("portal.status.page_times.monotonic", lambda: now)
    times = PageTimes()
    assert times.lately().most_s is None
    times.add(9.0)
    now = 3000.0
    for hundredth in range(1, 101):
        times.add(hundredth / 100)
    assert times.lately().most_s == 0.96, "of 101"
    now = 3700.0
    assert (times.lately().pages, times.lately().most_s) == (100, 0.95)


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (None, "–"),
        (timedelta(seconds=40), "40 s"),
        (timedelta(minutes=12, seconds=3), "12 min"),
        (timedelta(hours=3, minutes=5), "3 h 5 min"),
        (timedelta(days=2, hours=4), "2 days 4 h"),
    ],
)
def test_lengths_read_as_one_says_them(length: timedelta | None, words: str) -> None:
    assert spelt(length) == words


@pytest.fixture
async def app(database: Addresses, keys: Vault) -> AsyncIterator[Litestar]:
    async with opened(database.web, keys, fresh=True) as app:
        yield app


async def seller_of(browser: Browser) -> UUID:
    viewer = await current(browser.session)
    assert viewer is not None
    return viewer.seller_id


async def test_the_page_says_of_each_promise_whether_it_is_kept(
    app: Litestar, database: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "PAGE_WITHIN_S", 60.0)  # how quick this machine is, is not the question
    asha = await signed_up(app)
    await asha.get("/orders")
    first = (await asha.get("/status")).text
    assert first.count("Nothing to tell by yet") == 1, "there is no order; the page of orders was counted"
    assert first.count("Met") == 2
    account = await make_account(await seller_of(asha))
    await connected_for(database, account, timedelta(days=5))
    await order(database, account, 1, placed=timedelta(days=1), took=timedelta(hours=3))
    await seen(
        database,
        """INSERT INTO sync_runs (id, seller_id, marketplace_account_id, target, trigger, diagnostic_id, state, heartbeat_at)
           VALUES (gen_random_uuid(), $1, $2, 'ORDERS', 'manual', 'SYN-TEST-TEST', 'running', now() - interval '1 hour')""",
        account.seller_id,
        account.id,
    )
    then = (await asha.get("/status")).text
    assert then.count("Not met") == 2
    assert "3 h 0 min" in then
    assert (await Browser(app).get("/status")).status_code == 303


async def test_only_whole_pages_count_as_pages(app: Litestar) -> None:
    asha = await signed_up(app)
    before = (await asha.get("/status")).text
    for path in ("/healthz", "/metrics", "/static/none.css"):
        await asha.get(path)
    await asha.get("/orders", {"hx-request": "true"})
    after = (await asha.get("/status")).text
    assert _pages(after) == _pages(before) + 1, "the status page itself"


def _pages(text: str) -> int:
    return int(text.partition("Pages counted</dt>")[2].partition("</dd>")[0].split()[-1])
