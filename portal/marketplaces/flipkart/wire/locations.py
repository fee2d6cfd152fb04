"""Where a shop ships from, as far as its rows name it: Flipkart documents no list of a seller's locations."""

from collections.abc import Iterable
from typing import Any

import msgspec

from portal.marketplaces.facts import ListingFact
from portal.marketplaces.flipkart.wire.decoding import decode

LONGEST_ID = 80


class _Rows(msgspec.Struct, rename="camel"):
    shipments: list[Any] = []
    return_items: list[Any] = []


def locations_in(body: bytes) -> set[str]:
    """The locations that a page of shipments or returns names. A row that names none, or is no row, adds none."""
    page = decode(body, _Rows, "locations")
    named = (row.get("locationId") for row in (*page.shipments, *page.return_items) if isinstance(row, dict))
    return {one for one in named if isinstance(one, str) and 0 < len(one) <= LONGEST_ID}


def locations_of(listings: Iterable[ListingFact]) -> set[str]:
    """The locations that these listings are sold from."""
    return {value for one in listings for name, value in one.attributes if name == "location" and 0 < len(value) <= LONGEST_ID}
