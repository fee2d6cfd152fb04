"""The transport of outward calls: a marketplace is called at the very address that was looked at, and never at a private one.

A name is resolved once for each new connection, and the connection goes to what was found. Were it resolved a second time to connect,
whoever answers for the name could show a public address to the check and a private one to the connection.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from urllib.parse import urlsplit

import httpcore
import httpx

from portal.errors import Misconfigured

MOST_CONNECTIONS, MOST_IDLE, IDLE_S = 8, 4, 5.0

HOSTS = "_HOSTS"
"""How settings end that name further hosts, with commas between them."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


def dialled(marketplace: str, trusted: ssl.SSLContext, *, allow_private: bool, resolve: Resolve | None = None) -> httpx.AsyncBaseTransport:
    """What an adapter's client calls through. `allow_private` is for sandboxes on this machine: nothing is checked, plain HTTP may do.

    Raises Misconfigured for an address that is private or has no transport security.
    """
    if allow_private:
        limits = httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_IDLE)
        return httpx.AsyncHTTPTransport(verify=trusted, trust_env=False, limits=limits)
    return _Public(marketplace, trusted, resolve or addresses_of)


def hosts_of(settings: Mapping[str, str]) -> tuple[str, ...]:
    """The hosts that an operator's settings of one marketplace name: in its addresses, and in lists of hosts."""
    named = [urlsplit(value).hostname or "" for value in settings.values() if value.startswith(("https://", "http://"))]
    listed = [one.strip().lower() for name, value in settings.items() if name.endswith(HOSTS) for one in value.split(",")]
    return tuple(one for one in (*named, *listed) if one)


def belongs(host: str, domains: Iterable[str]) -> bool:
    """Whether the host is one of the domains or below it; `notashop.com` is not below `shop.com`."""
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


async def addresses_of(host: str, port: int) -> Sequence[str]:
    """Every address a name has, as the system resolves it. OSError when there is none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


class _Public(httpx.AsyncHTTPTransport):
    def __init__(self, marketplace: str, trusted: ssl.SSLContext, resolve: Resolve) -> None:
        super().__init__(verify=trusted, trust_env=False)
        self._marketplace = marketplace
        # httpx has no word for who opens connections; its pool has.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trusted,
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=MOST_IDLE,
            keepalive_expiry=IDLE_S,
            network_backend=_Dialling(marketplace, resolve),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.scheme != "https":
            raise _refused(self._marketplace, f"{request.url.host} is called without transport security")
        return await super().handle_async_request(request)


class _Dialling(httpcore.AsyncNetworkBackend):
    """Opens connections to addresses that were looked at. Certificates are still checked against the name."""

    def __init__(self, marketplace: str, resolve: Resolve) -> None:
        self._marketplace = marketplace
        self._resolve = resolve
        self._real = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (the backend's own signature)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                found = await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("no answer about this name") from error
        except OSError as error:
            raise httpcore.ConnectError("no such host") from error
        if not all(map(_public, found)):
            raise _refused(self._marketplace, f"{host} resolves to a private address")
        for address in found[:-1]:
            try:
                return await self._real.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._real.connect_tcp(found[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    return found.is_global and not found.is_multicast


def _refused(marketplace: str, why: str) -> Misconfigured:
    return Misconfigured(
        f"The address configured for {marketplace} is one we do not call.",
        detail=why,
        hint="Correct PORTAL_<CODE>_*URL. Set PORTAL_ALLOW_PRIVATE_MARKETPLACES=true only for sandboxes.",
    )
