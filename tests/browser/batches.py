"""A batch in each of its states, brought there by a real worker: what the pages of processing are looked at with."""

import asyncio
import copy
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from portal.marketplaces.ajio.sandbox.desk import Desk
from portal.marketplaces.registry import marketplace
from tests.browser.errands import PATIENCE_S, Errand
from tests.browser.stack import Stack

AJIO = marketplace("AJIO")
ORDERS, DELIVERED = 8, "DELIVERED"
ALL_DAY = 86_400.0
WRONG_GSTIN, RIGHT_GSTIN = "27AAPFU0939F1ZX", "27AAPFU0939F1ZV"


@dataclass
class Batches:
    """One account with a handful of new orders, two of them bad in different ways."""

    stack: Stack
    errand: Errand
    account: str
    world: Any

    @property
    def bad(self) -> tuple[Any, Any]:
        """One with a GSTIN that is none, one whose pincode lies in another state."""
        return self.world.sold[2], self.world.sold[5]

    async def start(self) -> str:
        """Press "Process open orders"; the address of the run."""
        await self.errand.get("/batches")
        return (await self.errand.post(f"{self.account}/syncs", {"target": "FULL_PROCESSING"})).url.path

    async def batch(self) -> str:
        """The address of the newest batch."""
        await self.errand.get("/batches")
        return self.errand.link("/batches/[0-9a-f-]{36}")

    async def reads(self, address: str, words: str) -> None:
        """Wait until a page says so."""
        async with asyncio.timeout(PATIENCE_S):
            while words not in (await self.errand.get(address)).text:
                await asyncio.sleep(0.1)

    async def on_hold(self) -> str:
        """A new batch that waits out the marketplace's hold; its address."""
        self.world.desk.hold_s = ALL_DAY
        await self.start()
        async with asyncio.timeout(PATIENCE_S):
            while not re.search("/batches/[0-9a-f-]{36}", (await self.errand.get("/batches")).text):
                await asyncio.sleep(0.1)
        address = await self.batch()
        await self.reads(address, "keeps accepted orders on hold")
        return address

    async def hold_is_over(self, address: str) -> None:
        """The hold ends; the batch goes on until somebody has to close its manifests."""
        self.world.desk.hold_s = 0.0
        await self.stack.sql("UPDATE sync_runs SET resume_at = now() - interval '1 second' WHERE state = 'waiting'")
        await self.stack.sql("UPDATE saq_jobs SET scheduled = extract(epoch FROM now())::bigint - 1 WHERE status = 'queued'")
        await self.reads(address, "Close manifests now")

    async def closed(self, address: str) -> str:
        """The manifests are closed; the address of the run that did it."""
        run = (await self.errand.post(f"{address}/close")).url.path
        await self.errand.see_end(run)
        return run

    async def printed(self, address: str) -> str:
        """Everything in one file; the address of its page."""
        made = (await self.errand.post(f"{address}/prints", {"kind": "batch", "order": ""})).url.path
        await self.reads(made, "Download PDF")
        return made


@asynccontextmanager
async def batches(stack: Stack, errand: Errand, keys: Mapping[str, str] | None = None) -> AsyncIterator[Batches]:
    """The sandbox's shop has so few new orders inside, and is as it was afterwards. With `keys` it is connected by these."""
    world = stack.turnstile.world(AJIO)
    was, desk = [copy.copy(order) for order in world.sold], world.desk
    world.desk = Desk()
    for order in world.sold[ORDERS:]:
        order.state = DELIVERED
    one = Batches(stack=stack, errand=errand, account="", world=world)
    one.bad[0].gstin, (one.bad[1].pincode, one.bad[1].region) = WRONG_GSTIN, ("560001", "Gujarat")
    _tell_anew(world)
    try:
        one.account = await errand.connected(AJIO, keys or stack.keys(AJIO))
        if keys is None:
            # What there is in stock is known from the listings; here there is enough of everything.
            await errand.sync(one.account, "LISTINGS")
            account_id = one.account.rpartition("/")[2]
            await stack.sql("UPDATE listings SET quantity_seen = 1000 WHERE marketplace_account_id = $1::uuid", account_id)
        yield one
    finally:
        world.desk = desk
        for order, before in zip(world.sold, was, strict=True):
            for name in order.__slots__:
                setattr(order, name, getattr(before, name))
        _tell_anew(world)


def _tell_anew(world: Any) -> None:
    """Orders were changed behind the sandbox's back: what it keeps of their rows from earlier answers is out of date."""
    for order in world.sold:
        order.encoded.clear()
    world.forget_waiting()
