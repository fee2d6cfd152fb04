"""Keep what marketplaces tell about orders. `finding` reads it for pages."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from portal import db
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import OrderFact, OrderItemFact, ShipmentFact
from portal.runs.kept import Kept
from portal.vault import BuyerSeal

# One statement per table and page. An order that arrives older than the one we hold changes nothing; an unchanged row costs no
# write. Buyer columns count by their digest, because sealing the same name twice gives two ciphertexts.
_KEEP_ORDERS = """
INSERT INTO orders AS held (
    seller_id, marketplace_account_id, external_order_id, status, raw_status, placed_at, marketplace_updated_at, dispatch_by,
    total_amount, currency, payment_method, fulfilment, ship_city, ship_state, ship_pincode,
    buyer_name, buyer_phone, buyer_email, buyer_address, buyer_digest)
SELECT $1, $2, * FROM unnest(
    $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[],
    $9::numeric[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
    $16::bytea[], $17::bytea[], $18::bytea[], $19::bytea[], $20::bytea[])
ON CONFLICT (marketplace_account_id, external_order_id) DO UPDATE SET
    status = excluded.status, raw_status = excluded.raw_status, placed_at = excluded.placed_at,
    marketplace_updated_at = excluded.marketplace_updated_at, dispatch_by = coalesce(excluded.dispatch_by, held.dispatch_by),
    total_amount = coalesce(excluded.total_amount, held.total_amount), currency = excluded.currency,
    payment_method = excluded.payment_method, fulfilment = excluded.fulfilment,
    ship_city = coalesce(nullif(excluded.ship_city, ''), held.ship_city),
    ship_state = coalesce(nullif(excluded.ship_state, ''), held.ship_state),
    ship_pincode = coalesce(nullif(excluded.ship_pincode, ''), held.ship_pincode),
    buyer_name = coalesce(excluded.buyer_name, held.buyer_name), buyer_phone = coalesce(excluded.buyer_phone, held.buyer_phone),
    buyer_email = coalesce(excluded.buyer_email, held.buyer_email), buyer_address = coalesce(excluded.buyer_address, held.buyer_address),
    buyer_digest = coalesce(excluded.buyer_digest, held.buyer_digest), changed_at = now()
WHERE excluded.marketplace_updated_at >= held.marketplace_updated_at
  AND (held.status, held.raw_status, held.placed_at, held.marketplace_updated_at, held.currency, held.payment_method, held.fulfilment,
       held.dispatch_by, held.total_amount, held.ship_city, held.ship_state, held.ship_pincode, held.buyer_digest)
      IS DISTINCT FROM
      (excluded.status, excluded.raw_status, excluded.placed_at, excluded.marketplace_updated_at, excluded.currency,
       excluded.payment_method, excluded.fulfilment, coalesce(excluded.dispatch_by, held.dispatch_by),
       coalesce(excluded.total_amount, held.total_amount), coalesce(nullif(excluded.ship_city, ''), held.ship_city),
       coalesce(nullif(excluded.ship_state, ''), held.ship_state), coalesce(nullif(excluded.ship_pincode, ''), held.ship_pincode),
       coalesce(excluded.buyer_digest, held.buyer_digest))
RETURNING id, external_order_id, (xmax = 0) AS inserted
"""

# The upserts below are given the ids of their parents instead of joining them, and ids are looked up one by one: a join is planned once,
# on tables that may have been empty a minute ago, and then reads all orders for every page while they grow. A subquery for one row of a
# unique key has only one good plan, with statistics or without.
_UNCHANGED_ORDERS = """
SELECT told.external_id, (
    SELECT held.id FROM orders held
    WHERE held.marketplace_account_id = $1 AND held.external_order_id = told.external_id AND held.marketplace_updated_at = told.updated_at)
FROM unnest($2::text[], $3::timestamptz[]) AS told (external_id, updated_at)
"""
_UNCHANGED_SHIPMENTS = """
SELECT told.external_id, (
    SELECT held.id FROM shipments held WHERE held.marketplace_account_id = $1 AND held.external_shipment_id = told.external_id)
FROM unnest($2::text[]) AS told (external_id)
"""

_KEEP_ITEMS = """
INSERT INTO order_items AS held (seller_id, order_id, external_item_id, sku, title, quantity, unit_amount, status)
SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::int[], $7::numeric[], $8::text[])
ON CONFLICT (order_id, external_item_id) DO UPDATE SET
    sku = excluded.sku, title = excluded.title, quantity = excluded.quantity,
    unit_amount = coalesce(excluded.unit_amount, held.unit_amount), status = excluded.status
