"""A run's numbered events, and the nudge that goes with each."""

import secrets
from uuid import UUID

from portal import clock, db, nudges
from portal.errors import NotFound

LEVELS = ("info", "warning", "problem")
"""How grave a line is, gravest last."""

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def topic(run_id: UUID) -> str:
    return f"run:{run_id}"


def diagnostic_id(prefix: str = "SYN") -> str:
    """An id people can read to each other on the telephone: SYN-8F3K-2Q7M, without O, I, L and U."""
    drawn = "".join(secrets.choice(CROCKFORD) for _ in range(8))
    return f"{prefix}-{drawn[:4]}-{drawn[4:]}"


async def tell(run_id: UUID, kind: str, message: str, *, level: str = "info", detail: str = "") -> int:
    """Add the next numbered event and nudge, in the caller's transaction. For events that belong to no attempt."""
    seq = await db.connection().fetchval("UPDATE sync_runs SET seq = seq + 1 WHERE id = $1 RETURNING seq", run_id)
    if seq is None:
        raise NotFound("sync")
    await add_event(run_id, int(seq), kind, message, level=level, detail=detail)
    return int(seq)


async def add_event(run_id: UUID, seq: int, kind: str, message: str, *, level: str = "info", detail: str = "") -> None:
    await db.connection().execute(
        """INSERT INTO sync_events (seller_id, run_id, seq, occurred_at, kind, level, message, detail)
           VALUES (app_current_seller_id(), $1, $2, $3, $4, $5, $6, $7)""",
        run_id,
        seq,
        clock.now(),
        kind,
        level,
        message,
        detail,
    )
    await nudges.nudge(topic(run_id))
