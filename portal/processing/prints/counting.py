"""What a batch's print file will hold, told before anybody asks for it."""

from uuid import UUID

import msgspec

from portal import db
from portal.processing.prints.gathering import FIRST


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """Parcels of a batch, and the papers there are of them by now. `closing` are papers of the whole batch, such as manifests."""

    parcels: int
    labels: int
    others: int
    closing: int

    @property
    def slips(self) -> int:
        """Parcels without a label: our packing slip stands in for it."""
        return self.parcels - self.labels


async def contents(seller_id: UUID, batch_id: UUID) -> Contents:
    """As `gather` would find them now; `labels` counts parcels that have one."""
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow(
            """SELECT count(*) AS parcels, count(*) FILTER (WHERE of_order.labels > 0) AS labels, coalesce(sum(of_order.others), 0)::int AS others, (
                   SELECT count(*) FROM documents w WHERE w.batch_id = $1 AND w.external_order_id = '') AS closing
               FROM batch_orders o CROSS JOIN LATERAL (
                   SELECT count(*) FILTER (WHERE d.kind = ANY($2)) AS labels, count(*) FILTER (WHERE NOT d.kind = ANY($2)) AS others
                   FROM documents d WHERE d.batch_id = o.batch_id AND d.external_order_id = o.external_order_id) AS of_order
               WHERE o.batch_id = $1 AND o.state IN ('in', 'done')""",
            batch_id,
            FIRST,
        )
    return Contents(**row)
