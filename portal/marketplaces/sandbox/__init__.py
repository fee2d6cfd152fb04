"""What every sandbox shares: a seeded shop that looks Indian, and faults on request.

A sandbox speaks its marketplace's wire over HTTP and keeps a ledger that tests compare with our tables. Next to the wire it
answers `/_sandbox/*`, which no marketplace has: tests order faults there and read the ledger.
"""

from portal.marketplaces.sandbox.faults import BrokenOff, Fault, Faults, Ordered, fault_routes, hang
from portal.marketplaces.sandbox.shop import CITIES, Article, Person, Shop, articles, demo_shop, person

__all__ = [
    "CITIES",
    "Article",
    "BrokenOff",
    "Fault",
    "Faults",
    "Ordered",
    "Person",
    "Shop",
    "articles",
    "demo_shop",
    "fault_routes",
    "hang",
    "person",
]
