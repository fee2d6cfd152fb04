"""How long pages took lately, as this process knows it."""

from collections import deque
from time import monotonic

import msgspec

WINDOW_S = 3600.0
MOST = 10_000


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How many pages were asked for in the window, and the seconds within which 95 of 100 began to arrive (None without pages)."""

    pages: int
    most_s: float | None


class PageTimes:
    """Times of the last hour's pages, at most the newest 10,000."""

    def __init__(self) -> None:
        self._taken: deque[tuple[float, float]] = deque(maxlen=MOST)

    def add(self, seconds: float) -> None:
        self._taken.append((monotonic(), seconds))

    def lately(self) -> Pace:
        since = monotonic() - WINDOW_S
        while self._taken and self._taken[0][0] < since:
            self._taken.popleft()
        times = sorted(seconds for _, seconds in self._taken)
        # The smallest time that 95 of 100 do not exceed.
        return Pace(pages=len(times), most_s=times[-(-95 * len(times) // 100) - 1] if times else None)
