"""Faults on request: what a test orders, and what a sandbox makes of it."""

import asyncio
from collections.abc import Container
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody


class Fault(StrEnum):
    """What a sandbox can be asked to do wrong. A marketplace supports those that its wire can express."""

    REVOKED = "revoked"
    """The credential itself is refused, for good."""
    EXPIRED_TOKEN = "expired_token"
    """The short-lived pass is refused; a fresh one works."""
    FORBIDDEN = "forbidden"
    """Keys fine, this data is not shared."""
    SLOW_DOWN = "slow_down"
    """429, with Retry-After where the marketplace sends one."""
    OUTAGE = "outage"
    """503 with a body that is not JSON."""
    TIMEOUT = "timeout"
    """Accepts the request and does not answer (`seconds`)."""
    RESET = "reset"
    """Closes the connection in the middle of the answer."""
    TRUNCATED = "truncated"
    """200, and half a body."""
    CHANGED = "changed"
    """200, valid JSON, another shape."""
    EMPTY = "empty"
    """200 and no body at all."""
    UNREADABLE_ROW = "unreadable_row"
    """One row of the page lacks what it needs."""
    UNKNOWN_VALUE = "unknown_value"
    """A status nobody has heard of."""
    REPEATED_PAGE = "repeated_page"
    """The same page again under a fresh cursor, for ever."""
    CLOCK_SKEW = "clock_skew"
    """The marketplace's clock differs from ours."""
    BOT_FILTER = "bot_filter"
    """403 with an HTML page, though the keys are good."""
    LOGIN_PAGE = "login_page"
    """200 with a login page where data should be."""
    LOST_ANSWER = "lost_answer"
    """Does what was asked, then drops the connection."""
    OTHER_SHOP = "other_shop"
    """The keys turn out to belong to another shop."""


class Ordered(msgspec.Struct, kw_only=True):
    """A fault as a test orders it: after `after` good answers, `times` times (0: until cleared), only for `operation` (empty: all)."""

    fault: Fault
    times: int = 1
    after: int = 0
    operation: str = ""
    seconds: float = 0.0


@dataclass(kw_only=True)
class Faults:
    """The faults ordered from one sandbox."""

    ordered: list[Ordered] = field(default_factory=list)
    served: list[str] = field(default_factory=list)
    """Operations answered so far, in order: tests count calls with it."""
    struck: list[Fault] = field(default_factory=list)
    """Faults that a call has met so far, in order. One that no call could express is not among them."""
    most_rows: int = 0
    """The most rows of a page, below what the wire allows; 0 leaves it at that."""

    def rows(self, allowed: int) -> int:
        """How many rows a page may have, of those the wire allows."""
        return min(allowed, self.most_rows) if self.most_rows else allowed

    def next(self, operation: str, possible: Container[Fault] = frozenset(Fault)) -> Ordered | None:
        """Count this call, and say what should go wrong with it. A fault that is not `possible` here waits for another call."""
        self.served.append(operation)
        for one in self.ordered:
            if one.operation and one.operation != operation:
                continue
            if one.fault not in possible:
                return None
            if one.after > 0:
                one.after -= 1
                return None
            if one.times == 1:
                self.ordered.remove(one)
            elif one.times > 1:
                one.times -= 1
            self.struck.append(one.fault)
            return one
        return None

    def active(self, fault: Fault) -> bool:
        return any(one.fault is fault and one.after <= 0 for one in self.ordered)


class PageSize(msgspec.Struct):
    rows: int = 0


def fault_routes(faults: Faults) -> list[HTTPRouteHandler]:
    """`POST /_sandbox/faults` (a list of Ordered), `GET` the same for those that struck, `POST /_sandbox/faults/clear`,
    `POST /_sandbox/page` for shorter pages, `GET /_sandbox/calls`.
    """

    @post("/_sandbox/faults", status_code=204)
    async def order(data: JSONBody[list[Ordered]]) -> None:
        faults.ordered.extend(data)

    @get("/_sandbox/faults")
    async def struck() -> list[Fault]:
        return faults.struck

    @post("/_sandbox/faults/clear", status_code=204)
    async def clear() -> None:
        faults.ordered.clear()
        faults.struck.clear()

    @post("/_sandbox/page", status_code=204)
    async def page(data: JSONBody[PageSize]) -> None:
        faults.most_rows = data.rows

    @get("/_sandbox/calls")
    async def calls() -> list[str]:
        return faults.served

    return [order, struck, clear, page, calls]


class BrokenOff(Response[bytes]):
    """An answer that stops in the middle: it promises more bytes than it sends, so the client sees the connection die."""

    def __init__(self, content: bytes = b"") -> None:
        super().__init__(content, media_type="application/json", headers={"content-length": str(len(content) + 64)})


async def hang(ordered: Ordered) -> None:
    """Keep the caller waiting, as TIMEOUT asks; a vanished caller ends the wait."""
    await asyncio.sleep(ordered.seconds or 90.0)
