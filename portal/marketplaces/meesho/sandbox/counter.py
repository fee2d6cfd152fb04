"""How the sandbox answers over HTTP, and the faults it can be asked for."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
from litestar import MediaType, Request, Response

from portal.marketplaces.meesho.sandbox.desk import PageOf
from portal.marketplaces.meesho.sandbox.gate import Gate, Turned
from portal.marketplaces.meesho.sandbox.requests import Refused
from portal.marketplaces.sandbox import BrokenOff, Fault, Faults, Ordered, hang

EXPRESSES = frozenset(Fault) - {Fault.EXPIRED_TOKEN}
"""Every fault but the short-lived pass, which this wire does not have."""

OF_RESULTS = frozenset({Fault.UNREADABLE_ROW, Fault.UNKNOWN_VALUE})
OF_WRITES = EXPRESSES - OF_RESULTS - {Fault.REPEATED_PAGE, Fault.OTHER_SHOP}
"""What can be done to an answer without rows."""
OF_PAPERS = OF_WRITES - {Fault.CLOCK_SKEW}

SKEW_S = 600.0
SLOW_DOWN_S = 2.0

_PAGE = b"<!doctype html><title>%s</title><h1>%s</h1>"

Asked = Request[Any, Any, Any]
Answered = Response[bytes]
Told = tuple[bytes, str | None]
"""The JSON text of `data`, and the next page's cursor."""


