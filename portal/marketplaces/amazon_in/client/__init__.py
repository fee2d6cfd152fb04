"""The only place that knows Amazon's addresses: signing in, calling, and what each answer means.

Login with Amazon (LWA) turns a refresh token into an access token of an hour. Every call of the Selling Partner API (SP-API)
carries that token, a user agent and a date; signatures and AWS keys are not needed.
"""

import hashlib
import platform
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from portal import __version__, clock
from portal.marketplaces.amazon_in.application import application_of
from portal.marketplaces.amazon_in.keys import AmazonKeys
from portal.marketplaces.amazon_in.refusals import data, refused, sign_in_refused, token_is_stale
from portal.marketplaces.amazon_in.wire.answers import NAME, Restricted, SignedIn, decoded
from portal.marketplaces.amazon_in.wire.documents import Lines
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.errors import KeysRejected, Unreachable, WireChanged
from portal.marketplaces.http import Outside, Quota, Token

MARKETPLACE_ID = "A21TJRUUN4KGV"
API_URL = "https://sellingpartnerapi-eu.amazon.com"
LWA_URL = "https://api.amazon.com/auth/o2/token"
CONSENT_URL = "https://sellercentral.amazon.in/apps/authorize/consent"
USER_AGENT = f"SellerPortal/{__version__} (Language=Python/{platform.python_version()}; Platform={platform.system() or 'Unknown'})"

QUOTAS = {
    # operation: calls a second, calls at once; Amazon's published defaults per seller and application
    one.operation: one
    for one in (
        Quota("signIn", 1.0, 10.0),  # unpublished; one exchange an hour is the normal case
        Quota("searchOrders", 0.0056, 20.0),
        Quota("getOrder", 0.5, 30.0),
        Quota("getMarketplaceParticipations", 0.016, 15.0),
        Quota("searchListingsItems", 5.0, 5.0),
        Quota("getListingsItem", 5.0, 10.0),
        Quota("patchListingsItem", 5.0, 5.0),
        Quota("createReport", 0.0167, 15.0),
        Quota("getReport", 2.0, 15.0),
        Quota("getReports", 0.0222, 10.0),
        Quota("getReportDocument", 0.0167, 15.0),
        Quota("createFeedDocument", 0.5, 15.0),
        Quota("createFeed", 0.0083, 15.0),
        Quota("getFeed", 2.0, 15.0),
        Quota("getFeeds", 0.0222, 10.0),
        Quota("getFeedDocument", 0.0222, 10.0),
        Quota("listHandoverSlots", 1.0, 5.0),
        Quota("createScheduledPackage", 1.0, 5.0),
        Quota("getScheduledPackage", 1.0, 5.0),
        Quota("createRestrictedDataToken", 1.0, 10.0),
        Quota("document", 10.0, 10.0),  # presigned storage addresses have no plan of their own
    )
}


