"""Three processes on one credential: whatever they do, the marketplace never counts more calls than its bucket allows."""

import asyncio
import subprocess
import sys

import msgspec
import pytest

from portal.marketplaces.flipkart.client import SHIPMENTS
from portal.marketplaces.registry import marketplace
from portal.postgres import Addresses
from tests.contract.stalls import TINY
from tests.factories import make_account, make_seller
from tests.pacing.buckets import Arrivals, overdrawn
from tests.serving import served
from tests.workers import PATIENCE_S, TOP, environment

pytestmark = pytest.mark.anyio

PROCESSES = 3
PLACE = marketplace("FLIPKART")
"""Two calls a second, five at once."""


async def test_three_processes_never_exceed_one_budget(connected: Addresses) -> None:
    await _together(connected, seconds=3)


@pytest.mark.soak
async def test_three_processes_never_exceed_one_budget_for_long(connected: Addresses) -> None:
    await _together(connected, seconds=180)


async def _together(addresses: Addresses, *, seconds: float) -> None:
    assert PLACE.sandbox is not None
    assert PLACE.sandbox_settings is not None
    assert PLACE.sandbox_keys is not None
    account = await make_account(await make_seller(), code=PLACE.code)
    arrivals = Arrivals(PLACE.sandbox(TINY))
    async with served(arrivals) as base:
        group = {name.removeprefix(f"PORTAL_{PLACE.code}_"): value for name, value in PLACE.sandbox_settings(base).items()}
        told = {
            "database_url": addresses.worker,
            "code": PLACE.code,
            "settings": {**group, "RATE": "1"},
            "keys": PLACE.sandbox_keys(TINY),
            "account": [str(account.id), str(account.seller_id)],
            "now": TINY.now.isoformat(),
            "seconds": seconds,
            "least": 4,
        }
        made = await asyncio.gather(*(_caller(told, seconds) for _ in range(PROCESSES)))
    assert all(made), "each of them had its share"
    assert sum(made) == len(arrivals.calls)
    orders = [moment for moment, path in arrivals.calls if "shipments" in path]
    assert len(orders) > SHIPMENTS.burst, "they wanted more than a full bucket"
    assert not overdrawn(orders, SHIPMENTS)


async def _caller(told: object, seconds: float) -> int:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.pacing.caller"), cwd=TOP, env=environment({}), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(seconds + PATIENCE_S):
            out, _ = await process.communicate(msgspec.json.encode(told))
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0
    return int(out)
