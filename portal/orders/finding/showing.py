"""One order as its page shows it, except the buyer."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec
from asyncpg import Record

from portal import db
from portal.errors import NotFound
from portal.marketplaces.registry import marketplace
from portal.paging import LARGEST_ID

BUYER_COLUMNS = ("buyer_name", "buyer_phone", "buyer_email", "buyer_address")


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
    ship_city: str
    ship_state: str
    ship_pincode: str
    buyer_known: tuple[str, ...]
    items: list[Item]
    shipments: list[Parcel]
    last_run: LastRun | None
    batch: Batch | None = None


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
