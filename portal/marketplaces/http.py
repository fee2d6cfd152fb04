"""One way to call a marketplace: paced, timed, retried where that is safe, with every fault under its own name.

An adapter's client builds requests and reads answers; whatever goes wrong between the two is settled here.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any

import httpx
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from portal import clock
from portal.marketplaces.dialling import belongs, dialled
from portal.marketplaces.errors import Resting, Throttled, Unreachable, WireChanged
from portal.marketplaces.exchange import Call, unobserved
from portal.marketplaces.quotas import PATIENCE_S, Budget, Circuit, Hopeful, LocalBudget, Quota
from portal.marketplaces.retry_after import retry_after
from portal.marketplaces.tokens import Token, Tokens

# httpx writes every address at INFO, query string included. Addresses may carry tokens, so only its warnings are kept.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)

__all__ = [
    "Budget",
    "Call",
    "Calls",
    "LocalBudget",
    "Outside",
    "Quota",
    "Token",
    "Tokens",
    "nobody_keeps",
    "retry_after",
    "unobserved",
    "worth_repeating",
]


async def nobody_keeps(_: Mapping[str, str]) -> None:
    return None


FIRST_WAIT_S = 0.2
"""Before a call is repeated we wait for a random time up to this, and up to twice that before the next."""


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
    circuit: Circuit = field(default_factory=Hopeful)
    tokens: Tokens = field(default_factory=Tokens)
    observe: Callable[[Call], Awaitable[None]] = unobserved
    keep: Callable[[Mapping[str, str]], Awaitable[None]] = nobody_keeps
    allow_private: bool = False
    hosts: Sequence[str] | None = None
    """Who may be called; None only where a test opens its own door. Raises WireChanged for an answer that leads elsewhere."""
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
    returned, because only the marketplace's client knows what it means there. Where the host answers nobody, no call is made and
    Resting says until when.
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
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(timeout_s, connect=10.0),
            follow_redirects=False,
            transport=outside.transport or dialled(marketplace, _trusted(), allow_private=outside.allow_private),
            headers=dict(headers or {}),
            trust_env=False,
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
            wait=wait_random_exponential(multiplier=FIRST_WAIT_S, max=3.0),
            retry=retry_if_exception(worth_repeating),
            reraise=True,
        )
        quota = quota.times(self._outside.factor)
        async for attempt in retrying:
            with attempt:
                await self._turn(request, quota)
                return await self._once(request, quota, attempt.retry_state.attempt_number)
        raise AssertionError("tenacity returns or raises")

    @asynccontextmanager
    async def stream(self, request: httpx.Request, quota: Quota) -> AsyncIterator[httpx.Response]:
        """The answer before its body has come, for bodies too big to hold: read `aiter_bytes()` inside the block.

        Made once. Statuses as with `send`; a connection that dies inside the block is Unreachable too.
        """
        quota = quota.times(self._outside.factor)
        await self._turn(request, quota)
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

    async def _turn(self, request: httpx.Request, quota: Quota) -> None:
        """Wait for our turn, and make no call where nobody is answered anyway, or to somebody who is no part of this marketplace."""
        host, known = _host(request), self._outside.hosts
        if known is not None and not belongs(request.url.host, known):
            raise WireChanged(self._marketplace, "address to call")
        wait = await self._outside.budget.take(self._credential, quota, host=host)
        if wait > PATIENCE_S:
            raise Throttled(self._marketplace, clock.now() + timedelta(seconds=wait), own=True, reason="own budget")
        if wait > 0:
            await asyncio.sleep(wait)
        silence = await self._outside.circuit.silence(host)
        if silence is not None:
            raise Resting(self._marketplace, since=silence.since, retry_at=silence.retry_at)

    async def _once(self, request: httpx.Request, quota: Quota, attempt: int, *, stream: bool = False) -> httpx.Response:
        """One exchange, and what it says about the host."""
        circuit, host = self._outside.circuit, _host(request)
        try:
            response = await self._exchanged(request, quota, attempt, stream=stream)
        except Throttled:
            await circuit.answered(host)
            raise
        except Unreachable as error:
            silence = await circuit.unanswered(host)
            if silence is None:
                raise
            raise Resting(self._marketplace, since=silence.since, retry_at=silence.retry_at) from error
        await circuit.answered(host)
        return response

    async def _exchanged(self, request: httpx.Request, quota: Quota, attempt: int, *, stream: bool) -> httpx.Response:
        started = time.perf_counter()
        status: int | None = None
        fault = ""
        request_id = ""
        try:
            response = await self._client.send(request, stream=stream)
            status = response.status_code
            request_id = response.headers.get(self._request_id_header, "") if self._request_id_header else ""
            if stream and (status == 429 or _no_answer(status)):
                await response.aclose()
            if status == 429:
                fault = "throttled"
                until = retry_after(response) or clock.now() + timedelta(seconds=min(180.0, max(2.0, 1.0 / quota.rate)))
                await self._outside.budget.hold(self._credential, quota, until)
                raise Throttled(self._marketplace, until, reason="http_429", http_status=429, request_id=request_id)
            if _no_answer(status):
                fault = "unreachable"
                raise Unreachable(
                    self._marketplace,
                    reason=f"http_{status}",
                    http_status=status,
                    request_id=request_id,
                    retry_at=retry_after(response),
                )
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


def worth_repeating(error: BaseException) -> bool:
    """Whether the same call may do better in a moment. Not where the marketplace named a time, or answers nobody."""
    return isinstance(error, Unreachable) and error.retry_at is None


def _no_answer(status: int) -> bool:
    return status >= 500 or status in (408, 499)


def _host(request: httpx.Request) -> str:
    """Who is called: the host, with its port where that is not the usual one."""
    return request.url.netloc.decode("ascii")
