"""The partner API's side of the sandbox."""

from portal.marketplaces.ajio.sandbox.partner.listing import MOST_ROWS, PREFIX, Asked, twisted
from portal.marketplaces.ajio.sandbox.partner.routes import partner_routes
from portal.marketplaces.ajio.sandbox.partner.rows import number

__all__ = [
    "MOST_ROWS",
    "PREFIX",
    "Asked",
    "number",
    "partner_routes",
    "twisted",
]
