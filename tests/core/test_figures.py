"""What Prometheus is told: of this process, and of all workers together."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from litestar import Litestar

from portal import clock, db
from portal.marketplaces.http import Call
from portal.marketplaces.sandbox import Fault
from portal.marketplaces.tally import Tally
from portal.postgres import Addresses
from portal.runs import service as runs
from portal.syncing.job import run_sync
from portal.vault import Vault
from tests.browsing import Browser, opened
from tests.runs.conftest import LEASE, Desk
from tests.runs.conftest import desk as desk  # noqa: PLC0414 (a fixture)
from tests.syncing.conftest import works as works  # noqa: PLC0414 (a fixture)
from tests.workshop import Workshop, seen

pytestmark = pytest.mark.anyio


@pytest.fixture
async def app(connected: Addresses, keys: Vault) -> AsyncIterator[Litestar]:
    """Over the pool that the test has opened."""
    async with opened(connected.web, keys, fresh=True) as app:
        yield app


async def told(app: Litestar) -> dict[str, float]:
    """Every sample by its name with labels."""
    lines = (await Browser(app).get("/metrics")).text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))}


async def test_runs_are_told_by_state_age_and_length(app: Litestar, desk: Desk) -> None:
    taken = await desk.at_work()
    await seen(desk.addresses, "UPDATE sync_runs SET created_at = now() - interval '5 minutes', started_at = now() - interval '3 minutes'")
    found = await told(app)
    assert found['portal_runs{state="running"}'] == 1
    assert 299 < found['portal_oldest_run_seconds{state="running"}'] < 360
    assert found["portal_runs_lost"] == 0
    with clock.stopped_at(clock.now() + 5 * LEASE):
        assert (await told(app))["portal_runs_lost"] == 1
    await runs.finish(taken, watermark=None)
    found = await told(app)
    assert found['portal_runs{state="succeeded"}'] == 1
    assert 'portal_oldest_run_seconds{state="running"}' not in found
    assert 179 < found['portal_run_seconds{marketplace="AMAZON_IN",quantile="0.95",target="ORDERS"}'] < 240
    assert found['portal_run_seconds_last_hour_count{marketplace="AMAZON_IN",target="ORDERS"}'] == 1


async def test_queues_are_told_by_what_stands_in_them(app: Litestar, desk: Desk) -> None:
    await desk.start()
    found = await told(app)
    assert found['portal_queue_jobs{queue="amazon_in",state="queued"}'] == 1
    assert found['portal_queue_jobs{queue="amazon_in",state="active"}'] == 0
    assert found['portal_queue_jobs{queue="upkeep",state="queued"}'] == 0
    await seen(desk.addresses, "UPDATE saq_jobs SET scheduled = extract(epoch FROM now()) + 600")
    found = await told(app)
    assert found['portal_queue_jobs{queue="amazon_in",state="queued"}'] == 0
    assert found['portal_queue_jobs{queue="amazon_in",state="later"}'] == 1


def call(fault: str = "", status: int | None = 200) -> Call:
    return Call(marketplace="-", operation="-", method="GET", path="/", status=status, duration_ms=250, attempt=1, fault=fault)


async def test_calls_of_all_workers_add_up(app: Litestar) -> None:
    """Each writes down what is new since the last time; what could not be written stays counted."""
    one, other = Tally(), Tally()
    for tally in (one, other):
        tally.count("FLIPKART", call())
        tally.count("FLIPKART", call(status=404))
        tally.count("FLIPKART", call("timeout", None))
        await tally.write_down()
        await tally.write_down()
    one.count("FLIPKART", call())
    await db.disconnect()
    with pytest.raises(RuntimeError):
        await one.write_down()
    await db.connect(app.state["settings"].database_url)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await one.write_down()  # the web may read them, and no more
    found = await told(app)
    for outcome in ("answered", "refused", "timeout"):
        assert found[f'portal_marketplace_calls_total{{marketplace="FLIPKART",outcome="{outcome}"}}'] == 2
        assert found[f'portal_marketplace_call_seconds_total{{marketplace="FLIPKART",outcome="{outcome}"}}'] == 0.5
    assert one.waiting == 1


async def test_a_runs_calls_are_counted(app: Litestar, works: Workshop) -> None:
    context = works.context()
    await works.bench.order_fault(Fault.OUTAGE, operation="searchOrders", times=1)
    await run_sync(context, run_id=str(await works.start()))
    await context["doorway"].tally.write_down()
    found = await told(app)
    assert found['portal_marketplace_calls_total{marketplace="AMAZON_IN",outcome="unreachable"}'] == 1
    assert found['portal_marketplace_calls_total{marketplace="AMAZON_IN",outcome="answered"}'] >= 3


async def test_a_silent_host_is_told(app: Litestar, desk: Desk) -> None:
    insert = "INSERT INTO marketplace_circuits (id, marketplace_code, host, faults, accounts, pauses, opened_at) VALUES ($1, $1, 'api', $2, 1, 0, $3)"
    await seen(desk.addresses, insert, "AJIO", 7, clock.now())
    await seen(desk.addresses, insert, "MEESHO", 2, None)
    found = await told(app)
    assert found['portal_marketplace_circuit_open{host="api",marketplace="AJIO"}'] == 1
    assert found['portal_marketplace_faults_in_a_row{host="api",marketplace="AJIO"}'] == 7
    assert found['portal_marketplace_circuit_open{host="api",marketplace="MEESHO"}'] == 0
