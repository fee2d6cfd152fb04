"""Keep what marketplaces tell about returns. `finding` reads it for pages."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from portal import clock, db
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import ReturnFact, ReturnItemFact, ReturnStatus
from portal.runs.kept import Kept

CLAIM_DAYS = 7
"""How long a seller may claim after a return came back, where the marketplace names no other time."""

# One statement per table and page. A return that arrives older than the one we hold changes nothing; one without a time counts as
# newer. The end of the claim window is set once, when the parcel has come back: later facts do not move it.
_KEEP_RETURNS = """
INSERT INTO order_returns AS held (
    seller_id, marketplace_account_id, external_return_id, external_order_id, kind, status, raw_status, created_at,
    marketplace_updated_at, expected_at, delivered_at, claim_due_at, reason, refund_amount, currency, carrier, awbs)
SELECT $1, $2, * FROM unnest(
    $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[],
    $11::timestamptz[], $12::timestamptz[], $13::text[], $14::numeric[], $15::text[], $16::text[], $17::text[])
ON CONFLICT (marketplace_account_id, external_return_id) DO UPDATE SET
    external_order_id = coalesce(nullif(excluded.external_order_id, ''), held.external_order_id),
    kind = excluded.kind, status = excluded.status, raw_status = excluded.raw_status,
    created_at = coalesce(excluded.created_at, held.created_at),
    marketplace_updated_at = coalesce(excluded.marketplace_updated_at, held.marketplace_updated_at),
    expected_at = coalesce(excluded.expected_at, held.expected_at), delivered_at = coalesce(excluded.delivered_at, held.delivered_at),
    claim_due_at = coalesce(held.claim_due_at, excluded.claim_due_at),
    reason = coalesce(nullif(excluded.reason, ''), held.reason), refund_amount = coalesce(excluded.refund_amount, held.refund_amount),
    currency = excluded.currency, carrier = coalesce(nullif(excluded.carrier, ''), held.carrier),
    awbs = coalesce(nullif(excluded.awbs, ''), held.awbs), changed_at = now()
WHERE (excluded.marketplace_updated_at IS NULL OR held.marketplace_updated_at IS NULL
       OR excluded.marketplace_updated_at >= held.marketplace_updated_at)
  AND (held.external_order_id, held.kind, held.status, held.raw_status, held.created_at, held.marketplace_updated_at, held.expected_at,
       held.delivered_at, held.claim_due_at, held.reason, held.refund_amount, held.currency, held.carrier, held.awbs)
      IS DISTINCT FROM
      (coalesce(nullif(excluded.external_order_id, ''), held.external_order_id), excluded.kind, excluded.status, excluded.raw_status,
       coalesce(excluded.created_at, held.created_at), coalesce(excluded.marketplace_updated_at, held.marketplace_updated_at),
       coalesce(excluded.expected_at, held.expected_at), coalesce(excluded.delivered_at, held.delivered_at),
       coalesce(held.claim_due_at, excluded.claim_due_at), coalesce(nullif(excluded.reason, ''), held.reason),
       coalesce(excluded.refund_amount, held.refund_amount), excluded.currency, coalesce(nullif(excluded.carrier, ''), held.carrier),
       coalesce(nullif(excluded.awbs, ''), held.awbs))
RETURNING id, (xmax = 0) AS inserted
"""

# Items follow their return only when the return we hold is the version they came with.
_KEEP_ITEMS = """
INSERT INTO order_return_items AS held (seller_id, order_return_id, external_item_id, sku, title, quantity, reason, condition)
SELECT $1, parent.id, told.external_item_id, told.sku, told.title, told.quantity, told.reason, told.condition
FROM unnest($3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::int[], $9::text[], $10::text[])
     AS told (external_return_id, updated_at, external_item_id, sku, title, quantity, reason, condition)
