"""What needs a hand: identical faults of an account folded into one problem, which goes by itself when a later run succeeds.

Read off the runs and the rows set aside each time, so there is no counter that could drift and nothing to clear.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from portal import clock, db
from portal.errors import NotFound
from portal.marketplaces.registry import marketplace
from portal.runs.service.attending import ATTENTION, WAITS_FOR_PERSON, Attention
from portal.runs.service.starting import lock_account


class ProblemKind(StrEnum):
    FAILED = "failed"
    CUT = "cut"
    SET_ASIDE = "set_aside"
    WAITS = "waits"
    """Nothing went wrong: a person has to act."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One account and one cause. `count` runs met it (SET_ASIDE: so many rows), from `first_at` to `last_at`; `run_id` is the newest."""

    kind: ProblemKind
    code: str
    account_id: UUID
    account_name: str
    marketplace_name: str
    targets: tuple[str, ...]
    said: str
    count: int
    first_at: datetime
    last_at: datetime
    run_id: UUID
    diagnostic_id: str
    attention: Attention = Attention.NONE
    muted: bool = False
    muted_by: str = ""
    muted_until: datetime | None = None


# Per account and target: what went wrong after the last time it went well. A run that only reads single rows again proves nothing.
_RUNS = """
SELECT $2 AS kind, CASE WHEN $2 = 'cut' THEN 'cut' ELSE r.error_code END AS code, a.id AS account_id, a.name, a.marketplace_code,
    array_agg(DISTINCT r.target) AS targets, count(*) AS count, min(r.finished_at) AS first_at, max(r.finished_at) AS last_at,
    (array_agg(r.id ORDER BY r.finished_at DESC))[1] AS run_id, (array_agg(r.diagnostic_id ORDER BY r.finished_at DESC))[1] AS diagnostic_id,
    (array_agg(coalesce(nullif(r.error_message, ''), r.partial_reason) ORDER BY r.finished_at DESC))[1] AS said
FROM marketplace_accounts a
CROSS JOIN (VALUES ('ORDERS'), ('RETURNS'), ('PAYOUTS'), ('LISTINGS'), ('INVENTORY'), ('FULL_PROCESSING')) AS t (target)
LEFT JOIN LATERAL (
    SELECT g.finished_at FROM sync_runs g
    WHERE g.marketplace_account_id = a.id AND g.target = t.target AND g.finished_at IS NOT NULL AND NOT g.reread
      AND (g.state = 'succeeded' OR (g.state = 'partial' AND ($2 = 'failed' OR g.partial_kind <> 'cut')))
    ORDER BY g.finished_at DESC LIMIT 1) AS good ON true
JOIN sync_runs r ON r.marketplace_account_id = a.id AND r.target = t.target AND r.finished_at IS NOT NULL
    AND r.finished_at > coalesce(good.finished_at, '-infinity')
    AND CASE WHEN $2 = 'cut' THEN r.state = 'partial' AND r.partial_kind = 'cut' AND r.target <> 'FULL_PROCESSING' ELSE r.state = 'failed' END
WHERE a.state <> 'disconnected' AND ($1::uuid IS NULL OR a.id = $1) AND (r.error_code <> 'keys_rejected' OR a.needs_reconnect)
GROUP BY 2, 3, 4, 5
"""

_ASIDES = """
SELECT 'set_aside' AS kind, 'set_aside' AS code, a.id AS account_id, a.name, a.marketplace_code, array_agg(DISTINCT s.target) AS targets,
    count(*) AS count, min(s.created_at) AS first_at, max(s.created_at) AS last_at,
    (array_agg(s.run_id ORDER BY s.created_at DESC))[1] AS run_id, '' AS diagnostic_id, mode() WITHIN GROUP (ORDER BY s.reason) AS said
FROM set_asides s JOIN marketplace_accounts a ON a.id = s.marketplace_account_id
WHERE s.resolved_at IS NULL AND s.target <> 'INVENTORY' AND a.state <> 'disconnected' AND ($1::uuid IS NULL OR a.id = $1)
GROUP BY 3, 4, 5
"""


