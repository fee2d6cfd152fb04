"""Files a seller downloads from Flipkart and gives us, because no interface brings what is in them."""

from portal.marketplaces.flipkart.files.settled import read_payout_file

__all__ = ["read_payout_file"]
