"""Keep what is on sale where. `finding` reads it for pages."""

from collections.abc import Sequence

import msgspec

from portal import clock, db
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import ListingFact
from portal.runs.kept import Kept

# The seller's own SKU starts as the marketplace's and is his to change: a sync never touches it, nor what we pushed.
_INSERT = """
INSERT INTO listings AS held (
    seller_id, marketplace_account_id, sku, own_sku, external_listing_id, title, status, raw_status, price, currency, quantity_seen,
    quantity_seen_at, pushable, attributes)
SELECT $1, $2, told.sku, told.sku, told.external_listing_id, told.title, told.status, told.raw_status, told.price, told.currency,
       told.quantity_seen, CASE WHEN told.quantity_seen IS NULL THEN NULL ELSE $13::timestamptz END, told.pushable, told.attributes
FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::numeric[], $9::text[], $10::int[], $11::bool[], $12::text[])
     AS told (sku, external_listing_id, title, status, raw_status, price, currency, quantity_seen, pushable, attributes)
"""

_KEEP = f"""{_INSERT}
ON CONFLICT (marketplace_account_id, sku) DO UPDATE SET
    external_listing_id = coalesce(nullif(excluded.external_listing_id, ''), held.external_listing_id),
    title = coalesce(nullif(excluded.title, ''), held.title), status = excluded.status, raw_status = excluded.raw_status,
    price = coalesce(excluded.price, held.price), currency = excluded.currency,
    quantity_seen = coalesce(excluded.quantity_seen, held.quantity_seen),
    quantity_seen_at = CASE WHEN excluded.quantity_seen IS DISTINCT FROM held.quantity_seen OR held.quantity_pushed_at > held.quantity_seen_at
                            THEN coalesce(excluded.quantity_seen_at, held.quantity_seen_at) ELSE held.quantity_seen_at END,
    pushable = excluded.pushable, attributes = excluded.attributes, changed_at = $13
WHERE (held.external_listing_id, held.title, held.status, held.raw_status, held.price, held.currency, held.quantity_seen, held.pushable,
       held.attributes)
      IS DISTINCT FROM
      (coalesce(nullif(excluded.external_listing_id, ''), held.external_listing_id), coalesce(nullif(excluded.title, ''), held.title),
       excluded.status, excluded.raw_status, coalesce(excluded.price, held.price), excluded.currency,
       coalesce(excluded.quantity_seen, held.quantity_seen), excluded.pushable, excluded.attributes)
   OR (excluded.quantity_seen IS NOT NULL AND held.quantity_pushed_at > held.quantity_seen_at)
RETURNING (xmax = 0) AS inserted
"""

_LEARN = f"{_INSERT} ON CONFLICT (marketplace_account_id, sku) DO NOTHING"


async def keep(account: AccountRef, facts: Sequence[ListingFact]) -> Kept:
    """Upsert a page of listings, in the caller's transaction. Keeping the same page again changes nothing.

    `quantity_seen_at` is when the marketplace's quantity was first seen as it is now, so a page without news costs no write. The
    first sighting after a push of ours is news.
    """
    listings = _each_once(facts)
    if not listings:
        return Kept()
    rows = await db.connection().fetch(_KEEP, account.seller_id, account.id, *_columns(listings))
    new = sum(row["inserted"] for row in rows)
    return Kept(new=new, changed=len(rows) - new, same=len(facts) - len(rows))


async def learn(account: AccountRef, facts: Sequence[ListingFact]) -> None:
    """Add listings that an order tells of, in the caller's transaction. One that we hold already knows better, and stays as it is."""
    listings = _each_once(facts)
    if listings:
        await db.connection().execute(_LEARN, account.seller_id, account.id, *_columns(listings))


def _each_once(facts: Sequence[ListingFact]) -> list[ListingFact]:
    return list({fact.sku: fact for fact in facts}.values())


def _columns(listings: Sequence[ListingFact]) -> tuple[object, ...]:
    return (
        [fact.sku for fact in listings],
        [fact.external_listing_id for fact in listings],
        [fact.title for fact in listings],
        [fact.status for fact in listings],
        [fact.raw_status for fact in listings],
        [fact.price for fact in listings],
        [fact.currency for fact in listings],
        [fact.quantity_seen for fact in listings],
        [fact.pushable for fact in listings],
        [msgspec.json.encode(fact.attributes).decode() for fact in listings],
        clock.now(),
    )
