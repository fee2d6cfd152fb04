"""A hosted portal, a marketplace whose sandbox asks sellers to press Allow, and the worker's job when a test says so."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
from litestar import Litestar

from portal.connecting import service
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.opening import Doorway
from portal.marketplaces.registry import MARKETPLACES
from portal.marketplaces.sandbox import Fault
from portal.people.service import current
from portal.postgres import Addresses
from portal.settings import Settings
from portal.tables.wizards import ConnectWizard
from portal.vault import Vault
from tests.browsing import LOOPBACK, Browser, opened
from tests.contract.desks import Line
from tests.serving import served
from tests.workshop import shop_of_today

SENDING = tuple(place for place in MARKETPLACES if place.handoff is not None)
TOKEN = {"AMAZON_IN": "signIn", "FLIPKART": "token"}
"""What each sandbox calls the exchange, for ordering faults from it."""


@dataclass
class Consents:
    """One portal and one marketplace. `said` is every answer the portal gave, headers included."""

    place: Marketplace
    app: Litestar
    side: httpx.AsyncClient
    settings: Settings
    vault: Vault
    jobs: Line
    said: list[str] = field(default_factory=list, repr=False)

    @property
    def method(self) -> str:
        return next(one.code for one in self.place.methods if one.oauth)

    async def get(self, who: Browser, path: str) -> httpx.Response:
        answer = await who.get(path)
        self.said.append(f"{answer.headers} {answer.text}")
        return answer

    async def begun(self, who: Browser, name: str = "Surat store") -> str:
        """A setup at step 3: its address."""
        await who.get("/accounts/new")
        wizard = (await who.post("/connect", {"marketplace": self.place.code})).headers["location"].removesuffix("/1")
        await who.post(f"{wizard}/1", {"name": name, "method": self.method})
        await who.post(f"{wizard}/2")
        return str(wizard)

    async def leave(self, who: Browser, wizard: str) -> str:
        """The consent page's address, by the link on the setup's page."""
        href = re.search(rf'href="(/oauth/{self.place.slug}/start\?w=[^"]+)"', (await self.get(who, f"{wizard}/3")).text)
        assert href is not None
        return await self.follow(who, href[1])

    async def follow(self, who: Browser, href: str) -> str:
        answer = await self.get(who, href)
        assert answer.status_code == 303, answer.text
        assert (answer.headers["referrer-policy"], answer.headers["cache-control"]) == ("no-referrer", "no-store")
        return str(answer.headers["location"])

    async def press(self, consent: str, decision: str = "allow") -> str:
        """The path that the marketplace sends her browser back to."""
        page = await self.side.get(consent)
        assert page.status_code == 200, page.text
        hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        answer = await self.side.post(consent, data={**hidden, "decision": decision})
        assert answer.status_code == 302, answer.text
        back = answer.headers["location"]
        assert back.startswith(f"{LOOPBACK}/oauth/{self.place.slug}/return?")
        return str(back.removeprefix(LOOPBACK))

    async def come_back(self, who: Browser, path: str) -> httpx.Response:
        answer = await self.get(who, path)
        assert (answer.headers["referrer-policy"], answer.headers["cache-control"]) == ("no-referrer", "no-store")
        return answer

    async def allowed(self, who: Browser, wizard: str) -> str:
        """Through the marketplace and back: what her browser was sent back with, as a path."""
        back = await self.press(await self.leave(who, wizard))
        answer = await self.come_back(who, back)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{wizard}/4"), answer.text
        return back

    async def work(self, **changed: str) -> None:
        """Perform what waits. `changed` are settings of the worker's marketplace."""
        group = {**self.settings.of(self.place.code), **changed}
        settings = replace_group(self.settings, self.place.code, group)
        context: dict[str, Any] = {"settings": settings, "vault": self.vault, "jobs": self.jobs, "doorway": Doorway(settings)}
        while self.jobs.waiting:
            await self.jobs.waiting.pop(0)(context)

    async def row(self, who: Browser, wizard: str) -> ConnectWizard:
        viewer = await current(who.session)
        assert viewer is not None
        return await service.get(viewer.seller_id, UUID(wizard.rpartition("/")[2]))

    async def connected(self, who: Browser) -> ConnectWizard:
        """A whole account, as far as its first run."""
        wizard = await self.begun(who)
        await self.allowed(who, wizard)
        await self.jobs.waiting.pop(0)(self.context())
        row = await self.row(who, wizard)
        assert row.test_state == "passed", row.error_message
        viewer = await current(who.session)
        assert viewer is not None
        await service.confirm(viewer.seller_id, row.id, first_days=30, jobs=self.jobs)
        await self.jobs.waiting.pop(0)(self.context())
        self.jobs.waiting.clear()  # the first run is not what is looked at here
        return await self.row(who, wizard)

    def context(self) -> dict[str, Any]:
        return {"settings": self.settings, "vault": self.vault, "jobs": self.jobs, "doorway": Doorway(self.settings)}

    async def fault(self, fault: Fault, times: int = 1) -> None:
        ordered = {"fault": fault, "operation": TOKEN[self.place.code], "times": times}
        (await self.side.post("/_sandbox/faults", json=[ordered])).raise_for_status()


def replace_group(settings: Settings, code: str, group: dict[str, str]) -> Settings:
    values = {name: getattr(settings, name) for name in settings.__struct_fields__}
    return Settings(**{**values, "marketplaces": {**settings.marketplaces, code: group}})


def query_of(path: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}


@asynccontextmanager
async def consents(place: Marketplace, addresses: Addresses, vault: Vault) -> AsyncIterator[Consents]:
    """Needs the `connected` fixture. The portal is a hosted one: its operator's application is the only way in."""
    assert place.sandbox is not None
    assert place.sandbox_settings is not None
    jobs = Line()
    async with (
        served(place.sandbox(shop_of_today(orders=8)), door=place.code) as base,
        httpx.AsyncClient(base_url=base, trust_env=False, verify=False, timeout=30) as side,
    ):
        group = {name.removeprefix(f"PORTAL_{place.code}_"): value for name, value in place.sandbox_settings(base).items()}
        more: dict[str, Any] = {"self_hosted": False, "allow_private_marketplaces": True, "marketplaces": {place.code: group}}
        # As in life, the web knows the application's public names alone.
        public = {name: value for name, value in group.items() if "SECRET" not in name}
        async with opened(addresses.web, vault, jobs=jobs, **{**more, "marketplaces": {place.code: public}}) as app:
            yield Consents(place, app, side, Settings(**more), vault, jobs)
