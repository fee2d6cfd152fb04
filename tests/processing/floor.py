"""A shop floor: one account at a sandboxed marketplace whose open orders are processed, with the worker's job called by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from portal import clock, db
from portal.files import Files
from portal.jobs import Jobs
from portal.listings import service as listings
from portal.marketplaces import details
from portal.marketplaces.ajio import MARKETPLACE
from portal.marketplaces.ajio.sandbox import sandbox, sandbox_keys, sandbox_settings
from portal.marketplaces.ajio.sandbox.world import World
from portal.marketplaces.contract import AccountRef, ScheduleTarget
from portal.marketplaces.facts import ListingFact
from portal.marketplaces.opening import Doorway
from portal.marketplaces.sandbox import Fault, Faults, Ordered, Shop
from portal.postgres import Addresses
from portal.processing import rules
from portal.processing.closing import Rule
from portal.runs import service as runs
from portal.settings import Settings
from portal.syncing.job import run_sync
from portal.tables.processing import ClosePolicy
from portal.tables.syncs import RunState, SyncRun
from portal.vault import Vault
from tests.factories import make_account, make_seller
from tests.serving import served
from tests.workshop import queueing

CODE = MARKETPLACE.code
SELLER_GSTIN = "27AAPFU0939F1ZV"
MAIN, OTHER = "Delhivery", "Xpressbees"
PLENTY = 100_000


@dataclass(kw_only=True)
class Floor:
    addresses: Addresses
    world: World
    faults: Faults
    vault: Vault
    jobs: Jobs
    seller: UUID
    account: AccountRef
    settings: Settings
    files: Files

    def context(self) -> dict[str, Any]:
        """What a job is called with in a worker process that has just been started."""
        return {"settings": self.settings, "vault": self.vault, "jobs": self.jobs, "doorway": Doorway(self.settings)}

    async def start(self) -> UUID:
        return (await runs.start(self.seller, self.account.id, ScheduleTarget.FULL_PROCESSING, jobs=self.jobs)).run_id

    async def work(self, run_id: UUID) -> SyncRun:
        """Deliver the run's job, and again where it stepped back for others."""
        while True:
            await run_sync(self.context(), run_id=str(run_id))
            run = await runs.get(self.seller, run_id)
            if run.state != RunState.QUEUED:
                return run

    async def process(self) -> SyncRun:
        return await self.work(await self.start())

    async def rule(self, **parts: Any) -> None:
        rule = Rule(**{"close_policy": ClosePolicy.IMMEDIATE, "tax_number": SELLER_GSTIN, **parts})
        await rules.save(self.seller, self.account.id, rule, by="Asha")

    def wrong(self, fault: Fault, *, times: int = 1, after: int = 0, operation: str = "") -> None:
        self.faults.ordered.append(Ordered(fault=fault, times=times, after=after, operation=operation))

    async def rows(self, query: str, *arguments: object) -> list[Any]:
        async with db.transaction(self.seller) as held:
            return list(await held.fetch(query, *arguments))

    async def stages(self) -> dict[str, str]:
        return {row["stage"]: row["state"] for row in await self.rows("SELECT stage, state FROM stage_runs ORDER BY position")}

    async def held(self) -> dict[str, str]:
        """Held orders and why, by order."""
        found = await self.rows("SELECT external_order_id, held_code FROM batch_orders WHERE state = 'held'")
        return {row["external_order_id"]: row["held_code"] for row in found}

    async def orders(self) -> dict[str, dict[str, Any]]:
        found = await self.rows("SELECT * FROM batch_orders ORDER BY id")
        return {row["external_order_id"]: {**row, "marks": msgspec.json.decode(row["marks"])} for row in found}

    async def stock(self, pieces: int = PLENTY, **different: int) -> None:
        """What the portal knows there is of each article."""
        facts = [
            ListingFact(
                sku=article.sku,
                external_listing_id=article.sku,
                title=article.title,
                status="active",
                raw_status="",
                quantity_seen=different.get(article.sku, pieces),
            )
            for article in self.world.catalogue
        ]
        async with db.transaction(self.seller):
            await listings.keep(self.account, facts)

    def ship_with_two_carriers(self, others: int) -> None:
        """The last `others` orders go with another carrier than all before."""
        for position, order in enumerate(self.world.sold):
            order.carrier = OTHER if position >= len(self.world.sold) - others else MAIN


@asynccontextmanager
async def floor(addresses: Addresses, keys: Vault, folder: Path, *, orders: int, hold_s: float = 0.0) -> AsyncIterator[Floor]:
    """The pool of this process has to be open already. Stock is known and plenty, manifests close at once."""
    shop = Shop(seed=3, orders=orders, listings=max(40, orders // 4), now=clock.now().replace(microsecond=0))
    app = sandbox(shop)
    async with served(app) as base, queueing(addresses.worker) as jobs:
        world: World = app.state["world"]
        world.desk.hold_s = hold_s
        pointed = {name.removeprefix(f"PORTAL_{CODE}_"): value for name, value in sandbox_settings(base).items()}
        values = sandbox_keys(shop)
        seller = await make_seller()
        account = await make_account(seller, code=CODE, external=values["pob_id"], name="Surat POB")
        secrets = {
            column: (keys.seal(CODE, details.place_of(MARKETPLACE, column, account.id), values[column]), keys.fingerprint(values[column]))
            for column in ("api_password",)
        }
        async with db.transaction(seller):
            await details.move_in(MARKETPLACE, account, MARKETPLACE.method("partner_api"), values, secrets, by="a test")
        settings = Settings(
            database_url=addresses.worker,
            allow_private_marketplaces=True,
            marketplaces={CODE: {**pointed, "RATE": "1000000"}},
            data_dir=folder,
            lease_s=60,
            beat_s=20,
        )
        one = Floor(
            addresses=addresses,
            world=world,
            faults=app.state["faults"],
            vault=keys,
            jobs=jobs,
            seller=seller,
            account=account,
            settings=settings,
            files=Files(folder / "documents"),
        )
        await one.stock()
        await one.rule()
        yield one
