"""Runs of a batch that ended because a person has to act: which of them still wait, and for what."""

from enum import StrEnum
from typing import LiteralString
from uuid import UUID

from portal import db


class Attention(StrEnum):
    """What a run wants of a person. A batch's run ends where it does; the batch says whether anybody has acted since."""

    NONE = ""
    HELD = "held"
    """Orders that were held when it ended wait for a decision, whichever run held them."""
    CLOSING = "closing"
    """Manifests wait to be closed."""
    PAST = "past"
    """Somebody has seen to it."""


WAITS_FOR_PERSON: LiteralString = "(r.target = 'FULL_PROCESSING' AND r.state = 'partial' AND r.partial_kind = 'cut')"
"""Of a run `r`: a batch's run is cut short by nothing else."""

ATTENTION: LiteralString = f"""CASE WHEN NOT {WAITS_FOR_PERSON} THEN ''
    WHEN EXISTS (SELECT FROM batch_orders o WHERE o.marketplace_account_id = r.marketplace_account_id AND o.state = 'held'
                 AND o.held_at <= r.finished_at) THEN 'held'
    WHEN EXISTS (SELECT FROM batches b WHERE b.run_id = r.id AND b.state = 'open' AND b.close_asked_at IS NULL) THEN 'closing'
    ELSE 'past' END"""  # noqa: S608 (our own words)
"""The Attention of a run `r`, as a column."""


async def attention(seller_id: UUID, run_id: UUID) -> Attention:
    """What the run wants of a person now."""
    async with db.transaction(seller_id) as held:
        found = await held.fetchval(f"SELECT {ATTENTION} FROM sync_runs r WHERE r.id = $1", run_id)  # noqa: S608 (our own words)
    return Attention(found or "")
