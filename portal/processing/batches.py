"""A batch as its worker moves it: opened, asked where it stands and what waits there, begun and made to wait. All in the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec

from portal import clock, db
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.errands import Brought
from portal.marketplaces.facts import BatchFacts, BatchLine, BatchOrder
from portal.marketplaces.stages import Stage
from portal.processing import stock
from portal.processing.closing import Rule


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """The batch a run works on. `close_asked`: somebody wants its last stage now, whatever the account's rule."""

    id: UUID
    number: int
    close_asked: bool


async def opened(account: AccountRef, run_id: UUID) -> Opened:
    """The account's open batch, or a new one with the orders that were decided since the last.

    The account's row is locked meanwhile and the table allows one open batch, so two workers never open two.
    """
    held = db.connection()
    await held.execute("SELECT FROM marketplace_accounts WHERE id = $1 FOR NO KEY UPDATE", account.id)
    row = await held.fetchrow(
        """UPDATE batches SET run_id = $2, waiting_until = NULL, waiting_for = '' WHERE marketplace_account_id = $1 AND state = 'open'
           RETURNING id, number, close_asked_at""",
        account.id,
        run_id,
    )
    if row is not None:
        return Opened(id=row["id"], number=row["number"], close_asked=row["close_asked_at"] is not None)
    row = await held.fetchrow(
        """INSERT INTO batches (id, seller_id, marketplace_account_id, number, run_id, opened_at)
           SELECT $1, $2, $3, coalesce(max(number), 0) + 1, $4, $5 FROM batches WHERE marketplace_account_id = $3 RETURNING id, number""",
        uuid4(),
        account.seller_id,
        account.id,
        run_id,
        clock.now(),
    )
    await held.execute(
        "UPDATE batch_orders SET batch_id = $2, state = 'in' WHERE marketplace_account_id = $1 AND state = 'released'",
        account.id,
        row["id"],
    )
    return Opened(id=row["id"], number=row["number"], close_asked=False)


async def standing(batch_id: UUID, stages: int) -> int | None:
    """The first stage with unfinished work, counted from 1; None when every order is through or out."""
    held = db.connection()
    if not await held.fetchval("SELECT 1 FROM stage_runs WHERE batch_id = $1 AND position = 1 AND state = 'done'", batch_id):
        return 1
    least = await held.fetchval("SELECT min(passed) FROM batch_orders WHERE batch_id = $1 AND state = 'in'", batch_id)
    return None if least is None or least >= stages else int(least) + 1


async def facts(account: AccountRef, batch_id: UUID, stage: Stage, position: int, rule: Rule, brought: Brought | None = None) -> BatchFacts:
    """What the adapter gets for this stage."""
    held = db.connection()
    # From here to the end of the transaction nobody takes an order out: it would be in the adapter's hands already.
    await held.execute("SELECT FROM batches WHERE id = $1 FOR NO KEY UPDATE", batch_id)
    rows = await held.fetch(
        """SELECT external_order_id, lines, confirmed, marks, decision, decided_at FROM batch_orders
           WHERE batch_id = $1 AND state = 'in' AND passed = $2 ORDER BY id""",
        batch_id,
        position - 1,
    )
    orders = tuple(_order(row) for row in rows)
    skus = sorted({line.sku for order in orders for line in order.lines})
    there = await stock.left(account, skus, besides=[order.external_order_id for order in orders])
    return BatchFacts(
        batch_id=batch_id,
        stage=stage.code,
        orders=orders,
        stock={sku: one.pieces for sku, one in there.items()},
        stock_policy=rule.stock_policy,
        tax_number=rule.tax_number,
        brought=brought,
    )


def _order(row: Any) -> BatchOrder:
    confirmed = msgspec.json.decode(row["confirmed"], type=dict[str, int])
    lines = msgspec.json.decode(row["lines"], type=list[BatchLine])
    return BatchOrder(
        external_order_id=row["external_order_id"],
        lines=tuple(msgspec.structs.replace(line, confirmed=confirmed.get(line.external_item_id)) for line in lines),
        marks=msgspec.json.decode(row["marks"], type=dict[str, str]),
        decision=row["decision"],
        decided_at=row["decided_at"],
    )


async def begin(account: AccountRef, batch_id: UUID, position: int, stage: Stage) -> None:
    """Write down that the stage is under way; again, where orders came back to it. Every stage before it is done by now."""
    await end_before(batch_id, position)
    await db.connection().execute(
        """INSERT INTO stage_runs AS known (seller_id, batch_id, position, stage, started_at) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (batch_id, position) DO UPDATE SET state = 'running', times = known.times + 1, ended_at = NULL""",
        account.seller_id,
        batch_id,
        position,
        stage.code,
        clock.now(),
    )


async def end_before(batch_id: UUID, position: int) -> None:
    """A run that stopped right after a stage's last step left it open."""
    await db.connection().execute(
        "UPDATE stage_runs SET state = 'done', ended_at = $3 WHERE batch_id = $1 AND position < $2 AND state <> 'done'",
        batch_id,
        position,
        clock.now(),
    )


async def begun(batch_id: UUID, position: int) -> bool:
    """Whether this stage is under way: begun, and not over."""
    query = "SELECT 1 FROM stage_runs WHERE batch_id = $1 AND position = $2 AND state <> 'done'"
    return bool(await db.connection().fetchval(query, batch_id, position))


async def wait(batch_id: UUID, position: int, until: datetime | None, words: str) -> None:
    """The batch stands still: until then, or without a time until a person has acted."""
    held = db.connection()
    await held.execute(
        "UPDATE batches SET waiting_until = $2, waiting_for = $3, next_warning_at = NULL WHERE id = $1", batch_id, until, words
    )
    await held.execute("UPDATE stage_runs SET state = 'waiting' WHERE batch_id = $1 AND position = $2", batch_id, position)


def regrouped(passed: int, stages: Sequence[Stage]) -> int:
    """How many stages are behind an order that changes to another batch: its parcel is put on that one's manifest, not on the old one's."""
    closing = next((number for number, stage in enumerate(stages) if stage.closes), None)
    if closing is None or passed > closing:
        return passed
    return min([passed, *(number for number, stage in enumerate(stages) if stage.phase == stages[closing].phase)])


async def held_count(account_id: UUID) -> int:
    """How many orders of the account wait for a person, in whatever batch they were held."""
    query = "SELECT count(*) FROM batch_orders WHERE marketplace_account_id = $1 AND state = 'held'"
    return int(await db.connection().fetchval(query, account_id))
