"""What a marketplace has of a listing and what it will have, as SQL over the listing `l`; and what a quantity may be."""

from typing import LiteralString

# What a marketplace has, as far as we know: the later of what it told and what it took from us. Then what it will have.
THERE: LiteralString = (
    "CASE WHEN l.quantity_pushed_at > l.quantity_seen_at OR l.quantity_seen IS NULL THEN l.quantity_pushed ELSE l.quantity_seen END"
)

COMING: LiteralString = f"""coalesce((
    SELECT c.quantity FROM inventory_tasks c WHERE c.marketplace_account_id = l.marketplace_account_id AND c.sku = l.sku
    AND c.state IN ('pending', 'sent') ORDER BY c.created_at DESC, c.id DESC LIMIT 1), {THERE})"""  # noqa: S608 (our own words)

LARGEST = 1_000_000
