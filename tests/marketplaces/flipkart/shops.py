"""A seeded shop behind real HTTP, and an adapter in front of it."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import msgspec

from portal.marketplaces.contract import AccountRef, Page, SyncContext
from portal.marketplaces.facts import ListingFact, OrderFact, ReturnFact
from portal.marketplaces.flipkart import MARKETPLACE
from portal.marketplaces.flipkart.adapter import FlipkartAdapter, open_flipkart
from portal.marketplaces.flipkart.keys import FlipkartKeys, FlipkartSelfAccessKeys
from portal.marketplaces.flipkart.sandbox.counter import Counter
from portal.marketplaces.http import Call, Outside, Tokens
from portal.marketplaces.sandbox import Fault, Shop
from tests.serving import served

ACCOUNT = AccountRef(id=UUID(int=7), seller_id=UUID(int=8), code="FLIPKART", external_account_id="", name="Surat store")
NAMES = {"orders": "external_order_id", "returns": "external_return_id", "listings": "sku"}
FACTS: dict[str, type[Any]] = {"orders": OrderFact, "returns": ReturnFact, "listings": ListingFact}


class Recording(httpx.AsyncBaseTransport):
    """A real transport that keeps what went through it."""

    def __init__(self) -> None:
        self._real = httpx.AsyncHTTPTransport(verify=False)
        self.exchanges: list[tuple[httpx.Request, httpx.Response]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._real.handle_async_request(request)
        await response.aread()
        self.exchanges.append((request, response))
        return response

    async def aclose(self) -> None:
        await self._real.aclose()


@dataclass
class Bazaar:
    """One served sandbox: what a test needs to talk to it, to its side door, and to order faults.

    `world` is what is behind the wire, where it
    is served by itself.
    """

    shop: Shop
    base: str
    side: httpx.AsyncClient
    seen: list[Call] = field(default_factory=list)
    tokens: Tokens = field(default_factory=Tokens)
    transport: httpx.AsyncBaseTransport | None = None
    world: Counter = field(init=False)

    def outside(self, **settings: str) -> Outside:
        assert MARKETPLACE.sandbox_settings is not None
        own = {name.removeprefix("PORTAL_FLIPKART_"): value for name, value in MARKETPLACE.sandbox_settings(self.base).items()}
        return Outside(
            settings={**own, **settings}, allow_private=True, observe=self._observe, tokens=self.tokens, transport=self.transport
        )

    async def _observe(self, call: Call) -> None:
        self.seen.append(call)

    def keys(self) -> FlipkartSelfAccessKeys:
        assert MARKETPLACE.sandbox_keys is not None
        values = MARKETPLACE.sandbox_keys(self.shop)
        return FlipkartSelfAccessKeys(app_id=values["app_id"], app_secret=values["app_secret"])

    @asynccontextmanager
    async def adapter(
        self, keys: FlipkartKeys | None = None, account: AccountRef = ACCOUNT, **settings: str
    ) -> AsyncIterator[FlipkartAdapter]:
        async with open_flipkart(self.outside(**settings), account, keys or self.keys()) as adapter:
            yield adapter

    def ctx(self, **changes: Any) -> SyncContext:
        return SyncContext(**{"account": ACCOUNT, "now": self.shop.now, **changes})

    async def order(self, fault: Fault, *, times: int = 1, after: int = 0, operation: str = "", seconds: float = 0.0) -> None:
        ordered = {"fault": fault, "times": times, "after": after, "operation": operation, "seconds": seconds}
        (await self.side.post("/_sandbox/faults", json=[ordered])).raise_for_status()

    async def add(self, orders: int = 0, updates: int = 0) -> None:
        (await self.side.post("/_sandbox/add", json={"orders": orders, "updates": updates})).raise_for_status()

    async def calls(self) -> list[str]:
        served_calls: list[str] = (await self.side.get("/_sandbox/calls")).json()
        return served_calls

    async def ledger(self, kind: str) -> dict[str, Any]:
        """What should be held of one kind, by its external id."""
        rows = (await self.side.get("/_sandbox/ledger")).json()[kind]
        return by_id(kind, [msgspec.convert(row, FACTS[kind]) for row in rows])


@asynccontextmanager
async def bazaar(shop: Shop | None = None, transport: httpx.AsyncBaseTransport | None = None) -> AsyncIterator[Bazaar]:
    shop = shop or Shop(orders=60, returns=8, listings=24)
    assert MARKETPLACE.sandbox is not None
    app = MARKETPLACE.sandbox(shop)
    async with served(app) as base, httpx.AsyncClient(base_url=base, verify=False) as side:
        place = Bazaar(shop=shop, base=base, side=side, transport=transport)
        place.world = app.state["world"]
        yield place


def by_id(kind: str, facts: Iterable[Any]) -> dict[str, Any]:
    return {getattr(fact, NAMES[kind]): fact for fact in facts}


def reader(adapter: FlipkartAdapter, kind: str) -> Any:
    return getattr(adapter, f"sync_{kind}")


async def pages_of(adapter: FlipkartAdapter, kind: str, ctx: SyncContext) -> list[Page[Any]]:
    return [page async for page in reader(adapter, kind)(ctx)]


def kept(kind: str, pages: Iterable[Page[Any]], into: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a table holds after these pages: the later of two versions counts."""
    return {**(into or {}), **by_id(kind, [fact for page in pages for fact in page.facts])}


def moment(text: str | None) -> datetime:
    assert text is not None
    return datetime.fromisoformat(text)