class Counter:
    """Lets requests in, makes the ordered faults, and words every answer."""

    def __init__(self, gate: Gate, faults: Faults) -> None:
        self._gate = gate
        self._faults = faults
        self._numbers = itertools.count(1)

    async def serve(
        self, request: Asked, operation: str, answer: Callable[[Ordered | None], Told], *, possible: frozenset[Fault] = frozenset(Fault)
    ) -> Answered:
        """The answer to a request that may come in. Faults that are not `possible` here wait for another call."""
        ordered = self._faults.next(operation, possible)
        if ordered is not None and ordered.fault is Fault.CLOCK_SKEW:
            self._gate.skew = timedelta(seconds=ordered.seconds or SKEW_S)
        turned = self._gate.turned_away(request.scope, request.headers, await request.body())
        if turned is not None:
            return self._turned(turned)
        if ordered is not None and (instead := await self._instead(ordered, operation)) is not None:
            return instead
        try:
            data, cursor = answer(ordered)
        except Refused as refused:
            return self._turned(refused.turned)
        body = b'{"data":' + data + b',"cursor":' + msgspec.json.encode(cursor) + b',"request_id":"' + self._request_id() + b'"}'
        return self._spoilt(ordered, body) or self._json(200, body)

    async def _instead(self, ordered: Ordered, operation: str) -> Answered | None:
        """What a fault answers without looking at the data."""
        match ordered.fault:
            case Fault.REVOKED:
                return self._turned(Turned(401, "INVALID_API_KEY", "This API key was revoked."))
            case Fault.FORBIDDEN if operation == "supplier":
                return self._turned(Turned(403, "SUPPLIER_NOT_ENABLED", "The integration is not active for this supplier."))
            case Fault.FORBIDDEN:
                return self._turned(Turned(403, "NOT_SHARED", f"This key may not read {operation}."))
            case Fault.SLOW_DOWN:
                slow = self._turned(Turned(429, "RATE_LIMITED", "Too many requests."))
                slow.set_header("Retry-After", str(round(ordered.seconds or SLOW_DOWN_S)))
                return slow
            case Fault.OUTAGE:
                return Response(_PAGE % (b"Maintenance", b"We are back soon"), status_code=503, media_type=MediaType.HTML)
            case Fault.TIMEOUT:
                await hang(ordered)
                return Response(b"", status_code=504)
            case Fault.BOT_FILTER:
                return Response(_PAGE % (b"Access denied", b"Are you a robot?"), status_code=403, media_type=MediaType.HTML)
            case Fault.LOGIN_PAGE:
                return Response(_PAGE % (b"Sign in", b"Supplier panel"), status_code=200, media_type=MediaType.HTML)
            case Fault.EMPTY:
                return self._json(200, b"")
            case _:
                return None

    async def serve_paper(self, operation: str, read: Callable[[], bytes]) -> Answered:
        """A file behind a link that opens by itself, so nobody has to be let in."""
        ordered = self._faults.next(operation, OF_PAPERS)
        if ordered is not None and (instead := await self._instead(ordered, operation)) is not None:
            return instead
        try:
            content = read()
        except Refused as refused:
            return self._turned(refused.turned)
        return self._spoilt(ordered, content) or Response(content, media_type="application/pdf")

    async def serve_progress(self, request: Asked, operation: str, read: Callable[[], bytes]) -> Answered:
        """How far a request has come, after a fault had its way with its first result."""

        def answer(ordered: Ordered | None) -> Told:
            told = read()
            fault = ordered.fault if ordered is not None else None
            return (_spoilt_result(told, fault) if fault in OF_RESULTS else told), None

        return await self.serve(request, operation, answer, possible=OF_WRITES | OF_RESULTS)

    def _spoilt(self, ordered: Ordered | None, body: bytes) -> Answered | None:
        """What a fault makes of a good answer."""
        match ordered.fault if ordered is not None else None:
            case Fault.RESET:
                return BrokenOff(body[: len(body) // 2])
            case Fault.LOST_ANSWER:
                return BrokenOff()
            case Fault.TRUNCATED:
                return self._json(200, body[: len(body) // 2])
            case Fault.CHANGED:
                return self._json(200, b'{"result":{"entries":[]},"version":3}')
            case _:
                return None

    def _turned(self, turned: Turned) -> Answered:
        error = {"code": turned.code, "message": turned.message, "details": turned.details}
        return self._json(turned.status, msgspec.json.encode({"error": error, "request_id": self._request_id().decode()}))

    def _json(self, status: int, body: bytes) -> Answered:
        headers = {"date": format_datetime(self._gate.now(), usegmt=True)} if self._gate.skew else {}
        return Response(body, status_code=status, media_type=MediaType.JSON, headers=headers)

    def _request_id(self) -> bytes:
        return b"sandbox-%06d" % next(self._numbers)

    async def serve_page(self, request: Asked, operation: str, read: PageOf) -> Answered:
        """A page of rows, after a fault had its way with its first row or its cursor."""
        asked = dict(request.query_params)
        if self._faults.most_rows and asked.get("limit", "").isdigit():
            asked["limit"] = str(self._faults.rows(int(asked["limit"])))

        def answer(ordered: Ordered | None) -> Told:
            fault = ordered.fault if ordered is not None else None
            if fault is Fault.REPEATED_PAGE:
                rows, cursor = read({name: value for name, value in asked.items() if name != "cursor"})
                cursor = f"{cursor or ''}.{next(self._numbers)}"
            else:
                rows, cursor = read(asked)
                rows = [_spoilt_row(row, fault) if place == 0 else row for place, row in enumerate(rows)]
            return b"[" + b",".join(rows) + b"]", cursor

        return await self.serve(request, operation, answer)


def _spoilt_row(row: bytes, fault: Fault | None) -> bytes:
    if fault not in {Fault.UNREADABLE_ROW, Fault.UNKNOWN_VALUE}:
        return row
    fields: dict[str, Any] = msgspec.json.decode(row)
    if fault is Fault.UNREADABLE_ROW:
        for name in _NEEDED & fields.keys():
            fields[name] = None
    else:
        for name in _WORDS & fields.keys():
            fields[name] = "TELEPORTED"
    return msgspec.json.encode(fields)


def _spoilt_result(told: bytes, fault: Fault | None) -> bytes:
    progress: dict[str, Any] = msgspec.json.decode(told)
    for result in progress["results"][:1]:
        result["status"] = None if fault is Fault.UNREADABLE_ROW else "TELEPORTED"
    return msgspec.json.encode(progress)


_NEEDED = {"updated_at", "quantity", "shipment_status", "payment_date"}
_WORDS = {"status", "shipment_status", "live_order_status"}
