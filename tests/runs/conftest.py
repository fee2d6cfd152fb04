"""A seller with an account and a queue, without a marketplace: enough for the life of a run."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from portal.jobs import Jobs
from portal.marketplaces.contract import AccountRef, ScheduleTarget
from portal.postgres import Addresses
from portal.runs import routes, service
from portal.runs.service import Started, Taken
from portal.tables.syncs import RunState, SyncRun
from tests.factories import make_account, make_seller
from tests.workshop import queueing, seen

PAGES: list[Any] = [route for route in routes.ROUTES if route is not routes.events]
"""All addresses but the stream, which needs ears."""

LEASE = timedelta(seconds=45)


@dataclass
class Desk:
    """Where asha's runs are started and worked on."""

    addresses: Addresses
    jobs: Jobs
    account: AccountRef

    @property
    def seller(self) -> UUID:
        return self.account.seller_id

    async def start(self, **parts: Any) -> Started:
        return await service.start(self.seller, self.account.id, ScheduleTarget.ORDERS, jobs=self.jobs, **parts)

    async def take(self, run_id: UUID) -> Taken:
        taken = await service.take(self.seller, run_id, lease=LEASE)
        assert taken is not None
        return taken

    async def at_work(self) -> Taken:
        return await self.take((await self.start()).run_id)

    async def run(self, run_id: UUID) -> SyncRun:
        return await service.get(self.seller, run_id)

    async def state(self, run_id: UUID) -> RunState:
        return RunState((await self.run(run_id)).state)

    async def told(self, run_id: UUID) -> list[tuple[int, str]]:
        """Number and kind of each event."""
        return [(event.seq, event.kind) for event in await service.events(self.seller, run_id)]

    async def asked_for(self) -> list[str]:
        """The keys of the jobs in the queue."""
        return [row["key"] for row in await seen(self.addresses, "SELECT key FROM saq_jobs ORDER BY key")]

    async def forget_jobs(self) -> None:
        await seen(self.addresses, "DELETE FROM saq_jobs")


@pytest.fixture
async def desk(connected: Addresses) -> AsyncIterator[Desk]:
    async with queueing(connected.worker) as jobs:
        yield Desk(connected, jobs, await make_account(await make_seller()))
