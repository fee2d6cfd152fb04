"""One account's calls."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import httpx

from portal import clock
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.flipkart.application import application_of
from portal.marketplaces.flipkart.client.answers import body_of, is_refusal
from portal.marketplaces.flipkart.client.kinds import (
    INVENTORY,
    JSON,
    LISTINGS,
    PACKING,
    PAPERS,
    PDF,
    RETURNS,
    SHIPMENTS,
    SIGN_IN,
    TIMEOUT_S,
)
from portal.marketplaces.flipkart.client.signing import base_of, signed
from portal.marketplaces.flipkart.keys import FlipkartKeys
from portal.marketplaces.flipkart.wire.decoding import MARKETPLACE, stamp
from portal.marketplaces.flipkart.wire.handover import is_pdf
from portal.marketplaces.flipkart.wire.refusals import read_refusal
from portal.marketplaces.flipkart.wire.tokens import read_granted
from portal.marketplaces.http import Calls, Outside, Quota, Token


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
        return body_of(response, quota)

    async def _token(self) -> str:
        return await self._outside.tokens.get(self._pass, self._fetch_token)

    async def _fetch_token(self) -> Token:
        for again in (False, True):
            request = self._calls.request("GET", f"{self._base}/oauth-service/oauth/token", params=self.application.grant)
            response = await self._calls.send(signed(request, self.application), SIGN_IN)
            self._note_time(response)
            if not is_refusal(response):
                break
            if again:  # twice in a row is definite
                raise self.application.refused(read_refusal(response.content), response.status_code)
        granted = read_granted(body_of(response, SIGN_IN))
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


def _joined(ids: Sequence[str]) -> str:
    return ",".join(quote(one, safe="") for one in ids)
