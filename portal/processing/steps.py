"""One committed step of a batch: who passed, who is held, who left, which papers came. Every write is in the caller's transaction."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import msgspec

from portal import clock, db
from portal.files import Stored
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import BatchLine, Decision, DocumentFact, OrderFact, StageOutcome
from portal.marketplaces.registry import marketplace
from portal.marketplaces.stages import Stage
from portal.processing import batches, errands, stock
from portal.runs.kept import Kept


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What one committed step writes: an outcome with its documents and its errand's `file`, which are on the disk by now.

    `over`: the stage is done with the orders it was `asked` about. `last`: so is the batch. `took_in` is the errand whose file the
    outcome comes from.
    """

    batch_id: UUID
    position: int
    stage: Stage
    outcome: StageOutcome
    papers: tuple[tuple[DocumentFact, Stored], ...] = ()
    file: Stored | None = None
    took_in: UUID | None = None
    over: bool = False
    asked: tuple[str, ...] = ()
    last: bool = False


async def keep(account: AccountRef, step: Step) -> Kept:
    """Write one step: who passed, who is held, who left, and the papers. Writing it again changes nothing."""
    step = await _without_outrun(account, step)
    outcome = step.outcome
    joined = await _join(account, step, outcome.orders) if step.position == 1 else 0
    await _marked(step)
    through = await _passed(step)
    held = await _held(step)
    await _gone(step)
    await _papers(account, step)
    await _errand(account, step)
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
        await _close(account, step)
    return Kept(new=joined, changed=held + len(outcome.gone), same=0 if joined else through)


async def _without_outrun(account: AccountRef, step: Step) -> Step:
    """The step with those orders held whose pieces have been promised to others since the stage was begun."""
    promises = [one for one in step.outcome.passed if one.confirmed]
    late = await stock.outrun(account, step.batch_id, step.stage, promises)
    if not late:
        return step
    ids = {one.external_order_id for one in late}
    passed = tuple(one for one in step.outcome.passed if one.external_order_id not in ids)
    outcome = msgspec.structs.replace(step.outcome, passed=passed, held=(*step.outcome.held, *late))
    return msgspec.structs.replace(step, outcome=outcome)


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
    """Before all else that the step says of its orders, so that one may be marked and held in one step."""
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
            """UPDATE batch_orders AS held SET state = 'gone', held_stage = $2, held_code = '', held_reason = told.reason, held_at = $5,
                   decision = ''
               FROM unnest($3::text[], $4::text[]) AS told (id, reason)
               WHERE held.batch_id = $1 AND held.external_order_id = told.id AND held.state = 'in'""",
            step.batch_id,
            step.stage.code,
            [order_id for order_id, _ in gone],
            [reason for _, reason in gone],
            clock.now(),
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


async def _errand(account: AccountRef, step: Step) -> None:
    if step.took_in is not None:
        await errands.take_in(step.took_in)
    if step.outcome.errand is not None:
        await errands.ask(account, step.batch_id, step.position, step.outcome.errand, step.file)


async def _end_stage(step: Step) -> None:
    """The stage is over. An order it was asked about and said nothing of is held, so that no batch stands at one stage for ever."""
    held = db.connection()
    if step.position > 1:
        left = await held.fetchval(
            """WITH left_over AS (
                   UPDATE batch_orders SET state = 'held', held_stage = $3, held_code = 'no_answer', held_reason = $4, held_at = $5,
                       decisions = $6::jsonb, corrects = '[]', decision = ''
                   WHERE batch_id = $1 AND state = 'in' AND passed = $2 - 1 AND external_order_id = ANY($7::text[]) RETURNING 1)
               SELECT count(*) FROM left_over""",
            step.batch_id,
            step.position,
            step.stage.code,
            f"The marketplace said nothing about this order at the stage {step.stage.title}. Try it again, or look in the seller panel.",
            clock.now(),
            _json([Decision.RETRY]),
            list(step.asked),
        )
        await held.execute(
            "UPDATE stage_runs SET held_count = held_count + $3 WHERE batch_id = $1 AND position = $2", step.batch_id, step.position, left
        )
    await errands.over(step.batch_id, step.position)
    await held.execute(
        "UPDATE stage_runs SET state = 'done', ended_at = $3 WHERE batch_id = $1 AND position = $2",
        step.batch_id,
        step.position,
        clock.now(),
    )


async def _close(account: AccountRef, step: Step) -> None:
    """The batch is over. An order that a decision brought back this very moment goes into the next one; an empty batch leaves no trace."""
    held = db.connection()
    await held.execute(
        """UPDATE batch_orders SET state = CASE WHEN passed >= $2 THEN 'done' ELSE 'released' END,
               passed = CASE WHEN passed >= $2 THEN passed ELSE least(passed, $3) END WHERE batch_id = $1 AND state = 'in'""",
        step.batch_id,
        step.position,
        batches.regrouped(step.position, marketplace(account.code).stages),
    )
    if not await held.fetchval("SELECT 1 FROM batch_orders WHERE batch_id = $1 LIMIT 1", step.batch_id):
        await held.execute("DELETE FROM batches WHERE id = $1", step.batch_id)
        return
    await batches.end_before(step.batch_id, step.position + 1)
    await held.execute(
        "UPDATE batches SET state = 'closed', closed_at = $2, waiting_until = NULL, waiting_for = '' WHERE id = $1 AND state = 'open'",
        step.batch_id,
        clock.now(),
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
