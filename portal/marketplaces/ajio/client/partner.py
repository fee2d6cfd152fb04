"""The partner API: addresses, sign-in, and one method per call.

A pass lives 30 minutes and the newest sign-in ends the one before it, so a refused pass is replaced by signing in again; the
refresh token that comes along is of no use.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from portal import clock
from portal.marketplaces.ajio.client.refusals import Door, PassRefused, answered, paper, signed_in
from portal.marketplaces.ajio.keys import PartnerApiKeys
from portal.marketplaces.ajio.session import belongs
from portal.marketplaces.ajio.wire.body import MARKETPLACE
from portal.marketplaces.ajio.wire.people import access_token
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.http import Calls, Outside, Quota, Token

BASE_URL = "https://api-seller.services.ajio.com"
PREFIX = "/ds/portal"
PASS_LIFE = timedelta(minutes=30)
PASS_EARLY = timedelta(minutes=5)
DOCUMENT_HOSTS = ("ajio.com",)
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

    # What moves orders on. None of these is repeated here: whoever calls asks first what became of an earlier call.

    async def decide(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Acknowledge or cancel one order."""
        return await self._ask("POST", "/orders", "order acknowledgement", safe=False, json=body)

    async def confirmation(self, upload_id: str) -> dict[str, Any]:
        """What became of a confirmation that was sent under this id."""
        return await self._read("/orders/confirmation", {"uploadId": upload_id}, "confirmations")

    async def confirm(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send a whole confirmation: all of it is taken, or nothing."""
        return await self._ask("POST", "/orders/confirmation", "confirmations", safe=False, json=body)

    async def labels(self, ids: Sequence[str]) -> dict[str, Any]:
        return await self._read("/orders/shipping-label", {"orderIds": ",".join(ids)}, "labels")

    async def vendor_invoices(self, ids: Sequence[str]) -> dict[str, Any]:
        """Vendor invoices that exist already."""
        return await self._read("/orders/b2b-invoice", {"orderIds": ",".join(ids)}, "vendor invoices")

    async def make_vendor_invoice(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return await self._ask("POST", "/orders/b2b-invoice", "vendor invoices", safe=False, json=body)

    async def customer_invoices(self, ids: Sequence[str]) -> dict[str, Any]:
        return await self._read("/orders/b2c-invoice", {"orderIds": ",".join(ids)}, "customer invoices")

    async def dispatch(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Hand a manifest's parcels over, 250 at most."""
        return await self._ask("POST", "/orders/dispatch", "manifests", safe=False, json=body)

    async def download(self, url: str, what: str) -> bytes:
        """A document by the address AJIO gave. Our pass goes only to AJIO's own hosts; WireChanged for an address elsewhere."""
        named, ours = urlsplit(url), urlsplit(self._base)
        if (named.scheme, named.netloc) != (ours.scheme, ours.netloc) and not (
            named.scheme == "https" and belongs((named.hostname or "").lower(), *DOCUMENT_HOSTS)
        ):
            raise WireChanged(MARKETPLACE, f"address of {what}")
        try:
            return await self._download_once(url, what)
        except PassRefused:
            pass  # as with every other call, the first refusal is no verdict
        try:
            return await self._download_once(url, what)
        except PassRefused as refused:
            raise refused.verdict from None

    async def _download_once(self, url: str, what: str) -> bytes:
        held = await self.sign_in()
        response = await self.calls.send(self.calls.request("GET", url, headers={"apiKey": held}), PER_POB)
        try:
            return paper(response, what, hush=(held, self.keys.api_password))
        except PassRefused:
            self.outside.tokens.drop(self._pass_key, held)
            raise

    async def _read(self, path: str, params: Mapping[str, Any], what: str) -> dict[str, Any]:
        return await self._ask("GET", path, what, params=params)

    async def _ask(self, method: str, path: str, what: str, *, safe: bool = True, **parts: Any) -> dict[str, Any]:
        try:
            return await self._once(method, path, what, safe=safe, **parts)
        except PassRefused:
            # The first refusal may only mean that the pass is over or that another tool has signed in since.
            pass
        try:
            return await self._once(method, path, what, safe=safe, **parts)
        except PassRefused as refused:
            raise refused.verdict from None

    async def _once(self, method: str, path: str, what: str, *, safe: bool, **parts: Any) -> dict[str, Any]:
        held = await self.sign_in()
        request = self.calls.request(method, f"{self._base}{self._prefix}{path}", headers={"apiKey": held}, **parts)
        response = await self.calls.send(request, PER_POB, safe=safe)
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
