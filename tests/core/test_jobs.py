"""Asking for work: what was asked for is there, whatever has become of the connections meanwhile."""

from uuid import uuid4

import pytest

from portal.postgres import Addresses
from tests.workshop import queueing, seen

pytestmark = pytest.mark.anyio

QUEUES = "application_name = 'portal-queue' AND datname = current_database()"


async def test_a_database_that_was_restarted_costs_nobody_a_click(connected: Addresses) -> None:
    async with queueing(connected.worker) as jobs:
        await jobs.erase_history("AMAZON_IN", uuid4())
        assert await seen(connected, f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {QUEUES}")
        await jobs.sync("AMAZON_IN", uuid4(), 0)
    assert len(await seen(connected, "SELECT FROM saq_jobs")) == 2
