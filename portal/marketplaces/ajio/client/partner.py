"""The partner API: addresses, sign-in, and one method per call.

A pass lives 30 minutes and the newest sign-in ends the one before it, so a refused pass is replaced by signing in again; the
refresh token that comes along is of no use.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from portal import clock
from portal.marketplaces.ajio.client.refusals import Door, PassRefused, answered, signed_in
from portal.marketplaces.ajio.keys import PartnerApiKeys
from portal.marketplaces.ajio.wire.people import access_token
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.http import Calls, Outside, Quota, Token

BASE_URL = "https://api-seller.services.ajio.com"
PREFIX = "/ds/portal"
PASS_LIFE = timedelta(minutes=30)
PASS_EARLY = timedelta(minutes=5)
PAGE_SIZE = 50
"""AJIO's most for every list, and for the lines of one stock update."""
PER_POB = Quota("calls", rate=1.0, burst=3.0)
"""AJIO throttles per user and keeps the figure to itself; this is where everybody starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerClient:
    """One POB at the partner API. Every method answers the decoded document and raises only MarketplaceErrors."""

    outside: Outside
    calls: Calls = field(repr=False)
    account: AccountRef
    keys: PartnerApiKeys

    @property
    def pob_id(self) -> str:
        return self.keys.pob_id.strip().upper()

    async def sign_in(self) -> str:
        """The pass in force, fetched when there is none. One fetch at a time per credential."""
        return await self.outside.tokens.get(self._pass_key, self._fetch_pass, early=PASS_EARLY)

    async def pendency(self, page: int, size: int = PAGE_SIZE) -> dict[str, Any]:
        """New orders that wait for a decision."""
        return await self._read("/orders/pendency", {"pageNumber": page, "pageSize": size}, "orders")

    async def orders(self, ids: Sequence[str]) -> dict[str, Any]:
        """Accepted orders by id, fifty at most."""
        return await self._read("/orders", {"orderIds": ",".join(ids), "pageNumber": 0, "pageSize": PAGE_SIZE}, "orders")

    async def returns(self, page: int, size: int = PAGE_SIZE) -> dict[str, Any]:
        """Undelivered parcels and customer returns together."""
        return await self._read("/return", {"pageNumber": page, "pageSize": size}, "returns")

    async def products(self, page: int, size: int = PAGE_SIZE) -> dict[str, Any]:
        return await self._read("/products", {"pageNumber": page, "pageSize": size}, "products")

    async def update_inventory(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Set absolute quantities, fifty lines at most. Safe to repeat: the same quantity twice is the same quantity."""
        return await self._ask("POST", "/updateInventory", "stock updates", json=body)

    async def _read(self, path: str, params: Mapping[str, Any], what: str) -> dict[str, Any]:
        return await self._ask("GET", path, what, params=params)

    async def _ask(self, method: str, path: str, what: str, **parts: Any) -> dict[str, Any]:
        try:
            return await self._once(method, path, what, **parts)
        except PassRefused:
            # The first refusal may only mean that the pass is over or that another tool has signed in since.
            pass
        try:
            return await self._once(method, path, what, **parts)
        except PassRefused as refused:
            raise refused.verdict from None

    async def _once(self, method: str, path: str, what: str, **parts: Any) -> dict[str, Any]:
        held = await self.sign_in()
        request = self.calls.request(method, f"{self._base}{self._prefix}{path}", headers={"apiKey": held}, **parts)
        response = await self.calls.send(request, PER_POB, safe=True)
        try:
            return answered(response, what, Door.PARTNER, hush=(held, self.keys.api_password))
        except PassRefused:
            self.outside.tokens.drop(self._pass_key, held)
            raise

    async def _fetch_pass(self) -> Token:
        try:
            return await self._fetch_pass_once()
        except PassRefused:
            pass  # one refusal is no verdict
        try:
            return await self._fetch_pass_once()
        except PassRefused as refused:
            raise refused.verdict from None

    async def _fetch_pass_once(self) -> Token:
        asked_at = clock.now()
        body = {"username": self.pob_id, "password": self.keys.api_password}
        response = await self.calls.send(self.calls.request("POST", f"{self._base}/authToken", json=body), PER_POB, safe=True)
        document = signed_in(response, hush=(self.keys.api_password,))
        return Token(value=access_token(document), expires_at=asked_at + PASS_LIFE)

    @property
    def _base(self) -> str:
        return self.outside.settings.get("URL", BASE_URL).rstrip("/")

    @property
    def _prefix(self) -> str:
        return "/" + self.outside.settings.get("PREFIX", PREFIX).strip("/")

    @property
    def _pass_key(self) -> str:
        mark = hashlib.sha256(f"{self.pob_id}\0{self.keys.api_password}".encode()).hexdigest()[:16]
        return f"{self.account.id}:{mark}"
