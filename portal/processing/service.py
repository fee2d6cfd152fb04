"""What a person does about a batch: decide about a held order, close the manifests."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from portal import clock, db
from portal.errors import BadInput, Conflict, NotFound
from portal.jobs import Jobs
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.facts import Decision
from portal.marketplaces.registry import marketplace
from portal.marketplaces.stages import Stage
from portal.processing import batches
from portal.runs import service as runs
from portal.tables.audit import AuditEntry
from portal.tables.processing import BatchState, OrderState

MOST_LETTERS = 80


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision led to. `joins`: the order goes on in this batch; otherwise it waits for the next."""

    external_order_id: str
    batch_id: UUID
    joins: bool


async def decide(seller_id: UUID, held_id: int, decision: Decision, corrections: Mapping[str, str], *, by: str) -> Decided:
    """Let a held order go on, as decided. It rejoins its batch while that still takes orders, else the account's next one.

    Raises NotFound for an order that is not this seller's, Conflict where somebody decided already, BadInput for a decision that this
    order does not offer or a correction left empty.
    """
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow("SELECT * FROM batch_orders WHERE id = $1 FOR UPDATE", held_id)
        if row is None:
            raise NotFound("order")
        if row["state"] != OrderState.HELD:
            raise Conflict("Somebody has decided about this order already.")
        if decision not in msgspec.json.decode(row["decisions"], type=list[str]):
            raise BadInput("This cannot be decided here.")
        marks = _corrected(row, corrections) if decision is Decision.CORRECT else {}
        batch = await held.fetchrow(
            """SELECT b.state, a.marketplace_code FROM batches b JOIN marketplace_accounts a ON a.id = b.marketplace_account_id
               WHERE b.id = $1""",
            row["batch_id"],
        )
        stages = marketplace(batch["marketplace_code"]).stages
        joins = batch["state"] == BatchState.OPEN and await _takes_orders(row["batch_id"], stages)
        await held.execute(
            """UPDATE batch_orders SET state = $2, decision = $3, passed = $4, marks = marks || $5::jsonb, decided_at = $6, decided_by = $7
               WHERE id = $1""",
            held_id,
            OrderState.IN if joins else OrderState.RELEASED,
            decision,
            min(row["passed"], _before_dropping(stages)) if decision is Decision.DROP else row["passed"],
            msgspec.json.encode(marks).decode(),
            clock.now(),
            by,
        )
        await AuditEntry(
            seller_id=seller_id,
            occurred_at=clock.now(),
            actor=by,
            action="held_order_decided",
            marketplace_account_id=row["marketplace_account_id"],
            before=f"{row['external_order_id']}: {row['held_reason']}",
            after=decision.value,
        ).save()
    return Decided(external_order_id=row["external_order_id"], batch_id=row["batch_id"], joins=joins)


def _corrected(row: Any, corrections: Mapping[str, str]) -> dict[str, str]:
    asked = msgspec.json.decode(row["corrects"], type=list[tuple[str, str]])
    typed = {name: corrections.get(name, "").strip()[:MOST_LETTERS] for name, _ in asked}
    empty = {name: f"Enter the {label}." for name, label in asked if not typed[name]}
    if empty:
        raise BadInput("Enter what is right.", fields=empty)
    return typed


async def _takes_orders(batch_id: UUID, stages: tuple[Stage, ...]) -> bool:
    position = await batches.standing(batch_id, len(stages))
    return position is not None and stages[position - 1].joins


def _before_dropping(stages: tuple[Stage, ...]) -> int:
    """How many stages are behind an order that is to be dropped: all before the one that cancels at the marketplace."""
    return next(number for number, stage in enumerate(stages) if stage.drops)


async def close_now(seller_id: UUID, batch_id: UUID, *, jobs: Jobs, by: str) -> UUID:
    """Close the manifests as soon as everything before is done, whatever the account's rule. Answers the run that does it."""
    async with db.transaction(seller_id) as held:
        account_id = await held.fetchval(
            """UPDATE batches SET close_asked_at = coalesce(close_asked_at, $2), close_asked_by = $3 WHERE id = $1 AND state = 'open'
               RETURNING marketplace_account_id""",
            batch_id,
            clock.now(),
            by,
        )
        if account_id is None:
            if await held.fetchval("SELECT 1 FROM batches WHERE id = $1", batch_id):
                raise Conflict("This batch is closed already.")
            raise NotFound("batch")
        await AuditEntry(
            seller_id=seller_id,
            occurred_at=clock.now(),
            actor=by,
            action="manifests_closed",
            marketplace_account_id=account_id,
            before="",
            after="Asked to close the manifests",
        ).save()
    started = await runs.start(seller_id, account_id, ScheduleTarget.FULL_PROCESSING, jobs=jobs, by=by)
    if started.joined:
        await _woken(seller_id, started.run_id)
    return started.run_id


async def _woken(seller_id: UUID, run_id: UUID) -> None:
    """A run that waits for the time to close need not wait any longer; the sweep takes it up within seconds."""
    async with db.transaction(seller_id) as held:
        await held.execute(
            "UPDATE sync_runs SET resume_at = $2 WHERE id = $1 AND state = 'waiting' AND error_code = 'stage_waits'", run_id, clock.now()
        )
