"""Find orders, show one, and open its buyer on request."""

from portal.orders.finding.buyer import BuyerShown, put_on_record_unreadable, show_buyer
from portal.orders.finding.searching import NEWEST_FIRST, Filters, OrderLine, search
from portal.orders.finding.showing import Batch, Item, LastRun, OrderShown, Parcel, held_order, show

__all__ = [
    "NEWEST_FIRST",
    "Batch",
    "BuyerShown",
    "Filters",
    "Item",
    "LastRun",
    "OrderLine",
    "OrderShown",
    "Parcel",
    "held_order",
    "put_on_record_unreadable",
    "search",
    "show",
    "show_buyer",
]
