"""The other side of a quota: a marketplace that counts what arrives."""

import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from portal.marketplaces.quotas import Quota


class Arrivals:
    """A sandbox's application that notes when each call arrived, in seconds, and its path; what only tests ask is not counted."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app
        self.calls: list[tuple[float, str]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and "/_sandbox/" not in scope["path"]:
            self.calls.append((time.monotonic(), scope["path"]))
        await self._app(scope, receive, send)

    @property
    def at(self) -> list[float]:
        return [moment for moment, _ in self.calls]


def overdrawn(arrivals: Iterable[float], quota: Quota) -> float:
    """By how many calls the worst of them exceeded a full token bucket of that quota; 0 when none did. Arrivals in seconds, in order."""
    level, last, worst = quota.burst, None, 0.0
    for at in arrivals:
        level = min(quota.burst, level + (at - last) * quota.rate) if last is not None else level
        last, level = at, level - 1
        worst = max(worst, -level)
    return worst if worst > 1e-6 else 0.0