WHERE (held.sku, held.title, held.quantity, held.unit_amount, held.status)
      IS DISTINCT FROM (excluded.sku, excluded.title, excluded.quantity, coalesce(excluded.unit_amount, held.unit_amount), excluded.status)
RETURNING order_id
"""

_KEEP_SHIPMENTS = """
INSERT INTO shipments AS held (
    seller_id, marketplace_account_id, order_id, external_shipment_id, awb, carrier, status, raw_status, handed_over_at)
SELECT $1, $2, * FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[])
ON CONFLICT (marketplace_account_id, external_shipment_id) DO UPDATE SET
    order_id = excluded.order_id, awb = coalesce(nullif(excluded.awb, ''), held.awb),
    carrier = coalesce(nullif(excluded.carrier, ''), held.carrier), status = excluded.status, raw_status = excluded.raw_status,
    handed_over_at = coalesce(excluded.handed_over_at, held.handed_over_at), changed_at = now()
WHERE (held.order_id, held.awb, held.carrier, held.status, held.raw_status, held.handed_over_at)
      IS DISTINCT FROM
      (excluded.order_id, coalesce(nullif(excluded.awb, ''), held.awb), coalesce(nullif(excluded.carrier, ''), held.carrier),
       excluded.status, excluded.raw_status, coalesce(excluded.handed_over_at, held.handed_over_at))
RETURNING id, external_shipment_id, order_id
"""

_KEEP_SHIPMENT_ITEMS = """
INSERT INTO shipment_items AS held (seller_id, shipment_id, external_item_id, quantity)
SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::int[])
ON CONFLICT (shipment_id, external_item_id) DO UPDATE SET quantity = excluded.quantity WHERE held.quantity IS DISTINCT FROM excluded.quantity
"""


def _latest(facts: Sequence[OrderFact]) -> list[OrderFact]:
    """Each order once: a page may bring one twice, and then the later version counts (the last, among equals)."""
    chosen: dict[str, OrderFact] = {}
    for fact in facts:
        known = chosen.get(fact.external_order_id)
        if known is None or fact.marketplace_updated_at >= known.marketplace_updated_at:
            chosen[fact.external_order_id] = fact
    return list(chosen.values())


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A page of orders ready to be written: each order once, its columns side by side, buyers sealed. `told` counts what came in."""

    orders: Sequence[OrderFact]
    columns: tuple[Sequence[object], ...]
    told: int


def prepare(account: AccountRef, facts: Sequence[OrderFact], seal: BuyerSeal) -> Prepared:
    """What can be done about a page before there is a transaction, so that no lock is held while buyers are sealed."""
    orders = _latest(facts)
    return Prepared(orders=orders, columns=_order_columns(account, orders, seal), told=len(facts))


async def keep(account: AccountRef, page: Prepared) -> Kept:
    """Upsert a page of orders with items and shipments, in the caller's transaction. Keeping the same page again changes nothing."""
    orders = page.orders
    if not orders:
        return Kept()
    rows = await db.connection().fetch(_KEEP_ORDERS, account.seller_id, account.id, *page.columns)
    ids = {row["external_order_id"]: row["id"] for row in rows}
    new = {row["id"] for row in rows if row["inserted"]}
    changed = set(ids.values())
    if len(ids) < len(orders):
        ids |= await _unchanged(account, [order for order in orders if order.external_order_id not in ids])
    current = [(ids[order.external_order_id], order) for order in orders if order.external_order_id in ids]
    # A line that a marketplace repeats within an order is one line, and its last word counts.
    lines = [(order_id, item) for order_id, order in current for item in {item.external_item_id: item for item in order.items}.values()]
    changed |= await _keep_items(account, lines)
    changed |= await _keep_shipments(account, [(order_id, parcel) for order_id, order in current for parcel in order.shipments])
    changed -= new
    return Kept(new=len(new), changed=len(changed), same=page.told - len(new) - len(changed))


async def _unchanged(account: AccountRef, orders: Sequence[OrderFact]) -> dict[str, int]:
    """Our ids of these orders by their external ids, without those that we hold in a newer version: lines and parcels follow their order."""
    rows = await db.connection().fetch(
        _UNCHANGED_ORDERS,
        account.id,
        [order.external_order_id for order in orders],
        [order.marketplace_updated_at for order in orders],
    )
    return {external_id: order_id for external_id, order_id in rows if order_id is not None}


