"""Stock to tell the marketplaces: drafts, their review, what a push takes along, and what became of each line.

A task is one absolute quantity for one listing: draft → pending → sent → accepted or refused; replaced when a newer one came first.
"""

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString
from uuid import UUID, uuid4

import msgspec

from portal import clock, db
from portal.audit import service as audit
from portal.errors import BadInput, Conflict, NotFound
from portal.marketplaces import reach
from portal.marketplaces.contract import AccountRef, ScheduleTarget
from portal.marketplaces.facts import LineOutcome, StockLine
from portal.marketplaces.registry import marketplace
from portal.runs.kept import Kept
from portal.tables.accounts import AccountState
from portal.tables.audit import Action
from portal.tables.inventory import TaskState

# What a marketplace has, as far as we know: the later of what it told and what it took from us. Then what it will have.
THERE: LiteralString = (
    "CASE WHEN l.quantity_pushed_at > l.quantity_seen_at OR l.quantity_seen IS NULL THEN l.quantity_pushed ELSE l.quantity_seen END"
)
COMING: LiteralString = f"""coalesce((
    SELECT c.quantity FROM inventory_tasks c WHERE c.marketplace_account_id = l.marketplace_account_id AND c.sku = l.sku
    AND c.state IN ('pending', 'sent') ORDER BY c.created_at DESC, c.id DESC LIMIT 1), {THERE})"""  # noqa: S608 (our own words)

LARGEST = 1_000_000
STEEP_DROP = 0.8
TOLD = 20
"""How many of the approved quantities the audit trail names."""


