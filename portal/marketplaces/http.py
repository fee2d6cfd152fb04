"""One way to call a marketplace: paced, timed, retried where that is safe, with every fault under its own name.

An adapter's client builds requests and reads answers; whatever goes wrong between the two is settled here.
"""

import asyncio
import ipaddress
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Protocol

import httpx
import msgspec
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from portal import clock
from portal.errors import Misconfigured
from portal.marketplaces.errors import Throttled, Unreachable

# httpx writes every address at INFO, query string included. Addresses may carry tokens, so only its warnings are kept.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)

PATIENCE_S = 8.0
"""How long one call may wait for its turn inside a job. Longer waits give the job back with a clock time."""


@dataclass(frozen=True, slots=True)
class Quota:
    """A token bucket: `rate` calls a second, up to `burst` at once. `operation` names the bucket."""

    operation: str
    rate: float
    burst: float

    def times(self, factor: float) -> "Quota":
        """The same quota, faster: sandboxes and tests raise the factor, operators may lower it."""
        return Quota(self.operation, self.rate * factor, self.burst * max(1.0, factor))


class Budget(Protocol):
    """Shares a marketplace's patience among everybody who uses one credential."""

    async def take(self, credential: str, quota: Quota) -> float:
        """Claim one call. Answers the seconds to wait before making it; never sleeps itself."""
        ...

    async def hold(self, credential: str, quota: Quota, until: datetime) -> None:
        """The marketplace asked for silence until then."""
        ...


class LocalBudget:
    """A budget for one process. It starts half full, because nobody knows what an earlier process has used."""

    def __init__(self) -> None:
        self._due: dict[tuple[str, str], float] = {}

    async def take(self, credential: str, quota: Quota) -> float:
        now = time.monotonic()
        step = 1.0 / quota.rate
        key = (credential, quota.operation)
        # A virtual schedule: `due` is when the bucket would be full again minus what is in it.
        due = max(self._due.get(key, now - step * (quota.burst - quota.burst / 2)), now - step * quota.burst)
        wait = max(0.0, due + step - now - 1e-9) if due + step > now else 0.0
        if wait <= PATIENCE_S:
            self._due[key] = due + step
        return wait

    async def hold(self, credential: str, quota: Quota, until: datetime) -> None:
        self._due[(credential, quota.operation)] = time.monotonic() + max(0.0, (until - clock.now()).total_seconds())


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A short-lived pass. Its value never shows in a repr."""

    value: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Token(…, expires_at={self.expires_at.isoformat()})"


class Tokens:
    """Short-lived passes of this process, one fetch at a time per credential.

    The key must name the credential itself (account and fingerprint), so a replaced credential never meets an old pass.
    """

    def __init__(self) -> None:
        self._held: dict[str, Token] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(self, key: str, fetch: Callable[[], Awaitable[Token]], *, early: timedelta = timedelta(seconds=60)) -> str:
        """The pass held under `key`, or a fresh one; whoever comes while one is being fetched waits for that one."""
        async with self._locks.setdefault(key, asyncio.Lock()):
            held = self._held.get(key)
            if held is None or held.expires_at - early <= clock.now():
                held = self._held[key] = await fetch()
                self._forget_others(key)
            return held.value

    def _forget_others(self, key: str) -> None:
        """Passes of an older credential of the same account, and whatever is over."""
        owner = key.partition(":")[0]
        for other, token in list(self._held.items()):
            if other != key and (other.partition(":")[0] == owner or token.expires_at <= clock.now()):
                del self._held[other]

    def drop(self, key: str, value: str | None = None) -> None:
        """Forget the pass under `key`; given a value, only if it is still that one, so a newer pass survives."""
        held = self._held.get(key)
        if held is not None and (value is None or held.value == value):
            del self._held[key]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange as it may be shown and counted: no query string, no header, no body."""

    marketplace: str
    operation: str
    method: str
    path: str
    status: int | None
    duration_ms: float
    attempt: int
    request_id: str = ""
    fault: str = ""


async def unobserved(_: Call) -> None:
    return None