_WAITS = f"""
SELECT 'waits' AS kind, 'waits' AS code, a.id AS account_id, a.name, a.marketplace_code, array_agg(DISTINCT r.target) AS targets,
    count(*) AS count, min(r.finished_at) AS first_at, max(r.finished_at) AS last_at,
    (array_agg(r.id ORDER BY r.finished_at DESC))[1] AS run_id, (array_agg(r.diagnostic_id ORDER BY r.finished_at DESC))[1] AS diagnostic_id,
    (array_agg(r.partial_reason ORDER BY r.finished_at DESC))[1] AS said, (array_agg(r.attention ORDER BY r.finished_at DESC))[1] AS attention
FROM (SELECT r.*, {ATTENTION} AS attention FROM sync_runs r WHERE {WAITS_FOR_PERSON}) AS r
JOIN marketplace_accounts a ON a.id = r.marketplace_account_id
WHERE r.attention <> 'past' AND a.state <> 'disconnected' AND ($1::uuid IS NULL OR a.id = $1)
GROUP BY 3, 4, 5
"""  # noqa: S608 (our own words)


async def problems(seller_id: UUID, *, account_id: UUID | None = None) -> list[Problem]:
    """What is wrong now, newest first, muted ones last."""
    async with db.transaction(seller_id) as held:
        rows = [
            *await held.fetch(_RUNS, account_id, ProblemKind.FAILED),
            *await held.fetch(_RUNS, account_id, ProblemKind.CUT),
            *await held.fetch(_ASIDES, account_id),
            *await held.fetch(_WAITS, account_id),
        ]
        mutes = {(mute["marketplace_account_id"], mute["code"]): mute for mute in await held.fetch("SELECT * FROM problem_mutes")}
    found = [_problem(row, mutes.get((row["account_id"], row["code"]))) for row in rows]
    return sorted(sorted(found, key=lambda one: one.last_at, reverse=True), key=lambda one: one.muted)


def _problem(row: Any, mute: Any) -> Problem:
    quiet = mute is not None and _quiet(row, mute)
    return Problem(
        kind=ProblemKind(row["kind"]),
        code=row["code"],
        account_id=row["account_id"],
        account_name=row["name"],
        marketplace_name=marketplace(row["marketplace_code"]).name,
        targets=tuple(row["targets"]),
        said=row["said"],
        count=row["count"],
        first_at=row["first_at"],
        last_at=row["last_at"],
        run_id=row["run_id"],
        diagnostic_id=row["diagnostic_id"],
        attention=Attention(row.get("attention", "")),
        muted=quiet,
        muted_by=mute["muted_by"] if quiet else "",
        muted_until=mute["until"] if quiet else None,
    )


def _quiet(row: Any, mute: Any) -> bool:
    """Until its time; without one, as long as it is the same streak and says the same."""
    if mute["until"] is not None:
        return bool(mute["until"] > clock.now())
    return bool(mute["said"] == row["said"] and row["first_at"] <= mute["muted_at"])


async def mute(seller_id: UUID, account_id: UUID, code: str, *, by: str, for_days: int | None) -> None:
    """Put a problem out of sight: for some days, or (None) until it changes. NotFound when there is no such problem."""
    async with db.transaction(seller_id) as held:
        await lock_account(account_id)
        found = next((one for one in await problems(seller_id, account_id=account_id) if one.code == code), None)
        if found is None:
            raise NotFound("problem")
        await held.execute(
            """INSERT INTO problem_mutes (id, seller_id, marketplace_account_id, code, said, muted_at, muted_by, until)
               VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6, $7)
               ON CONFLICT (marketplace_account_id, code) DO UPDATE SET
                   said = excluded.said, muted_at = excluded.muted_at, muted_by = excluded.muted_by, until = excluded.until""",
            seller_id,
            account_id,
            code,
            found.said,
            clock.now(),
            by,
            clock.now() + timedelta(days=for_days) if for_days else None,
        )


async def unmute(seller_id: UUID, account_id: UUID, code: str) -> None:
    """Show a problem again; one that is shown stays so. NotFound for an account that is not this seller's."""
    async with db.transaction(seller_id) as held:
        await lock_account(account_id)
        await held.execute("DELETE FROM problem_mutes WHERE marketplace_account_id = $1 AND code = $2", account_id, code)
