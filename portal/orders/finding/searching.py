"""Pages of orders, by what is typed and chosen."""

from datetime import datetime
from decimal import Decimal
from typing import LiteralString
from uuid import UUID

import msgspec
from asyncpg import Record

from portal import db, paging
from portal.marketplaces.registry import marketplace
from portal.paging import PAGE_SIZE, Slice, Sorting, Where

NEWEST_FIRST = Sorting(name="placed", value="o.placed_at", id="o.id")


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What the orders page can be narrowed to.

    `search` is the beginning of an order id, a whole SKU or a whole AWB. `placed_from` is inclusive, `placed_to` is not; both in UTC.
    """

    search: str = ""
    account_id: UUID | None = None
    marketplace: str = ""
    status: str = ""
    placed_from: datetime | None = None
    placed_to: datetime | None = None

    @property
    def any(self) -> bool:
        return self != Filters()


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the orders page. `first_sku` and `items` (count of lines) say what is in it at a glance."""

    id: int
    external_order_id: str
    account_name: str
    marketplace_name: str
    status: str
    raw_status: str
    placed_at: datetime
    dispatch_by: datetime | None
    total_amount: Decimal | None
    currency: str
    first_sku: str
    items: int
    units: int


_SEARCHED: dict[str, LiteralString] = {
    # Kind of thing typed: the condition on an order. Compared byte by byte, so the prefix is a range of the index.
    "order": "o.external_order_id ~>=~ {0} AND o.external_order_id ~<~ {1}",
    # The ids come first, whatever the planner thinks: its plan for any SKU walks the orders by date until a page is full.
    "sku": "o.id = ANY(ARRAY(SELECT i.order_id FROM order_items i WHERE i.sku = {0}))",
    "awb": "o.id = ANY(ARRAY(SELECT s.order_id FROM shipments s WHERE s.awb = {0}))",
}


async def search(seller_id: UUID, filters: Filters, cursor: str = "", *, limit: int = PAGE_SIZE) -> Slice[OrderLine]:
    """A page of orders, newest first. A cursor that no longer fits starts at the beginning."""
    async with db.transaction(seller_id):
        found = await paging.fetch(
            """o.id, o.external_order_id, o.status, o.raw_status, o.placed_at, o.dispatch_by, o.total_amount, o.currency,
               a.name AS account_name, a.marketplace_code, inside.first_sku, inside.items, inside.units""",
            "orders o",
            await _conditions(filters),
            NEWEST_FIRST,
            paging.decode(NEWEST_FIRST, cursor),
            beside="""JOIN marketplace_accounts a ON a.id = o.marketplace_account_id
                CROSS JOIN LATERAL (
                    SELECT coalesce((array_agg(i.sku ORDER BY i.id))[1], '') AS first_sku, count(*) AS items, coalesce(sum(i.quantity), 0) AS units
                    FROM order_items i WHERE i.order_id = o.id) AS inside""",
            size=limit,
        )
    return found._replace(rows=[_line(row) for row in found.rows])


async def _conditions(filters: Filters) -> Where:
    where = Where()
    if filters.account_id is not None:
        where.add("o.marketplace_account_id = {}", filters.account_id)
    if filters.marketplace:
        await _on_marketplace(where, filters.marketplace)
    if filters.status:
        where.add("o.status = {}", filters.status)
    if filters.placed_from is not None:
        where.add("o.placed_at >= {}", filters.placed_from)
    if filters.placed_to is not None:
        where.add("o.placed_at < {}", filters.placed_to)
    if filters.search:
        await _search(where, filters.search)
    return where


async def _search(where: Where, typed: str) -> None:
    """Ask first what was typed: a plan for one kind reads one index, where a plan for any of three reads every order."""
    kinds = await db.connection().fetchrow(
        """SELECT EXISTS (SELECT FROM order_items WHERE sku = $1) AS sku, EXISTS (SELECT FROM shipments WHERE awb = $1) AS awb""", typed
    )
    if kinds["awb"]:
        where.add(_SEARCHED["awb"], typed)
    elif kinds["sku"]:
        where.add(_SEARCHED["sku"], typed)
    else:
        where.add(_SEARCHED["order"], typed, typed + chr(0x10FFFF))


async def _on_marketplace(where: Where, code: str) -> None:
    """Accounts instead of their marketplace: the index of an account is in the order of the page, for one account."""
    rows = await db.connection().fetch("SELECT id FROM marketplace_accounts WHERE marketplace_code = $1", code)
    if len(rows) == 1:
        where.add("o.marketplace_account_id = {}", rows[0]["id"])
    else:
        where.add("o.marketplace_account_id = ANY({})", [row["id"] for row in rows])


def _line(row: Record) -> OrderLine:
    return OrderLine(
        id=row["id"],
        external_order_id=row["external_order_id"],
        account_name=row["account_name"],
        marketplace_name=marketplace(row["marketplace_code"]).name,
        status=row["status"],
        raw_status=row["raw_status"],
        placed_at=row["placed_at"],
        dispatch_by=row["dispatch_by"],
        total_amount=row["total_amount"],
        currency=row["currency"],
        first_sku=row["first_sku"],
        items=row["items"],
        units=row["units"],
    )
