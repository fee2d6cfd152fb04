"""The only file that knows Flipkart's addresses: sign-in, calls, and what each status means.

Source: Flipkart Marketplace Seller API, shipments and listings v3, returns v2. No rate limit is published; two calls a second
per kind of work is our own caution. Calls that move a parcel on are made once: whoever makes them asks first where it stands.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from portal import clock
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.errors import KeysRejected, NotAllowed, Unreachable, WireChanged
from portal.marketplaces.flipkart.application import SCOPE, Application, application_of, operator_application, operator_id
from portal.marketplaces.flipkart.keys import FlipkartKeys, FlipkartThirdPartyKeys
from portal.marketplaces.flipkart.wire.decoding import MARKETPLACE, stamp
from portal.marketplaces.flipkart.wire.handover import is_pdf
from portal.marketplaces.flipkart.wire.refusals import is_page, read_refusal
from portal.marketplaces.flipkart.wire.tokens import read_granted
from portal.marketplaces.http import Calls, Outside, Quota, Token

PRODUCTION = "https://api.flipkart.net"
TIMEOUT_S = 60.0
"""Flipkart asks for no less on orders: a call given up earlier may still be carried out."""

JSON, PDF = "application/json", "application/pdf"

SIGN_IN = Quota("token", 2.0, 5.0)
SHIPMENTS = Quota("shipments", 2.0, 5.0)
RETURNS = Quota("returns", 2.0, 5.0)
LISTINGS = Quota("listings", 2.0, 5.0)
INVENTORY = Quota("inventory", 2.0, 5.0)
PACKING = Quota("packing", 2.0, 5.0)
PAPERS = Quota("papers", 2.0, 5.0)

NOUNS = {
    # kind of work: what a refusal is about
    "shipments": "orders",
    "returns": "returns",
    "listings": "listings",
    "inventory": "stock",
    "packing": "packing and dispatch",
    "papers": "labels, invoices and manifests",
    "token": "any data",
}
REFUSALS = {"invalid_grant", "invalid_token", "invalid_client", "unauthorized", "unauthorized_client"}

ORDERS_AT_ONCE = 100
DETAILS_AT_ONCE = 25
"""Flipkart takes 100 and advises 25."""


def base_of(settings: Mapping[str, str]) -> str:
    return settings.get("URL", PRODUCTION).rstrip("/")


def consent_address(settings: Mapping[str, str], *, redirect_uri: str, state: str) -> str:
    """Where a seller's browser goes to press Allow. It takes the application's public id alone; Misconfigured without one."""
    query = {
        "client_id": operator_id(settings),
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": SCOPE,
        "state": state,
    }
    return f"{base_of(settings)}/oauth-service/oauth/authorize?{urlencode(query)}"


async def keys_for_code(outside: Outside, *, code: str, state: str, redirect_uri: str) -> FlipkartThirdPartyKeys:
    """The seller's keys for the code that came back with his browser. A code works once and for five minutes.

    Errors: KeysRejected (code too old, used, or of another application), NotAllowed, Throttled, Unreachable, WireChanged.
    """
    app = operator_application(outside.settings)
    query = {"grant_type": "authorization_code", "code": code, "state": state, "redirect_uri": redirect_uri}
    async with outside.calls(MARKETPLACE, "application", timeout_s=TIMEOUT_S) as calls:
        request = calls.request("GET", f"{base_of(outside.settings)}/oauth-service/oauth/token", params=query)
        # A second delivery would find the code used, so nothing is repeated here.
        response = await calls.send(_signed(request, app), SIGN_IN, safe=False)
    if _is_refusal(response):
        refusal = read_refusal(response.content)
        if refusal.code == "invalid_grant":
            raise KeysRejected(
                MARKETPLACE,
                "The permission from Flipkart came too late or was used already. Start again and press Allow within five minutes.",
                reason=refusal.code,
                words=refusal.words,
                http_status=response.status_code,
            )
        raise app.refused(refusal, response.status_code)
    granted = read_granted(_body(response, SIGN_IN))
    if not granted.refresh_token:
        raise WireChanged(MARKETPLACE, "renewal token", http_status=response.status_code)
    return FlipkartThirdPartyKeys(refresh_token=granted.refresh_token)


class FlipkartClient:
    """One account's calls. `answered_at` is Flipkart's own clock, as its last answer told it."""

    def __init__(self, outside: Outside, account: AccountRef, keys: FlipkartKeys) -> None:
        self.application = application_of(keys, outside.settings)
        self.answered_at: datetime | None = None
        self.renewable_until: datetime | None = None
        """When the seller has to press Allow again, where Flipkart has said so."""
        self._outside = outside
        self._base = base_of(outside.settings)
        self._pass = f"{account.id}:{self.application.fingerprint}"
        self._calls: Calls = outside.calls(MARKETPLACE, self._pass, timeout_s=TIMEOUT_S, headers={"Accept": JSON})

    async def __aenter__(self) -> "FlipkartClient":
        await self._calls.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._calls.__aexit__(*exc)

    async def sign_in(self) -> None:
        """Proves the credential with a pass of its own: one that still lives says nothing about a secret replaced today."""
        self._outside.tokens.drop(self._pass)
        await self._token()

    async def search_shipments(self, body: dict[str, Any]) -> bytes:
        return await self._ask("POST", "/sellers/v3/shipments/filter", SHIPMENTS, safe=True, json=body)

    async def next_shipments(self, next_url: str) -> bytes:
        """The page that `nextPageUrl` names. It is followed only within the filter, so that no answer can send our pass elsewhere."""
        return await self._follow(next_url, "/v3/shipments/filter?", SHIPMENTS)

    async def shipments_of(self, order_ids: Sequence[str]) -> bytes:
        """All parcels of up to 100 orders."""
        return await self._ask("GET", "/sellers/v3/shipments", SHIPMENTS, params={"orderIds": ",".join(order_ids)})

    async def shipments_by_id(self, shipment_ids: Sequence[str]) -> bytes:
        """Up to 100 parcels by their own ids."""
        return await self._ask("GET", "/sellers/v3/shipments", SHIPMENTS, params={"shipmentIds": ",".join(shipment_ids)})

    async def shipment_details(self, shipment_ids: Sequence[str]) -> bytes:
        """Address and courier of up to 25 parcels."""
        return await self._ask("GET", f"/sellers/v3/shipments/{_joined(shipment_ids)}", SHIPMENTS)

    async def returns(self, source: str, start: datetime, end: datetime) -> bytes:
        query = {"source": source, "modifiedAfter": stamp(start), "modifiedBefore": stamp(end)}
        return await self._ask("GET", "/sellers/v2/returns", RETURNS, params=query)

    async def next_returns(self, next_url: str) -> bytes:
        return await self._follow(next_url, "/v2/returns?", RETURNS)

    async def search_listings(self, body: dict[str, Any]) -> bytes:
        return await self._ask("POST", "/sellers/listings/v3/search", LISTINGS, safe=True, json=body)

    async def listings(self, skus: Sequence[str]) -> bytes:
        """Up to 10 listings by SKU."""
        return await self._ask("GET", f"/sellers/listings/v3/{_joined(skus)}", LISTINGS)

    async def update_stock(self, body: dict[str, Any]) -> bytes:
        """Absolute stock of up to 10 SKUs; setting a number twice changes nothing, so it may be repeated."""
        return await self._ask("POST", "/sellers/listings/v3/update/inventory", INVENTORY, safe=True, json=body)

    # What moves parcels on. None of these is repeated here.

    async def pack(self, body: dict[str, Any]) -> bytes:
        """Have labels and invoices made for up to 25 parcels; Flipkart does it later."""
        return await self._ask("POST", "/sellers/v3/shipments/labels", PACKING, safe=False, json=body)

    async def cancel(self, body: dict[str, Any]) -> bytes:
        """Cancel groups of items in up to 25 parcels."""
        return await self._ask("POST", "/sellers/v3/shipments/cancel", PACKING, safe=False, json=body)

    async def dispatch(self, body: dict[str, Any]) -> bytes:
        """Say of up to 25 parcels of one location that the courier may come for them."""
        return await self._ask("POST", "/sellers/v3/shipments/dispatch", PACKING, safe=False, json=body)

    # Papers. All of these only read, so they may be repeated.

    async def label(self, shipment_id: str) -> bytes:
        """The label of one packed parcel, a PDF. As a reprint, which leaves the parcel's state alone."""
        path = f"/sellers/v3/shipments/{_joined([shipment_id])}/labelOnly/pdf"
        return await self._paper("POST", path, "label", content_type=JSON, params={"reprint": "true"})

    async def invoice_data(self, shipment_ids: Sequence[str]) -> bytes:
        """Numbers and items of the invoices of up to 100 packed parcels."""
        return await self._ask("GET", f"/sellers/v3/shipments/{_joined(shipment_ids)}/invoices", PAPERS, content_type=JSON)

    async def invoice(self, shipment_id: str) -> bytes:
        """The invoice of one packed parcel, a PDF."""
        return await self._paper("GET", f"/sellers/v3/shipments/{_joined([shipment_id])}/invoices", "invoice", content_type=PDF)

    async def handover_counts(self, location_id: str) -> bytes:
        """How many parcels of a location are ready, by courier."""
        return await self._ask("GET", "/sellers/v3/shipments/handover/counts", PAPERS, params={"locationId": location_id})

    async def manifest(self, body: dict[str, Any]) -> bytes:
        """The manifest of one courier's parcels that are ready, a PDF."""
        return await self._paper("POST", "/sellers/v3/shipments/manifest", "manifest", json=body)

    async def _paper(self, method: str, path: str, what: str, **parts: Any) -> bytes:
        body = await self._ask(method, path, PAPERS, safe=True, accept=PDF, **parts)
        if not is_pdf(body):
            raise WireChanged(MARKETPLACE, what)
        return body

    async def _follow(self, next_url: str, expected: str, quota: Quota) -> bytes:
        if not next_url.startswith(expected):
            raise WireChanged(MARKETPLACE, "address of the next page")
        return await self._ask("GET", f"/sellers{next_url}", quota)

    async def _ask(
        self, method: str, path: str, quota: Quota, *, safe: bool | None = None, accept: str = JSON, content_type: str = "", **parts: Any
    ) -> bytes:
        """The body of a good answer. A refused pass is replaced once; a refused fresh one means the credential is refused."""
        named = {"Accept": accept, **({"Content-Type": content_type} if content_type else {})}
        for fresh in (False, True):
            token = await self._token()
            headers = {"Authorization": f"Bearer {token}", **named}
            request = self._calls.request(method, f"{self._base}{path}", headers=headers, **parts)
            response = await self._calls.send(request, quota, safe=safe)
            self._note_time(response)
            if response.status_code != httpx.codes.UNAUTHORIZED:
                break
            self._outside.tokens.drop(self._pass, token)
            if fresh:
                raise self.application.refused(read_refusal(response.content), response.status_code)
        return _body(response, quota)

    async def _token(self) -> str:
        return await self._outside.tokens.get(self._pass, self._fetch_token)

    async def _fetch_token(self) -> Token:
        for again in (False, True):
            request = self._calls.request("GET", f"{self._base}/oauth-service/oauth/token", params=self.application.grant)
            response = await self._calls.send(_signed(request, self.application), SIGN_IN)
            self._note_time(response)
            if not _is_refusal(response):
                break
            if again:  # twice in a row is definite
                raise self.application.refused(read_refusal(response.content), response.status_code)
        granted = read_granted(_body(response, SIGN_IN))
        if self.application.refresh_token and granted.refresh_token not in (None, "", self.application.refresh_token):
            await self._outside.keep({"refresh_token": granted.refresh_token})
            self.application = replace(self.application, refresh_token=granted.refresh_token)
        if granted.refresh_token_expires_in:
            self.renewable_until = clock.now() + timedelta(seconds=granted.refresh_token_expires_in)
        life = timedelta(seconds=min(max(granted.expires_in, 0), 400 * 86_400))
        # Two days before a usual pass of 60 days ends; shorter ones lose a tenth of their life.
        return Token(value=granted.access_token, expires_at=clock.now() + life - min(timedelta(days=2), life / 10))

    def _note_time(self, response: httpx.Response) -> None:
        # A server in front may put its own date first; the last one is the application's.
        for named in response.headers.get_list("date")[-1:]:
            try:
                self.answered_at = parsedate_to_datetime(named)
            except ValueError:
                return


