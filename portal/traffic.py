"""Every request, measured and written down once: method, path, status, time. Never a query string, which may carry a one-time code."""

import re
import secrets
from collections.abc import Iterable
from time import perf_counter

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry, Counter, Histogram

from portal.audit import asking
from portal.people.guarding import PUBLIC
from portal.status.page_times import PageTimes

log = structlog.get_logger(__name__)

_GIVEN_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
NOWHERE = "(no such page)"


class Traffic:
    """Wraps the application. Times are seconds to the first byte: a stream stays open for as long as somebody watches."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.page_times = PageTimes()
        self._durations = Histogram(
            "portal_request_seconds",
            "Time to the first byte of an answer.",
            ("method", "route"),
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        self._answers = Counter("portal_requests", "Answers by status.", ("method", "route", "status"), registry=registry)

    def around(self, app: ASGIApp) -> ASGIApp:
        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP:
                await app(scope, receive, send)
                return
            with structlog.contextvars.bound_contextvars(request_id=_request_id(scope)), asking.one_request():
                await self._watch(app, scope, receive, send)

        return watched

    async def _watch(self, app: ASGIApp, scope: HTTPScope, receive: Receive, send: Send) -> None:
        started, status = perf_counter(), 0

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                taken = perf_counter() - started
                self._count(scope, status, taken)
                if status == 200 and _is_page(scope, message["headers"]):
                    self.page_times.add(taken)
            await send(message)

        try:
            await app(scope, receive, answered)
        finally:
            handler = scope.get("route_handler")
            write = log.debug if handler is not None and handler.opt.get(PUBLIC) is True else log.info
            write("request", method=scope["method"], path=scope["path"], status=status, ms=round((perf_counter() - started) * 1000, 1))

    def _count(self, scope: HTTPScope, status: int, seconds: float) -> None:
        # Only our own names become labels: a stranger may invent any number of methods and paths.
        known = "route_handler" in scope
        method, route = (scope["method"], scope["path_template"]) if known else ("", NOWHERE)
        self._durations.labels(method, route).observe(seconds)
        self._answers.labels(method, route, str(status)).inc()


def _is_page(scope: HTTPScope, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether somebody opened a whole page: neither a file, nor a stream, nor a part that htmx asked for."""
    asked_by_htmx = any(name == b"hx-request" for name, _ in scope["headers"])
    html = any(name.lower() == b"content-type" and value.startswith(b"text/html") for name, value in headers)
    return scope["method"] == "GET" and html and not asked_by_htmx


def _request_id(scope: HTTPScope) -> str:
    """The one a proxy in front gave, so that its log and ours can be read together; otherwise a new one."""
    given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
    return given if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
