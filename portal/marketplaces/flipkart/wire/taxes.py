"""What a listing says about an article that is packed: its rate of GST and its packages."""

from decimal import Decimal

import msgspec

from portal.marketplaces.facts import UnreadableRow
from portal.marketplaces.flipkart.wire.decoding import decode, read_rows
from portal.marketplaces.flipkart.wire.sizes import Package, Size, stacked

RATES = {
    # Flipkart's tax code: percent
    "GST_0": Decimal(0),
    "GST_3": Decimal(3),
    "GST_5": Decimal(5),
    "GST_12": Decimal(12),
    "GST_18": Decimal(18),
    "GST_28": Decimal(28),
    "GST_40": Decimal(40),
}
BY_PRICE = frozenset({"GST_APPAREL", "GST_FOOTWEAR"})
"""Clothes and shoes: the lower rate up to a value, the higher one above it, since 22 September 2025."""
LOW, HIGH, LIMIT = Decimal(5), Decimal(18), Decimal(2500)
MOST = Decimal(100)


class _Tax(msgspec.Struct):
    tax_code: str | None = None
    goods_services_rate: Decimal | None = None


class _Listing(msgspec.Struct):
    tax: _Tax | None = None
    packages: list[Package] | None = None


class _Answer(msgspec.Struct):
    available: dict[str, msgspec.Raw]


class Article(msgspec.Struct, frozen=True, kw_only=True):
    """How one SKU is taxed and packed. Parts that Flipkart does not tell are empty or None."""

    tax_code: str = ""
    stated_rate: Decimal | None = None
    size: Size | None = None

    def rate(self, unit: Decimal | None) -> Decimal | None:
        """Percent of GST on one piece sold for `unit` rupees, tax included. None where neither code nor listing settles it."""
        code = self.tax_code.upper()
        if code in BY_PRICE:
            return _by_price(unit)
        # GST_OLD_5_NEW_18: a rate that changed, with the new one last.
        known = RATES.get(f"GST_{code.rpartition('_NEW_')[2]}" if "_NEW_" in code else code)
        return self.stated_rate if known is None else known


def _by_price(unit: Decimal | None) -> Decimal | None:
    """The limit counts without tax, prices come with it: between the two readings of the limit a person has to say."""
    if unit is None:
        return None
    if unit <= LIMIT * (100 + LOW) / 100:
        return LOW
    return HIGH if unit > LIMIT * (100 + HIGH) / 100 else None


def read_rate(text: str) -> Decimal | None:
    """A rate that somebody typed, `5` or `5%`; None for anything else than 0 to 100."""
    try:
        rate = Decimal(text.strip().removesuffix("%").strip())
    except ArithmeticError:
        return None
    return rate if rate.is_finite() and 0 <= rate <= MOST else None


def read_articles(body: bytes) -> tuple[dict[str, Article], list[UnreadableRow]]:
    """By SKU, what `GET /listings/v3/{skus}` tells of them. SKUs that are not sold any more are missing."""
    answer = decode(body, _Answer, "listings")
    found: dict[str, Article] = {}
    bad: list[UnreadableRow] = []
    for sku, row in answer.available.items():
        good, unread = read_rows([row], _article, id_key="listing_id", keep=frozenset({"listing_id"}))
        found.update((sku, article) for article in good)
        bad += unread
    return found, bad


def _article(row: bytes) -> Article:
    read = msgspec.json.decode(row, type=_Listing)
    tax = read.tax or _Tax()
    return Article(tax_code=tax.tax_code or "", stated_rate=tax.goods_services_rate, size=stacked(read.packages or []))
