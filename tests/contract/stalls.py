"""A marketplace's sandbox on real HTTP with an account in front of it, whichever marketplace it is.

Everything here is said in the contract's words, so a new marketplace is covered by being in the registry.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import httpx
import pytest

from portal.marketplaces.adapter import MarketplaceAdapter
from portal.marketplaces.ajio.sandbox import sandbox_panel_keys
from portal.marketplaces.contract import AccountRef, Marketplace, Page, ScheduleTarget, SyncContext
from portal.marketplaces.http import Call, LocalBudget, Outside, Tokens
from portal.marketplaces.registry import MARKETPLACES, marketplace
from portal.marketplaces.sandbox import Fault, Shop
from tests.serving import served

SMALL = Shop(seed=5, orders=120, returns=20, payouts=4, listings=25)
"""Big enough for several pages, small enough to be read often."""
TINY = Shop(seed=5, orders=25, returns=6, payouts=3, listings=12)
"""For what the first page shows."""

LIVE = tuple(place for place in MARKETPLACES if place.open is not None and place.sandbox is not None)

PANEL = replace(marketplace("AJIO"), sandbox_keys=sandbox_panel_keys)
"""The other door of a marketplace that has two: the same shop, read through the session of its seller panel."""

DOORS = [*(pytest.param(place, id=place.code) for place in LIVE), pytest.param(PANEL, id="AJIO-portal_session", marks=pytest.mark.soak)]

READERS = {
    ScheduleTarget.ORDERS: "sync_orders",
    ScheduleTarget.RETURNS: "sync_returns",
    ScheduleTarget.PAYOUTS: "sync_payouts",
    ScheduleTarget.LISTINGS: "sync_listings",
}

Pages = list[Page[Any]]


def code_of(place: Marketplace) -> str:
    """How a test names its parameter: `-k MEESHO` runs one marketplace."""
    return place.code


def account_of(code: str, number: int = 1) -> AccountRef:
    """An account that no table knows."""
    return AccountRef(id=UUID(int=number), seller_id=UUID(int=99), code=code, external_account_id="", name=f"Stall {number}")


class Tap(httpx.AsyncBaseTransport):
    """Real HTTP that remembers every exchange. `patience_s` is how long it waits for an answer, if not as long as the client."""

    def __init__(self) -> None:
        self._real = httpx.AsyncHTTPTransport(verify=False)
        self.patience_s: float | None = None
        self.requests: list[httpx.Request] = []
        self.answers: list[httpx.Response] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        if self.patience_s is not None:
            request.extensions = {**request.extensions, "timeout": dict.fromkeys(("connect", "read", "write", "pool"), self.patience_s)}
        response = await self._real.handle_async_request(request)
        await response.aread()
        self.answers.append(response)
        return response

    async def aclose(self) -> None:
        """Several conversations share it, so the end of one is not its end."""

    async def ended(self) -> None:
        await self._real.aclose()


@dataclass(kw_only=True)
class Stall:
    """One served sandbox. `tokens` and `budget` may be shared between stalls, as one worker shares them between accounts."""

    place: Marketplace
    shop: Shop
    base: str
    side: httpx.AsyncClient
    tap: Tap
    account: AccountRef
    tokens: Tokens = field(default_factory=Tokens)
    budget: LocalBudget = field(default_factory=LocalBudget)
    calls: list[Call] = field(default_factory=list)

    @property
    def settings(self) -> dict[str, str]:
        assert self.place.sandbox_settings is not None
        return {name.removeprefix(f"PORTAL_{self.place.code}_"): value for name, value in self.place.sandbox_settings(self.base).items()}

    @property
    def values(self) -> dict[str, str]:
        """The sandbox's key file."""
        assert self.place.sandbox_keys is not None
        return self.place.sandbox_keys(self.shop)

    @property
    def _door(self) -> dict[str, str]:
        """Which door the ledger is asked about; sandboxes with one door pay no heed."""
        return {"method": self.place.method_of(self.values).code}

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values of the key file that the form calls secret."""
        described = self.place.method_of(self.values).fields()
        return tuple(value for name, value in self.values.items() if value and name in described and described[name].secret)

    @property
    def secret_name(self) -> str:
        """The field of the form that holds its first secret."""
        return next(name for name, described in self.place.method_of(self.values).fields().items() if described.secret)

    def keys(self, **changed: str) -> Any:
        given = {**self.values, **changed}
        method = self.place.method_of(given)
        return method.keys(**{name: given[name] for name in method.fields() if name in given})

    def open(self, keys: Any = None) -> AbstractAsyncContextManager[MarketplaceAdapter]:
        async def observe(call: Call) -> None:
            self.calls.append(call)

        outside = Outside(
            settings=self.settings,
            budget=self.budget,
            tokens=self.tokens,
            transport=self.tap,
            observe=observe,
            allow_private=True,
        )
        assert self.place.open is not None
        return self.place.open(outside, self.account, keys or self.keys())

    def ctx(self, **parts: Any) -> SyncContext:
        return SyncContext(**{"account": self.account, "now": self.shop.now, **parts})

    async def targets(self) -> list[ScheduleTarget]:
        """What these keys can read: what the manifest offers, less what the live check finds closed."""
        async with self.open() as adapter:
            found = await adapter.validate(self.ctx())
        closed = {one.target for one in found.permissions if one.allowed is False}
        return [target for target in READERS if target in self.place.supported_targets - closed]

    async def read(self, target: ScheduleTarget, *, known: Iterable[str] = (), into: Pages | None = None, **parts: Any) -> Pages:
        """The pages of one reading by a process of its own. `known` are open orders held before; `into` keeps them when it raises."""
        pages = [] if into is None else into
        held = list(known)

        async def known_open() -> Sequence[str]:
            return [*held, *(fact.external_order_id for page in pages for fact in page.facts)]

        async with self.open() as adapter:
            async for page in getattr(adapter, READERS[target])(self.ctx(known_open=known_open, **parts)):
                pages.append(page)
        return pages

    async def order(self, fault: Fault, *, times: int = 0, after: int = 0, seconds: float = 0.0) -> None:
        """`times` 0 is for ever."""
        ordered = {"fault": fault, "times": times, "after": after, "seconds": seconds}
        (await self.side.post("/_sandbox/faults", json=[ordered])).raise_for_status()

    async def struck(self) -> list[str]:
        """The faults that calls have met so far. One that a wire cannot express meets none."""
        found: list[str] = (await self.side.get("/_sandbox/faults")).json()
        return found

    async def served(self) -> int:
        """How many calls the sandbox has answered."""
        return len((await self.side.get("/_sandbox/calls")).json())

    async def clear(self) -> None:
        (await self.side.post("/_sandbox/faults/clear")).raise_for_status()

    async def page_at_most(self, rows: int) -> None:
        (await self.side.post("/_sandbox/page", json={"rows": rows})).raise_for_status()

    async def ledger(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = (await self.side.get("/_sandbox/ledger", params=self._door)).json()
        return found


@asynccontextmanager
async def stall(
    place: Marketplace,
    shop: Shop = SMALL,
    *,
    number: int = 1,
    tokens: Tokens | None = None,
    budget: LocalBudget | None = None,
) -> AsyncIterator[Stall]:
    """A fresh sandbox of that shop. `number` tells accounts apart where there are several."""
    assert place.sandbox is not None
    account = account_of(place.code, number)
    tap = Tap()
    async with served(place.sandbox(shop)) as base, httpx.AsyncClient(base_url=base, verify=False, trust_env=False, timeout=30) as side:
        yield Stall(
            place=place,
            shop=shop,
            base=base,
            side=side,
            tap=tap,
            account=account,
            tokens=tokens or Tokens(),
            budget=budget or LocalBudget(),
        )
        await tap.ended()
