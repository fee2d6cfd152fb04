"""Keep what marketplaces tell about orders. `finding` reads it for pages."""

from collections.abc import Sequence
from uuid import UUID

from portal import db
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import OrderFact
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
RETURNING id, (xmax = 0) AS inserted
"""

# Lines and parcels follow their order only when the order we hold is the version they came with.
_KEEP_ITEMS = """
INSERT INTO order_items AS held (seller_id, order_id, external_item_id, sku, title, quantity, unit_amount, status)
SELECT $1, parent.id, told.external_item_id, told.sku, told.title, told.quantity, told.unit_amount, told.status
FROM unnest($3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::int[], $9::numeric[], $10::text[])
     AS told (external_order_id, updated_at, external_item_id, sku, title, quantity, unit_amount, status)
JOIN orders parent ON parent.marketplace_account_id = $2 AND parent.external_order_id = told.external_order_id
                  AND parent.marketplace_updated_at = told.updated_at
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
SELECT $1, $2, parent.id, told.external_shipment_id, told.awb, told.carrier, told.status, told.raw_status, told.handed_over_at
FROM unnest($3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::timestamptz[])
     AS told (external_order_id, updated_at, external_shipment_id, awb, carrier, status, raw_status, handed_over_at)
JOIN orders parent ON parent.marketplace_account_id = $2 AND parent.external_order_id = told.external_order_id
                  AND parent.marketplace_updated_at = told.updated_at
ON CONFLICT (marketplace_account_id, external_shipment_id) DO UPDATE SET
    order_id = excluded.order_id, awb = coalesce(nullif(excluded.awb, ''), held.awb),
    carrier = coalesce(nullif(excluded.carrier, ''), held.carrier), status = excluded.status, raw_status = excluded.raw_status,
    handed_over_at = coalesce(excluded.handed_over_at, held.handed_over_at), changed_at = now()
WHERE (held.order_id, held.awb, held.carrier, held.status, held.raw_status, held.handed_over_at)
      IS DISTINCT FROM
      (excluded.order_id, coalesce(nullif(excluded.awb, ''), held.awb), coalesce(nullif(excluded.carrier, ''), held.carrier),
       excluded.status, excluded.raw_status, coalesce(excluded.handed_over_at, held.handed_over_at))
RETURNING order_id
"""

_KEEP_SHIPMENT_ITEMS = """
INSERT INTO shipment_items AS held (seller_id, shipment_id, external_item_id, quantity)
SELECT $1, parcel.id, told.external_item_id, told.quantity
FROM unnest($3::text[], $4::text[], $5::int[]) AS told (external_shipment_id, external_item_id, quantity)
JOIN shipments parcel ON parcel.marketplace_account_id = $2 AND parcel.external_shipment_id = told.external_shipment_id
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


async def keep(account: AccountRef, facts: Sequence[OrderFact], seal: BuyerSeal) -> Kept:
    """Upsert a page of orders with items and shipments, in the caller's transaction. Keeping the same page again changes nothing."""
    orders = _latest(facts)
    if not orders:
        return Kept(same=len(facts))
    held = db.connection()
    rows = await held.fetch(_KEEP_ORDERS, account.seller_id, account.id, *_order_columns(account, orders, seal))
    new = {row["id"] for row in rows if row["inserted"]}
    changed = {row["id"] for row in rows if not row["inserted"]}

    items = [
        # A line that a marketplace repeats within an order is one line, and its last word counts.
        (order.external_order_id, order.marketplace_updated_at, item)
        for order in orders
        for item in {item.external_item_id: item for item in order.items}.values()
    ]
    if items:
        touched = await held.fetch(
            _KEEP_ITEMS,
            account.seller_id,
            account.id,
            [order_id for order_id, _, _ in items],
            [updated for _, updated, _ in items],
            [item.external_item_id for _, _, item in items],
            [item.sku for _, _, item in items],
            [item.title for _, _, item in items],
            [item.quantity for _, _, item in items],
            [item.unit_amount for _, _, item in items],
            [item.status for _, _, item in items],
        )
        changed.update(row["order_id"] for row in touched)
    changed.update(await _keep_shipments(account, orders))
    changed -= new
    return Kept(new=len(new), changed=len(changed), same=len(facts) - len(new) - len(changed))


async def _keep_shipments(account: AccountRef, orders: Sequence[OrderFact]) -> set[int]:
    parcels = [(order.external_order_id, order.marketplace_updated_at, parcel) for order in orders for parcel in order.shipments]
    if not parcels:
        return set()
    held = db.connection()
    touched = await held.fetch(
        _KEEP_SHIPMENTS,
        account.seller_id,
        account.id,
        [order_id for order_id, _, _ in parcels],
        [updated for _, updated, _ in parcels],
        [parcel.external_shipment_id for _, _, parcel in parcels],
        [parcel.awb for _, _, parcel in parcels],
        [parcel.carrier for _, _, parcel in parcels],
        [parcel.status for _, _, parcel in parcels],
        [parcel.raw_status for _, _, parcel in parcels],
        [parcel.handed_over_at for _, _, parcel in parcels],
    )
    lines = [(parcel.external_shipment_id, item, quantity) for _, _, parcel in parcels for item, quantity in parcel.lines]
    if lines:
        await held.execute(
            _KEEP_SHIPMENT_ITEMS,
            account.seller_id,
            account.id,
            [one for one, _, _ in lines],
            [item for _, item, _ in lines],
            [count for _, _, count in lines],
        )
    return {row["order_id"] for row in touched}


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
