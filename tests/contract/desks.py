"""The portal's own side without a queue: jobs are remembered and performed when a test says so, as a worker would."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import httpx

from portal import db
from portal.accounts import service as accounts
from portal.accounts.job import check_account, erase_history
from portal.connecting import service as connecting
from portal.connecting.job import confirm_wizard, test_keys
from portal.jobs import Jobs
from portal.marketplaces import details
from portal.marketplaces.contract import AccountRef, Marketplace, ScheduleTarget, SyncContext
from portal.marketplaces.handoff import Granted
from portal.marketplaces.http import Outside
from portal.marketplaces.opening import Doorway
from portal.marketplaces.sandbox import Fault, Shop
from portal.runs import service as runs
from portal.settings import Settings
from portal.syncing.job import run_sync
from portal.tables.accounts import MarketplaceAccount
from portal.tables.syncs import SyncRun
from portal.tables.wizards import ConnectWizard
from portal.vault import Vault
from tests.contract.stalls import Tap
from tests.factories import make_account, make_seller, make_user
from tests.pacing.buckets import Arrivals
from tests.serving import served

RETURN = "http://127.0.0.1:8000/return"
"""Where a marketplace sends a seller back to; nobody listens there."""
_HIDDEN = re.compile(r'type="hidden" name="([^"]+)" value="([^"]*)"')

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

    async def check_account(self, code: str, account_id: UUID, moment: datetime, *, by: str = "") -> None:
        self.waiting.append(lambda ctx: check_account(ctx, account_id=str(account_id), by=by))

    async def erase_history(self, code: str, account_id: UUID, *, at: datetime | None = None) -> None:
        self.waiting.append(lambda ctx: erase_history(ctx, account_id=str(account_id)))

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
    tap: Tap
    arrivals: Arrivals
    jobs: Line = field(default_factory=Line)
    typed: Mapping[str, str] | None = None
    """Another key file of the sandbox's than its first one: another way to connect."""

    def __post_init__(self) -> None:
        self._ctx: dict[str, Any] = {
            "settings": self.settings,
            "vault": self.vault,
            "jobs": self.jobs,
            "doorway": Doorway(self.settings, transport=self.tap),
        }

    @property
    def values(self) -> dict[str, str]:
        """The sandbox's key file."""
        if self.typed is not None:
            return dict(self.typed)
        assert self.place.sandbox_keys is not None
        return self.place.sandbox_keys(self.shop)

    async def work(self) -> None:
        """Perform what waits, and what that asks for in turn."""
        while self.jobs.waiting:
            await self.next_job()

    async def next_job(self) -> None:
        """Perform the one that waits longest."""
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

    async def allowed(self) -> AccountRef:
        """An account whose seller has pressed Allow on the marketplace's page. Nothing is synced yet."""
        handoff, settings = self.place.handoff, self.settings.of(self.place.code)
        assert handoff is not None
        assert self.place.open is not None
        asked = handoff.consent_address(settings, redirect_uri=RETURN, state="s")
        hidden = dict(_HIDDEN.findall((await self.side.get(asked)).text))
        answer = await self.side.post(asked, data={**hidden, "decision": "allow"})
        brought = handoff.brought(dict(parse_qsl(urlsplit(answer.headers["location"]).query)))
        outside = Outside(settings=settings, allow_private=True)
        keys = await handoff.keys_for(outside, Granted(code=brought.code, state="s", redirect_uri=RETURN, shop=brought.shop))
        nobody = AccountRef(id=self.user_id, seller_id=self.seller_id, code=self.place.code, external_account_id="", name="Nobody")
        async with self.place.open(outside, nobody, keys) as adapter:
            found = await adapter.validate(SyncContext(account=nobody, now=self.shop.now))
        account = await make_account(self.seller_id, code=self.place.code, external=found.external_account_id)
        await self._seal_in(account, keys)
        return account

    async def _seal_in(self, account: AccountRef, keys: Any) -> None:
        method = next(one for one in self.place.methods if one.oauth)
        plain = {name: getattr(keys, name) for name, one in method.fields().items() if not one.secret}
        sealed = {
            name: (self.vault.seal(self.place.code, details.place_of(self.place, name, account.id), getattr(keys, name)), "0000-0000")
            for name, one in method.fields().items()
            if one.secret
        }
        async with db.transaction(self.seller_id):
            await details.move_in(self.place, account, method, plain, sealed, by="Asha")
            await accounts.count_down(account)

    async def sync(self, account: AccountRef, target: ScheduleTarget) -> SyncRun:
        """A run of that target, performed to its end."""
        started = await runs.start(self.seller_id, account.id, target, jobs=self.jobs)
        await self.work()
        return await runs.get(self.seller_id, started.run_id)

    async def fault(self, fault: Fault, **more: object) -> None:
        """Let the sandbox misbehave until `well_again`."""
        (await self.side.post("/_sandbox/faults", json=[{"fault": fault, "times": 0, **more}])).raise_for_status()

    async def well_again(self) -> None:
        await self.side.post("/_sandbox/faults/clear")

    async def check(self, account: AccountRef, by: str = "Asha") -> MarketplaceAccount:
        """A live check, performed."""
        await accounts.start_check(self.seller_id, account.id, jobs=self.jobs, by=by)
        await self.work()
        return await accounts.get(self.seller_id, account.id)

    async def reconnect(self, account: AccountRef, typed: Mapping[str, str]) -> ConnectWizard:
        """A reconnect of the account up to its live test, with only these values typed."""
        wizard = await connecting.begin_reconnect(self.seller_id, self.user_id, account.id)
        values = {**connecting.values_of(wizard), **typed}
        await connecting.enter(self.seller_id, wizard.id, values, version=None, vault=self.vault, jobs=self.jobs)
        await self.work()
        return await connecting.get(self.seller_id, wizard.id)

    async def confirm(self, wizard: ConnectWizard) -> ConnectWizard:
        """Confirmed, with the run that follows from it performed."""
        await connecting.confirm(self.seller_id, wizard.id, first_days=self.shop.days + 5, jobs=self.jobs)
        await self.work()
        return await connecting.get(self.seller_id, wizard.id)

    async def story(self, account: AccountRef) -> list[str]:
        """What happened to the credential, oldest first, openings left out."""
        return [one.kind for one in reversed(await accounts.timeline(self.seller_id, account.id))]

    async def satellite(self, account: AccountRef) -> dict[str, Any]:
        """The row with its sealed columns, as the marketplace's worker reads it."""
        async with db.transaction(self.seller_id), db.acting_as(self.place.role) as held:
            row = await held.fetchrow(f"SELECT * FROM {details.table_of(self.place)} WHERE marketplace_account_id = $1", account.id)
        return dict(row)

    async def deliver(self, run_id: UUID) -> SyncRun:
        """A run's job, once; what it asks for in turn is left out."""
        await run_sync(self._ctx, run_id=str(run_id))
        self.jobs.waiting.clear()
        return await runs.get(self.seller_id, run_id)

    async def order(self, fault: Fault, *, times: int = 0, after: int = 0, seconds: float = 0.0) -> None:
        """A fault; `times` 0 is for ever."""
        ordered = {"fault": fault, "times": times, "after": after, "seconds": seconds}
        (await self.side.post("/_sandbox/faults", json=[ordered])).raise_for_status()

    async def struck(self) -> list[str]:
        found: list[str] = (await self.side.get("/_sandbox/faults")).json()
        return found

    async def clear(self) -> None:
        (await self.side.post("/_sandbox/faults/clear")).raise_for_status()

    async def forget_watermarks(self, account: AccountRef) -> None:
        """So that the next runs read everything again."""
        async with db.transaction(self.seller_id) as held:
            await held.execute("DELETE FROM sync_cursors WHERE marketplace_account_id = $1", account.id)


@asynccontextmanager
async def desk(
    place: Marketplace, shop: Shop, vault: Vault, typed: Mapping[str, str] | None = None, *, folder: Path = Path(".portal")
) -> AsyncIterator[Desk]:
    """Needs the `connected` fixture. `typed` is a key file for another way to connect, `folder` where papers are kept."""
    assert place.sandbox is not None
    assert place.sandbox_settings is not None
    arrivals, tap = Arrivals(place.sandbox(shop)), Tap()
    async with served(arrivals) as base, httpx.AsyncClient(base_url=base, verify=False, trust_env=False, timeout=60) as side:
        group = {name.removeprefix(f"PORTAL_{place.code}_"): value for name, value in place.sandbox_settings(base).items()}
        settings = Settings(marketplaces={place.code: group}, allow_private_marketplaces=True, data_dir=folder)
        seller_id = await make_seller()
        user_id = await make_user(seller_id)
        yield Desk(
            place=place,
            shop=shop,
            side=side,
            settings=settings,
            vault=vault,
            seller_id=seller_id,
            user_id=user_id,
            tap=tap,
            arrivals=arrivals,
            typed=typed,
        )
        await tap.ended()
