"""The only room that knows Flipkart's addresses: sign-in, calls, and what each status means.

Source: Flipkart Marketplace Seller API, shipments and listings v3, returns v2. No rate limit is published; two calls a second
per kind of work is our own caution. Calls that move a parcel on are made once: whoever makes them asks first where it stands.
"""

from portal.marketplaces.flipkart.client.calls import FlipkartClient
from portal.marketplaces.flipkart.client.consent import consent_address, keys_for_code
from portal.marketplaces.flipkart.client.kinds import DETAILS_AT_ONCE, ORDERS_AT_ONCE, SHIPMENTS
from portal.marketplaces.flipkart.client.signing import base_of

__all__ = [
    "DETAILS_AT_ONCE",
    "ORDERS_AT_ONCE",
    "SHIPMENTS",
    "FlipkartClient",
    "base_of",
    "consent_address",
    "keys_for_code",
]
