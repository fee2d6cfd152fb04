"""Labels and invoices: one PDF of many orders, told apart by the order id that each page shows.

Documented: a label shows the order id, an invoice the order number, which is the same. Where a page shows none or several, the file
cannot be told apart, and each order is asked for alone: then the whole file is that order's, as it was issued.
"""

import re
from collections.abc import Collection

from portal import pdfs

ORDER_ID = re.compile(r"(?<!\d)\d{3}-\d{7}-\d{7}(?!\d)")


async def told_apart(content: bytes, orders: Collection[str]) -> dict[str, bytes] | None:
    """Each order's own pages in their order; None where a page does not show exactly one order, or an order has no page."""
    owners = await _owners(content)
    if any(len(one) != 1 for one in owners) or not {order for one in owners for order in one} >= set(orders):
        return None
    try:
        return await pdfs.bound(content, {order: [place for place, one in enumerate(owners) if order in one] for order in orders})
    except pdfs.UnreadablePdf:
        return None


async def belongs_to(content: bytes, order: str) -> bool:
    """Whether nothing that we can read in the file speaks of other orders."""
    return {one for owners in await _owners(content) for one in owners} <= {order}


async def _owners(content: bytes) -> list[set[str]]:
    """The orders that each page shows.

    None where the file is locked or built in a way we cannot read: a printer may know better, so one order's file is kept all the same.
    """
    try:
        return [set(ORDER_ID.findall(text or "")) for text in await pdfs.texts(content)]
    except pdfs.UnreadablePdf:
        return []
