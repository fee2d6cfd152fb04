"""A seller who is about to connect a shop, and the shop's marketplace on real HTTP."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

import pytest

from portal.connecting import job, service
from portal.marketplaces.amazon_in.sandbox import sandbox_keys
from portal.postgres import Addresses
from portal.settings import Settings
from portal.tables.wizards import ConnectWizard
from portal.vault import Vault
from tests.factories import make_seller, make_user
from tests.workshop import CODE, Workshop, workshop

SECRETS = ("lwa_client_id", "lwa_client_secret", "refresh_token")


@dataclass
class Setup:
    """One wizard and both sides of it: what the seller does, and the jobs as a worker gets them."""

    works: Workshop
    seller: UUID
    user: UUID
    id: UUID

    @property
    def typed(self) -> dict[str, str]:
        return sandbox_keys(self.works.bench.shop)

    @property
    def secrets(self) -> list[str]:
        return [self.typed[name] for name in SECRETS]

    async def row(self) -> ConnectWizard:
        return await service.get(self.seller, self.id)

    async def begun(self, name: str = "Surat store") -> "Setup":
        """At step 3, with nothing typed."""
        settings = Settings()
        wizard = await service.begin(self.seller, self.user, CODE, settings=settings)
        one = replace(self, id=wizard.id)
        await service.choose(self.seller, one.id, name=name, method="private_app", version=wizard.version, settings=settings)
        await service.prepared(self.seller, one.id)
        return one

    async def reconnecting(self, account_id: UUID) -> "Setup":
        return replace(self, id=(await service.begin_reconnect(self.seller, self.user, account_id)).id)

    async def enter(self, changed: dict[str, str] | None = None, *, version: int | None = None, form_token: str = "") -> None:
        values = {**self.typed, **(changed or {})}
        await service.enter(
            self.seller, self.id, values, version=version, vault=self.works.vault, jobs=self.works.jobs, form_token=form_token
        )

    async def test(self) -> ConnectWizard:
        """Deliver the job of the live test."""
        await job.test_keys(self.works.context(), wizard_id=str(self.id))
        return await self.row()

    async def confirm(self, first_days: int = 30) -> ConnectWizard:
        await service.confirm(self.seller, self.id, first_days=first_days, jobs=self.works.jobs)
        return await self.confirmed()

    async def confirmed(self) -> ConnectWizard:
        """Deliver the job of the confirmation."""
        await job.confirm_wizard(self.works.context(), wizard_id=str(self.id))
        return await self.row()

    async def connected(self) -> "Setup":
        one = await self.begun()
        await one.enter()
        await one.test()
        await one.confirm()
        return one


@pytest.fixture
async def setup(connected: Addresses, keys: Vault) -> AsyncIterator[Setup]:
    async with workshop(connected, keys) as works:
        seller = await make_seller("Chitra Crafts")
        yield Setup(works, seller, await make_user(seller, "chitra@example.in"), uuid4())
