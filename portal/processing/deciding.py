"""One decision about many held orders: each decided in a transaction of its own, so that one that cannot be stops no other."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from portal import db
from portal.errors import BadInput, Conflict, NotFound
from portal.marketplaces.facts import Decision
from portal.processing import held_orders

AT_ONCE = 500
"""Decided by one click. Who has more presses again."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which orders are meant: those of `ids`, or all of one account that were held for the cause `code` up to `until`, in one batch or in any.

    `offers` are the decisions that each of them leaves: what makes orders of one cause a group, see `held_orders.Group`.
    """

    account_id: UUID
    code: str
    until: datetime
    offers: tuple[str, ...]
    batch_id: UUID | None = None
    ids: tuple[int, ...] = ()
    all: bool = False


class Meant(msgspec.Struct, frozen=True, kw_only=True):
    """An order that a choice means."""

    id: int
    external_order_id: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a decision: how many orders it let go on, and why it did not go for the others, by order.

    `joined` of the decided go on in their batch, the rest in the account's next one.
    """

    decided: int = 0
    joined: int = 0
    refused: tuple[tuple[str, str], ...] = ()
    left: int = 0
    """How many were too many for one click."""


async def meant(seller_id: UUID, choice: Choice, decision: Decision) -> list[Meant]:
    """The orders that the choice means, oldest first: those named, decided by now or not, and all that are held still.

    An id of nobody's, or of another account, is left out. Raises NotFound for an account that is not this seller's.
    """
    async with db.transaction(seller_id) as held:
        if not await held.fetchval("SELECT 1 FROM marketplace_accounts WHERE id = $1", choice.account_id):
            raise NotFound("account")
        rows = await held.fetch(
            """SELECT id, external_order_id FROM batch_orders
               WHERE marketplace_account_id = $1 AND (
                   id = ANY($2::bigint[])
                   OR ($3 AND state = 'held' AND held_code = $4 AND held_at <= $5 AND ($6::uuid IS NULL OR batch_id = $6)
                       AND decisions = to_jsonb($7::text[]) AND decisions ? $8))
               ORDER BY held_at, id""",
            choice.account_id,
            list(choice.ids),
            choice.all,
            choice.code,
            choice.until,
            choice.batch_id,
            list(choice.offers),
            decision.value,
        )
    return [Meant(id=row["id"], external_order_id=row["external_order_id"]) for row in rows]


async def decide(seller_id: UUID, orders: Sequence[Meant], decision: Decision, *, by: str) -> Outcome:
    """Decide about each, AT_ONCE at most. Somebody else's decision in this very moment counts: theirs stands, and is told."""
    decided = joined = 0
    refused = []
    for order in orders[:AT_ONCE]:
        try:
            done = await held_orders.decide(seller_id, order.id, decision, {}, by=by)
        except (Conflict, BadInput, NotFound) as problem:
            refused.append((order.external_order_id, problem.seller_message))
            continue
        decided += 1
        joined += done.joins
    return Outcome(decided=decided, joined=joined, refused=tuple(refused), left=max(0, len(orders) - AT_ONCE))
