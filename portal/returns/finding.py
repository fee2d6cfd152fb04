"""Find returns and show one."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec
from asyncpg import Record

from portal import clock, db, paging
from portal.errors import NotFound
from portal.marketplaces.registry import marketplace
from portal.paging import LARGEST_ID, PAGE_SIZE, Slice, Sorting, Where

# A return whose beginning nobody told sorts last.
NEWEST_FIRST = Sorting(name="began", value="coalesce(r.created_at, 'epoch')", id="r.id")


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What the returns page can be narrowed to. `search`: a whole return id, order id, AWB of any leg, or SKU."""

    search: str = ""
    account_id: UUID | None = None
    kind: str = ""
    status: str = ""
    claims: bool = False
    """Only those that have come back and whose claim window is still open."""


class ReturnLine(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    external_return_id: str
    external_order_id: str
    account_name: str
    marketplace_name: str
    kind: str
    status: str
    raw_status: str
    created_at: datetime | None
    expected_at: datetime | None
    claim_due_at: datetime | None
    reason: str
    refund_amount: Decimal | None
    currency: str
    skus: str


class Item(msgspec.Struct, frozen=True, kw_only=True):
    external_item_id: str
    sku: str
    title: str
    quantity: int
    reason: str
    condition: str


class ReturnShown(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the return page shows. `order_id` is None while its order is not known here; `awbs` is first leg first."""

    id: int
    external_return_id: str
    external_order_id: str
    order_id: int | None
    account_id: UUID
    account_name: str
    marketplace_name: str
    kind: str
    status: str
    raw_status: str
    created_at: datetime | None
    marketplace_updated_at: datetime | None
    expected_at: datetime | None
    delivered_at: datetime | None
    claim_due_at: datetime | None
    claim_open: bool
    reason: str
    refund_amount: Decimal | None
    currency: str
    carrier: str
    awbs: list[str]
    items: list[Item]


async def search(seller_id: UUID, filters: Filters, cursor: str = "", *, limit: int = PAGE_SIZE) -> Slice[ReturnLine]:
    """A page of returns, the latest begun first."""
    async with db.transaction(seller_id):
        found = await paging.fetch(
            "r.*, a.name AS account_name, a.marketplace_code, inside.skus",
            "order_returns r",
            _conditions(filters),
            NEWEST_FIRST,
            paging.decode(NEWEST_FIRST, cursor),
            beside="""JOIN marketplace_accounts a ON a.id = r.marketplace_account_id
                CROSS JOIN LATERAL (
                    SELECT coalesce(string_agg(i.sku, ', ' ORDER BY i.id), '') AS skus FROM order_return_items i WHERE i.order_return_id = r.id
                ) AS inside""",
            size=limit,
        )
    return found._replace(rows=[_line(row) for row in found.rows])


def _conditions(filters: Filters) -> Where:
    where = Where()
    if filters.account_id is not None:
        where.add("r.marketplace_account_id = {}", filters.account_id)
    if filters.kind:
        where.add("r.kind = {}", filters.kind)
    if filters.status:
        where.add("r.status = {}", filters.status)
    if filters.claims:
        where.add("r.claim_due_at >= {}", clock.now())
    if filters.search:
        where.add(
            """(r.external_return_id = {0} OR r.external_order_id = {0} OR {0} = ANY(string_to_array(r.awbs, ' '))
                OR EXISTS (SELECT FROM order_return_items i WHERE i.order_return_id = r.id AND i.sku = {0}))""",
            filters.search,
        )
    return where


def _line(row: Record) -> ReturnLine:
    shared = {name: row[name] for name in ReturnLine.__struct_fields__ if name != "marketplace_name"}
    return ReturnLine(**shared, marketplace_name=marketplace(row["marketplace_code"]).name)


async def show(seller_id: UUID, return_id: int) -> ReturnShown:
    """One return with its items. NotFound when it is not this seller's."""
    if not 0 < return_id <= LARGEST_ID:
        raise NotFound("return")
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow(
            """SELECT r.*, a.id AS account_id, a.name AS account_name, a.marketplace_code, o.id AS order_id
               FROM order_returns r JOIN marketplace_accounts a ON a.id = r.marketplace_account_id
               LEFT JOIN orders o ON o.marketplace_account_id = r.marketplace_account_id AND o.external_order_id = r.external_order_id
               WHERE r.id = $1""",
            return_id,
        )
        if row is None:
            raise NotFound("return")
        items = await held.fetch("SELECT * FROM order_return_items WHERE order_return_id = $1 ORDER BY id", return_id)
    computed = {"marketplace_name", "claim_open", "awbs", "items"}
    return ReturnShown(
        **{name: row[name] for name in ReturnShown.__struct_fields__ if name not in computed},
        marketplace_name=marketplace(row["marketplace_code"]).name,
        claim_open=row["claim_due_at"] is not None and row["claim_due_at"] >= clock.now(),
        awbs=row["awbs"].split(),
        items=[Item(**{name: item[name] for name in Item.__struct_fields__}) for item in items],
    )