class DraftLine(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a draft. `before` is what the marketplace has as far as we know, None when it never told."""

    account_id: UUID
    account_name: str
    marketplace_name: str
    sku: str
    title: str
    before: int | None
    after: int
    state: TaskState

    @property
    def warning(self) -> str:
        """`zero` when it takes the listing off sale, `drop` when more than 80 % of the stock goes, else empty."""
        if self.after == 0 and self.before != 0:
            return "zero"
        if self.before and self.before - self.after > STEEP_DROP * self.before:
            return "drop"
        return ""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    lines: list[DraftLine]

    @property
    def open(self) -> bool:
        """Whether it still waits for a decision."""
        return any(line.state == TaskState.DRAFT for line in self.lines)

    @property
    def warnings(self) -> int:
        return sum(bool(line.warning) for line in self.lines)


async def draft(seller_id: UUID, quantities: Mapping[int, int], *, by: str) -> UUID:
    """Put changed quantities (listing id to the new absolute quantity) aside for review.

    Lines that change nothing are left out. Raises BadInput for a quantity that cannot be, and Conflict when nothing would change;
    listings that are not this seller's, or whose stock the marketplace keeps, are NotFound.
    """
    wrong = {
        f"quantity-{listing}": f"Stock is a whole number from 0 to {LARGEST}."
        for listing, number in quantities.items()
        if not 0 <= number <= LARGEST
    }
    if wrong:
        raise BadInput("Some quantities cannot be.", fields=wrong)
    draft_id = uuid4()
    async with db.transaction(seller_id) as held:
        known = await held.fetch(
            f"SELECT l.id, {COMING} AS coming FROM listings l WHERE l.id = ANY($1::bigint[]) AND l.pushable",  # noqa: S608 (our own words)
            list(quantities),
        )
        if len(known) != len(quantities):
            raise NotFound("listing")
        changes = {row["id"]: quantities[row["id"]] for row in known if row["coming"] != quantities[row["id"]]}
        if not changes:
            raise Conflict("These quantities are what the marketplaces have already, or will have.")
        await held.execute(
            f"""INSERT INTO inventory_tasks
                    (id, seller_id, marketplace_account_id, draft_id, sku, quantity_before, quantity, state, requested_by, created_at)
                SELECT gen_random_uuid(), l.seller_id, l.marketplace_account_id, $1, l.sku, {THERE}, told.quantity, 'draft', $2, $3
                FROM unnest($4::bigint[], $5::int[]) AS told (listing_id, quantity) JOIN listings l ON l.id = told.listing_id""",  # noqa: S608
            draft_id,
            by,
            clock.now(),
            list(changes),
            list(changes.values()),
        )
    return draft_id


async def review(seller_id: UUID, draft_id: UUID) -> Draft:
    """Every line of a draft, old and new. NotFound when it is not this seller's or was discarded."""
    async with db.transaction(seller_id) as held:
        rows = await held.fetch(
            """SELECT t.sku, t.quantity_before, t.quantity, t.state, a.id AS account_id, a.name, a.marketplace_code, coalesce(l.title, '') AS title
               FROM inventory_tasks t JOIN marketplace_accounts a ON a.id = t.marketplace_account_id
               LEFT JOIN listings l ON l.marketplace_account_id = t.marketplace_account_id AND l.sku = t.sku
               WHERE t.draft_id = $1 ORDER BY lower(a.name), t.sku""",
            draft_id,
        )
    if not rows:
        raise NotFound("stock change")
    lines = [
        DraftLine(
            account_id=row["account_id"],
            account_name=row["name"],
            marketplace_name=marketplace(row["marketplace_code"]).name,
            sku=row["sku"],
            title=row["title"],
            before=row["quantity_before"],
            after=row["quantity"],
            state=TaskState(row["state"]),
        )
        for row in rows
    ]
    return Draft(id=draft_id, lines=lines)


async def discard(seller_id: UUID, draft_id: UUID) -> None:
    """Forget a draft. What was approved already stays. NotFound when there is no such draft (any more)."""
    async with db.transaction(seller_id) as held:
        if not await held.fetchval("SELECT 1 FROM inventory_tasks WHERE draft_id = $1 LIMIT 1", draft_id):
            raise NotFound("draft")
        await held.execute("DELETE FROM inventory_tasks WHERE draft_id = $1 AND state = 'draft'", draft_id)


async def approve(seller_id: UUID, draft_id: UUID) -> list[UUID]:
    """Make a draft's lines pending, in place of older ones for the same SKU. Answers the accounts that now have something to push.

    Approving twice is approving once. Raises Conflict, and changes nothing, when an account cannot push now: stock does not queue.
    """
    async with db.transaction(seller_id) as held:
        accounts = await held.fetch(
            """SELECT id, name, state, needs_reconnect, marketplace_code FROM marketplace_accounts
               WHERE id IN (SELECT marketplace_account_id FROM inventory_tasks WHERE draft_id = $1) ORDER BY id FOR UPDATE""",
            draft_id,
        )
        if not accounts:
            raise NotFound("stock change")
        for account in accounts:
            _refuse_unless_working(account)
            closed = await reach.closed_to(marketplace(account["marketplace_code"]), account["id"])
            if ScheduleTarget.INVENTORY in closed:
                raise Conflict(closed[ScheduleTarget.INVENTORY])
        await held.execute(
            """UPDATE inventory_tasks older SET state = 'replaced', settled_at = $2
               FROM inventory_tasks fresh
               WHERE fresh.draft_id = $1 AND fresh.state = 'draft' AND older.marketplace_account_id = fresh.marketplace_account_id
                 AND older.sku = fresh.sku AND older.state = 'pending'""",
            draft_id,
            clock.now(),
        )
        # The approval decides which quantity is newest, not the moment the draft was begun.
        approved = await held.fetch(
            """UPDATE inventory_tasks SET state = 'pending', created_at = $2 WHERE draft_id = $1 AND state = 'draft'
               RETURNING marketplace_account_id AS account_id, sku, quantity_before, quantity""",
            draft_id,
            clock.now(),
        )
        await _on_record(seller_id, approved)
    return [account["id"] for account in accounts]


async def _on_record(seller_id: UUID, approved: Sequence[Mapping[str, Any]]) -> None:
    """One entry for each account: how many quantities were approved, and the first of them, old and new."""
    for account_id in sorted({row["account_id"] for row in approved}):
        rows = sorted((row for row in approved if row["account_id"] == account_id), key=lambda row: str(row["sku"]))
        first = {column: ", ".join(f"{row['sku']} {row[column]}" for row in rows[:TOLD]) for column in ("quantity_before", "quantity")}
        told = {column: f"{len(rows)} quantities: {quantities}" for column, quantities in first.items()}
        await audit.write(seller_id, Action.STOCK_APPROVED, told["quantity"], before=told["quantity_before"], account_id=account_id)


def _refuse_unless_working(account: Mapping[str, object]) -> None:
    if account["state"] != AccountState.ACTIVE:
        raise Conflict(f"{account['name']} is {account['state']}, so its stock cannot be pushed. Nothing was sent.")
    if account["needs_reconnect"]:
        raise Conflict(f"{account['name']} needs reconnecting before stock can be pushed. Nothing was sent.")


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
        _refuse_unless_working(account)
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
