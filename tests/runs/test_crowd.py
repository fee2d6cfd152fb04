"""A thousand open streams on one web process, and people who come and go: nobody misses an event or sees one twice."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from portal.postgres import Addresses
from portal.up.child import Child
from portal.up.supervisor import answers
from portal.vault import BUYERS
from tests.bench.crowd import Size, gathered
from tests.serving import free_port
from tests.workers import Rings, environment

pytestmark = pytest.mark.anyio

SAMPLE = Size(streams=50, runs=5, events=8, restless=10, drops=2, every_s=0.3)
FULL = Size(streams=1000, runs=50, events=60, restless=200, drops=5)
MOST_MB = 400


@asynccontextmanager
async def web(addresses: Addresses, rings: Rings, size: Size, logs: Path) -> AsyncIterator[tuple[psutil.Process, str]]:
    """A real web process and its address."""
    port = free_port()
    told = {
        "PORTAL_DATABASE_URL": addresses.web,
        "PORTAL_SEAL_KEYS": rings[0],
        "PORTAL_BUYER_OPEN_KEYS": next(line for line in rings[1].splitlines() if line.startswith(BUYERS)),
        "PORTAL_PORT": str(port),
        "PORTAL_STREAMS": str(size.streams + size.restless),
        # All of them are one person's here. Who drops and comes back may be counted twice for a moment.
        "PORTAL_STREAMS_PER_PERSON": str(size.streams + size.restless),
        "PORTAL_LOG_JSON": "true",
    }
    said: list[str] = []
    child = await Child.started("web", environment(told), logs, said.append)
    try:
        base = f"http://127.0.0.1:{port}"
        await answers(f"{base}/readyz")
        yield psutil.Process(child.pid), base
    finally:
        await child.stop(4.0)
    assert said == [], "nothing to warn of"


async def proves(connected: Addresses, rings: Rings, size: Size, logs: Path) -> None:
    async with web(connected, rings, size, logs) as (process, base):
        crowd = await gathered(process, base, size)
        assert crowd.wrong() == []
        assert crowd.memory_mb() < MOST_MB


async def test_a_small_crowd_sees_every_event_once(connected: Addresses, rings: Rings, tmp_path: Path) -> None:
    await proves(connected, rings, SAMPLE, tmp_path)


@pytest.mark.soak
async def test_a_thousand_streams_see_every_event_once(connected: Addresses, rings: Rings, tmp_path: Path) -> None:
    await proves(connected, rings, FULL, tmp_path)
