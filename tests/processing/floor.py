"""A shop floor: one account at a sandboxed marketplace whose open orders are processed, with the worker's job called by hand.

Which marketplace it is says a `Pipeline`; each has its own in `pipelines/`, and every proof that is not about one marketplace runs
over all of them.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec

from portal import clock, db
from portal.files import Files
from portal.jobs import Jobs
from portal.listings import service as listings
from portal.marketplaces import details
from portal.marketplaces.contract import AccountRef, Marketplace, ScheduleTarget
from portal.marketplaces.facts import ListingFact
from portal.marketplaces.opening import Doorway
from portal.marketplaces.sandbox import Fault, Faults, Ordered, Shop
from portal.postgres import Addresses
from portal.processing import rules, service
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

SELLER_GSTIN = "27AAPFU0939F1ZV"
PLENTY = 100_000


def _nothing(_: Any) -> None:
    return None


async def _nothing_to_do(_: Any) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """What the floor has to know of one marketplace. Its sandbox's `state` holds "world" (whatever it likes) and "faults" (Faults).

    `shop_id` is the external account id that a key file means. `skus` are all there are in its world. `add` brings so many new orders
    that are ready to be processed. `agrees` compares the portal's rows with the sandbox's books line by line, where the named orders
    are held for these codes and all others are through: every call taken once, every document there once. `lost` are the operations
    that change something, as the sandbox names them when it counts calls. `ready` prepares a fresh world, `settings` say what differs
    from the sandbox's own settings, without `PORTAL_<CODE>_`. `hands` are the seller's: they do what a batch waits for in the
    marketplace's panel, and answer whether there was anything.
    """

    place: Marketplace
    shop_id: Callable[[Mapping[str, str]], str]
    skus: Callable[[Any], list[str]]
    add: Callable[[Any, int], None]
    agrees: "Callable[[Floor, Mapping[str, str]], Awaitable[None]]"
    lost: tuple[str, ...]
    ready: Callable[[Any], None] = _nothing
    settings: Mapping[str, str] = field(default_factory=dict)
    hands: "Callable[[Floor], Awaitable[bool]]" = _nothing_to_do

    @property
    def code(self) -> str:
        return self.place.code


@dataclass(kw_only=True)
class Floor:
    pipeline: Pipeline
    addresses: Addresses
    world: Any
    faults: Faults
    vault: Vault
    jobs: Jobs
    seller: UUID
    account: AccountRef
    settings: Settings
    files: Files
    transport: httpx.AsyncBaseTransport | None = None
    """What calls go through instead of the network, for who listens or is impatient."""

    def context(self) -> dict[str, Any]:
        """What a job is called with in a worker process that has just been started."""
        return {
            "settings": self.settings,
            "vault": self.vault,
            "jobs": self.jobs,
            "doorway": Doorway(self.settings, transport=self.transport),
        }

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

    async def through(self) -> SyncRun:
        """The run, with everything it waits for on the way waited out: an answer that comes later, an outage that passes by, the seller."""
        run_id = await self.start()
        while (run := await self.work(run_id)).state == RunState.WAITING:
            await self.pipeline.hands(self)
            await self.rows("UPDATE sync_runs SET resume_at = now() - interval '1 second' WHERE id = $1", run_id)
        return run

    async def close(self, batch_id: UUID) -> UUID:
        """Somebody says that the manifests are to be closed; the run that does it."""
        return await service.close_now(self.seller, batch_id, jobs=self.jobs, by="Asha")

    async def rule(self, **parts: Any) -> None:
        rule = Rule(**{"close_policy": ClosePolicy.IMMEDIATE, "tax_number": SELLER_GSTIN, **parts})
        await rules.save(self.seller, self.account.id, rule, by="Asha")

    def wrong(self, fault: Fault, *, times: int = 1, after: int = 0, operation: str = "", seconds: float = 0.0) -> None:
        self.faults.ordered.append(Ordered(fault=fault, times=times, after=after, operation=operation, seconds=seconds))

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
                sku=sku,
                external_listing_id=sku,
                title=sku,
                status="active",
                raw_status="",
                quantity_seen=different.get(sku, pieces),
            )
            for sku in self.pipeline.skus(self.world)
        ]
        async with db.transaction(self.seller):
            await listings.keep(self.account, facts)


@asynccontextmanager
async def floor(pipeline: Pipeline, addresses: Addresses, keys: Vault, folder: Path, *, orders: int) -> AsyncIterator[Floor]:
    """The pool of this process has to be open already. Stock is known and plenty, manifests close at once."""
    place, code = pipeline.place, pipeline.code
    assert place.sandbox is not None
    assert place.sandbox_keys is not None
    assert place.sandbox_settings is not None
    shop = Shop(seed=3, orders=orders, listings=max(40, orders // 4), now=clock.now().replace(microsecond=0))
    app = place.sandbox(shop)
    async with served(app) as base, queueing(addresses.worker) as jobs:
        world = app.state["world"]
        pipeline.ready(world)
        pointed = {name.removeprefix(f"PORTAL_{code}_"): value for name, value in place.sandbox_settings(base).items()}
        values = place.sandbox_keys(shop)
        seller = await make_seller()
        account = await make_account(seller, code=code, external=pipeline.shop_id(values), name="Surat store")
        await _saved(place, account, values, keys)
        settings = Settings(
            database_url=addresses.worker,
            allow_private_marketplaces=True,
            marketplaces={code: {**pointed, **pipeline.settings}},
            data_dir=folder,
            lease_s=60,
            beat_s=20,
        )
        one = Floor(
            pipeline=pipeline,
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


async def _saved(place: Marketplace, account: AccountRef, values: Mapping[str, str], keys: Vault) -> None:
    """The account's keys, as a confirmed wizard would leave them."""
    secrets = {
        column: (keys.seal(place.code, details.place_of(place, column, account.id), values[column]), keys.fingerprint(values[column]))
        for column in details.sealed_columns(place)
        if values.get(column)
    }
    async with db.transaction(account.seller_id):
        await details.move_in(place, account, place.method_of(values), values, secrets, by="a test")
