"""Flipkart: known by name, not connected yet."""

from portal.marketplaces.contract import Marketplace

MARKETPLACE = Marketplace(code="FLIPKART", name="Flipkart", slug="flipkart", source="", status="scaffolded")
