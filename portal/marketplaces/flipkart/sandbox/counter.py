"""The sandbox's counter: every call passes here for its credential, its ordered fault and its date."""

import re
from collections.abc import Callable
from email.utils import format_datetime
from typing import Any

import msgspec
from litestar import Request, Response

from portal.marketplaces.flipkart.sandbox.credentials import Gate, Refused
from portal.marketplaces.flipkart.sandbox.desk import Desk
from portal.marketplaces.flipkart.sandbox.shelves import Shelves
from portal.marketplaces.sandbox import BrokenOff, Fault, Faults, Ordered, hang

Answer = Response[bytes]
Call = Request[Any, Any, Any]
Make = Callable[["Ordered | None"], bytes]

EVERYWHERE = frozenset(
    {Fault.REVOKED, Fault.FORBIDDEN, Fault.SLOW_DOWN, Fault.OUTAGE, Fault.TIMEOUT, Fault.RESET, Fault.TRUNCATED}
    | {Fault.CHANGED, Fault.EMPTY, Fault.BOT_FILTER, Fault.LOGIN_PAGE}
)
PAGED = EVERYWHERE | {Fault.EXPIRED_TOKEN, Fault.UNREADABLE_ROW, Fault.UNKNOWN_VALUE, Fault.REPEATED_PAGE}
CHANGING = EVERYWHERE | {Fault.EXPIRED_TOKEN, Fault.LOST_ANSWER}
ABLE = {
    # operation: what its wire can express
    "token": EVERYWHERE,
    "shipments.search": PAGED,
    "shipments.of_orders": EVERYWHERE | {Fault.EXPIRED_TOKEN, Fault.UNREADABLE_ROW, Fault.UNKNOWN_VALUE},
    "shipments.details": EVERYWHERE | {Fault.EXPIRED_TOKEN},
    "returns.search": PAGED | {Fault.OTHER_SHOP},
    "listings.search": EVERYWHERE | {Fault.EXPIRED_TOKEN, Fault.REPEATED_PAGE},
    "listings.read": EVERYWHERE | {Fault.EXPIRED_TOKEN, Fault.UNREADABLE_ROW, Fault.UNKNOWN_VALUE},
    "inventory.update": CHANGING,
    "shipments.pack": CHANGING,
    "shipments.cancel": CHANGING,
    "shipments.dispatch": CHANGING,
    "labels.pdf": EVERYWHERE | {Fault.EXPIRED_TOKEN},
    "invoices.data": EVERYWHERE | {Fault.EXPIRED_TOKEN},
    "invoices.pdf": EVERYWHERE | {Fault.EXPIRED_TOKEN},
    "handover.counts": EVERYWHERE | {Fault.EXPIRED_TOKEN},
    "manifest.pdf": EVERYWHERE | {Fault.EXPIRED_TOKEN},
}
PAGE = b"<!DOCTYPE html><html><head><title>Flipkart</title></head><body><h1>%s</h1></body></html>"
JSON = "application/json"


class Complaint(Exception):
    """A call that breaks a rule of the wire: status and Flipkart's error envelope."""

    def __init__(self, status: int, code: str, description: str) -> None:
        super().__init__(code)
        self.status = status
        self.body = {"errors": [{"severity": "ERROR", "code": code, "description": description, "path": ""}]}


