"""A sandboxed AJIO on a loopback port, and an account that is opened against it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast
from uuid import UUID

import httpx
import msgspec

from portal.marketplaces.ajio import MARKETPLACE
from portal.marketplaces.ajio.sandbox import sandbox, sandbox_keys, sandbox_panel_keys, sandbox_settings
from portal.marketplaces.ajio.sandbox.world import World
from portal.marketplaces.contract import AccountRef, MarketplaceAdapter, Page, SyncContext
from portal.marketplaces.http import Outside
from portal.marketplaces.sandbox import Fault, Faults, Ordered, Shop
from tests.serving import served

ACCOUNT = AccountRef(id=UUID(int=7), seller_id=UUID(int=8), code="AJIO", external_account_id="", name="AJIO Surat")
SHOP = Shop(seed=3, orders=260, returns=70, payouts=6, listings=110)
DOORS = ("partner_api", "portal_session")


@dataclass(kw_only=True)
class Stand:
    base: str
    shop: Shop
    world: World
    faults: Faults
    outside: Outside
    notes: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)

    def values(self, door: str) -> dict[str, str]:
        return sandbox_keys(self.shop) if door == "partner_api" else sandbox_panel_keys(self.shop)

    def open(self, door: str = "partner_api", **changed: str) -> AbstractAsyncContextManager[MarketplaceAdapter]:
        """The adapter with the sandbox's keys, some of them changed."""
        given = {name: one for name, one in (self.values(door) | changed).items() if name != "method"}
        assert MARKETPLACE.open is not None
        return MARKETPLACE.open(self.outside, ACCOUNT, MARKETPLACE.method(door).keys(**given))

    def ctx(self, **changed: Any) -> SyncContext:
        async def note(sentence: str) -> None:
            self.notes.append(sentence)

        async def checked(check: str) -> None:
            self.checks.append(str(check))

        return replace(SyncContext(account=ACCOUNT, now=self.shop.now, note=note, checked=checked), **changed)

    def wrong(self, fault: Fault, *, times: int = 0, after: int = 0, operation: str = "", seconds: float = 0.0) -> None:
        self.faults.ordered.append(Ordered(fault=fault, times=times, after=after, operation=operation, seconds=seconds))

    async def ledger(self, door: str = "partner_api") -> dict[str, list[dict[str, Any]]]:
        async with httpx.AsyncClient(verify=False) as client:
            answer = await client.get(f"{self.base}/_sandbox/ledger", params={"method": door})
        return cast("dict[str, list[dict[str, Any]]]", answer.json())

    async def add(self, *, orders: int = 0, updates: int = 0) -> None:
        async with httpx.AsyncClient(verify=False) as client:
            answer = await client.post(f"{self.base}/_sandbox/add", json={"orders": orders, "updates": updates})
        assert answer.status_code == 200


@asynccontextmanager
async def stand(shop: Shop = SHOP, settings: Mapping[str, str] | None = None) -> AsyncIterator[Stand]:
    """A fresh sandbox, and an Outside that points to it."""
    app = sandbox(shop)
    async with served(app) as base:
        named = {name.removeprefix("PORTAL_AJIO_"): value for name, value in sandbox_settings(base).items()}
        outside = Outside(settings={**named, **(settings or {})}, allow_private=True)
        yield Stand(base=base, shop=shop, world=app.state["world"], faults=app.state["faults"], outside=outside)


async def pages(adapter: MarketplaceAdapter, target: str, ctx: SyncContext) -> list[Page[Any]]:
    return [page async for page in getattr(adapter, f"sync_{target}")(ctx)]


def facts(read: list[Page[Any]]) -> list[Any]:
    return [fact for page in read for fact in page.facts]


def plain(found: list[Any]) -> list[Any]:
    """Facts as the ledger writes them."""
    return cast("list[Any]", msgspec.json.decode(msgspec.json.encode(found)))
