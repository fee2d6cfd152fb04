"""The portal's own side without a queue: jobs are remembered and performed when a test says so, as a worker would."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx

from portal import db
from portal.connecting import service as connecting
from portal.connecting.job import confirm_wizard, test_keys
from portal.jobs import Jobs
from portal.marketplaces.contract import AccountRef, Marketplace, ScheduleTarget
from portal.marketplaces.opening import Doorway
from portal.marketplaces.sandbox import Shop
from portal.runs import service as runs
from portal.settings import Settings
from portal.syncing.job import run_sync
from portal.tables.syncs import SyncRun
from portal.tables.wizards import ConnectWizard
from portal.vault import Vault
from tests.factories import make_seller, make_user
from tests.serving import served

Work = Callable[[dict[str, Any]], Awaitable[None]]


class Line(Jobs):
    """Jobs in the order they were asked for."""

    def __init__(self) -> None:
        self.waiting: list[Work] = []

    async def sync(self, code: str, run_id: UUID, attempt: int, *, at: datetime | None = None) -> None:
        self.waiting.append(lambda ctx: run_sync(ctx, run_id=str(run_id)))

    async def test_keys(self, code: str, wizard_id: UUID, attempt: int) -> None:
        self.waiting.append(lambda ctx: test_keys(ctx, wizard_id=str(wizard_id)))

    async def confirm_wizard(self, code: str, wizard_id: UUID) -> None:
        self.waiting.append(lambda ctx: confirm_wizard(ctx, wizard_id=str(wizard_id)))

    async def anybody_waits(self, code: str) -> bool:
        return bool(self.waiting)


@dataclass(kw_only=True)
class Desk:
    """One seller's portal in front of one sandbox."""

    place: Marketplace
    shop: Shop
    side: httpx.AsyncClient
    settings: Settings
    vault: Vault
    seller_id: UUID
    user_id: UUID
    jobs: Line = field(default_factory=Line)

    def __post_init__(self) -> None:
        self._ctx: dict[str, Any] = {
            "settings": self.settings,
            "vault": self.vault,
            "jobs": self.jobs,
            "doorway": Doorway(self.settings),
        }

    @property
    def values(self) -> dict[str, str]:
        """The sandbox's key file."""
        assert self.place.sandbox_keys is not None
        return self.place.sandbox_keys(self.shop)

    async def work(self) -> None:
        """Perform what waits, and what that asks for in turn."""
        while self.jobs.waiting:
            await self.jobs.waiting.pop(0)(self._ctx)

    async def type_in(self, values: Mapping[str, str]) -> ConnectWizard:
        """The wizard up to its live test, with these keys; what it found stands in it."""
        method = self.place.method_of(values)
        wizard = await connecting.begin(self.seller_id, self.user_id, self.place.code, settings=self.settings)
        await connecting.choose(self.seller_id, wizard.id, name="Surat store", method=method.code, version=None, settings=self.settings)
        await connecting.prepared(self.seller_id, wizard.id)
        typed = {name: value for name, value in values.items() if name in method.fields()}
        await connecting.enter(self.seller_id, wizard.id, typed, version=None, vault=self.vault, jobs=self.jobs)
        await self.work()
        return await connecting.get(self.seller_id, wizard.id)

    async def connect(self) -> AccountRef:
        """An account through the wizard, with the sandbox's own keys. Its first sync waits to be worked."""
        wizard = await self.type_in(self.values)
        assert wizard.test_state == "passed", wizard.error_message
        await connecting.confirm(self.seller_id, wizard.id, first_days=self.shop.days + 5, jobs=self.jobs)
        await self.jobs.waiting.pop(0)(self._ctx)
        return AccountRef(
            id=wizard.account_id,
            seller_id=self.seller_id,
            code=self.place.code,
            external_account_id=wizard.found_account_id,
            name=wizard.name,
        )

    async def sync(self, account: AccountRef, target: ScheduleTarget) -> SyncRun:
        """A run of that target, performed to its end."""
        started = await runs.start(self.seller_id, account.id, target, jobs=self.jobs)
        await self.work()
        return await runs.get(self.seller_id, started.run_id)

    async def forget_watermarks(self, account: AccountRef) -> None:
        """So that the next runs read everything again."""
        async with db.transaction(self.seller_id) as held:
            await held.execute("DELETE FROM sync_cursors WHERE marketplace_account_id = $1", account.id)


@asynccontextmanager
async def desk(place: Marketplace, shop: Shop, vault: Vault) -> AsyncIterator[Desk]:
    """Needs the `connected` fixture."""
    assert place.sandbox is not None
    assert place.sandbox_settings is not None
    async with served(place.sandbox(shop)) as base, httpx.AsyncClient(base_url=base, verify=False, trust_env=False, timeout=60) as side:
        group = {name.removeprefix(f"PORTAL_{place.code}_"): value for name, value in place.sandbox_settings(base).items()}
        settings = Settings(marketplaces={place.code: group}, allow_private_marketplaces=True)
        seller_id = await make_seller()
        user_id = await make_user(seller_id)
        yield Desk(place=place, shop=shop, side=side, settings=settings, vault=vault, seller_id=seller_id, user_id=user_id)
