"""Write a page of orders with their lines and parcels: one statement, so that the database works while the next page is made ready."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from portal import db
from portal.arrays import numbers, texts
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import OrderFact
from portal.runs.kept import Kept
from portal.vault import BuyerSeal

# An order that arrives older than the one we hold changes nothing, nor do its lines and parcels; an unchanged row costs no write.
# Buyer columns count by their digest, because sealing the same name twice gives two ciphertexts.
#
# Rows find their parents by place (`of_order[3]` is the id of the page's third order) and ids of rows that were left alone are looked
# up one by one: a join with the tables is planned once, when they may be empty, and then reads all orders for every page while they
# grow. A subquery for one row of a unique key has one good plan, and its index is the youngest, so that the planner takes it unseen.
KEEP = """
WITH told AS MATERIALIZED (
    SELECT * FROM unnest(
        $3::text::text[], $4::text::text[], $5::text::text[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[],
        $9::text::numeric[], $10::text::text[], $11::text::text[], $12::text::text[], $13::text::text[], $14::text::text[], $15::text::text[],
        $16::bytea[], $17::bytea[], $18::bytea[], $19::bytea[], $20::bytea[])
    WITH ORDINALITY AS one (
        external_order_id, status, raw_status, placed_at, marketplace_updated_at, dispatch_by,
        total_amount, currency, payment_method, fulfilment, ship_city, ship_state, ship_pincode,
        buyer_name, buyer_phone, buyer_email, buyer_address, buyer_digest, place)
), kept AS (
    INSERT INTO orders AS held (
        seller_id, marketplace_account_id, external_order_id, status, raw_status, placed_at, marketplace_updated_at, dispatch_by,
        total_amount, currency, payment_method, fulfilment, ship_city, ship_state, ship_pincode,
        buyer_name, buyer_phone, buyer_email, buyer_address, buyer_digest)
    SELECT
        $1, $2, external_order_id, status, raw_status, placed_at, marketplace_updated_at, dispatch_by,
        total_amount, currency, payment_method, fulfilment, ship_city, ship_state, ship_pincode,
        buyer_name, buyer_phone, buyer_email, buyer_address, buyer_digest
    FROM told
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
), known AS MATERIALIZED (
    SELECT array_agg(coalesce(kept.id, (
        SELECT held.id FROM orders held
        WHERE held.marketplace_account_id = $2 AND held.external_order_id = told.external_order_id
          AND held.marketplace_updated_at = told.marketplace_updated_at)) ORDER BY told.place) AS of_order
    FROM told LEFT JOIN kept USING (external_order_id)
), lines AS (
    INSERT INTO order_items AS held (seller_id, order_id, external_item_id, sku, title, quantity, unit_amount, status)
    SELECT $1, of_order[place], external_item_id, sku, title, quantity, unit_amount, status
    FROM known, unnest($21::text::int[], $22::text::text[], $23::text::text[], $24::text::text[], $25::text::int[], $26::text::numeric[], $27::text::text[])
        AS line (place, external_item_id, sku, title, quantity, unit_amount, status)
    WHERE of_order[place] IS NOT NULL
    ON CONFLICT (order_id, external_item_id) DO UPDATE SET
        sku = excluded.sku, title = excluded.title, quantity = excluded.quantity,
        unit_amount = coalesce(excluded.unit_amount, held.unit_amount), status = excluded.status
    WHERE (held.sku, held.title, held.quantity, held.unit_amount, held.status)
          IS DISTINCT FROM (excluded.sku, excluded.title, excluded.quantity, coalesce(excluded.unit_amount, held.unit_amount), excluded.status)
    RETURNING order_id
), packed AS MATERIALIZED (
    SELECT of_order[one.of] AS order_id, one.* FROM known, unnest(
        $28::text::int[], $29::text::text[], $30::text::text[], $31::text::text[], $32::text::text[], $33::text::text[], $34::timestamptz[])
    WITH ORDINALITY AS one (of, external_shipment_id, awb, carrier, status, raw_status, handed_over_at, place)
), parcels AS (
    INSERT INTO shipments AS held (
        seller_id, marketplace_account_id, order_id, external_shipment_id, awb, carrier, status, raw_status, handed_over_at)
    SELECT $1, $2, order_id, external_shipment_id, awb, carrier, status, raw_status, handed_over_at FROM packed WHERE order_id IS NOT NULL
    ON CONFLICT (marketplace_account_id, external_shipment_id) DO UPDATE SET
        order_id = excluded.order_id, awb = coalesce(nullif(excluded.awb, ''), held.awb),
        carrier = coalesce(nullif(excluded.carrier, ''), held.carrier), status = excluded.status, raw_status = excluded.raw_status,
        handed_over_at = coalesce(excluded.handed_over_at, held.handed_over_at), changed_at = now()
    WHERE (held.order_id, held.awb, held.carrier, held.status, held.raw_status, held.handed_over_at)
          IS DISTINCT FROM
          (excluded.order_id, coalesce(nullif(excluded.awb, ''), held.awb), coalesce(nullif(excluded.carrier, ''), held.carrier),
           excluded.status, excluded.raw_status, coalesce(excluded.handed_over_at, held.handed_over_at))
    RETURNING id, external_shipment_id, order_id
), filled AS MATERIALIZED (
    SELECT array_agg(CASE WHEN packed.order_id IS NOT NULL THEN coalesce(parcels.id, (
        SELECT held.id FROM shipments held
        WHERE held.marketplace_account_id = $2 AND held.external_shipment_id = packed.external_shipment_id)) END
        ORDER BY packed.place) AS of_parcel
    FROM packed LEFT JOIN parcels USING (external_shipment_id)
), contents AS (
    INSERT INTO shipment_items AS held (seller_id, shipment_id, external_item_id, quantity)
    SELECT $1, of_parcel[place], external_item_id, quantity
    FROM filled, unnest($35::text::int[], $36::text::text[], $37::text::int[]) AS content (place, external_item_id, quantity)
    WHERE of_parcel[place] IS NOT NULL
    ON CONFLICT (shipment_id, external_item_id) DO UPDATE SET quantity = excluded.quantity
    WHERE held.quantity IS DISTINCT FROM excluded.quantity
)
SELECT count(*) FILTER (WHERE inserted) AS new, count(*) FILTER (WHERE NOT inserted) AS changed FROM (
    SELECT order_id, bool_or(inserted) AS inserted FROM (
        SELECT id, inserted FROM kept
        UNION ALL SELECT order_id, false FROM lines
        UNION ALL SELECT order_id, false FROM parcels) AS touched (order_id, inserted)
    GROUP BY order_id) AS each
"""


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A page of orders ready to be written: its columns side by side, each order once, buyers sealed. `told` counts what came in."""

    columns: tuple[object, ...]
    told: int


def prepare(account: AccountRef, facts: Sequence[OrderFact], seal: BuyerSeal) -> Prepared:
    """What can be done about a page before there is a transaction, so that no lock is held while buyers are sealed."""
    orders = _latest(facts)
    return Prepared(columns=(*_order_columns(account, orders, seal), *_line_columns(orders), *_parcel_columns(orders)), told=len(facts))


async def keep(account: AccountRef, page: Prepared) -> Kept:
    """Upsert a page of orders with items and shipments, in the caller's transaction. Keeping the same page again changes nothing."""
    if not page.told:
        return Kept()
    new, changed = await db.connection().fetchrow(KEEP, account.seller_id, account.id, *page.columns)
    return Kept(new=new, changed=changed, same=page.told - new - changed)


def _latest(facts: Sequence[OrderFact]) -> list[OrderFact]:
    """Each order once: a page may bring one twice, and then the later version counts (the last, among equals)."""
    chosen: dict[str, OrderFact] = {}
    for fact in facts:
        known = chosen.get(fact.external_order_id)
        if known is None or fact.marketplace_updated_at >= known.marketplace_updated_at:
            chosen[fact.external_order_id] = fact
    return list(chosen.values())


def _order_columns(account: AccountRef, orders: Sequence[OrderFact], seal: BuyerSeal) -> tuple[object, ...]:
    buyers = [_sealed_buyer(account.id, order, seal) for order in orders]
    return (
        texts([order.external_order_id for order in orders]),
        texts([order.status for order in orders]),
        texts([order.raw_status for order in orders]),
        [order.placed_at for order in orders],
        [order.marketplace_updated_at for order in orders],
        [order.dispatch_by for order in orders],
        numbers([order.total_amount for order in orders]),
        texts([order.currency for order in orders]),
        texts([order.payment_method for order in orders]),
        texts([order.fulfilment for order in orders]),
        texts([order.ship_city for order in orders]),
        texts([order.ship_state for order in orders]),
        texts([order.ship_pincode for order in orders]),
        *(list[object](buyer[column] for buyer in buyers) for column in range(5)),
    )


def _line_columns(orders: Sequence[OrderFact]) -> tuple[object, ...]:
    """Lines with the places of their orders. One that a marketplace repeats within an order is one line, and its last word counts."""
    lines = [
        (place, item)
        for place, order in enumerate(orders, start=1)
        for item in {item.external_item_id: item for item in order.items}.values()
    ]
    return (
        numbers([place for place, _ in lines]),
        texts([item.external_item_id for _, item in lines]),
        texts([item.sku for _, item in lines]),
        texts([item.title for _, item in lines]),
        numbers([item.quantity for _, item in lines]),
        numbers([item.unit_amount for _, item in lines]),
        texts([item.status for _, item in lines]),
    )


def _parcel_columns(orders: Sequence[OrderFact]) -> tuple[object, ...]:
    """Parcels with the places of their orders, and what is in them with the places of the parcels."""
    parcels = [(place, parcel) for place, order in enumerate(orders, start=1) for parcel in order.shipments]
    contents = [(place, item, pieces) for place, (_, parcel) in enumerate(parcels, start=1) for item, pieces in parcel.lines]
    return (
        numbers([place for place, _ in parcels]),
        texts([parcel.external_shipment_id for _, parcel in parcels]),
        texts([parcel.awb for _, parcel in parcels]),
        texts([parcel.carrier for _, parcel in parcels]),
        texts([parcel.status for _, parcel in parcels]),
        texts([parcel.raw_status for _, parcel in parcels]),
        [parcel.handed_over_at for _, parcel in parcels],
        numbers([place for place, _, _ in contents]),
        texts([item for _, item, _ in contents]),
        numbers([pieces for _, _, pieces in contents]),
    )


def _sealed_buyer(account_id: UUID, order: OrderFact, seal: BuyerSeal) -> tuple[bytes | None, ...]:
    """Name, phone, e-mail and address sealed, and their digest; all None when the marketplace told nothing about the buyer."""
    buyer = order.buyer
    if buyer is None or not (buyer.name or buyer.phone or buyer.email or buyer.address):
        return (None, None, None, None, None)
    row = f"{account_id}/{order.external_order_id}"
    return (
        *seal.seal_row(
            row, {"buyer_name": buyer.name, "buyer_phone": buyer.phone, "buyer_email": buyer.email, "buyer_address": buyer.address}
        ),
        seal.digest(buyer.name, buyer.phone, buyer.email, buyer.address),
    )
