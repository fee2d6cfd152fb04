"""How the sandbox misbehaves when a test asks for it."""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Request, Response

from portal.marketplaces.ajio.sandbox.world import World
from portal.marketplaces.sandbox import BrokenOff, Fault, Faults, Ordered, hang

SIGN_IN_PAGE = b"""<!doctype html><html><head><title>Seller sign in</title></head><body>
<form action="https://sellers.relianceretail.com/auth/oauth/authorize" method="post">
<input name="username"><input name="password" type="password"><button>Sign in</button></form></body></html>"""
BOT_PAGE = b"<html><head><title>Access Denied</title></head><body><h1>Access Denied</h1>Reference #18.sandbox</body></html>"
SIGN_IN_ADDRESS = "https://sellers.relianceretail.com/auth/oauth/authorize?state=sandbox"

AT_SIGN_IN = frozenset(
    # What a sign-in can suffer; everything else waits for the first call that asks for data.
    {
        Fault.REVOKED,
        Fault.SLOW_DOWN,
        Fault.OUTAGE,
        Fault.TIMEOUT,
        Fault.RESET,
        Fault.TRUNCATED,
        Fault.CHANGED,
        Fault.EMPTY,
        Fault.BOT_FILTER,
    }
)

IN_ROWS = frozenset({Fault.UNREADABLE_ROW, Fault.UNKNOWN_VALUE, Fault.REPEATED_PAGE})
TWISTS = IN_ROWS | {Fault.OTHER_SHOP}
AT_POB_LIST = frozenset(Fault) - IN_ROWS
AT_PARTNER = frozenset(Fault) - {Fault.OTHER_SHOP, Fault.CLOCK_SKEW}
"""The partner API names no shop but the one that signs in, and has no clock."""

Good = Callable[[], Response[bytes]]
Twistable = Callable[[Fault | None], Response[bytes]]


def json_response(document: Any, status: int = 200) -> Response[bytes]:
    return Response(msgspec.json.encode(document), status_code=status, media_type="application/json")


def failure(status: int, sentence: str) -> Response[bytes]:
    """A refusal as AJIO writes it."""
    return json_response({"success": False, "statusCode": status, "errorMessage": sentence}, status)


def page(body: bytes, status: int = 200) -> Response[bytes]:
    return Response(body, status_code=status, media_type="text/html")


class Misbehaviour:
    """Serves good answers, or what was ordered instead."""

    def __init__(self, faults: Faults, world: World) -> None:
        self._faults = faults
        self._world = world

    async def sign_in(self, good: Good) -> Response[bytes]:
        """Someone signs in to the partner API."""
        ordered = self._due("authToken", AT_SIGN_IN)
        if ordered is None:
            return good()
        if ordered.fault is Fault.REVOKED:
            self._keep(ordered)
            return failure(401, "authentication failed")
        return await self._spoilt(ordered, good)

    async def partner(self, operation: str, request: Request[Any, Any, Any], good: Twistable) -> Response[bytes]:
        """A call with a pass of the partner API."""
        ordered = self._due(operation, AT_PARTNER)
        if ordered is not None and ordered.fault in (Fault.REVOKED, Fault.EXPIRED_TOKEN):
            self._keep(ordered)
            return failure(401, "Invalid token")
        if not self._world.admits(request.headers.get("apikey", "")):
            return failure(401, "Invalid token")
        if ordered is None or ordered.fault in TWISTS:
            return good(ordered.fault if ordered else None)
        return await self._spoilt(ordered, lambda: good(None))

    async def panel(self, operation: str, request: Request[Any, Any, Any], good: Twistable) -> Response[bytes]:
        """A call with a session of the seller panel."""
        ordered = self._due(operation, AT_POB_LIST if operation == "work_places" else None)
        if ordered is not None and ordered.fault is Fault.REVOKED:
            self._keep(ordered)
            return to_sign_in()
        if (refused := self._refused(request)) is not None:
            return refused
        if ordered is None or ordered.fault in TWISTS:
            answer = good(ordered.fault if ordered else None)
            if fresh := self._world.next_cookie():
                answer.set_cookie("vms_session", fresh, domain=".ajio.com", secure=True, httponly=True)
            return answer
        if ordered.fault is Fault.EXPIRED_TOKEN:
            return json_response({"success": False, "errorMessage": "Invalid token"})
        return await self._spoilt(ordered, lambda: good(None))

    def _refused(self, request: Request[Any, Any, Any]) -> Response[bytes] | None:
        if not self._world.knows_session(request.cookies.get("vms_session", "")) or len(request.cookies) < 3:
            return to_sign_in()
        if request.headers.get("authorization") != f"Bearer {self._world.panel_token}":
            return json_response({"success": False, "errorMessage": "Invalid token"})
        if request.headers.get("x-tenant") != "AJIO" or request.headers.get("accept") != "application/json":
            return failure(400, "Invalid Request: tenant")
        return None

    def _due(self, operation: str, possible: frozenset[Fault] | None = None) -> Ordered | None:
        """The fault for this call; one that this call cannot express stays for a later one."""
        first = next((one for one in self._faults.ordered if not one.operation or one.operation == operation), None)
        if first is not None and possible is not None and first.fault not in possible:
            self._faults.served.append(operation)
            return None
        return self._faults.next(operation)

    def _keep(self, ordered: Ordered) -> None:
        """A revoked credential stays revoked until the faults are cleared."""
        if ordered.fault is Fault.REVOKED and ordered not in self._faults.ordered:
            self._faults.ordered.append(Ordered(fault=Fault.REVOKED, times=0))

    async def _spoilt(self, ordered: Ordered, good: Good) -> Response[bytes]:
        match ordered.fault:
            case Fault.FORBIDDEN:
                return failure(403, "This POB is not permitted to use this service")
            case Fault.SLOW_DOWN:
                return Response(b"", status_code=429, headers={"retry-after": str(int(ordered.seconds) or 30)})
            case Fault.OUTAGE:
                return page(b"<html><body>Service Unavailable</body></html>", 503)
            case Fault.TIMEOUT:
                await hang(ordered)
                return page(b"<html><body>Gateway time-out</body></html>", 504)
            case Fault.RESET:
                return BrokenOff(_half(good()))
            case Fault.LOST_ANSWER:
                good()
                return BrokenOff()
            case Fault.TRUNCATED:
                return Response(_half(good()), media_type="application/json")
            case Fault.CHANGED:
                return json_response({"data": {"items": [], "next": None}})
            case Fault.EMPTY:
                return Response(b"", media_type="application/json")
            case Fault.BOT_FILTER:
                return page(BOT_PAGE, 403)
            case Fault.LOGIN_PAGE:
                return page(SIGN_IN_PAGE)
            case _:
                # The rest, such as CLOCK_SKEW, has no way to show on this wire.
                return good()


def to_sign_in() -> Response[bytes]:
    """How the panel says that a session is over."""
    return Response(b"", status_code=302, headers={"location": SIGN_IN_ADDRESS})


def _half(response: Response[bytes]) -> bytes:
    return response.content[: len(response.content) // 2]
