"""What has to be done before a journey begins, done without a screen: the same forms, sent by hand."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from portal.marketplaces.contract import Marketplace
from portal.web.security import SESSION_COOKIE
from tests.factories import PASSWORD

_FIELD = re.compile(r'<input type="hidden"[^>]*name="([^"]+)" value="([^"]*)"')
PATIENCE_S = 60


@dataclass
class Errand:
    """One person's session. `heard` keeps every answer whole, headers included."""

    http: httpx.AsyncClient
    heard: list[str] = field(default_factory=list)
    _hidden: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """A page; the hidden fields on it go along with the next form."""
        return self._took(await self.http.get(path, headers=headers))

    async def post(self, path: str, values: Mapping[str, str] | None = None) -> httpx.Response:
        return self._took(await self.http.post(path, data={**self._hidden, **(values or {})}))

    def _took(self, answer: httpx.Response) -> httpx.Response:
        for one in (*answer.history, answer):
            self.heard.append(f"{one.headers} {one.text}")
        self._hidden |= dict(_FIELD.findall(answer.text))
        return answer

    async def sign_up(self, email: str, business: str = "Asha Textiles") -> None:
        await self.get("/sign-up")
        answer = await self.post("/sign-up", {"business": business, "name": "Asha", "email": email, "password": PASSWORD})
        assert answer.url.path == "/home"

    async def enter_keys(self, place: Marketplace, keys: Mapping[str, str], name: str = "Surat store") -> str:
        """A setup whose test has passed: its address. The keys' method column, if any, says which way to connect."""
        await self.get("/accounts/new")
        wizard = (await self.post("/connect", {"marketplace": place.code})).url.path.rpartition("/")[0]
        await self.post(f"{wizard}/1", {"name": name, "method": place.method_of(keys).code})
        await self.post(f"{wizard}/2")
        await self.post(f"{wizard}/3", {field: value for field, value in keys.items() if field != place.method_column})
        await self.see(f"{wizard}/4", "The test passed")
        return wizard

    async def see(self, path: str, words: str) -> None:
        """Ask for a page until it says so."""
        async with asyncio.timeout(PATIENCE_S):
            while words not in (await self.get(path)).text:
                await asyncio.sleep(0.05)

    async def confirm(self, wizard: str) -> str:
        """The address of the account's first sync."""
        await self.get(f"{wizard}/5")
        answer = await self.post(f"{wizard}/5", {"first_days": "30", "first_targets": "ORDERS"})
        async with asyncio.timeout(PATIENCE_S):
            while not answer.url.path.startswith("/syncs/"):
                answer = await self.get(f"{wizard}/5")
        return answer.url.path

    async def connected(self, place: Marketplace, keys: Mapping[str, str]) -> str:
        """The address of a new account whose first sync has ended."""
        await self.see_end(await self.confirm(await self.enter_keys(place, keys)))
        await self.get("/accounts")
        return self.link("/accounts/[0-9a-f-]{36}")

    async def sync(self, account: str, target: str) -> str:
        """A further sync of an account, seen to its end: its address."""
        await self.get(account)
        run = (await self.post(f"{account}/syncs", {"target": target})).url.path
        await self.see_end(run)
        return run

    def link(self, pattern: str) -> str:
        """An address on the last page; fails when there is none."""
        found = re.search(f'href="({pattern})"', self.heard[-1])
        assert found is not None, pattern
        return found[1]

    async def see_end(self, run: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while "Refresh status" in (await self.get(run)).text:
                await asyncio.sleep(0.05)

    def cookie(self) -> dict[str, Any]:
        """The session, for a browser to take over."""
        return {"name": SESSION_COOKIE, "value": self.http.cookies[SESSION_COOKIE], "url": str(self.http.base_url)}


@dataclass
class Shop:
    """A seller with an account, finished syncs of all kinds and a setup half done. `pages` maps what they show to addresses."""

    errand: Errand
    account: str
    pages: dict[str, str]

    @classmethod
    async def at_work(cls, errand: Errand, place: Marketplace, keys: Mapping[str, str]) -> "Shop":
        run = await errand.confirm(await errand.enter_keys(place, keys))
        await errand.see_end(run)
        await errand.get("/accounts")
        account = errand.link("/accounts/[0-9a-f-]{36}")
        for target in ("RETURNS", "PAYOUTS", "LISTINGS"):
            await errand.sync(account, target)
        pages: dict[str, str] = {}
        for path, row in (
            ("/orders", r"/orders/\d+"),
            ("/returns", r"/returns/\d+"),
            ("/payouts", r"/payouts/[\w-]+"),
            ("/listings", r"/listings/\d+"),
        ):
            await errand.get(path)
            pages |= {path: path, f"one of {path}": errand.link(row)}
        await errand.get("/accounts/new")
        wizard = (await errand.post("/connect", {"marketplace": place.code})).url.path.rpartition("/")[0]
        await errand.post(f"{wizard}/1", {"name": "Second shop", "method": place.methods[0].code})
        await errand.post(f"{wizard}/2")
        pages |= {
            path: path
            for path in (
                "/home",
                "/inventory",
                "/accounts",
                "/syncs",
                "/set-asides",
                "/accounts/new",
                "/settings/profile",
                "/settings/security",
                "/settings/audit",
                "/settings/support",
                "/settings/close",
                "/status",
            )
        }
        pages |= {
            "account": account,
            "reconnect": f"{account}/reconnect",
            "run": run,
            "log": f"{run}/log",
            "no orders": "/orders?search=nothing-like-this",
        }
        pages |= {"schedule": f"{account}/schedule", "sentence": f"{account}/schedule?target=ORDERS", "older days": f"{account}/backfill"}
        pages |= {f"step {step}": f"{wizard}/{step}" for step in (1, 2, 3)}
        return cls(errand, account, pages)
