"""The kinds of calls, how often each may be made and how much one may ask for."""

from portal.marketplaces.http import Quota

TIMEOUT_S = 60.0
"""Flipkart asks for no less on orders: a call given up earlier may still be carried out."""

JSON, PDF = "application/json", "application/pdf"

SIGN_IN = Quota("token", 2.0, 5.0)
SHIPMENTS = Quota("shipments", 2.0, 5.0)
RETURNS = Quota("returns", 2.0, 5.0)
LISTINGS = Quota("listings", 2.0, 5.0)
INVENTORY = Quota("inventory", 2.0, 5.0)
PACKING = Quota("packing", 2.0, 5.0)
PAPERS = Quota("papers", 2.0, 5.0)
ORDERS_AT_ONCE = 100
DETAILS_AT_ONCE = 25
"""Flipkart takes 100 and advises 25."""