def fingerprint(*parts: str) -> str:
    """Sixteen hex digits that name a credential without telling it."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


class AmazonClient:
    """One account's calls. Use as an async context manager."""

    def __init__(self, outside: Outside, account: AccountRef, keys: AmazonKeys) -> None:
        self._keys = keys
        self._app = app = application_of(keys, outside.settings)
        self._factor = outside.factor
        self._api = outside.settings.get("API_URL", API_URL).rstrip("/")
        self._lwa = outside.settings.get("LWA_URL", LWA_URL)
        self._tokens = outside.tokens
        self._keep = outside.keep
        self._token_key = f"{account.id}:{fingerprint(app.client_id, app.client_secret, keys.refresh_token)}"
        budget = f"AMAZON_IN:{keys.selling_partner_id}:{fingerprint(app.client_id)}"
        self._calls = outside.calls(NAME, budget, request_id_header="x-amzn-RequestId", headers={"user-agent": USER_AGENT})
        # Storage addresses are presigned: a token sent along would be refused, and would tell a third party our pass.
        self._storage = outside.calls(NAME, budget)
        self._open = AsyncExitStack()

    async def __aenter__(self) -> "AmazonClient":
        await self._open.enter_async_context(self._calls)
        await self._open.enter_async_context(self._storage)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._open.aclose()

    @property
    def factor(self) -> float:
        """How much faster than Amazon's plan this conversation may go; waits for reports shrink with it."""
        return self._factor

    @property
    def whose(self) -> str:
        """Whose application speaks: "seller" or "operator"."""
        return self._app.whose

    @property
    def seller(self) -> str:
        return self._keys.selling_partner_id

    async def sign_in(self, *, anew: bool = False) -> str:
        """An access token that is good for another minute at least; `anew` trusts none that we hold already.

        KeysRejected after two refusals in a row of the exchange itself; the others as everywhere.
        """
        if anew:
            self._tokens.drop(self._token_key)
        return await self._tokens.get(self._token_key, self._exchange)

    async def _exchange(self) -> Token:
        try:
            return await self._exchange_once()
        except KeysRejected:
            return await self._exchange_once()

    async def _exchange_once(self) -> Token:
        request = self._calls.request(
            "POST",
            self._lwa,
            data={
                "grant_type": "refresh_token",
                "refresh_token": self._keys.refresh_token,
                "client_id": self._app.client_id,
                "client_secret": self._app.client_secret,
            },
            headers={"content-type": "application/x-www-form-urlencoded;charset=UTF-8"},
        )
        # Exchanging again is harmless: the refresh token stays, the older access token lives on.
        response = await self._calls.send(request, QUOTAS["signIn"], safe=True)
        if response.status_code != 200:
            raise sign_in_refused(response, self._scrubbed, self._app.whose)
        signed_in = decoded(data(response), SignedIn, "the sign-in answer")
        if not signed_in.access_token or not 0 < signed_in.expires_in < 86_400 * 365:
            raise WireChanged(NAME, "the sign-in answer", words="no usable token in it")
        if signed_in.refresh_token and signed_in.refresh_token != self._keys.refresh_token:
            await self._keep({"refresh_token": signed_in.refresh_token})
            self._keys = replace(self._keys, refresh_token=signed_in.refresh_token)
        return Token(value=signed_in.access_token, expires_at=clock.now() + timedelta(seconds=signed_in.expires_in))

    async def call(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        safe: bool | None = None,
        restricted: bool = False,
    ) -> bytes:
        """The body of a good answer. A stale access token is replaced once; what else went wrong has its own error.

        `restricted`: what is asked for holds buyers' data, and takes a token made for this address alone (RDT).
        """
        token = await (self._restricted(method, path) if restricted else self.sign_in())
        response = await self._send(operation, method, path, token, params, json, safe)
        if token_is_stale(response):
            self._tokens.drop(self._token_key, token)
            token = await (self._restricted(method, path) if restricted else self.sign_in())
            response = await self._send(operation, method, path, token, params, json, safe)
        if response.is_success:
            return data(response)
        # What only buyers' data would open is refused for want of the role for buyers' data.
        wanted = "createRestrictedDataToken" if restricted else operation
        raise refused(wanted, response, lambda text: self._scrubbed(text.replace(token, "…")), self._app.whose)

    async def _restricted(self, method: str, path: str) -> str:
        """A token for one call to this address. Making one more does no harm."""
        wanted = {"restrictedResources": [{"method": method, "path": path}]}
        answer = await self.call("createRestrictedDataToken", "POST", "/tokens/2021-03-01/restrictedDataToken", json=wanted, safe=True)
        token = decoded(answer, Restricted, "the answer to a request for a restricted token").restrictedDataToken
        if not token:
            raise WireChanged(NAME, "the answer to a request for a restricted token", words="no token in it")
        return token

    def _scrubbed(self, text: str) -> str:
        """Amazon's words without our secrets, should it ever repeat one of them."""
        for secret in (self._keys.refresh_token, self._app.client_secret, self._app.client_id):
            text = text.replace(secret, "…")
        return text

    async def _send(
        self, operation: str, method: str, path: str, token: str, params: Mapping[str, str] | None, json: Any, safe: bool | None
    ) -> httpx.Response:
        parts: dict[str, Any] = {"headers": {"x-amz-access-token": token, "x-amz-date": amz_date(clock.now())}}
        if params:
            parts["params"] = dict(params)
        if json is not None:
            parts["json"] = json
        return await self._calls.send(self._calls.request(method, self._api + path, **parts), QUOTAS[operation], safe=safe)

    async def search_orders(self, params: Mapping[str, str]) -> bytes:
        return await self.call("searchOrders", "GET", "/orders/2026-01-01/orders", params={"marketplaceIds": MARKETPLACE_ID, **params})

    async def order(self, order_id: str, params: Mapping[str, str]) -> bytes:
        return await self.call("getOrder", "GET", f"/orders/2026-01-01/orders/{segment(order_id)}", params=params)

    async def participations(self) -> bytes:
        return await self.call("getMarketplaceParticipations", "GET", "/sellers/v1/marketplaceParticipations")

    async def search_listings(self, params: Mapping[str, str]) -> bytes:
        path = f"/listings/2021-08-01/items/{segment(self.seller)}"
        return await self.call("searchListingsItems", "GET", path, params={"marketplaceIds": MARKETPLACE_ID, **params})

    async def listing(self, sku: str, included: str = "summaries,offers,fulfillmentAvailability") -> bytes:
        params = {"marketplaceIds": MARKETPLACE_ID, "includedData": included}
        return await self.call("getListingsItem", "GET", self._listing(sku), params=params)

    async def patch_listing(self, sku: str, body: Any) -> bytes:
        """Change one listing. Quantities are absolute, so the same change twice is the same change."""
        params = {"marketplaceIds": MARKETPLACE_ID, "includedData": "issues", "issueLocale": "en_US"}
        return await self.call("patchListingsItem", "PATCH", self._listing(sku), params=params, json=body, safe=True)

    def _listing(self, sku: str) -> str:
        return f"/listings/2021-08-01/items/{segment(self.seller)}/{segment(sku)}"

    async def reports(self, params: Mapping[str, str]) -> bytes:
        """A list of reports. With `nextToken` no other parameter is allowed."""
        return await self.call("getReports", "GET", "/reports/2021-06-30/reports", params=params)

    async def create_report(self, body: Any) -> bytes:
        """Ask for a report. Made once: after a lost answer look for the report first."""
        return await self.call("createReport", "POST", "/reports/2021-06-30/reports", json=body)

    async def report(self, report_id: str) -> bytes:
        return await self.call("getReport", "GET", f"/reports/2021-06-30/reports/{segment(report_id)}")

    async def report_document(self, document_id: str, *, restricted: bool = False) -> bytes:
        path = f"/reports/2021-06-30/documents/{segment(document_id)}"
        return await self.call("getReportDocument", "GET", path, restricted=restricted)

    async def feeds(self, params: Mapping[str, str]) -> bytes:
        return await self.call("getFeeds", "GET", "/feeds/2021-06-30/feeds", params=params)

    async def create_feed_document(self, body: Any) -> bytes:
        """A place to upload to. A second one does no harm: unused places vanish."""
        return await self.call("createFeedDocument", "POST", "/feeds/2021-06-30/documents", json=body, safe=True)

    async def create_feed(self, body: Any) -> bytes:
        """Start a feed. Made once: after a lost answer look for the feed first."""
        return await self.call("createFeed", "POST", "/feeds/2021-06-30/feeds", json=body)

    async def feed(self, feed_id: str) -> bytes:
        return await self.call("getFeed", "GET", f"/feeds/2021-06-30/feeds/{segment(feed_id)}")

    async def feed_document(self, document_id: str) -> bytes:
        return await self.call("getFeedDocument", "GET", f"/feeds/2021-06-30/documents/{segment(document_id)}")

    async def upload(self, url: str, content: bytes, content_type: str) -> None:
        """Put a document where Amazon said. The address is its own pass, so no token goes along."""
        request = self._storage.request("PUT", url, content=content, headers={"content-type": content_type})
        response = await self._storage.send(request, QUOTAS["document"], safe=True)
        if not response.is_success:
            raise Unreachable(NAME, reason="the upload was refused", http_status=response.status_code)

    async def content(self, url: str) -> bytes:
        """A document whole, as it was laid down. The address lives for minutes: ask for it right before."""
        request = self._storage.request("GET", url, headers={"accept-encoding": "gzip"})
        response = await self._storage.send(request, QUOTAS["document"])
        if not response.is_success:
            raise Unreachable(NAME, reason="the document's address was refused", http_status=response.status_code)
        return response.content

    async def lines(self, url: str) -> AsyncGenerator[list[str], None]:
        """A document's lines in portions, as they arrive. The address lives for minutes: ask for it right before."""
        request = self._storage.request("GET", url, headers={"accept-encoding": "gzip"})
        async with self._storage.stream(request, QUOTAS["document"]) as response:
            if not response.is_success:
                raise Unreachable(NAME, reason="the document's address was refused", http_status=response.status_code)
            found = Lines(response.charset_encoding or "")
            async for chunk in response.aiter_bytes(65_536):
                yield found.feed(chunk)
            yield found.end()


def segment(text: str) -> str:
    """One path segment. SKUs hold slashes, hashes and spaces, which must not become structure."""
    return quote(text, safe="")


def amz_date(moment: datetime) -> str:
    """`20260610T053000Z`, as the date header wants it."""
    return f"{moment:%Y%m%dT%H%M%SZ}"


def iso(moment: datetime) -> str:
    """A time for a query: UTC, whole seconds, `Z`."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
