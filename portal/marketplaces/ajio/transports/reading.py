"""A report of the seller panel, read page by page to its end."""

from collections.abc import Awaitable, Callable
from typing import Any

from portal.marketplaces.ajio.client.panel import Window
from portal.marketplaces.ajio.transports.cursors import SAME_PAGE
from portal.marketplaces.ajio.wire import reports

Fetch = Callable[[Window, int, int], Awaitable[dict[str, Any]]]


async def report_rows(fetch: Fetch, window: Window, *, rows_name: str, what: str, page_size: int) -> tuple[list[Any], str]:
    """All rows of a window, and why they end early if they do. Raises MarketplaceErrors."""
    rows: list[Any] = []
    seen: set[str] = set()
    page = 0
    while True:
        found = reports.sheet(await fetch(window, page, page_size), rows_name, what)
        if found.rows and found.digest in seen:
            return rows, SAME_PAGE
        seen.add(found.digest)
        rows.extend(found.rows)
        if len(found.rows) < page_size:
            return rows, ""
        page += 1
