"""A sandbox shop on real HTTP, an adapter that talks to it, and a look at what went over the wire."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import msgspec

from portal.marketplaces.amazon_in import MARKETPLACE
from portal.marketplaces.amazon_in.adapter import AmazonAdapter, open_amazon
from portal.marketplaces.amazon_in.keys import PrivateAppKeys
from portal.marketplaces.amazon_in.sandbox import sandbox, sandbox_keys, sandbox_settings
from portal.marketplaces.contract import AccountRef, SyncContext
from portal.marketplaces.http import Outside
from portal.marketplaces.sandbox import Fault, Shop
from tests.serving import served

ACCOUNT = AccountRef(id=UUID(int=1), seller_id=UUID(int=2), code="AMAZON_IN", external_account_id="", name="Surat store")


class Wiretap(httpx.AsyncBaseTransport):
    """Real HTTP, remembering each exchange."""

    def __init__(self) -> None:
        self.seen: list[tuple[httpx.Request, int, bytes]] = []
        self._inner = httpx.AsyncHTTPTransport(verify=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        body = await response.aread()
        self.seen.append((request, response.status_code, body))
        headers = [(name, value) for name, value in response.headers.raw if name.lower() != b"content-encoding"]
        return httpx.Response(response.status_code, headers=headers, content=body)

    async def aclose(self) -> None:
        await self._inner.aclose()


@dataclass
class Bench:
    """One running sandbox. `outside` is what a worker process would have."""

    shop: Shop
    base: str
    http: httpx.AsyncClient
    wire: Wiretap = field(default_factory=Wiretap)
    outside: Outside = field(init=False)

    def __post_init__(self) -> None:
        self.outside = Outside(settings=self.settings, allow_private=True)

    @property
    def settings(self) -> dict[str, str]:
        return {name.removeprefix("PORTAL_AMAZON_IN_"): value for name, value in sandbox_settings(self.base).items()}

    def keys(self, changed: dict[str, str] | None = None) -> PrivateAppKeys:
        return PrivateAppKeys(**{**sandbox_keys(self.shop), **(changed or {})})

    @asynccontextmanager
    async def adapter(self, *, outside: Outside | None = None, changed: dict[str, str] | None = None) -> AsyncIterator[AmazonAdapter]:
        async with open_amazon(outside or self.outside, ACCOUNT, self.keys(changed)) as adapter:
            yield adapter

    def tapped(self) -> Outside:
        return Outside(settings=self.settings, transport=self.wire)

    def ctx(self, **parts: Any) -> SyncContext:
        return SyncContext(**{"account": ACCOUNT, "now": self.shop.now, **parts})

    async def order_fault(self, fault: Fault, **parts: Any) -> None:
        answer = await self.http.post(f"{self.base}/_sandbox/faults", json=[{"fault": fault.value, **parts}])
        assert answer.status_code == 204, answer.text

    async def clear_faults(self) -> None:
        await self.http.post(f"{self.base}/_sandbox/faults/clear")

    async def calls(self) -> list[str]:
        found: list[str] = (await self.http.get(f"{self.base}/_sandbox/calls")).json()
        return found

    async def ledger(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = (await self.http.get(f"{self.base}/_sandbox/ledger")).json()
        return found

    async def tune(self, **how: Any) -> None:
        await self.http.post(f"{self.base}/_sandbox/tune", json=how)

    async def add(self, **what: int) -> list[str]:
        found: dict[str, list[str]] = (await self.http.post(f"{self.base}/_sandbox/add", json=what)).json()
        return found["orders"]


@asynccontextmanager
async def running(shop: Shop) -> AsyncIterator[Bench]:
    assert MARKETPLACE.sandbox is not None
    async with served(sandbox(shop)) as base, httpx.AsyncClient(timeout=30, trust_env=False, verify=False) as http:
        yield Bench(shop, base, http)


def told(value: Any) -> Any:
    """A fact as the ledger would tell it: amounts and times as text."""
    match value:
        case msgspec.Struct():
            return {name: told(getattr(value, name)) for name in value.__struct_fields__}
        case Decimal():
            return str(value)
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case tuple() | list():
            return [told(one) for one in value]
        case _:
            return value


def pruned(found: Any, pattern: Any) -> Any:
    """`found` with only the fields the ledger speaks of."""
    if isinstance(pattern, dict):
        return {name: pruned(found[name], part) for name, part in pattern.items()}
    if isinstance(pattern, list):
        return [pruned(one, part) for one, part in zip(found, pattern, strict=True)]
    return found


def assert_equal_to_ledger(facts: Iterable[Any], ledger: list[dict[str, Any]], key: str) -> None:
    """Every fact equals its ledger row, none is missing and none is too many."""
    found = {getattr(fact, key): told(fact) for fact in facts}
    expected = {row[key]: row for row in ledger}
    assert found.keys() == expected.keys()
    for name, row in expected.items():
        assert pruned(found[name], row) == row, json.dumps(found[name], default=str, indent=1)
