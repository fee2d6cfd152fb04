"""Amazon India (placeholder until the folder arrives)."""

from portal.marketplaces.amazon_in.tables import AmazonAccountDetails
from portal.marketplaces.contract import Marketplace

MARKETPLACE = Marketplace(code="AMAZON_IN", name="Amazon India", slug="amazon", source="", details=AmazonAccountDetails)
