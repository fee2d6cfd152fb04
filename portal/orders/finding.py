"""Find orders, show one, and open its buyer on request."""

from datetime import datetime
from decimal import Decimal
from typing import LiteralString
from uuid import UUID

import msgspec
from asyncpg import Record

from portal import db, paging
from portal.audit import service as audit
from portal.errors import NotFound, SecretUnreadable
from portal.marketplaces import details
from portal.marketplaces.contract import AccountRef, Fulfilment
from portal.marketplaces.registry import marketplace
from portal.orders import buyers
from portal.paging import LARGEST_ID, PAGE_SIZE, Slice, Sorting, Where
from portal.tables.audit import Action
from portal.vault import Vault

NEWEST_FIRST = Sorting(name="placed", value="o.placed_at", id="o.id")
BUYER_COLUMNS = ("buyer_name", "buyer_phone", "buyer_email", "buyer_address")


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


class Item(msgspec.Struct, frozen=True, kw_only=True):
    external_item_id: str
    sku: str
    title: str
    quantity: int
    unit_amount: Decimal | None
    status: str


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    external_shipment_id: str
    awb: str
    carrier: str
    status: str
    raw_status: str
    handed_over_at: datetime | None


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    state: str
    error_code: str
    created_at: datetime
    finished_at: datetime | None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The batch an order is in, as its page names it."""

    id: UUID
    number: int


class OrderShown(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the order page shows, except the buyer: `buyer_known` names which of his columns are filled."""

    id: int
    external_order_id: str
    account_id: UUID
    account_name: str
    marketplace_name: str
    status: str
    raw_status: str
    placed_at: datetime
    marketplace_updated_at: datetime
    dispatch_by: datetime | None
    total_amount: Decimal | None
    currency: str
    payment_method: str
    fulfilment: str
    """The marketplace's own word for it."""
    fulfilled: Fulfilment | None
    """What that word means; None where we do not know it."""
    ship_city: str
    ship_state: str
    ship_pincode: str
    buyer_known: tuple[str, ...]
    items: list[Item]
    shipments: list[Parcel]
    last_run: LastRun | None
    batch: Batch | None = None


class BuyerShown(msgspec.Struct, frozen=True, kw_only=True):
    """A buyer in clear, for one answer that is stored nowhere."""

    name: str = ""
    phone: str = ""
    email: str = ""
    address: str = ""

    def __repr__(self) -> str:
        return "BuyerShown(…)"


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


async def show(seller_id: UUID, order_id: int) -> OrderShown:
    """One order with its items, parcels, account and the account's last orders run. NotFound when it is not this seller's."""
    async with db.transaction(seller_id) as held:
        order = await held_order(order_id)
        items = await held.fetch("SELECT * FROM order_items WHERE order_id = $1 ORDER BY id", order_id)
        parcels = await held.fetch("SELECT * FROM shipments WHERE order_id = $1 ORDER BY id", order_id)
        run = await held.fetchrow(
            """SELECT id, state, error_code, created_at, finished_at FROM sync_runs WHERE marketplace_account_id = $1 AND target = 'ORDERS'
               ORDER BY created_at DESC, id DESC LIMIT 1""",
            order["marketplace_account_id"],
        )
        batch = await held.fetchrow(
            """SELECT b.id, b.number FROM batch_orders o JOIN batches b ON b.id = o.batch_id
               WHERE o.marketplace_account_id = $1 AND o.external_order_id = $2""",
            order["marketplace_account_id"],
            order["external_order_id"],
        )
    return OrderShown(
        id=order["id"],
        external_order_id=order["external_order_id"],
        account_id=order["marketplace_account_id"],
        account_name=order["account_name"],
        marketplace_name=marketplace(order["marketplace_code"]).name,
        status=order["status"],
        raw_status=order["raw_status"],
        placed_at=order["placed_at"],
        marketplace_updated_at=order["marketplace_updated_at"],
        dispatch_by=order["dispatch_by"],
        total_amount=order["total_amount"],
        currency=order["currency"],
        payment_method=order["payment_method"],
        fulfilment=order["fulfilment"],
        fulfilled=marketplace(order["marketplace_code"]).fulfilments.get(order["fulfilment"]),
        ship_city=order["ship_city"],
        ship_state=order["ship_state"],
        ship_pincode=order["ship_pincode"],
        buyer_known=tuple(column.removeprefix("buyer_") for column in BUYER_COLUMNS if order[column] is not None),
        items=[_item(row) for row in items],
        shipments=[_parcel(row) for row in parcels],
        last_run=LastRun(**dict(run)) if run else None,
        batch=Batch(**dict(batch)) if batch else None,
    )


def _item(row: Record) -> Item:
    return Item(**{name: row[name] for name in Item.__struct_fields__})


def _parcel(row: Record) -> Parcel:
    return Parcel(**{name: row[name] for name in Parcel.__struct_fields__})


async def held_order(order_id: int) -> Record:
    """An order's row with its account's name and marketplace, in the caller's transaction. NotFound where there is none."""
    if not 0 < order_id <= LARGEST_ID:
        raise NotFound("order")
    row: Record | None = await db.connection().fetchrow(
        """SELECT o.*, a.name AS account_name, a.marketplace_code FROM orders o JOIN marketplace_accounts a ON a.id = o.marketplace_account_id
           WHERE o.id = $1""",
        order_id,
    )
    if row is None:
        raise NotFound("order")
    return row


async def show_buyer(seller_id: UUID, order_id: int, vault: Vault, *, by: str) -> BuyerShown:
    """The buyer in clear, and an entry in the audit trail that `by` has seen him: both or neither.

    Raises NotFound for a stranger's order, and SecretUnreadable where something of it does not open here; that is on record then.
    """
    async with db.transaction(seller_id):
        order = await held_order(order_id)
    try:
        return await _shown(seller_id, order, vault, by=by)
    except SecretUnreadable as error:
        await put_on_record_unreadable(seller_id, order, error, by=by)
        raise


async def put_on_record_unreadable(seller_id: UUID, order: Record, error: SecretUnreadable, *, by: str) -> None:
    """That a buyer of this order does not open here, in a transaction of its own."""
    account = AccountRef(
        id=order["marketplace_account_id"],
        seller_id=seller_id,
        code=order["marketplace_code"],
        external_account_id="",
        name=order["account_name"],
    )
    await details.put_on_record_unreadable(account, error, actor=by)


async def _shown(seller_id: UUID, order: Record, vault: Vault, *, by: str) -> BuyerShown:
    async with db.transaction(seller_id):
        seal = await buyers.seal_for_page(seller_id, order["marketplace_code"], vault)
        if seal is None:
            return BuyerShown()
        row = f"{order['marketplace_account_id']}/{order['external_order_id']}"
        opened = {
            column.removeprefix("buyer_"): seal.open(column, row, order[column]) for column in BUYER_COLUMNS if order[column] is not None
        }
        told = f"Buyer of order {order['external_order_id']} shown"
        await audit.write(seller_id, Action.BUYER_SHOWN, told, actor=by, account_id=order["marketplace_account_id"])
    return BuyerShown(**opened)
