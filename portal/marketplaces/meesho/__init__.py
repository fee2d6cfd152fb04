"""Meesho: known by name, not connected yet."""

from portal.marketplaces.contract import Marketplace

MARKETPLACE = Marketplace(code="MEESHO", name="Meesho", slug="meesho", source="", status="scaffolded")