class Counter:
    """One sandbox: its goods, its desk, its gate, and the faults ordered from it."""

    def __init__(self, shelves: Shelves) -> None:
        self.shelves = shelves
        self.desk = Desk(shelves=shelves)
        self.gate = Gate(shelves.shop)
        self.faults = Faults()

    async def serve(self, request: Call, operation: str, make: Make, *, media_type: str = JSON) -> Answer:
        """The answer of a seller's call: faults that replace it first, then the credential, then what `make` makes of the call."""
        self.desk.settle()
        ordered = self.drawn(operation)
        try:
            replaced = await self.instead(request, ordered)
            if replaced is not None:
                return replaced
            self.gate.admit(request.headers.get("authorization", ""))
            _check_headers(request, media_type)
            return self.spoilt(make(ordered), ordered, media_type)
        except (Refused, Complaint) as refusal:
            return self.answer(msgspec.json.encode(refusal.body), refusal.status)

    def drawn(self, operation: str) -> Ordered | None:
        """The fault ordered for this call. One that this operation cannot express waits for one that can."""
        waiting = next((one for one in self.faults.ordered if one.operation in {"", operation}), None)
        if waiting is not None and waiting.fault not in ABLE[operation]:
            self.faults.served.append(operation)
            return None
        return self.faults.next(operation)

    async def instead(self, request: Call, ordered: Ordered | None) -> Answer | None:
        if ordered is None:
            return None
        authorization = request.headers.get("authorization", "")
        if ordered.fault is Fault.REVOKED:
            if authorization.startswith("Basic "):
                raise Refused(401, "unauthorized", "Bad credentials")
            raise Refused(401, "invalid_token", f"Invalid access token: {authorization.removeprefix('Bearer ')}")
        if ordered.fault is Fault.EXPIRED_TOKEN:
            self.gate.expire(authorization)
            return None
        if ordered.fault is Fault.TIMEOUT:
            await hang(ordered)
        return self._replacement(ordered)

    def _replacement(self, ordered: Ordered) -> Answer | None:
        """A whole answer in place of the right one, where the fault is one."""
        match ordered.fault:
            case Fault.FORBIDDEN:
                return self.answer(b"Access to this resource is not permitted for the seller", 403, "text/plain")
            case Fault.SLOW_DOWN:
                headers = {"Retry-After": f"{ordered.seconds:.0f}"} if ordered.seconds else {}
                return self.answer(b'{"errors":[{"severity":"ERROR","code":"THROTTLED"}]}', 429, headers=headers)
            case Fault.OUTAGE:
                return self.answer(PAGE % b"Gateway Time-out", 503, "text/html")
            case Fault.TIMEOUT:
                return self.answer(b"DEPENDENT_SYSTEM_CALL_FAILED", 500, "text/plain")
            case Fault.RESET:
                return BrokenOff(b'{"hasMore":tr')
            case Fault.BOT_FILTER:
                return self.answer(PAGE % b"Access denied", 403, "text/html")
            case Fault.LOGIN_PAGE:
                return self.answer(PAGE % b"Log in to continue", 200, "text/html")
            case Fault.CHANGED:
                return self.answer(b'{"payload":{"rows":7}}')
            case Fault.EMPTY:
                return self.answer(b"")
            case _:
                return None

    def spoilt(self, body: bytes, ordered: Ordered | None, media_type: str = JSON) -> Answer:
        """The right body, as far as the fault lets it through."""
        if ordered is not None and ordered.fault is Fault.TRUNCATED:
            return self.answer(body[: len(body) // 2], media_type=media_type)
        if ordered is not None and ordered.fault is Fault.LOST_ANSWER:
            return BrokenOff(b"{")
        return self.answer(body, media_type=media_type)

    def rows(self, rows: list[bytes], ordered: Ordered | None, *, needed: str) -> list[bytes]:
        """The rows of a page, the first one spoilt as ordered: without the field it needs, or in a state nobody has heard of.

        A page without rows has none to spoil; then the order stands for the next page.
        """
        if ordered is None or ordered.fault not in {Fault.UNREADABLE_ROW, Fault.UNKNOWN_VALUE}:
            return rows
        if not rows:
            self._put_back(ordered)
            return rows
        if ordered.fault is Fault.UNREADABLE_ROW:
            return [rows[0].replace(b'"%s":' % needed.encode(), b'"formerly_%s":' % needed.encode()), *rows[1:]]
        return [re.sub(rb'"((?:listing_)?status)":"[A-Z_]+"', rb'"\1":"TELEPORTED"', rows[0]), *rows[1:]]

    def _put_back(self, ordered: Ordered) -> None:
        if ordered not in self.faults.ordered:
            self.faults.ordered.insert(0, ordered)
        elif ordered.times:
            ordered.times += 1

    def answer(self, body: bytes, status: int = 200, media_type: str = JSON, headers: dict[str, str] | None = None) -> Answer:
        """An answer that carries the marketplace's own date, which is not this machine's."""
        dated = {"Date": format_datetime(self.shelves.now, usegmt=True), **(headers or {})}
        return Response(body, status_code=status, media_type=media_type, headers=dated)


def _check_headers(request: Call, media_type: str) -> None:
    if media_type not in request.headers.get("accept", ""):
        raise Complaint(400, "INVALID_ACCEPT", f"Accept has to be {media_type}")
    if request.method == "POST" and JSON not in request.headers.get("content-type", ""):
        raise Complaint(400, "INVALID_CONTENT_TYPE", "Content-Type has to be application/json")