async def nobody_keeps(_: Mapping[str, str]) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Everything an adapter needs from the process it runs in.

    `settings` are this marketplace's own PORTAL_<CODE>_* values, without that prefix.
    `factor` scales every quota (PORTAL_<CODE>_RATE).
    `keep` takes the parts of the keys that the marketplace has replaced by itself, by their names; an adapter awaits it before it
    uses what it hands over, so that a crash in between loses nothing.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    budget: Budget = field(default_factory=LocalBudget)
    tokens: Tokens = field(default_factory=Tokens)
    observe: Callable[[Call], Awaitable[None]] = unobserved
    keep: Callable[[Mapping[str, str]], Awaitable[None]] = nobody_keeps
    allow_private: bool = False
    transport: httpx.AsyncBaseTransport | None = None

    @property
    def factor(self) -> float:
        return float(self.settings.get("RATE", "1"))

    def calls(
        self,
        marketplace: str,
        credential: str,
        *,
        timeout_s: float = 60.0,
        request_id_header: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> "Calls":
        return Calls(self, marketplace, credential, timeout_s=timeout_s, request_id_header=request_id_header, headers=headers)


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates we trust, loaded once per process: loading them takes longer than most calls."""
    return httpx.create_ssl_context(trust_env=False)


class Calls:
    """The outward calls of one account. Use as an async context manager.

    Answers with status 429 raise Throttled; 408, 499, 5xx and transport faults raise Unreachable; every other status is
    returned, because only the marketplace's client knows what it means there.
    """

    def __init__(
        self,
        outside: Outside,
        marketplace: str,
        credential: str,
        *,
        timeout_s: float,
        request_id_header: str,
        headers: Mapping[str, str] | None,
    ) -> None:
        self._outside = outside
        self._marketplace = marketplace
        self._credential = credential
        self._request_id_header = request_id_header
        self._known_hosts: set[str] = set()
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(timeout_s, connect=10.0),
            follow_redirects=False,
            transport=outside.transport,
            headers=dict(headers or {}),
            limits=httpx.Limits(max_connections=8, max_keepalive_connections=4),
            trust_env=False,
            verify=_trusted(),
        )

    async def __aenter__(self) -> "Calls":
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._client.__aexit__(None, None, None)

    def request(self, method: str, url: str, **parts: Any) -> httpx.Request:
        """A request as httpx builds it (params, json, content, data, headers)."""
        return self._client.build_request(method, url, **parts)

    async def send(self, request: httpx.Request, quota: Quota, *, safe: bool | None = None, attempts: int = 3) -> httpx.Response:
        """Make the call when its turn has come.

        `safe`: may be repeated though we do not know whether it arrived (default: GET only). Unsafe calls are made once.
        Raises Throttled (also when our own budget asks for a longer wait than a job should sit through) and Unreachable.
        """
        repeat = request.method == "GET" if safe is None else safe
        retrying = AsyncRetrying(
            stop=stop_after_attempt(attempts if repeat else 1),
            wait=wait_random_exponential(multiplier=0.2, max=3.0),
            retry=retry_if_exception_type(Unreachable),
            reraise=True,
        )
        quota = quota.times(self._outside.factor)
        async for attempt in retrying:
            with attempt:
                await self._turn(quota)
                return await self._once(request, quota, attempt.retry_state.attempt_number)
        raise AssertionError("tenacity returns or raises")

    @asynccontextmanager
    async def stream(self, request: httpx.Request, quota: Quota) -> AsyncIterator[httpx.Response]:
        """The answer before its body has come, for bodies too big to hold: read `aiter_bytes()` inside the block.

        Made once. Statuses as with `send`; a connection that dies inside the block is Unreachable too.
        """
        quota = quota.times(self._outside.factor)
        await self._turn(quota)
        response = await self._once(request, quota, 1, stream=True)
        try:
            yield response
        except httpx.TimeoutException as error:
            raise Unreachable(self._marketplace, reason="timeout") from error
        except httpx.TransportError as error:
            raise Unreachable(self._marketplace, reason=type(error).__name__) from error
        except httpx.DecodingError as error:
            raise Unreachable(self._marketplace, reason="undecodable body") from error
        finally:
            await response.aclose()

    async def _turn(self, quota: Quota) -> None:
        wait = await self._outside.budget.take(self._credential, quota)
        if wait > PATIENCE_S:
            raise Throttled(self._marketplace, clock.now() + timedelta(seconds=wait), reason="own budget")
        if wait > 0:
            await asyncio.sleep(wait)

    async def _once(self, request: httpx.Request, quota: Quota, attempt: int, *, stream: bool = False) -> httpx.Response:
        started = time.perf_counter()
        status: int | None = None
        fault = ""
        request_id = ""
        try:
            await self._refuse_private(request.url.host)
            response = await self._client.send(request, stream=stream)
            status = response.status_code
            request_id = response.headers.get(self._request_id_header, "") if self._request_id_header else ""
            if stream and (status == 429 or status >= 500 or status in (408, 499)):
                await response.aclose()
            if status == 429:
                fault = "throttled"
                until = retry_after(response) or clock.now() + timedelta(seconds=min(180.0, max(2.0, 1.0 / quota.rate)))
                await self._outside.budget.hold(self._credential, quota, until)
                raise Throttled(self._marketplace, until, reason="http_429", http_status=429, request_id=request_id)
            if status >= 500 or status in (408, 499):
                fault = "unreachable"
                raise Unreachable(self._marketplace, reason=f"http_{status}", http_status=status, request_id=request_id)
            return response
        except httpx.TimeoutException as error:
            fault = "timeout"
            raise Unreachable(self._marketplace, reason="timeout") from error
        except httpx.TransportError as error:
            fault = type(error).__name__
            raise Unreachable(self._marketplace, reason=type(error).__name__) from error
        except httpx.DecodingError as error:
            fault = "undecodable"
            raise Unreachable(self._marketplace, reason="undecodable body") from error
        finally:
            await self._outside.observe(
                Call(
                    marketplace=self._marketplace,
                    operation=quota.operation,
                    method=request.method,
                    path=request.url.path,
                    status=status,
                    duration_ms=(time.perf_counter() - started) * 1000,
                    attempt=attempt,
                    request_id=request_id,
                    fault=fault,
                )
            )

    async def _refuse_private(self, host: str) -> None:
        """A marketplace address that resolves into a private network is a mistake or an attack."""
        if self._outside.allow_private or self._outside.transport is not None or host in self._known_hosts:
            return
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError as error:
            raise Unreachable(self._marketplace, reason="no such host") from error
        if any(not ipaddress.ip_address(address[4][0]).is_global for address in found):
            raise Misconfigured(
                f"The address configured for {self._marketplace} is a private one.",
                detail=f"{host} resolves to a private address",
                hint="Set PORTAL_ALLOW_PRIVATE_MARKETPLACES=true only for sandboxes.",
            )
        self._known_hosts.add(host)


def retry_after(response: httpx.Response) -> datetime | None:
    """The moment a Retry-After header names, in seconds or as a date; None without a readable one."""
    named = response.headers.get("retry-after", "").strip()
    if not named:
        return None
    if named.isdigit():
        return clock.now() + timedelta(seconds=min(int(named), 86_400))
    try:
        moment = parsedate_to_datetime(named)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
