"""The tax invoice a seller makes out, where a marketplace expects the seller's own: to the marketplace, or to the buyer."""

import re
from datetime import date

import msgspec

from portal.documents.parties import STATES, Party
from portal.documents.tax import Sale, Taxed, summed, taxed

NUMBER = re.compile(r"[A-Za-z0-9/-]{1,16}")


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """`place_of_supply` is the GST code of the state the goods go to; with another state than the seller's it is IGST."""

    number: str
    day: date
    seller: Party
    buyer: Party
    place_of_supply: str
    sales: tuple[Sale, ...]
    order_number: str = ""

    def __post_init__(self) -> None:
        if not NUMBER.fullmatch(self.number):
            raise ValueError("an invoice number has 1 to 16 letters, digits, dashes and slashes (rule 46)")
        if not self.seller.gstin:
            raise ValueError("a tax invoice needs the seller's GSTIN")
        if self.place_of_supply not in STATES or not self.sales:
            raise ValueError("an invoice has a place of supply and at least one line")

    @property
    def between_states(self) -> bool:
        return self.seller.state != self.place_of_supply

    @property
    def lines(self) -> tuple[Taxed, ...]:
        """Each sale with its tax, in the same order."""
        return tuple(taxed(sale, between_states=self.between_states) for sale in self.sales)

    @property
    def total(self) -> Taxed:
        return summed(self.lines)
