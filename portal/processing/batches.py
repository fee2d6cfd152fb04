"""A batch as its worker moves it: opened, asked where it stands, and written step by step. Every write is in the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec

from portal import clock, db
from portal.files import Stored
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import BatchFacts, BatchLine, BatchOrder, Decision, DocumentFact, OrderFact, StageOutcome
from portal.marketplaces.stages import Stage
from portal.processing.closing import Rule
from portal.runs.kept import Kept

NO_ANSWER = "The marketplace said nothing about this order at the stage {stage}. Try it again, or look in the seller panel."


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """The batch a run works on. `close_asked`: somebody wants its last stage now, whatever the account's rule."""

    id: UUID
    number: int
    close_asked: bool


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What one committed step writes: an outcome with its documents, which are on the disk by now.

    `over`: the stage is done with all orders that waited for it. `last`: so is the batch.
    """

    batch_id: UUID
    position: int
    stage: Stage
    outcome: StageOutcome
    papers: tuple[tuple[DocumentFact, Stored], ...] = ()
    over: bool = False
    last: bool = False


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


async def facts(account: AccountRef, batch_id: UUID, stage: Stage, position: int, rule: Rule) -> BatchFacts:
    """What the adapter gets for this stage."""
    held = db.connection()
    rows = await held.fetch(
        """SELECT external_order_id, lines, confirmed, marks, decision FROM batch_orders
           WHERE batch_id = $1 AND state = 'in' AND passed = $2 ORDER BY id""",
        batch_id,
        position - 1,
    )
    orders = tuple(_order(row) for row in rows)
    skus = sorted({line.sku for order in orders for line in order.lines})
    stock = await held.fetch(
        """SELECT sku, CASE WHEN quantity_pushed_at > quantity_seen_at OR quantity_seen IS NULL THEN quantity_pushed ELSE quantity_seen END AS pieces
           FROM listings WHERE marketplace_account_id = $1 AND sku = ANY($2)""",
        account.id,
        skus,
    )
    return BatchFacts(
        batch_id=batch_id,
        stage=stage.code,
        orders=orders,
        stock={row["sku"]: row["pieces"] for row in stock if row["pieces"] is not None},
        stock_policy=rule.stock_policy,
        tax_number=rule.tax_number,
    )


def _order(row: Any) -> BatchOrder:
    confirmed = msgspec.json.decode(row["confirmed"], type=dict[str, int])
    lines = msgspec.json.decode(row["lines"], type=list[BatchLine])
    return BatchOrder(
        external_order_id=row["external_order_id"],
        lines=tuple(msgspec.structs.replace(line, confirmed=confirmed.get(line.external_item_id)) for line in lines),
        marks=msgspec.json.decode(row["marks"], type=dict[str, str]),
        decision=row["decision"],
    )


async def begin(account: AccountRef, batch_id: UUID, position: int, stage: Stage) -> None:
    """Write down that the stage is under way; again, where orders came back to it. Every stage before it is done by now."""
    await _done_before(batch_id, position)
    await db.connection().execute(
        """INSERT INTO stage_runs AS known (seller_id, batch_id, position, stage, started_at) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (batch_id, position) DO UPDATE SET state = 'running', times = known.times + 1, ended_at = NULL""",
        account.seller_id,
        batch_id,
        position,
        stage.code,
        clock.now(),
    )


async def _done_before(batch_id: UUID, position: int) -> None:
    """A run that stopped right after a stage's last step left it open."""
    await db.connection().execute(
        "UPDATE stage_runs SET state = 'done', ended_at = $3 WHERE batch_id = $1 AND position < $2 AND state <> 'done'",
        batch_id,
        position,
        clock.now(),
    )


async def wait(batch_id: UUID, position: int, until: datetime | None, words: str) -> None:
    """The batch stands still: until then, or without a time until a person has acted."""
    held = db.connection()
    await held.execute("UPDATE batches SET waiting_until = $2, waiting_for = $3 WHERE id = $1", batch_id, until, words)
    await held.execute("UPDATE stage_runs SET state = 'waiting' WHERE batch_id = $1 AND position = $2", batch_id, position)


