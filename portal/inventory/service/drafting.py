"""Drafts of changed quantities: put aside, reviewed, approved or forgotten."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import msgspec

from portal import clock, db
from portal.audit import service as audit
from portal.errors import BadInput, Conflict, NotFound
from portal.inventory.service.quantities import COMING, LARGEST, THERE
from portal.inventory.service.working import refuse_unless_working
from portal.marketplaces import reach
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.registry import marketplace
from portal.tables.audit import Action
from portal.tables.inventory import TaskState

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
            refuse_unless_working(account)
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