JOIN order_returns parent ON parent.marketplace_account_id = $2 AND parent.external_return_id = told.external_return_id
                         AND parent.marketplace_updated_at IS NOT DISTINCT FROM coalesce(told.updated_at, parent.marketplace_updated_at)
ON CONFLICT (order_return_id, external_item_id) DO UPDATE SET
    sku = excluded.sku, title = coalesce(nullif(excluded.title, ''), held.title), quantity = excluded.quantity,
    reason = coalesce(nullif(excluded.reason, ''), held.reason), condition = coalesce(nullif(excluded.condition, ''), held.condition)
WHERE (held.sku, held.title, held.quantity, held.reason, held.condition)
      IS DISTINCT FROM
      (excluded.sku, coalesce(nullif(excluded.title, ''), held.title), excluded.quantity,
       coalesce(nullif(excluded.reason, ''), held.reason), coalesce(nullif(excluded.condition, ''), held.condition))
RETURNING order_return_id
"""


async def keep(account: AccountRef, facts: Sequence[ReturnFact], *, claim_days: int = CLAIM_DAYS) -> Kept:
    """Upsert a page of returns with their items, in the caller's transaction. Keeping the same page again changes nothing."""
    returns = _latest(facts)
    if not returns:
        return Kept(same=len(facts))
    held = db.connection()
    rows = await held.fetch(_KEEP_RETURNS, account.seller_id, account.id, *_columns(returns, timedelta(days=claim_days)))
    new = {row["id"] for row in rows if row["inserted"]}
    changed = {row["id"] for row in rows if not row["inserted"]}
    items = [(fact, item) for fact in returns for item in _each_item_once(fact)]
    if items:
        touched = await held.fetch(
            _KEEP_ITEMS,
            account.seller_id,
            account.id,
            [fact.external_return_id for fact, _ in items],
            [fact.marketplace_updated_at for fact, _ in items],
            [item.external_item_id for _, item in items],
            [item.sku for _, item in items],
            [item.title for _, item in items],
            [item.quantity for _, item in items],
            [item.reason for _, item in items],
            [item.condition for _, item in items],
        )
        changed.update(row["order_return_id"] for row in touched)
    changed -= new
    return Kept(new=len(new), changed=len(changed), same=len(facts) - len(new) - len(changed))


def _latest(facts: Sequence[ReturnFact]) -> list[ReturnFact]:
    """Each return once: the later version counts, the last among those that cannot be compared."""
    chosen: dict[str, ReturnFact] = {}
    for fact in facts:
        known = chosen.get(fact.external_return_id)
        if known is None or not _older(fact.marketplace_updated_at, known.marketplace_updated_at):
            chosen[fact.external_return_id] = fact
    return list(chosen.values())


def _older(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one < other


def _each_item_once(fact: ReturnFact) -> list[ReturnItemFact]:
    return list({item.external_item_id: item for item in fact.items}.values())


def _claim_due(fact: ReturnFact, window: timedelta) -> datetime | None:
    """The end of the claim window of a return that has come back; None while it is under way."""
    if fact.delivered_at is not None:
        return fact.delivered_at + window
    if fact.status is ReturnStatus.DELIVERED:
        return (fact.marketplace_updated_at or clock.now()) + window
    return None


def _columns(returns: Sequence[ReturnFact], window: timedelta) -> tuple[Sequence[object], ...]:
    return (
        [fact.external_return_id for fact in returns],
        [fact.external_order_id for fact in returns],
        [fact.kind for fact in returns],
        [fact.status for fact in returns],
        [fact.raw_status for fact in returns],
        [fact.created_at for fact in returns],
        [fact.marketplace_updated_at for fact in returns],
        [fact.expected_at for fact in returns],
        [fact.delivered_at for fact in returns],
        [_claim_due(fact, window) for fact in returns],
        [fact.reason for fact in returns],
        [fact.refund_amount for fact in returns],
        [fact.currency for fact in returns],
        [fact.carrier for fact in returns],
        [" ".join(fact.awbs) for fact in returns],
    )
