"""Budgets that all workers share: one virtual schedule per credential and operation, in PostgreSQL, on its clock.

A claim is one statement of its own, outside every other transaction, so it locks its row for well under a millisecond. Where the
rate is high, a claim may bring several turns at once; they are good for a moment only, so that nobody can save them up.
"""

import hashlib
import time
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from portal import clock, db
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.quotas import PATIENCE_S, Quota

IN_HAND = 0.2
"""The part of a bucket that is never claimed. Turns are given at a steady pace, but calls may bunch on their way."""
MOST_AHEAD = 256
AHEAD_S = 0.25
"""How long turns that were claimed together are good at most: so late a hold of another process may be noticed."""

_CLAIM = """
INSERT INTO call_budgets AS held (id, credential, operation, rate, burst, due, granted, wait_s)
SELECT $1::varchar, $2::varchar, $3::varchar, $4::float8, $5::float8, clock.at - make_interval(secs => ($5 / 2 - 1) / $4), 1, 0
FROM (SELECT coalesce($8::timestamptz, clock_timestamp()) AS at) AS clock
ON CONFLICT (id) DO UPDATE SET (rate, burst, due, granted, wait_s) = (
    SELECT $4, $5,
        CASE WHEN turn.wait > $6::float8 THEN held.due ELSE bucket.due + make_interval(secs => turn.count / $4) END,
        CASE WHEN turn.wait > $6 THEN 0 ELSE turn.count END,
        turn.wait
    FROM (SELECT coalesce($8, clock_timestamp()) AS at) AS clock,
        LATERAL (SELECT greatest(held.due, clock.at - make_interval(secs => $5 / $4)) AS due) AS bucket,
        LATERAL (SELECT
            greatest(0, extract(epoch FROM bucket.due - clock.at)::float8 + 1 / $4) AS wait,
            greatest(1, least($7::int, floor(extract(epoch FROM clock.at - bucket.due)::float8 * $4)))::int AS count
        ) AS turn
)
RETURNING granted, wait_s, set_config('synchronous_commit', 'off', true)
"""
# Losing the newest claims in a crash of the database costs nothing: it takes longer to come back than a bucket holds.

_HOLD = """
UPDATE call_budgets
SET due = greatest(due, coalesce($3::timestamptz, clock_timestamp()) + make_interval(secs => $2::float8 - 1 / rate))
WHERE id = $1
"""


@dataclass(slots=True)
class _Ahead:
    """Turns of this process that were claimed together. `size` is what the last claim asked for."""

    turns: int = 0
    good_until: float = 0.0
    size: int = 1


@dataclass(frozen=True, slots=True)
class SharedBudgets:
    """One per process. Every statement takes a connection of the pool for itself."""

    _ahead: dict[str, _Ahead] = field(default_factory=dict)
    _known: set[tuple[UUID, str, str]] = field(default_factory=set)

    def of(self, account: AccountRef) -> "AccountBudget":
        return AccountBudget(self, account)

    async def take(self, code: str, credential: str, quota: Quota) -> float:
        """As Budget.take, for a credential of that marketplace."""
        bucket = _digest(code, credential, quota.operation)
        burst = max(1.0, quota.burst * (1 - IN_HAND))
        ahead = self._ahead.setdefault(bucket, _Ahead())
        if clock.stopped() is None and ahead.turns > 0 and time.monotonic() < ahead.good_until:
            ahead.turns -= 1
            return 0.0
        # What was claimed together and not used in time was too much; what was used up in time may be more the next time.
        used_up = ahead.turns == 0 and time.monotonic() < ahead.good_until
        ahead.size = min(ahead.size * 2, MOST_AHEAD, max(1, int(burst * IN_HAND))) if used_up else 1
        async with db.pool().acquire() as held:
            row = await held.fetchrow(
                _CLAIM,
                bucket,
                _digest(code, credential),
                quota.operation,
                quota.rate,
                burst,
                PATIENCE_S,
                ahead.size,
                clock.stopped(),
            )
        # Half of what is kept in hand may be late for lying here, the other half for its way.
        good_s = min(AHEAD_S, quota.burst * IN_HAND / 2 / quota.rate)
        ahead.turns, ahead.good_until = max(0, row["granted"] - 1), time.monotonic() + good_s
        return float(row["wait_s"])

    async def hold(self, code: str, credential: str, quota: Quota, until: datetime) -> None:
        """As Budget.hold: the first call goes out at `until`, and the bucket fills from there."""
        bucket = _digest(code, credential, quota.operation)
        self._ahead.pop(bucket, None)
        async with db.pool().acquire() as held:
            await held.execute(_HOLD, bucket, max(0.0, (until - clock.now()).total_seconds()), clock.stopped())

    async def use(self, account: AccountRef, credential: str, host: str) -> None:
        """Remember whose calls these are. An account that is only being tested is no account yet and leaves nothing."""
        used = (account.id, host, _digest(account.code, credential))
        if used in self._known:
            return
        async with db.transaction(account.seller_id) as held:
            found = await held.fetchval(
                """INSERT INTO credential_uses (id, seller_id, marketplace_account_id, host, credential)
                   SELECT gen_random_uuid(), $1, id, $3, $4 FROM marketplace_accounts WHERE id = $2
                   ON CONFLICT (marketplace_account_id, host) DO UPDATE SET credential = excluded.credential, used_at = now() RETURNING 1""",
                account.seller_id,
                account.id,
                host,
                used[2],
            )
        if found:
            self._known.add(used)


@dataclass(frozen=True, slots=True)
class AccountBudget:
    """The shared budgets as one account's conversation uses them."""

    shared: SharedBudgets
    account: AccountRef

    async def take(self, credential: str, quota: Quota, *, host: str = "") -> float:
        await self.shared.use(self.account, credential, host)
        return await self.shared.take(self.account.code, credential, quota)

    async def hold(self, credential: str, quota: Quota, until: datetime) -> None:
        await self.shared.hold(self.account.code, credential, quota, until)


def _digest(*parts: str) -> str:
    """Thirty-two hex digits: a credential's name may hold a shop's id, and pages may read the table."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a marketplace's patience with one account: `left` of `most` calls at once; `next_at` when none is left."""

    left: int
    most: int
    next_at: datetime | None = None


async def allowance(seller_id: UUID, account_id: UUID) -> Allowance | None:
    """The scarcest of the account's budgets, as all workers together have left it; None before its first call."""
    async with db.transaction(seller_id) as held:
        row: asyncpg.Record | None = await held.fetchrow(
            """SELECT b.burst, b.due + make_interval(secs => 1 / b.rate) AS next_at,
                   greatest(0, floor(least(b.burst, extract(epoch FROM clock.at - b.due)::float8 * b.rate + 0.000001)))::int AS left
               FROM (SELECT coalesce($2::timestamptz, clock_timestamp()) AS at) AS clock, call_budgets b
               WHERE b.credential IN (SELECT credential FROM credential_uses WHERE marketplace_account_id = $1)
               ORDER BY extract(epoch FROM clock.at - b.due)::float8 * b.rate / b.burst LIMIT 1""",
            account_id,
            clock.stopped(),
        )
    if row is None:
        return None
    return Allowance(left=row["left"], most=max(1, int(row["burst"])), next_at=None if row["left"] else row["next_at"])


async def forget_full() -> None:
    """Drop the budgets nobody has used for a day. They have been full for long, and one that nobody knows starts half full."""
    async with db.pool().acquire() as held:
        await held.execute("DELETE FROM call_budgets WHERE due < now() - interval '1 day'")
