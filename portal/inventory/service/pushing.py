"""What a push takes along, what became of each line, and what is sent again."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from portal import clock, db
from portal.audit import service as audit
from portal.errors import NotFound
from portal.inventory.service.working import refuse_unless_working
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import LineOutcome, StockLine
from portal.runs.kept import Kept
from portal.tables.audit import Action
from portal.tables.inventory import TaskState


async def lines_to_push(account: AccountRef, *, run_id: UUID | None = None) -> list[StockLine]:
    """What a push has to tell this account: one line per SKU, the newest. They count as sent from here on.

    A line that was sent without an outcome (the worker died, the answer was to come later) is taken along again: quantities are
    absolute, so telling one twice is harmless.
    """
    async with db.transaction(account.seller_id) as held:
        await held.execute("SELECT FROM marketplace_accounts WHERE id = $1 FOR UPDATE", account.id)
        await held.execute(
            """UPDATE inventory_tasks older SET state = 'replaced', settled_at = $2
               WHERE older.marketplace_account_id = $1 AND older.state = 'sent' AND EXISTS (
                   SELECT FROM inventory_tasks newer WHERE newer.marketplace_account_id = $1 AND newer.sku = older.sku
                      AND newer.state IN ('pending', 'sent') AND (newer.created_at, newer.id) > (older.created_at, older.id))""",
            account.id,
            clock.now(),
        )
        rows = await held.fetch(
            """UPDATE inventory_tasks t SET state = 'sent', run_id = $2
               FROM listings l
               WHERE t.marketplace_account_id = $1 AND t.state IN ('pending', 'sent')
                 AND l.marketplace_account_id = $1 AND l.sku = t.sku
               RETURNING t.id, t.sku, t.quantity, l.external_listing_id, l.attributes""",
            account.id,
            run_id,
        )
    lines = [
        StockLine(
            task_id=row["id"],
            sku=row["sku"],
            quantity=row["quantity"],
            external_listing_id=row["external_listing_id"],
            attributes=msgspec.json.decode(row["attributes"], type=tuple[tuple[str, str], ...]),
        )
        for row in rows
    ]
    return sorted(lines, key=lambda line: line.sku)


async def keep_outcomes(account: AccountRef, outcomes: Sequence[LineOutcome]) -> Kept:
    """Write down what became of lines, in the caller's transaction: accepted and refused count as changed, the rest as same.

    An outcome that comes twice, or for a line that has one, changes nothing. The listing learns what was accepted last.
    """
    settled = {outcome.task_id: outcome for outcome in outcomes if outcome.state in (TaskState.ACCEPTED, TaskState.REFUSED)}
    held = db.connection()
    rows = await held.fetch(
        """UPDATE inventory_tasks t SET state = told.state, message = told.message, code = left(told.code, 60), settled_at = $2
           FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[]) AS told (task_id, state, message, code)
           WHERE t.id = told.task_id AND t.marketplace_account_id = $1 AND t.state IN ('pending', 'sent')
           RETURNING t.id, t.sku, t.quantity, t.state""",
        account.id,
        clock.now(),
        list(settled),
        [one.state for one in settled.values()],
        [one.message for one in settled.values()],
        [one.code for one in settled.values()],
    )
    await _note_pushed(account, {row["sku"]: row["quantity"] for row in rows if row["state"] == TaskState.ACCEPTED})
    return Kept(changed=len(rows), same=len(outcomes) - len(rows))


async def _note_pushed(account: AccountRef, quantities: Mapping[str, int]) -> None:
    """Let the listings with these SKUs know what was accepted, in the caller's transaction."""
    if not quantities:
        return
    held = db.connection()
    # Joined by SKU, the planner expects one listing per account and compares every listing with every SKU. By id it does not.
    known = await held.fetch(
        "SELECT id, sku FROM listings WHERE marketplace_account_id = $1 AND sku = ANY($2::text[])", account.id, list(quantities)
    )
    await held.execute(
        """UPDATE listings l SET quantity_pushed = told.quantity, quantity_pushed_at = $1
           FROM unnest($2::bigint[], $3::int[]) AS told (id, quantity) WHERE l.id = told.id""",
        clock.now(),
        [row["id"] for row in known],
        [quantities[row["sku"]] for row in known],
    )


async def retry_refused(seller_id: UUID, account_id: UUID) -> int:
    """Make refused lines pending again, except where a newer quantity for the SKU has been asked for since. Answers how many."""
    async with db.transaction(seller_id) as held:
        account = await held.fetchrow("SELECT name, state, needs_reconnect FROM marketplace_accounts WHERE id = $1 FOR UPDATE", account_id)
        if account is None:
            raise NotFound("account")
        refuse_unless_working(account)
        done = await held.execute(
            """UPDATE inventory_tasks t SET state = 'pending', message = '', code = '', settled_at = NULL
               WHERE t.marketplace_account_id = $1 AND t.state = 'refused' AND NOT EXISTS (
                   SELECT FROM inventory_tasks newer WHERE newer.marketplace_account_id = $1 AND newer.sku = t.sku AND newer.state <> 'draft'
                      AND (newer.created_at, newer.id) > (t.created_at, t.id))""",
            account_id,
        )
        again = int(done.split()[-1])
        if again:
            await audit.write(seller_id, Action.STOCK_RETRIED, f"{again} refused quantities sent again", account_id=account_id)
    return again


async def anything_pending(seller_id: UUID, account_id: UUID) -> bool:
    """Whether approved quantities still wait to be told to this account."""
    async with db.transaction(seller_id) as held:
        return bool(
            await held.fetchval(
                "SELECT EXISTS (SELECT FROM inventory_tasks WHERE marketplace_account_id = $1 AND state = 'pending')", account_id
            )
        )
