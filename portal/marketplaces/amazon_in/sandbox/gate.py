"""What every call of the sandbox passes: the fault ordered for it, and the checks Amazon makes before it looks at a request."""

import re
from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Response

from portal import clock
from portal.marketplaces.amazon_in.sandbox.state import State
from portal.marketplaces.sandbox import BrokenOff, Fault, Ordered, hang

Asked = Request[Any, Any, Any]

PAGE = b"<!doctype html><html><head><title>Amazon</title></head><body>Something went wrong on our end.</body></html>"
EVERYWHERE = frozenset(
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
        Fault.LOGIN_PAGE,
    }
)
CALLS = EVERYWHERE | {Fault.EXPIRED_TOKEN, Fault.FORBIDDEN}
EXPRESSIBLE = {
    # operation: the faults that mean something there; a fault ordered for any operation waits for one of these
    "signIn": EVERYWHERE,
    "searchOrders": CALLS | {Fault.UNREADABLE_ROW, Fault.UNKNOWN_VALUE, Fault.REPEATED_PAGE},
    "searchListingsItems": CALLS | {Fault.OTHER_SHOP, Fault.UNREADABLE_ROW, Fault.REPEATED_PAGE},
    "getReportDocument": CALLS | {Fault.UNREADABLE_ROW, Fault.UNKNOWN_VALUE},
    "createReport": CALLS | {Fault.LOST_ANSWER},
    "createFeed": CALLS | {Fault.LOST_ANSWER},
    "createScheduledPackage": CALLS | {Fault.LOST_ANSWER},
    "getScheduledPackage": CALLS | {Fault.UNKNOWN_VALUE},
    "patchListingsItem": CALLS | {Fault.LOST_ANSWER},
    "document": frozenset({Fault.OUTAGE, Fault.TIMEOUT, Fault.RESET, Fault.TRUNCATED}),
}


class Refusal(Exception):
    """The answer that ends a call early."""

    def __init__(self, response: Response[Any]) -> None:
        super().__init__("refused")
        self.response = response


def to_response(_: Asked, refusal: Refusal) -> Response[Any]:
    return refusal.response


def answer(body: bytes, status: int = 200, media_type: str = "application/json") -> Response[bytes]:
    headers = {"x-amzn-RequestId": "sandbox-request", "x-amzn-RateLimit-Limit": "5.0"}
    return Response(body, status_code=status, media_type=media_type, headers=headers)


def complain(status: int, code: str, message: str, details: str = "") -> Refusal:
    """Amazon's error list with one entry."""
    body = msgspec.json.encode({"errors": [{"code": code, "message": message, "details": details}]})
    return Refusal(answer(body, status))


def bad_input(message: str) -> Refusal:
    return complain(400, "InvalidInput", message)


def denied(details: str = "") -> Refusal:
    return complain(403, "Unauthorized", "Access to requested resource is denied.", details)


async def fault_for(state: State, operation: str) -> Ordered | None:
    """Count this call. Faults that answer instead of us are raised; those that bend the answer come back."""
    waiting = next((one for one in state.faults.ordered if one.operation in ("", operation)), None)
    if waiting is not None and not waiting.operation and waiting.fault not in EXPRESSIBLE.get(operation, CALLS):
        state.faults.served.append(operation)
        return None
    ordered = state.faults.next(operation)
    if ordered is None:
        return None
    match ordered.fault:
        case Fault.TIMEOUT:
            await hang(ordered)
        case Fault.SLOW_DOWN:
            raise complain(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")
        case Fault.OUTAGE:
            raise Refusal(answer(PAGE, 503, "text/html"))
        case Fault.BOT_FILTER:
            raise Refusal(answer(PAGE, 403, "text/html"))
        case Fault.LOGIN_PAGE:
            raise Refusal(answer(PAGE, 200, "text/html"))
        case Fault.EXPIRED_TOKEN:
            raise denied("The access token you provided has expired.")
        case Fault.FORBIDDEN:
            raise denied()
        case Fault.REVOKED if operation != "signIn":
            raise denied("The access token you provided is revoked, malformed or invalid.")
        case _:
            pass
    return ordered


def bent(ordered: Ordered | None, body: bytes, status: int = 200) -> Response[bytes]:
    """The answer, or what a fault makes of it."""
    match ordered.fault if ordered else None:
        case Fault.RESET | Fault.LOST_ANSWER:
            return BrokenOff(body[: len(body) // 2])
        case Fault.TRUNCATED:
            return answer(body[: len(body) // 2], status)
        case Fault.CHANGED:
            return answer(b'{"result":{"rows":[{"id":1}]}}', status)
        case Fault.EMPTY:
            return answer(b"", status)
        case _:
            return answer(body, status)


async def admitted(state: State, request: Asked, operation: str) -> Ordered | None:
    """Who calls may call. Refusal for a request that Amazon would not let pass, or for a fault."""
    check_pass(state, request)
    if request.method == "GET" and request.headers.get("content-length", "0") != "0":
        raise bad_input("A GET request must not have a body.")
    if not re.fullmatch(r"[^/]+/\S+ \(.*Language=.+\).*", request.headers.get("user-agent", "")):
        raise bad_input("The user-agent header is missing or not of the documented form.")
    if not re.fullmatch(r"\d{8}T\d{6}Z", request.headers.get("x-amz-date", "")):
        raise bad_input("The x-amz-date header is missing or not a time.")
    return await fault_for(state, operation)


def check_pass(state: State, request: Asked) -> None:
    token = request.headers.get("x-amz-access-token", "")
    if not token:
        raise denied("Access token is missing in the request header.")
    opens, ends = state.restricted.get(token, ("", state.passes.get(token)))
    if ends is None or not request.url.path.endswith(opens):
        raise denied("The access token you provided is revoked, malformed or invalid.")
    if ends <= clock.now():
        raise denied("The access token you provided has expired.")


def is_restricted(state: State, request: Asked) -> bool:
    """Whether the call brings a token that opens buyers' data."""
    return request.headers.get("x-amz-access-token", "") in state.restricted


def moment_or_none(text: str | None) -> datetime | None:
    """A query's time. Refusal for one Amazon would not read."""
    if not text:
        return None
    if not text.endswith("Z"):
        raise bad_input("Times must be ISO 8601 in UTC.")
    try:
        return msgspec.convert(text, type=datetime)
    except msgspec.ValidationError:
        raise bad_input("Times must be ISO 8601 in UTC.") from None
