"""What is left to promise: the pieces a marketplace was told of, less those that other orders of the same goods have been promised.

Goods are one pool whatever they are called at each marketplace: the listing's `own_sku`, its SKU while nobody has mapped it. A promise
is an order's confirmed quantity; it stands from the stage that decided it until the order is dropped or leaves, so nothing has to be
released by hand. Pieces that were handed over count until the listing's own figure is newer than that.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec

from portal import db
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import BatchLine, Decision, HeldOrder, PassedOrder
from portal.marketplaces.stages import Stage

OFFERED = (Decision.RETRY, Decision.DROP, Decision.AS_ORDERED)


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of one SKU; `pool` is what the seller calls these goods."""

    pool: str
    pieces: int


async def left(account: AccountRef, skus: Collection[str], *, besides: Collection[str] = ()) -> dict[str, Left]:
    """What can be promised of these SKUs of the account, in the caller's transaction; one whose stock was never told is missing.

    `besides` are orders of this account whose promises do not count, because they are about to be made anew.
    """
    rows = await db.connection().fetch(
        """WITH told AS (
               SELECT sku, coalesce(nullif(own_sku, ''), sku) AS pool, pushed.newer,
                   CASE WHEN pushed.newer THEN quantity_pushed ELSE quantity_seen END AS pieces,
                   CASE WHEN pushed.newer THEN quantity_pushed_at ELSE quantity_seen_at END AS known_at
               FROM listings, LATERAL (SELECT coalesce(quantity_pushed_at > quantity_seen_at, false) OR quantity_seen IS NULL AS newer) AS pushed
               WHERE marketplace_account_id = $1 AND sku = ANY($2::text[])),
           promised AS (
               SELECT coalesce(nullif(l.own_sku, ''), line ->> 'sku') AS pool, CASE WHEN o.state = 'done' THEN b.closed_at END AS handed_over,
                   sum((o.confirmed ->> (line ->> 'external_item_id'))::int) AS pieces
               FROM batch_orders o JOIN batches b ON b.id = o.batch_id CROSS JOIN LATERAL jsonb_array_elements(o.lines) AS line
               LEFT JOIN listings l ON l.marketplace_account_id = o.marketplace_account_id AND l.sku = line ->> 'sku'
               WHERE o.confirmed <> '{}' AND NOT (o.marketplace_account_id = $1 AND o.external_order_id = ANY($3::text[]))
                 AND (o.state IN ('in', 'held', 'released') OR (o.state = 'done' AND b.closed_at > (SELECT min(known_at) FROM told)))
               GROUP BY 1, 2)
           SELECT t.sku, t.pool, greatest(0, t.pieces - coalesce((
               SELECT sum(p.pieces) FROM promised p
               WHERE p.pool = t.pool AND (p.handed_over IS NULL OR p.handed_over > t.known_at)), 0))::int AS pieces
           FROM told t WHERE t.pieces IS NOT NULL""",
        account.id,
        list(skus),
        list(besides),
    )
    return {row["sku"]: Left(pool=row["pool"], pieces=row["pieces"]) for row in rows}


async def outrun(account: AccountRef, batch_id: UUID, stage: Stage, promises: Sequence[PassedOrder]) -> tuple[HeldOrder, ...]:
    """Those of the promises that do not fit any more, held. In the caller's transaction, where they are about to be written.

    Two batches of a seller decide about the same goods side by side. Whoever writes first has them; whoever comes second finds out
    here, because one seller's promises are written one after the other. What a person said to send as ordered is not questioned. To
    send less is offered where the `stage` heeds a choice of quantities.
    """
    if not promises:
        return ()
    held = db.connection()
    await held.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"stock {account.seller_id}")
    named = [one.external_order_id for one in promises]
    rows = await held.fetch(
        "SELECT external_order_id, lines, decision FROM batch_orders WHERE batch_id = $1 AND external_order_id = ANY($2::text[])",
        batch_id,
        named,
    )
    lines = {row["external_order_id"]: msgspec.json.decode(row["lines"], type=list[BatchLine]) for row in rows}
    insisted = {row["external_order_id"] for row in rows if row["decision"] == Decision.AS_ORDERED}
    there = await left(account, {line.sku for of_order in lines.values() for line in of_order}, besides=named)
    pools: dict[str, int] = {}
    for one in there.values():
        pools[one.pool] = max(one.pieces, pools.get(one.pool, 0))
    late: list[HeldOrder] = []
    for promise in promises:
        order_id = promise.external_order_id
        wanted = _wanted(lines.get(order_id, []), promise, there)
        short = next((pool for pool, pieces in wanted.items() if pieces > pools[pool]), None)
        if short is not None and order_id not in insisted:
            late.append(_late(order_id, short, wanted[short], pools[short], stage))
            continue
        for pool, pieces in wanted.items():
            pools[pool] = max(0, pools[pool] - pieces)
    return tuple(late)


def _wanted(lines: Sequence[BatchLine], promise: PassedOrder, there: dict[str, Left]) -> dict[str, int]:
    """Pieces of each pool that the promise takes, of goods whose stock is known."""
    wanted: dict[str, int] = {}
    for line in lines:
        if line.sku in there:
            pool = there[line.sku].pool
            wanted[pool] = wanted.get(pool, 0) + promise.confirmed.get(line.external_item_id, 0)
    return wanted


def _late(order_id: str, pool: str, wanted: int, pieces: int, stage: Stage) -> HeldOrder:
    return HeldOrder(
        external_order_id=order_id,
        code="stock_taken",
        reason=f"{wanted} of {pool} were to be promised and {pieces} are left: other orders were promised the rest in the meantime.",
        decisions=(*OFFERED, Decision.REDUCE) if "stock_policy" in stage.follows else OFFERED,
    )
