"""The stock table: what each marketplace has, what is on its way there, and what it refused."""

from datetime import datetime
from uuid import UUID

import msgspec

from portal import db, paging
from portal.inventory.service import COMING, THERE
from portal.marketplaces import reach
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.registry import marketplace
from portal.paging import PAGE_SIZE, Slice, Sorting, Where

BY_SKU = Sorting(name="stock", value="l.sku", id="l.id", kind=str, descending=False)

_NEWEST_TASK = """SELECT t.state, t.quantity, t.message, t.settled_at FROM inventory_tasks t
    WHERE t.marketplace_account_id = l.marketplace_account_id AND t.sku = l.sku AND t.state <> 'draft'
    ORDER BY t.created_at DESC, t.id DESC LIMIT 1"""


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What the stock table can be narrowed to. `search`: a SKU or the seller's own. `state`: waiting (not told yet) or refused."""

    search: str = ""
    account_id: UUID | None = None
    state: str = ""


class StockRow(msgspec.Struct, frozen=True, kw_only=True):
    """One listing's stock. `pushable`: we may tell it. `there` is what the marketplace has, `coming` what it will have once everything asked for is done."""

    id: int
    sku: str
    own_sku: str
    title: str
    account_name: str
    marketplace_name: str
    there: int | None
    coming: int | None
    pushable: bool
    state: str
    message: str
    settled_at: datetime | None


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """How many lines one account's marketplace refused and nobody has asked for again."""

    account_id: UUID
    account_name: str
    lines: int


async def search(seller_id: UUID, filters: Filters, cursor: str = "", *, limit: int = PAGE_SIZE) -> Slice[StockRow]:
    """A page of stock, by SKU."""
    where = Where()
    if filters.account_id is not None:
        where.add("l.marketplace_account_id = {}", filters.account_id)
    if filters.search:
        where.add("(l.sku = {0} OR l.own_sku = {0})", filters.search)
    if filters.state:
        states = ["refused"] if filters.state == "refused" else ["pending", "sent"]
        where.add(f"EXISTS (SELECT FROM ({_NEWEST_TASK}) AS newest WHERE newest.state = ANY({{}}))", states)
    async with db.transaction(seller_id):
        found = await paging.fetch(
            f"""l.id, l.sku, l.own_sku, l.title, l.pushable, a.id AS account_id, a.name AS account_name, a.marketplace_code, {THERE} AS there, {COMING} AS coming,
                coalesce(newest.state, '') AS state, coalesce(newest.message, '') AS message, newest.settled_at""",
            "listings l",
            where,
            BY_SKU,
            paging.decode(BY_SKU, cursor),
            beside=f"JOIN marketplace_accounts a ON a.id = l.marketplace_account_id LEFT JOIN LATERAL ({_NEWEST_TASK}) AS newest ON true",
            size=limit,
        )
        places = {row["account_id"]: marketplace(row["marketplace_code"]) for row in found.rows}
        told = {one for one, place in places.items() if ScheduleTarget.INVENTORY in await reach.open_to(place, one)}
    rows = [
        StockRow(
            **{name: row[name] for name in StockRow.__struct_fields__ if name not in ("marketplace_name", "pushable")},
            pushable=row["pushable"] and row["account_id"] in told,
            marketplace_name=marketplace(row["marketplace_code"]).name,
        )
        for row in found.rows
    ]
    return found._replace(rows=rows)


async def refused(seller_id: UUID) -> list[Refused]:
    """Accounts with refused lines, by name."""
    async with db.transaction(seller_id) as held:
        rows = await held.fetch(
            """SELECT a.id, a.name, count(*) AS lines FROM marketplace_accounts a JOIN (
                   SELECT DISTINCT ON (marketplace_account_id, sku) marketplace_account_id, state FROM inventory_tasks
                   WHERE state <> 'draft' ORDER BY marketplace_account_id, sku, created_at DESC, id DESC) AS newest
               ON newest.marketplace_account_id = a.id WHERE newest.state = 'refused' GROUP BY a.id, a.name ORDER BY lower(a.name), a.id"""
        )
    return [Refused(account_id=row["id"], account_name=row["name"], lines=row["lines"]) for row in rows]
