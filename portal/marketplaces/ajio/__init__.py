"""AJIO: known by name, not connected yet."""

from portal.marketplaces.contract import Marketplace

MARKETPLACE = Marketplace(code="AJIO", name="AJIO", slug="ajio", source="", status="scaffolded")
