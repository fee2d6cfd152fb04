"""A served sandbox, and everything a test asks of it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import msgspec

from portal.marketplaces.contract import AccountRef, Page, SyncContext
from portal.marketplaces.facts import PayoutFact
from portal.marketplaces.http import Outside
from portal.marketplaces.meesho import MARKETPLACE
from portal.marketplaces.meesho.adapter import MeeshoAdapter
from portal.marketplaces.meesho.client import MeeshoClient
from portal.marketplaces.meesho.keys import MeeshoKeys
from portal.marketplaces.sandbox import Fault, Shop
from tests.serving import served

SHOP = Shop(orders=320, returns=24, payouts=4, listings=60)
ACCOUNT = AccountRef(
    id=UUID("0a0a0a0a-0000-4000-8000-000000000001"),
    seller_id=UUID("0a0a0a0a-0000-4000-8000-000000000002"),
    code="MEESHO",
    external_account_id="",
    name="Asha's shop",
)


@dataclass(frozen=True, kw_only=True)
class Sandboxed:
    """A sandbox that is being served at `base`."""

    base: str
    shop: Shop = SHOP

    @property
    def keys(self) -> MeeshoKeys:
        assert MARKETPLACE.sandbox_keys is not None
        return MeeshoKeys(**MARKETPLACE.sandbox_keys(self.shop))

    def outside(self, **settings: str) -> Outside:
        assert MARKETPLACE.sandbox_settings is not None
        given = {name.removeprefix("PORTAL_MEESHO_"): value for name, value in MARKETPLACE.sandbox_settings(self.base).items()}
        return Outside(settings={**given, **settings}, allow_private=True)

    @asynccontextmanager
    async def client(self, *, keys: MeeshoKeys | None = None, most_rows: int = 100, **settings: str) -> AsyncIterator[MeeshoClient]:
        async with MeeshoClient(self.outside(**settings), ACCOUNT, keys or self.keys) as client:
            client.most_rows = most_rows
            yield client

    @asynccontextmanager
    async def adapter(self, *, keys: MeeshoKeys | None = None, most_rows: int = 100, **settings: str) -> AsyncIterator[MeeshoAdapter]:
        async with self.client(keys=keys, most_rows=most_rows, **settings) as client:
            yield MeeshoAdapter(client)

    def context(self, **changes: Any) -> SyncContext:
        return replace(SyncContext(account=ACCOUNT, now=self.shop.now), **changes)

    async def order(self, fault: Fault, **how: Any) -> None:
        await self._post("/_sandbox/faults", [{"fault": fault.value, **how}])

    async def clear(self) -> None:
        await self._post("/_sandbox/faults/clear", None)

    async def add(self, orders: int) -> None:
        await self._post("/_sandbox/add", {"orders": orders})

    async def ledger(self, kind: str) -> list[dict[str, Any]]:
        async with httpx.AsyncClient(verify=False) as browser:
            found: list[dict[str, Any]] = (await browser.get(f"{self.base}/_sandbox/ledger")).json()[kind]
            return found

    async def calls(self) -> list[str]:
        async with httpx.AsyncClient(verify=False) as browser:
            made: list[str] = (await browser.get(f"{self.base}/_sandbox/calls")).json()
            return made

    async def _post(self, path: str, content: Any) -> None:
        async with httpx.AsyncClient(verify=False) as browser:
            (await browser.post(f"{self.base}{path}", json=content)).raise_for_status()


@asynccontextmanager
async def sandboxed(shop: Shop = SHOP) -> AsyncIterator[Sandboxed]:
    assert MARKETPLACE.sandbox is not None
    async with served(MARKETPLACE.sandbox(shop)) as base:
        yield Sandboxed(base=base, shop=shop)


def as_ledger(facts: Sequence[Any], key: str) -> list[dict[str, Any]]:
    """Facts as the ledger writes them: the last of each id counts, sorted by id."""
    latest = {getattr(fact, key): fact for fact in facts}
    written: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode([latest[name] for name in sorted(latest)]))
    return written


def merged(parts: Sequence[PayoutFact]) -> list[dict[str, Any]]:
    """Payouts put together from their parts, as tables would: lines by key, the net amount of whichever part knows it."""
    lines = {(part.external_payout_id, line.line_key): line for part in parts for line in part.lines}
    whole: dict[str, PayoutFact] = {}
    for part in parts:
        net = part.net_amount if part.net_amount is not None else getattr(whole.get(part.external_payout_id), "net_amount", None)
        own = tuple(line for (payout, _), line in sorted(lines.items()) if payout == part.external_payout_id)
        whole[part.external_payout_id] = msgspec.structs.replace(part, net_amount=net, lines=own)
    return [in_paise(payout) for payout in as_ledger(list(whole.values()), "external_payout_id")]


def in_paise(payout: dict[str, Any]) -> dict[str, Any]:
    """Amounts as text with two decimals, so that 1.5 and 1.5000 compare as the same money."""
    lines = [{**line, "amount": f"{float(line['amount']):.2f}"} for line in payout["lines"]]
    net = payout["net_amount"]
    return {**payout, "lines": lines, "net_amount": None if net is None else f"{float(net):.2f}"}


def facts_of(pages: Sequence[Page[Any]]) -> list[Any]:
    return [fact for page in pages for fact in page.facts]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