async def keep(account: AccountRef, step: Step) -> Kept:
    """Write one step: who passed, who is held, who left, and the papers. Writing it again changes nothing."""
    outcome = step.outcome
    joined = await _join(account, step, outcome.orders) if step.position == 1 else 0
    await _marked(step)
    through = await _passed(step)
    held = await _held(step)
    await _gone(step)
    await _papers(account, step)
    await db.connection().execute(
        "UPDATE stage_runs SET passed_count = passed_count + $3, held_count = held_count + $4 WHERE batch_id = $1 AND position = $2",
        step.batch_id,
        step.position,
        joined or through,
        held,
    )
    if step.over:
        await _end_stage(step)
    if step.last:
        await _close(step)
    return Kept(new=joined, changed=held + len(outcome.gone), same=0 if joined else through)


async def _join(account: AccountRef, step: Step, orders: Sequence[OrderFact]) -> int:
    """Orders the account never had in a batch, with the lines that are left of them; answers how many. The others stay where they are."""
    marks = {one.external_order_id: one.marks for one in step.outcome.passed}
    rows = await db.connection().fetch(
        """INSERT INTO batch_orders (seller_id, marketplace_account_id, batch_id, external_order_id, state, passed, lines, marks)
           SELECT $1, $2, $3, told.id, 'in', 1, told.lines::jsonb, told.marks::jsonb
           FROM unnest($4::text[], $5::text[], $6::text[]) AS told (id, lines, marks)
           ON CONFLICT (marketplace_account_id, external_order_id) DO NOTHING RETURNING 1""",
        account.seller_id,
        account.id,
        step.batch_id,
        [order.external_order_id for order in orders],
        [_json([_line(item) for item in order.items]) for order in orders],
        [_json(marks.get(order.external_order_id, {})) for order in orders],
    )
    return len(rows)


def _line(item: Any) -> BatchLine:
    return BatchLine(external_item_id=item.external_item_id, sku=item.sku, ordered=item.quantity)


async def _marked(step: Step) -> None:
    """Before all else of the step, so that an order may be marked and held in one."""
    marked = step.outcome.marked
    if marked:
        await db.connection().execute(
            """UPDATE batch_orders AS held SET marks = held.marks || told.marks::jsonb FROM unnest($2::text[], $3::text[]) AS told (id, marks)
               WHERE held.batch_id = $1 AND held.external_order_id = told.id AND held.state = 'in'""",
            step.batch_id,
            [one.external_order_id for one in marked],
            [_json(one.marks) for one in marked],
        )


async def _passed(step: Step) -> int:
    passed = step.outcome.passed
    if step.position == 1 or not passed:
        return 0
    rows = await db.connection().fetch(
        """UPDATE batch_orders AS held SET passed = $2, decision = '', marks = held.marks || told.marks::jsonb,
               confirmed = CASE WHEN told.confirmed = '{}' THEN held.confirmed ELSE told.confirmed::jsonb END
           FROM unnest($3::text[], $4::text[], $5::text[]) AS told (id, confirmed, marks)
           WHERE held.batch_id = $1 AND held.external_order_id = told.id AND held.state = 'in' RETURNING 1""",
        step.batch_id,
        step.position,
        [one.external_order_id for one in passed],
        [_json(one.confirmed) for one in passed],
        [_json(one.marks) for one in passed],
    )
    return len(rows)


async def _held(step: Step) -> int:
    held = step.outcome.held
    if not held:
        return 0
    rows = await db.connection().fetch(
        """UPDATE batch_orders AS held SET state = 'held', held_stage = $2, held_code = told.code, held_reason = told.reason,
               decisions = told.decisions::jsonb, corrects = told.corrects::jsonb, held_at = $3, decision = '', decided_at = NULL
           FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[]) AS told (id, code, reason, decisions, corrects)
           WHERE held.batch_id = $1 AND held.external_order_id = told.id AND held.state = 'in' RETURNING 1""",
        step.batch_id,
        step.stage.code,
        clock.now(),
        [one.external_order_id for one in held],
        [one.code for one in held],
        [one.reason for one in held],
        [_json(one.decisions) for one in held],
        [_json(one.corrects) for one in held],
    )
    return len(rows)


