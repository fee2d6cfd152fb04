"""Find what is on sale where."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec
from asyncpg import Record

from portal import db, paging
from portal.errors import NotFound
from portal.marketplaces.registry import marketplace
from portal.paging import LARGEST_ID, PAGE_SIZE, Slice, Sorting, Where

BY_SKU = Sorting(name="sku", value="l.sku", id="l.id", kind=str, descending=False)


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What the listings page can be narrowed to. `search`: a SKU (of the marketplace or the seller's own), a listing id, or words of the title."""

    search: str = ""
    account_id: UUID | None = None
    status: str = ""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One listing. `quantity_seen` is the marketplace's word, `quantity_pushed` the last of ours it accepted."""

    id: int
    sku: str
    own_sku: str
    external_listing_id: str
    title: str
    account_id: UUID
    account_name: str
    marketplace_name: str
    status: str
    raw_status: str
    price: Decimal | None
    currency: str
    quantity_seen: int | None
    quantity_seen_at: datetime | None
    quantity_pushed: int | None
    quantity_pushed_at: datetime | None
    pushable: bool


_COLUMNS = "l.*, a.id AS account_id, a.name AS account_name, a.marketplace_code"
_ACCOUNT = "JOIN marketplace_accounts a ON a.id = l.marketplace_account_id"


async def search(seller_id: UUID, filters: Filters, cursor: str = "", *, limit: int = PAGE_SIZE) -> Slice[Listed]:
    """A page of listings, by SKU."""
    async with db.transaction(seller_id):
        where = _conditions(filters)
        found = await paging.fetch(_COLUMNS, "listings l", where, BY_SKU, paging.decode(BY_SKU, cursor), beside=_ACCOUNT, size=limit)
    return found._replace(rows=[_listed(row) for row in found.rows])


def _conditions(filters: Filters) -> Where:
    where = Where()
    if filters.account_id is not None:
        where.add("l.marketplace_account_id = {}", filters.account_id)
    if filters.status:
        where.add("l.status = {}", filters.status)
    if filters.search:
        where.add(
            "(l.sku = {0} OR l.own_sku = {0} OR l.external_listing_id = {0} OR position(lower({0}) IN lower(l.title)) > 0)", filters.search
        )
    return where


async def show(seller_id: UUID, listing_id: int) -> Listed:
    """One listing. NotFound when it is not this seller's."""
    if not 0 < listing_id <= LARGEST_ID:
        raise NotFound("listing")
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow(f"SELECT {_COLUMNS} FROM listings l {_ACCOUNT} WHERE l.id = $1", listing_id)  # noqa: S608 (our own words)
    if row is None:
        raise NotFound("listing")
    return _listed(row)


async def statuses(seller_id: UUID) -> dict[str, str]:
    """The statuses that occur, for the filter: each marketplace has its own."""
    async with db.transaction(seller_id) as held:
        rows = await held.fetch("SELECT DISTINCT status FROM listings WHERE status <> '' ORDER BY status LIMIT 50")
    return {row["status"]: row["status"].replace("_", " ").capitalize() for row in rows}


def _listed(row: Record) -> Listed:
    shared = {name: row[name] for name in Listed.__struct_fields__ if name != "marketplace_name"}
    return Listed(**shared, marketplace_name=marketplace(row["marketplace_code"]).name)
