"""A brake on guessing passwords. Counted in this process and forgotten with it."""

from collections import deque
from datetime import datetime, timedelta

from portal import clock

KEYS_KEPT = 10_000


class Failures:
    """Failures per key within a sliding window.

    Only failures count, and attempts that were not even looked at count for nothing: once the window has passed, the right password
    works, whatever was tried meanwhile.
    """

    def __init__(self, *, limit: int, window: timedelta) -> None:
        self.limit = limit
        self.window = window
        self._at: dict[str, deque[datetime]] = {}

    def blocked_until(self, key: str) -> datetime | None:
        """When `key` may try again; None when it may now."""
        failures = self._recent(key)
        return failures[-self.limit] + self.window if len(failures) >= self.limit else None

    def add(self, key: str) -> None:
        self._at.setdefault(key, deque(maxlen=self.limit)).append(clock.now())
        if len(self._at) > KEYS_KEPT:
            self._forget()

    def clear(self, key: str) -> None:
        """Forget what went wrong: the right password came."""
        self._at.pop(key, None)

    def _recent(self, key: str) -> deque[datetime]:
        failures = self._at.get(key)
        if failures is None:
            return deque()
        while failures and failures[0] + self.window <= clock.now():
            failures.popleft()
        if not failures:
            del self._at[key]
        return failures

    def _forget(self) -> None:
        for key in list(self._at):
            self._recent(key)
        # Still full of fresh failures: somebody is trying many keys. The oldest go, so memory stays bounded.
        for key in list(self._at)[: max(0, len(self._at) - KEYS_KEPT)]:
            del self._at[key]
