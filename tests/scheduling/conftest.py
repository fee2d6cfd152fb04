"""Accounts with schedules, a queue and no marketplace: enough for everything that the clock starts."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from portal import clock, db
from portal.jobs import Jobs
from portal.marketplaces.contract import AccountRef, ScheduleTarget
from portal.postgres import Addresses
from portal.scheduling import service
from portal.tables.schedules import Schedule
from tests.factories import make_account, make_seller
from tests.workshop import queueing, seen

NOON = datetime(2026, 8, 21, 6, 30, tzinfo=UTC)
"""Friday, 12:00 in India."""


@dataclass
class Desk:
    """Asha's account, whose schedules began at noon."""

    addresses: Addresses
    jobs: Jobs
    account: AccountRef

    @property
    def seller(self) -> UUID:
        return self.account.seller_id

    async def begin(self) -> None:
        async with db.transaction(self.seller):
            await service.begin(self.account)

    async def schedule(self, target: ScheduleTarget = ScheduleTarget.ORDERS) -> Schedule:
        async with db.transaction(self.seller):
            found = (
                await Schedule.objects().where((Schedule.target == target) & (Schedule.marketplace_account_id == self.account.id)).first()
            )
        assert found is not None
        return found

    async def runs(self) -> Sequence[Any]:
        """Every run there is, oldest first, as the owner sees them."""
        return await seen(self.addresses, "SELECT * FROM sync_runs ORDER BY created_at, target")

    async def jobs_asked_for(self) -> list[str]:
        return [row["key"] for row in await seen(self.addresses, "SELECT key FROM saq_jobs ORDER BY key")]

    async def change_account(self, **columns: Any) -> None:
        async with db.transaction(self.seller) as held:
            for name, value in columns.items():
                await held.execute(f"UPDATE marketplace_accounts SET {name} = $2 WHERE id = $1", self.account.id, value)

    async def end(self, run_id: UUID, state: str = "succeeded") -> None:
        """End a run behind everybody's back."""
        await seen(self.addresses, "UPDATE sync_runs SET state = 'running' WHERE id = $1", run_id)
        await seen(
            self.addresses,
            """UPDATE sync_runs SET state = $2, started_at = $3, finished_at = $3, watermark = 'there' WHERE id = $1""",
            run_id,
            state,
            clock.now(),
        )


@pytest.fixture
async def desk(connected: Addresses) -> AsyncIterator[Desk]:
    async with queueing(connected.worker) as jobs:
        one = Desk(connected, jobs, await make_account(await make_seller()))
        with clock.stopped_at(NOON):
            await one.begin()
        yield one
