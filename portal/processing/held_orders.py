"""Orders that wait for a person: found with their reasons, those of one cause together, and decided."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from portal import clock, db
from portal.audit import service as audit
from portal.errors import BadInput, Conflict, NotFound
from portal.marketplaces.facts import Decision
from portal.marketplaces.registry import marketplace
from portal.marketplaces.stages import Stage
from portal.processing import batches
from portal.tables.accounts import AccountState
from portal.tables.audit import Action
from portal.tables.processing import BatchState, OrderState

MOST_SHOWN = 50
"""Of one cause. What is said about all of them goes for the others too."""

MOST_LETTERS = 2_000
"""Of one correction: the serial numbers of a large order are typed into one box."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """An order that waits for a person, with what that person may say."""

    id: int
    external_order_id: str
    order_id: int | None
    account_id: UUID
    batch_id: UUID
    batch_number: int
    account_name: str
    reason: str
    held_at: datetime
    decisions: tuple[str, ...]
    corrects: tuple[tuple[str, str], ...]
    marks: dict[str, str]

    @property
    def buttons(self) -> tuple[str, ...]:
        """What can be said without typing anything, in the order in which it is offered: what cannot be taken back comes last."""
        return tuple(sorted((one for one in self.decisions if one != Decision.CORRECT), key=lambda one: one == Decision.DROP))


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Orders of one account that are held for one cause and leave the same choices; `orders` are the first of the `many`.

    `until` is when the last of them was held: what is decided about all of them does not touch one that came after this was read.
    """

    account_id: UUID
    account_name: str
    marketplace_code: str
    connected: bool
    """Whether its account is. Nothing can be decided of one that is disconnected: nobody could carry it out."""
    code: str
    many: int
    until: datetime
    orders: tuple[Held, ...]

    @property
    def offers(self) -> tuple[str, ...]:
        """All that can be said about each of them, as it was kept."""
        return self.orders[0].decisions

    @property
    def marketplace_name(self) -> str:
        return marketplace(self.marketplace_code).name

    @property
    def decisions(self) -> tuple[str, ...]:
        """What can be said about several at once; a correction is of one order."""
        return self.orders[0].buttons

    @property
    def reason(self) -> str:
        """The sentence they share; empty where each has its own."""
        return self.orders[0].reason if len({one.reason for one in self.orders}) == 1 else ""


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision led to. `joins`: the order goes on in this batch; otherwise it waits for the next. `left` of its account are held still."""

    external_order_id: str
    account_id: UUID
    batch_id: UUID
    joins: bool
    left: int


async def count(seller_id: UUID) -> int:
    """How many orders wait for a decision that can be made: those of disconnected accounts wait for their shop first."""
    async with db.transaction(seller_id) as held:
        return int(
            await held.fetchval(
                """SELECT count(*) FROM batch_orders o JOIN marketplace_accounts a ON a.id = o.marketplace_account_id
                   WHERE o.state = 'held' AND a.state <> 'disconnected'"""
            )
        )


async def listed(seller_id: UUID) -> list[Group]:
    """Every order that waits for a decision, the cause that waits longest first; those of disconnected accounts come last."""
    async with db.transaction(seller_id):
        return sorted(await _found(None), key=lambda group: not group.connected)


async def of_batch(batch_id: UUID) -> list[Group]:
    """Those of one batch, in the caller's transaction."""
    return await _found(batch_id)


async def _found(batch_id: UUID | None) -> list[Group]:
    rows = await db.connection().fetch(
        """SELECT o.*, b.number, a.name AS account_name, a.marketplace_code, a.state AS account_state, (
               SELECT id FROM orders k WHERE k.marketplace_account_id = o.marketplace_account_id
                                         AND k.external_order_id = o.external_order_id) AS order_id
           FROM (
               SELECT *, count(*) OVER alike AS many, min(held_at) OVER alike AS since, max(held_at) OVER alike AS until,
                   row_number() OVER (alike ORDER BY held_at, id) AS place
               FROM batch_orders WHERE state = 'held' AND ($1::uuid IS NULL OR batch_id = $1)
               WINDOW alike AS (PARTITION BY marketplace_account_id, held_code, decisions)) AS o
           JOIN batches b ON b.id = o.batch_id JOIN marketplace_accounts a ON a.id = o.marketplace_account_id
           WHERE o.place <= $2 ORDER BY o.since, o.marketplace_account_id, o.held_code, o.decisions, o.place""",
        batch_id,
        MOST_SHOWN,
    )
    causes: dict[tuple[UUID, str, str], list[Any]] = {}
    for row in rows:
        causes.setdefault((row["marketplace_account_id"], row["held_code"], row["decisions"]), []).append(row)
    return [_group(of_cause) for of_cause in causes.values()]


