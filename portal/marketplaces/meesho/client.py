"""Meesho's calls: the only file that knows addresses and paths, and how a call is signed, repeated and refused."""

import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple, Self

import httpx
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from portal import clock
from portal.errors import Misconfigured
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.errors import Unreachable
from portal.marketplaces.facts import ReturnKind
from portal.marketplaces.http import Outside, Quota, worth_repeating
from portal.marketplaces.meesho import refusals, signing
from portal.marketplaces.meesho.keys import MeeshoKeys
from portal.marketplaces.meesho.wire.rows import NAME

RATE = 2.0
BURST = 4.0
"""Calls a second and at once: Meesho publishes no limits, these are ours."""

ORDERS_PER_PAGE = 50
RETURNS_PER_PAGE = 50
PAYMENTS_PER_PAGE = MOST_ROWS = 100

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

    async def orders(self, start: datetime, end: datetime | None, cursor: str) -> bytes:
        """One page of orders updated from `start` to `end`, oldest change first."""
        return await self._read("orders", "/v2/orders", _updated(start, end, cursor, min(ORDERS_PER_PAGE, self.most_rows)), what="orders")

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
        headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}
        return await self._exchange("inventory", "POST", "/v2/inventory", {}, what="stock", body=body, headers=headers, answers={422})

    async def request(self, request_id: str) -> bytes:
        """How far a request that Meesho works off by itself has come."""
        return await self._read("requests", f"/v2/requests/{request_id}", {}, what="the state of a request")

    def patience(self, seconds: float) -> float:
        """That many seconds, shortened as the request rate is raised: sandboxes have no reason to be waited for."""
        return seconds / max(1.0, self._factor)

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
        """Repeats what did not get through: reads are harmless, and writes carry an Idempotency-Key."""
        retrying = AsyncRetrying(
            stop=stop_after_attempt(3),
            wait=wait_random_exponential(multiplier=0.2, max=3.0),
            retry=retry_if_exception(worth_repeating),
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                request = self._signed(method, path, params, body, headers)
                return await self._calls.send(request, Quota(operation, RATE, BURST), attempts=1)
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
