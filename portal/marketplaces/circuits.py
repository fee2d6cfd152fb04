"""Circuits that all workers share: a host that answers nobody is left alone by everybody, and one call at a time finds out whether it is back.

States of a row: closed (no row, or `opened_at` empty), open (nobody calls before `retry_at`), half-open (one probe until
`probe_until`). An answer of any kind closes it.
"""

import random
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import structlog

from portal import clock, db
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.quotas import Silence

log = structlog.get_logger()

TOGETHER, ALONE = 5, 9
"""Faults in a row that open a circuit: of several accounts, and of one, which may be the only one and may be a special case."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 30.0, 900.0
PROBE_WITHIN = timedelta(seconds=90)
"""A probe that has not come back by then died with its worker."""
ASK_AGAIN = timedelta(seconds=15)
"""When to look again while somebody else's probe is out."""
HEARSAY_AFTER = timedelta(hours=1)
"""An outage that nobody has looked at for so long is none we can speak of."""
TRUST_S = 1.0
"""How long a process believes without looking that a host is well."""

_LOOK = """
SELECT faults, opened_at IS NOT NULL AS open, silent_since, greatest(retry_at, clock.at + $3) AS retry_at,
    opened_at IS NOT NULL AND retry_at <= clock.at AND coalesce(probe_until <= clock.at, true) AS probe_due
FROM marketplace_circuits, (SELECT coalesce($2::timestamptz, clock_timestamp()) AS at) AS clock WHERE id = $1
"""
_PROBE = """
UPDATE marketplace_circuits SET probe_until = clock.at + $3 FROM (SELECT coalesce($2::timestamptz, clock_timestamp()) AS at) AS clock
WHERE id = $1 AND opened_at IS NOT NULL AND retry_at <= clock.at AND coalesce(probe_until <= clock.at, true) RETURNING 1
"""
_CLOSE = """
UPDATE marketplace_circuits SET faults = 0, accounts = 0, last_account = NULL, silent_since = NULL, opened_at = NULL, retry_at = NULL,
    probe_until = NULL, pauses = 0
WHERE id = $1 AND faults > 0 RETURNING 1
"""
_COUNT = """
INSERT INTO marketplace_circuits AS held (id, marketplace_code, host, faults, accounts, last_account, silent_since, pauses)
SELECT $1::varchar, $2::varchar, $3::varchar, 1, 1, $4::uuid, coalesce($5::timestamptz, clock_timestamp()), 0
ON CONFLICT (id) DO UPDATE SET (faults, accounts, last_account, silent_since, opened_at, retry_at, probe_until, pauses) = (
    SELECT seen.faults, seen.accounts, $4, coalesce(held.silent_since, clock.at),
        CASE WHEN verdict.opens THEN clock.at ELSE held.opened_at END,
        CASE WHEN verdict.opens OR verdict.stays THEN clock.at + make_interval(secs => least($6, $7 * 2 ^ held.pauses) * $8) ELSE held.retry_at END,
        NULL::timestamptz,
        held.pauses + (verdict.opens OR verdict.stays)::int
    FROM (SELECT coalesce($5, clock_timestamp()) AS at) AS clock,
        LATERAL (SELECT held.faults + 1 AS faults, held.accounts + (held.last_account IS DISTINCT FROM $4)::int AS accounts) AS seen,
        LATERAL (SELECT
            held.opened_at IS NULL AND (seen.faults >= $10 OR seen.faults >= $9 AND seen.accounts > 1) AS opens,
            held.opened_at IS NOT NULL AND held.probe_until IS NOT NULL AS stays
        ) AS verdict
)
RETURNING silent_since, opened_at, retry_at
"""


