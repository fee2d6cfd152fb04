"""Short-lived passes: fetched once per process and credential, and never shown."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec

from portal import clock


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A short-lived pass. Its value never shows in a repr."""

    value: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Token(…, expires_at={self.expires_at.isoformat()})"


class Tokens:
    """Short-lived passes of this process, one fetch at a time per credential.

    The key must name the credential itself (account and fingerprint), so a replaced credential never meets an old pass.
    """

    def __init__(self) -> None:
        self._held: dict[str, Token] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(self, key: str, fetch: Callable[[], Awaitable[Token]], *, early: timedelta = timedelta(seconds=60)) -> str:
        """The pass held under `key`, or a fresh one; whoever comes while one is being fetched waits for that one."""
        async with self._locks.setdefault(key, asyncio.Lock()):
            held = self._held.get(key)
            if held is None or held.expires_at - early <= clock.now():
                held = self._held[key] = await fetch()
                self._forget_others(key)
            return held.value

    def _forget_others(self, key: str) -> None:
        """Passes of an older credential of the same account, and whatever is over."""
        owner = key.partition(":")[0]
        for other, token in list(self._held.items()):
            if other != key and (other.partition(":")[0] == owner or token.expires_at <= clock.now()):
                del self._held[other]

    def drop(self, key: str, value: str | None = None) -> None:
        """Forget the pass under `key`; given a value, only if it is still that one, so a newer pass survives."""
        held = self._held.get(key)
        if held is not None and (value is None or held.value == value):
            del self._held[key]
