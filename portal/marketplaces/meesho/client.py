"""Meesho's calls: the only file that knows addresses and paths, and how a call is signed, repeated and refused."""

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple, Self

import httpx
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from portal import clock
from portal.errors import Misconfigured
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.errors import Unreachable, WireChanged
from portal.marketplaces.facts import ReturnKind
from portal.marketplaces.http import Outside, Quota, worth_repeating
from portal.marketplaces.meesho import papers, refusals, signing
from portal.marketplaces.meesho.keys import MeeshoKeys
from portal.marketplaces.meesho.wire.rows import NAME

RATE = 2.0
BURST = 4.0
"""Calls a second and at once: Meesho publishes no limits, these are ours."""

ORDERS_PER_PAGE = 50
RETURNS_PER_PAGE = 50
PAYMENTS_PER_PAGE = MOST_ROWS = 100

NAMES_ORDERS = frozenset({409, 422})

_RETURN_TYPES = {ReturnKind.CUSTOMER: "customer_return", ReturnKind.RTO: "rto"}


class Answer(NamedTuple):
    status: int
    body: bytes


class MeeshoClient:
    """The calls of one supplier. Use as an async context manager.

    Every call is signed afresh, also when it is repeated, because Meesho takes each nonce once.
    `skew` is how far Meesho's clock is ahead of ours; it is learned when Meesho refuses a timestamp. Lower `most_rows` for pages
    smaller than Meesho's own.
    """

    def __init__(self, outside: Outside, account: AccountRef, keys: MeeshoKeys) -> None:
        self._base = _base(outside.settings)
        self._scheme = signing.profile(outside.settings)
        self._keys = keys
        self._factor = outside.factor
        self._document_hosts = papers.hosts(outside.settings)
        self._calls = outside.calls(NAME, str(account.id), timeout_s=_timeout_s(outside.settings))
        self.skew = timedelta()
        self.most_rows = MOST_ROWS

    async def __aenter__(self) -> Self:
        await self._calls.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._calls.__aexit__(*exc)

    async def supplier(self) -> bytes:
        return await self._read("supplier", "/v2/supplier", {}, what="the shop's name")

    async def orders(self, start: datetime, end: datetime | None, cursor: str, *, status: str = "") -> bytes:
        """One page of orders updated from `start` to `end`, oldest change first; only those of `status` where one is named."""
        asked = {"status": status, **_updated(start, end, cursor, min(ORDERS_PER_PAGE, self.most_rows))}
        return await self._read("orders", "/v2/orders", asked, what="orders")

    async def returns(self, kind: ReturnKind, start: datetime, end: datetime | None, cursor: str) -> bytes:
        """One page of returns of that kind updated from `start` to `end`, oldest change first."""
        asked = {"type": _RETURN_TYPES[kind], **_updated(start, end, cursor, min(RETURNS_PER_PAGE, self.most_rows))}
        return await self._read("returns", "/v2/returns", asked, what="returns")

    async def payments(self, start: date, end: date | None, cursor: str) -> bytes:
        """One page of what was paid from day `start` to day `end`, both included."""
        days = {"paid_from": start.isoformat(), "paid_to": end.isoformat() if end else None}
        asked = {**days, "cursor": cursor, "limit": str(min(PAYMENTS_PER_PAGE, self.most_rows))}
        return await self._read("payments", "/v2/payments", asked, what="payments")

    async def push_stock(self, body: bytes, *, idempotency_key: str) -> Answer:
        """Stock of up to 50 lines. Status 422 is an answer here: some line is not as it should be."""
        return await self._write("inventory", "/v2/inventory", body, idempotency_key, what="stock", answers={422})

    async def request(self, request_id: str) -> bytes:
        """How far a request that Meesho works off by itself has come."""
        return await self._read("requests", f"/v2/requests/{request_id}", {}, what="the state of a request")

    async def find_request(self, request_id: str) -> bytes | None:
        """The same; None for a request that Meesho no longer knows."""
        answered = await self._exchange(
            "requests", "GET", f"/v2/requests/{request_id}", {}, what="the state of a request", answers=frozenset({404})
        )
        return None if answered.status == 404 else answered.body

    # What moves orders on. Statuses 409 and 422 are answers: some sub-order is not as the call takes it.

    async def accept(self, body: bytes, *, idempotency_key: str) -> Answer:
        """Accept up to 100 sub-orders; answered with a request id."""
        return await self._write("accept", "/v2/orders/accept", body, idempotency_key, what="acceptance", answers=NAMES_ORDERS)

    async def cancel(self, body: bytes, *, idempotency_key: str) -> Answer:
        """Cancel up to 100 sub-orders; answered with a request id."""
        return await self._write("cancel", "/v2/orders/cancel", body, idempotency_key, what="cancellation", answers=NAMES_ORDERS)

    async def labels(self, body: bytes, *, idempotency_key: str) -> Answer:
        """Have labels with their invoices made; answered with a request id."""
        return await self._write("labels", "/v2/labels", body, idempotency_key, what="labels", answers=NAMES_ORDERS)

    async def manifest(self, body: bytes, *, idempotency_key: str) -> Answer:
        """Close a manifest over these sub-orders: all of them, or none."""
        return await self._write("manifests", "/v2/manifests", body, idempotency_key, what="manifests", answers=NAMES_ORDERS)

    async def download(self, url: str, *, what: str) -> bytes | None:
        """The PDF behind a link that Meesho gave; None when the link works no longer.

        The link opens by itself, so it goes out unsigned. Errors: as every call, and WireChanged for an address elsewhere than on the
        API's own host or on one of the setting DOCUMENT_HOSTS, or for a file that is no whole PDF.
        """
        if not papers.ours(url, self._base, self._document_hosts):
            raise WireChanged(NAME, f"address of {what}")
        response = await self._repeated("files", lambda: self._calls.request("GET", url))
        status, content_type = response.status_code, response.headers.get("content-type", "")
        if papers.ended(status, content_type):
            return None
        if status >= 300:
            raise refusals.error(refusals.read(status, content_type, response.content), what=what)
        return papers.whole(_data(response.content, content_type), what=what)

    def patience(self, seconds: float) -> float:
        """That many seconds, shortened as the request rate is raised: sandboxes have no reason to be waited for."""
        return seconds / max(1.0, self._factor)

    async def _write(
        self, operation: str, path: str, body: bytes, idempotency_key: str, *, what: str, answers: frozenset[int] | set[int]
    ) -> Answer:
        headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}
        return await self._exchange(operation, "POST", path, {}, what=what, body=body, headers=headers, answers=answers)

    async def _read(self, operation: str, path: str, params: Mapping[str, str | None], *, what: str) -> bytes:
        return (await self._exchange(operation, "GET", path, params, what=what)).body

    async def _exchange(
        self,
        operation: str,
        method: str,
        path: str,
        params: Mapping[str, str | None],
        *,
        what: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        answers: frozenset[int] | set[int] = frozenset(),
    ) -> Answer:
        """The answer to one call. A refusal of the signature, the key or the time counts when it comes twice."""
        refused: set[str] = set()
        while True:
            response = await self._send(operation, method, path, params, body, headers or {})
            if response.status_code in answers:
                return Answer(response.status_code, response.content)
            content_type = response.headers.get("content-type", "")
            if response.status_code < 300:
                return Answer(response.status_code, _data(response.content, content_type))
            secrets = (self._keys.api_secret, self._keys.api_key)
            refusal = refusals.read(response.status_code, content_type, response.content, secrets=secrets)
            apart = _apart(response)
            if refusal.code not in refusals.AGAIN_ONCE or refusal.code in refused:
                raise refusals.error(refusal, what=what, skew_s=apart.total_seconds())
            refused.add(refusal.code)
            if refusal.code == refusals.OUT_OF_TIME:
                self.skew = apart

    async def _send(
        self, operation: str, method: str, path: str, params: Mapping[str, str | None], body: bytes, headers: Mapping[str, str]
    ) -> httpx.Response:
        return await self._repeated(operation, lambda: self._signed(method, path, params, body, headers))

    async def _repeated(self, operation: str, made: Callable[[], httpx.Request]) -> httpx.Response:
        """Repeats what did not get through: reads are harmless, and writes carry an Idempotency-Key."""
        retrying = AsyncRetrying(
            stop=stop_after_attempt(3),
            wait=wait_random_exponential(multiplier=0.2, max=3.0),
            retry=retry_if_exception(worth_repeating),
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                return await self._calls.send(made(), Quota(operation, RATE, BURST), attempts=1)
        raise AssertionError("tenacity returns or raises")

    def _signed(self, method: str, path: str, params: Mapping[str, str | None], body: bytes, headers: Mapping[str, str]) -> httpx.Request:
        given = {name: value for name, value in params.items() if value}
        request = self._calls.request(method, f"{self._base}{path}", params=given, content=body, headers=dict(headers))
        request.headers.update(
            signing.signed_headers(
                self._scheme,
                self._keys,
                method=method,
                target=request.url.raw_path.decode("ascii"),
                body=body,
                moment=clock.now() + self.skew,
                nonce=str(uuid.uuid4()),
            )
        )
        return request


def _base(settings: Mapping[str, str]) -> str:
    """Where Meesho's API is. Meesho tells its address to partners only, so there is no default."""
    url = settings.get("URL", "").rstrip("/")
    if not url:
        raise Misconfigured(
            "Meesho cannot be called yet: the address of its API is not configured.",
            hint="Set PORTAL_MEESHO_URL to the base address that Meesho gave you, without /v2 at its end.",
        )
    return url


def _timeout_s(settings: Mapping[str, str]) -> float:
    """How long one call may take."""
    written = settings.get("TIMEOUT_S", "60")
    try:
        seconds = float(written)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 600:
        raise Misconfigured(
            "The time-out configured for Meesho cannot be used.",
            hint="Set PORTAL_MEESHO_TIMEOUT_S to seconds from 1 to 600, or leave it out.",
        )
    return seconds


def _updated(start: datetime, end: datetime | None, cursor: str, limit: int) -> dict[str, str | None]:
    return {"updated_from": _iso(start), "updated_to": _iso(end) if end else None, "cursor": cursor, "limit": str(limit)}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _data(body: bytes, content_type: str) -> bytes:
    """The body, if Meesho can have written it: nothing at all, or a web page, comes from something in front of it."""
    if not body.strip():
        raise Unreachable(NAME, reason="empty body", http_status=200)
    if "html" in content_type or body.lstrip()[:1] == b"<":
        raise Unreachable(NAME, reason="html_200", http_status=200)
    return body


def _apart(response: httpx.Response) -> timedelta:
    """How far Meesho's clock is ahead of ours, by its Date header; nothing where it sends none."""
    named = response.headers.get_list("date")
    try:
        theirs = parsedate_to_datetime(named[-1])
    except (IndexError, ValueError):
        return timedelta()
    return (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)) - clock.now()