@dataclass(frozen=True, slots=True)
class SharedCircuits:
    """One per process; it remembers for a moment which hosts are well, so that a healthy host costs no statement per call."""

    _well_until: dict[str, float] = field(default_factory=dict)

    def of(self, account: AccountRef) -> "AccountCircuit":
        return AccountCircuit(self, account.code, account.id)

    async def silence(self, circuit_id: str) -> Silence | None:
        """As Circuit.silence."""
        if time.monotonic() < self._well_until.get(circuit_id, 0.0):
            return None
        self._well_until.pop(circuit_id, None)
        async with db.pool().acquire() as held:
            row = await held.fetchrow(_LOOK, circuit_id, clock.stopped(), ASK_AGAIN)
            if row is None or row["faults"] == 0:
                self._well_until[circuit_id] = time.monotonic() + TRUST_S
                return None
            if not row["open"] or (row["probe_due"] and await held.fetchval(_PROBE, circuit_id, clock.stopped(), PROBE_WITHIN)):
                return None
        return Silence(row["silent_since"], row["retry_at"])

    async def answered(self, circuit_id: str) -> None:
        """As Circuit.answered. Costs a statement only where something was wrong when we last looked."""
        if circuit_id in self._well_until:
            return
        async with db.pool().acquire() as held:
            if await held.fetchval(_CLOSE, circuit_id):
                log.info("marketplace_answers_again", circuit=circuit_id)
        self._well_until[circuit_id] = time.monotonic() + TRUST_S

    async def unanswered(self, circuit_id: str, *, code: str, host: str, account_id: UUID) -> Silence | None:
        """As Circuit.unanswered."""
        self._well_until.pop(circuit_id, None)
        # Between a half and the whole: workers that failed together do not come back together.
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 (spreads load, guards nothing)
        async with db.pool().acquire() as held:
            row = await held.fetchrow(
                *(_COUNT, circuit_id, code, host, account_id, clock.stopped()),
                *(LONGEST_PAUSE_S, FIRST_PAUSE_S, jitter, TOGETHER, ALONE),
            )
        if row["opened_at"] is None:
            return None
        log.warning("marketplace_silent", circuit=circuit_id, since=row["silent_since"].isoformat(), retry_at=row["retry_at"].isoformat())
        return Silence(row["silent_since"], row["retry_at"])


@dataclass(frozen=True, slots=True)
class AccountCircuit:
    """The shared circuits of one marketplace's hosts, as one account's conversation uses them."""

    shared: SharedCircuits
    code: str
    account_id: UUID

    async def silence(self, host: str) -> Silence | None:
        return await self.shared.silence(self._id(host))

    async def answered(self, host: str) -> None:
        await self.shared.answered(self._id(host))

    async def unanswered(self, host: str) -> Silence | None:
        return await self.shared.unanswered(self._id(host), code=self.code, host=host, account_id=self.account_id)

    def _id(self, host: str) -> str:
        # Sandboxes of several marketplaces share one host.
        return f"{self.code} {host}"


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """A marketplace that answers nobody: since when, and when it is tried again; None: when somebody next asks for something."""

    code: str
    since: datetime
    retry_at: datetime | None


async def outages(seller_id: UUID) -> list[Outage]:
    """The outages this seller feels: of hosts that one of its accounts calls. One per marketplace, however many accounts it hits."""
    now = clock.now()
    async with db.transaction(seller_id) as held:
        rows = await held.fetch(
            """SELECT c.marketplace_code, min(c.silent_since) AS since, max(c.retry_at) AS retry_at, bool_or(c.probe_until > $1) AS probing
               FROM marketplace_circuits c
               WHERE c.opened_at IS NOT NULL AND c.retry_at > $1::timestamptz - $2::interval AND EXISTS (
                   SELECT FROM credential_uses u JOIN marketplace_accounts a ON a.id = u.marketplace_account_id
                   WHERE u.host = c.host AND a.marketplace_code = c.marketplace_code AND a.state = 'active')
               GROUP BY c.marketplace_code ORDER BY c.marketplace_code""",
            now,
            HEARSAY_AFTER,
        )
    return [
        Outage(
            code=row["marketplace_code"], since=row["since"], retry_at=row["retry_at"] if row["retry_at"] > now or row["probing"] else None
        )
        for row in rows
    ]


class OutageWatch:
    """Whether anything is silent at all, looked at every few seconds however many pages ask; only then is a seller's share asked for."""

    def __init__(self, every: timedelta = timedelta(seconds=5)) -> None:
        self._every = every
        self._looked_at: datetime | None = None
        self._any = False

    async def of(self, seller_id: UUID) -> list[Outage]:
        """As `outages`, at most a few seconds late."""
        now = clock.now()
        if self._looked_at is None or not self._looked_at <= now < self._looked_at + self._every:
            self._any = bool(await db.pool().fetchval("SELECT EXISTS (SELECT FROM marketplace_circuits WHERE opened_at IS NOT NULL)"))
            self._looked_at = now
        return await outages(seller_id) if self._any else []