async def _keep_items(account: AccountRef, items: Sequence[tuple[int, OrderItemFact]]) -> set[int]:
    """Upsert lines of orders. Answers the orders in which one is new or has changed."""
    if not items:
        return set()
    touched = await db.connection().fetch(
        _KEEP_ITEMS,
        account.seller_id,
        [order_id for order_id, _ in items],
        [item.external_item_id for _, item in items],
        [item.sku for _, item in items],
        [item.title for _, item in items],
        [item.quantity for _, item in items],
        [item.unit_amount for _, item in items],
        [item.status for _, item in items],
    )
    return {row["order_id"] for row in touched}


async def _keep_shipments(account: AccountRef, parcels: Sequence[tuple[int, ShipmentFact]]) -> set[int]:
    """Upsert parcels of orders, and what is in them. Answers the orders in which one is new or has changed."""
    if not parcels:
        return set()
    rows = await db.connection().fetch(
        _KEEP_SHIPMENTS,
        account.seller_id,
        account.id,
        [order_id for order_id, _ in parcels],
        [parcel.external_shipment_id for _, parcel in parcels],
        [parcel.awb for _, parcel in parcels],
        [parcel.carrier for _, parcel in parcels],
        [parcel.status for _, parcel in parcels],
        [parcel.raw_status for _, parcel in parcels],
        [parcel.handed_over_at for _, parcel in parcels],
    )
    await _keep_contents(account, {row["external_shipment_id"]: row["id"] for row in rows}, [parcel for _, parcel in parcels])
    return {row["order_id"] for row in rows}


async def _keep_contents(account: AccountRef, ids: dict[str, int], parcels: Sequence[ShipmentFact]) -> None:
    """Upsert what is in parcels. `ids` are ours by their external ids, as far as they are known already."""
    held, filled = db.connection(), [parcel for parcel in parcels if parcel.lines]
    unknown = [parcel.external_shipment_id for parcel in filled if parcel.external_shipment_id not in ids]
    if unknown:
        ids |= dict(await held.fetch(_UNCHANGED_SHIPMENTS, account.id, unknown))
    lines = [(ids[parcel.external_shipment_id], item, quantity) for parcel in filled for item, quantity in parcel.lines]
    if lines:
        await held.execute(
            _KEEP_SHIPMENT_ITEMS,
            account.seller_id,
            [parcel_id for parcel_id, _, _ in lines],
            [item for _, item, _ in lines],
            [quantity for _, _, quantity in lines],
        )


def _order_columns(account: AccountRef, orders: Sequence[OrderFact], seal: BuyerSeal) -> tuple[Sequence[object], ...]:
    buyers = [_sealed_buyer(account.id, order, seal) for order in orders]
    return (
        [order.external_order_id for order in orders],
        [order.status for order in orders],
        [order.raw_status for order in orders],
        [order.placed_at for order in orders],
        [order.marketplace_updated_at for order in orders],
        [order.dispatch_by for order in orders],
        [order.total_amount for order in orders],
        [order.currency for order in orders],
        [order.payment_method for order in orders],
        [order.fulfilment for order in orders],
        [order.ship_city for order in orders],
        [order.ship_state for order in orders],
        [order.ship_pincode for order in orders],
        *(list[object](buyer[column] for buyer in buyers) for column in range(5)),
    )


def _sealed_buyer(account_id: UUID, order: OrderFact, seal: BuyerSeal) -> tuple[bytes | None, ...]:
    """Name, phone, e-mail and address sealed, and their digest; all None when the marketplace told nothing about the buyer."""
    buyer = order.buyer
    if buyer is None or not (buyer.name or buyer.phone or buyer.email or buyer.address):
        return (None, None, None, None, None)
    row = f"{account_id}/{order.external_order_id}"
    return (
        seal.seal("buyer_name", row, buyer.name) if buyer.name else None,
        seal.seal("buyer_phone", row, buyer.phone) if buyer.phone else None,
        seal.seal("buyer_email", row, buyer.email) if buyer.email else None,
        seal.seal("buyer_address", row, buyer.address) if buyer.address else None,
        seal.digest(buyer.name, buyer.phone, buyer.email, buyer.address),
    )


async def known_open(account: AccountRef) -> list[str]:
    """External ids of this account's orders that are not finished, oldest first; for marketplaces without a change filter."""
    async with db.transaction(account.seller_id) as held:
        rows = await held.fetch(
            "SELECT external_order_id FROM orders WHERE marketplace_account_id = $1 AND status NOT IN ('delivered', 'cancelled') ORDER BY placed_at, id",
            account.id,
        )
    return [row["external_order_id"] for row in rows]
