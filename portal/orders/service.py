"""What other rooms may do with orders: keep what marketplaces tell (`keeping`), and ask which are open. `finding` reads them for pages."""

from portal import db
from portal.marketplaces.contract import AccountRef
from portal.orders.keeping import Prepared, keep, prepare

__all__ = ["Prepared", "keep", "known_open", "prepare"]


async def known_open(account: AccountRef) -> list[str]:
    """External ids of this account's orders that are not finished, oldest first; for marketplaces without a change filter."""
    async with db.transaction(account.seller_id) as held:
        rows = await held.fetch(
            "SELECT external_order_id FROM orders WHERE marketplace_account_id = $1 AND status NOT IN ('delivered', 'cancelled') ORDER BY placed_at, id",
            account.id,
        )
    return [row["external_order_id"] for row in rows]
