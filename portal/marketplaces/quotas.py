"""How much a marketplace may be asked: quotas, the budgets that keep to them, and the circuits that spare a silent host.

What stands here serves one process alone. `budgets` and `circuits` share both among all workers.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from portal import clock

PATIENCE_S = 8.0
"""How long one call may wait for its turn inside a job. Longer waits give the job back with a clock time."""


@dataclass(frozen=True, slots=True)
class Quota:
    """A token bucket: `rate` calls a second, up to `burst` at once. `operation` names the bucket."""

    operation: str
    rate: float
    burst: float

    def times(self, factor: float) -> "Quota":
        """The same quota, faster: sandboxes and tests raise the factor, operators may lower it."""
        return Quota(self.operation, self.rate * factor, self.burst * max(1.0, factor))


class Budget(Protocol):
    """Shares a marketplace's patience among everybody who uses one credential."""

    async def take(self, credential: str, quota: Quota, *, host: str = "") -> float:
        """Claim one call. Answers the seconds to wait before making it; never sleeps itself.

        More than PATIENCE_S means that nothing was claimed: the bucket is too far behind. `host` is where the call goes.
        """
        ...

    async def hold(self, credential: str, quota: Quota, until: datetime) -> None:
        """The marketplace asked for silence until then."""
        ...


class LocalBudget:
    """A budget for one process. It starts half full, because nobody knows what an earlier process has used."""

    def __init__(self) -> None:
        self._due: dict[tuple[str, str], float] = {}

    async def take(self, credential: str, quota: Quota, *, host: str = "") -> float:
        now = time.monotonic()
        step = 1.0 / quota.rate
        key = (credential, quota.operation)
        # A virtual schedule: `due` is when the bucket would be full again minus what is in it.
        due = max(self._due.get(key, now - step * (quota.burst - quota.burst / 2)), now - step * quota.burst)
        wait = max(0.0, due + step - now - 1e-9) if due + step > now else 0.0
        if wait <= PATIENCE_S:
            self._due[key] = due + step
        return wait

    async def hold(self, credential: str, quota: Quota, until: datetime) -> None:
        self._due[(credential, quota.operation)] = time.monotonic() + max(0.0, (until - clock.now()).total_seconds())


class Silence(NamedTuple):
    """A host that answers nobody: since when, and when the next probe is due (both UTC)."""

    since: datetime
    retry_at: datetime


class Circuit(Protocol):
    """Spares a host that answers nobody, and everybody the wait for it."""

    async def silence(self, host: str) -> Silence | None:
        """Ask right before a call. None: call. While the host is silent one caller at a time gets None, and is the probe."""
        ...

    async def answered(self, host: str) -> None:
        """It answered, whatever it said: the silence is over."""
        ...

    async def unanswered(self, host: str) -> Silence | None:
        """It did not. Answers the silence, once that is certain enough to stop calling."""
        ...


class Hopeful:
    """A circuit that never opens, for a process that shares nothing."""

    async def silence(self, host: str) -> Silence | None:
        return None

    async def answered(self, host: str) -> None:
        return None

    async def unanswered(self, host: str) -> Silence | None:
        return None