def _group(rows: list[Any]) -> Group:
    return Group(
        account_id=rows[0]["marketplace_account_id"],
        account_name=rows[0]["account_name"],
        marketplace_code=rows[0]["marketplace_code"],
        connected=rows[0]["account_state"] != AccountState.DISCONNECTED,
        code=rows[0]["held_code"],
        many=rows[0]["many"],
        until=rows[0]["until"],
        orders=tuple(_held(row) for row in rows),
    )


def _held(row: Any) -> Held:
    return Held(
        id=row["id"],
        external_order_id=row["external_order_id"],
        order_id=row["order_id"],
        account_id=row["marketplace_account_id"],
        batch_id=row["batch_id"],
        batch_number=row["number"],
        account_name=row["account_name"],
        reason=row["held_reason"],
        held_at=row["held_at"],
        decisions=tuple(msgspec.json.decode(row["decisions"], type=list[str])),
        corrects=tuple(msgspec.json.decode(row["corrects"], type=list[tuple[str, str]])),
        marks=msgspec.json.decode(row["marks"], type=dict[str, str]),
    )


async def decide(seller_id: UUID, held_id: int, decision: Decision, corrections: Mapping[str, str], *, by: str) -> Decided:
    """Let a held order go on, as decided. It rejoins its batch while that still takes orders, else the account's next one.

    Raises NotFound for an order that is not this seller's, Conflict where somebody decided already or the account is disconnected,
    BadInput for a decision that this order does not offer or a correction left empty.
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
            """SELECT b.state, a.marketplace_code, a.name, a.state AS account_state FROM batches b JOIN marketplace_accounts a ON a.id = b.marketplace_account_id
               WHERE b.id = $1""",
            row["batch_id"],
        )
        if batch["account_state"] == AccountState.DISCONNECTED:
            raise Conflict(f"{batch['name']} is disconnected. Connect the shop again, then decide about its orders.")
        stages = marketplace(batch["marketplace_code"]).stages
        passed = _before_dropping(stages) if decision is Decision.DROP else row["passed"]
        joins = batch["state"] == BatchState.OPEN and await _takes(row["batch_id"], passed, stages)
        await held.execute(
            """UPDATE batch_orders SET state = $2, decision = $3, passed = $4, marks = marks || $5::jsonb, decided_at = $6, decided_by = $7
               WHERE id = $1""",
            held_id,
            OrderState.IN if joins else OrderState.RELEASED,
            decision,
            passed if joins else batches.regrouped(passed, stages),
            msgspec.json.encode(marks).decode(),
            clock.now(),
            by,
        )
        left = await batches.held_count(row["marketplace_account_id"])
        await audit.write(
            seller_id,
            Action.HELD_DECIDED,
            decision.value,
            before=f"{row['external_order_id']}: {row['held_reason']}",
            actor=by,
            account_id=row["marketplace_account_id"],
        )
    return Decided(
        external_order_id=row["external_order_id"],
        account_id=row["marketplace_account_id"],
        batch_id=row["batch_id"],
        joins=joins,
        left=left,
    )


def _corrected(row: Any, corrections: Mapping[str, str]) -> dict[str, str]:
    asked = msgspec.json.decode(row["corrects"], type=list[tuple[str, str]])
    typed = {name: corrections.get(name, "").strip()[:MOST_LETTERS] for name, _ in asked}
    empty = {name: f"Enter the {label}." for name, label in asked if not typed[name]}
    if empty:
        raise BadInput("Enter what is right.", fields=empty)
    return typed


async def _takes(batch_id: UUID, passed: int, stages: tuple[Stage, ...]) -> bool:
    """Whether the batch still takes an order with so many stages behind it: while orders join it, or where it stands right there."""
    position = await batches.standing(batch_id, len(stages))
    return position is not None and (stages[position - 1].joins or passed >= position - 1)


def _before_dropping(stages: tuple[Stage, ...]) -> int:
    """How many stages are behind an order that is to be dropped: all before the one that cancels at the marketplace.

    Also where an earlier one held it: that one would only find the same problem and hold it again.
    """
    return next(number for number, stage in enumerate(stages) if stage.drops)