async def _gone(step: Step) -> None:
    gone = step.outcome.gone
    if gone:
        await db.connection().execute(
            """UPDATE batch_orders AS held SET state = 'gone', held_stage = $2, held_code = '', held_reason = told.reason, decision = ''
               FROM unnest($3::text[], $4::text[]) AS told (id, reason)
               WHERE held.batch_id = $1 AND held.external_order_id = told.id AND held.state = 'in'""",
            step.batch_id,
            step.stage.code,
            [order_id for order_id, _ in gone],
            [reason for _, reason in gone],
        )


async def _papers(account: AccountRef, step: Step) -> None:
    for paper, stored in step.papers:
        await db.connection().execute(
            """INSERT INTO documents (id, seller_id, marketplace_account_id, batch_id, external_order_id, kind, number, key, mime, size,
                   sha256, created_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
               ON CONFLICT (batch_id, kind, external_order_id, number) DO UPDATE SET key = excluded.key, mime = excluded.mime,
                   size = excluded.size, sha256 = excluded.sha256""",
            uuid4(),
            account.seller_id,
            account.id,
            step.batch_id,
            paper.external_order_id,
            paper.kind,
            paper.number,
            stored.key,
            stored.mime,
            stored.size,
            stored.sha256,
            clock.now(),
        )


async def _end_stage(step: Step) -> None:
    """The stage is over. An order nobody said anything about is held, so that no batch stands at one stage for ever."""
    held = db.connection()
    if step.position > 1:
        left = await held.fetchval(
            """WITH left_over AS (
                   UPDATE batch_orders SET state = 'held', held_stage = $3, held_code = 'no_answer', held_reason = $4, held_at = $5,
                       decisions = $6::jsonb, corrects = '[]', decision = ''
                   WHERE batch_id = $1 AND state = 'in' AND passed = $2 - 1 RETURNING 1)
               SELECT count(*) FROM left_over""",
            step.batch_id,
            step.position,
            step.stage.code,
            NO_ANSWER.format(stage=step.stage.title),
            clock.now(),
            _json([Decision.RETRY]),
        )
        await held.execute(
            "UPDATE stage_runs SET held_count = held_count + $3 WHERE batch_id = $1 AND position = $2", step.batch_id, step.position, left
        )
    await held.execute(
        "UPDATE stage_runs SET state = 'done', ended_at = $3 WHERE batch_id = $1 AND position = $2",
        step.batch_id,
        step.position,
        clock.now(),
    )


async def _close(step: Step) -> None:
    """The batch is over. An order that a decision brought back this very moment goes into the next one; an empty batch leaves no trace."""
    held = db.connection()
    await held.execute(
        "UPDATE batch_orders SET state = CASE WHEN passed >= $2 THEN 'done' ELSE 'released' END WHERE batch_id = $1 AND state = 'in'",
        step.batch_id,
        step.position,
    )
    if not await held.fetchval("SELECT 1 FROM batch_orders WHERE batch_id = $1 LIMIT 1", step.batch_id):
        await held.execute("DELETE FROM batches WHERE id = $1", step.batch_id)
        return
    await _done_before(step.batch_id, step.position + 1)
    await held.execute(
        "UPDATE batches SET state = 'closed', closed_at = $2, waiting_until = NULL, waiting_for = '' WHERE id = $1 AND state = 'open'",
        step.batch_id,
        clock.now(),
    )


async def held_count(batch_id: UUID) -> int:
    return int(await db.connection().fetchval("SELECT count(*) FROM batch_orders WHERE batch_id = $1 AND state = 'held'", batch_id))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
