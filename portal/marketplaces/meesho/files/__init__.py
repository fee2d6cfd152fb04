"""Files that a supplier downloads from Meesho's panel, or keeps for himself, and uploads here."""

from portal.marketplaces.meesho.files.catalogue import read_listing_file
from portal.marketplaces.meesho.files.payments import read_payout_file

__all__ = ["read_listing_file", "read_payout_file"]
