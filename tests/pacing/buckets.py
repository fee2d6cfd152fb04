"""The other side of a quota: a marketplace that counts what arrives."""

from collections.abc import Iterable

from portal.marketplaces.quotas import Quota


def overdrawn(arrivals: Iterable[float], quota: Quota) -> float:
    """By how many calls the worst of them exceeded a full token bucket of that quota; 0 when none did. Arrivals in seconds, in order."""
    level, last, worst = quota.burst, None, 0.0
    for at in arrivals:
        level = min(quota.burst, level + (at - last) * quota.rate) if last is not None else level
        last, level = at, level - 1
        worst = max(worst, -level)
    return worst if worst > 1e-6 else 0.0