def _signed(request: httpx.Request, app: Application) -> httpx.Request:
    pair = base64.b64encode(f"{app.app_id}:{app.app_secret}".encode()).decode()
    request.headers["Authorization"] = f"Basic {pair}"
    return request


def _joined(ids: Sequence[str]) -> str:
    return ",".join(quote(one, safe="") for one in ids)


def _is_refusal(response: httpx.Response) -> bool:
    """Whether the token address refuses the credential. OAuth servers say so with 401, some with 400 and a code."""
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return True
    return response.status_code == httpx.codes.BAD_REQUEST and read_refusal(response.content).code in REFUSALS


def _body(response: httpx.Response, quota: Quota) -> bytes:
    """The body of a good answer; every other status becomes its error here and nowhere else (401 apart)."""
    status = response.status_code
    page = is_page(response.headers.get("content-type", ""), response.content)
    if status in (200, 202) and not page:
        if not response.content.strip():
            raise Unreachable(MARKETPLACE, reason="empty answer", http_status=status)
        return response.content
    if status == httpx.codes.FORBIDDEN and page:
        raise Unreachable(MARKETPLACE, reason="bot filter", http_status=status, blocked=True)
    refusal = read_refusal(response.content)
    noun = NOUNS[quota.operation]
    if status == httpx.codes.FORBIDDEN:
        raise NotAllowed(
            MARKETPLACE,
            f"Flipkart does not share {noun} with this application. Your other data goes on being read.",
            reason=refusal.code,
            words=refusal.words,
            http_status=status,
        )
    if page or 300 <= status < 400:
        raise Unreachable(MARKETPLACE, reason="a web page instead of data", http_status=status)
    raise WireChanged(MARKETPLACE, f"{noun} request refused", words=f"{refusal.code} {refusal.words}".strip(), http_status=status)
