"""Labels and invoices: one PDF of many orders, told apart by the order id that each page shows.

Documented: a label shows the order id, an invoice the order number, which is the same. Where a page shows none or several, the file
cannot be told apart, and each order is asked for alone: then the whole file is that order's, as it was issued.
"""

import re
from collections.abc import Collection
from io import BytesIO

from pypdf import PageObject, PdfReader

from portal.marketplaces.bound_pages import UNREADABLE, bound

ORDER_ID = re.compile(r"(?<!\d)\d{3}-\d{7}-\d{7}(?!\d)")


def told_apart(content: bytes, orders: Collection[str]) -> dict[str, bytes] | None:
    """Each order's own pages in their order; None where a page does not show exactly one order, or an order has no page."""
    pages = _pages(content)
    owners = [set(ORDER_ID.findall(_text(page))) for page in pages]
    if any(len(one) != 1 for one in owners) or not {order for one in owners for order in one} >= set(orders):
        return None
    return {order: bound(page for page, one in zip(pages, owners, strict=True) if order in one) for order in orders}


def belongs_to(content: bytes, order: str) -> bool:
    """Whether nothing that we can read in the file speaks of other orders."""
    named = {one for page in _pages(content) for one in ORDER_ID.findall(_text(page))}
    return named <= {order}


def _pages(content: bytes) -> list[PageObject]:
    """None where the file is locked or built in a way we cannot read: a printer may know better, so one order's file is kept all the same."""
    try:
        return list(PdfReader(BytesIO(content)).pages)
    except UNREADABLE:
        return []


def _text(page: PageObject) -> str:
    try:
        return page.extract_text()
    except UNREADABLE:
        return ""
