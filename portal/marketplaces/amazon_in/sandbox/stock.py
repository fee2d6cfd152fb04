"""The sandbox shop's listings and their quantities, which change when somebody pushes."""

from collections.abc import Sequence
from typing import Any

from portal.marketplaces.amazon_in.client import MARKETPLACE_ID, iso
from portal.marketplaces.sandbox import Article, Shop

Row = dict[str, Any]
MOST = 9_999
"""Quantities above this are refused, so that tests can make Amazon refuse a line."""
REPORT_COLUMNS = (
    "item-name",
    "listing-id",
    "seller-sku",
    "price",
    "quantity",
    "open-date",
    "product-id-type",
    "asin1",
    "product-id",
    "fulfillment-channel",
    "status",
)


class Stock:
    """Listings by SKU. Every tenth is kept in Amazon's warehouse."""

    def __init__(self, shop: Shop, catalogue: Sequence[Article]) -> None:
        dice = shop.dice("amazon/stock")
        self._shop = shop
        self.articles = {article.sku: article for article in sorted(catalogue, key=lambda one: one.sku)}
        self.quantities = {sku: dice.randrange(0, 40) for sku in self.articles}
        self.unmeasured: set[str] = set()
        """Listings that do not tell how big their goods are, as tests ask for them."""
        self.by_amazon = {article.sku for number, article in enumerate(catalogue) if number % 10 == 9}

    def asin(self, sku: str) -> str:
        return f"B0{sku[-3:]}SAND{len(sku) % 10}"

    def product_type(self, sku: str) -> str:
        return sku.partition("-")[0]

    def merge(self, sku: str, change: Any) -> str:
        """Take a change of quantity as Amazon would; what is wrong with it, or nothing."""
        if sku in self.by_amazon:
            return "This offer is fulfilled by Amazon; its quantity cannot be set."
        patches = change.get("patches", [])
        if change.get("productType") not in ("PRODUCT", self.product_type(sku)):
            return "The product type does not match the listing."
        if len(patches) != 1 or patches[0].get("op") != "merge" or patches[0].get("path") != "/attributes/fulfillment_availability":
            return "Only a merge of fulfillment_availability keeps handling time."
        value = patches[0]["value"][0]
        quantity = value.get("quantity")
        if value.get("fulfillment_channel_code") != "DEFAULT" or not isinstance(quantity, int) or not 0 <= quantity <= MOST:
            return f"The value of quantity must be from 0 to {MOST}."
        self.quantities[sku] = quantity
        return ""

    def wire(self, sku: str, included: frozenset[str]) -> Row:
        article = self.articles[sku]
        row: Row = {"sku": sku}
        if "summaries" in included:
            row["summaries"] = [
                {
                    "marketplaceId": MARKETPLACE_ID,
                    "asin": self.asin(sku),
                    "productType": self.product_type(sku),
                    "conditionType": "new_new",
                    "status": self._words(sku),
                    "itemName": article.title,
                    "createdDate": iso(self._shop.now),
                    "lastUpdatedDate": iso(self._shop.now),
                }
            ]
        if "attributes" in included:
            row["attributes"] = {} if sku in self.unmeasured else _measures(article)
        if "offers" in included:
            price = {"amount": str(article.price), "currencyCode": "INR"}
            row["offers"] = [{"marketplaceId": MARKETPLACE_ID, "offerType": "B2C", "price": price}]
        if "fulfillmentAvailability" in included:
            where: Row = {"fulfillmentChannelCode": "AMAZON_IN"}
            if sku not in self.by_amazon:
                where = {"fulfillmentChannelCode": "DEFAULT", "quantity": self.quantities[sku]}
            row["fulfillmentAvailability"] = [where]
        return row

    def _words(self, sku: str) -> list[str]:
        return ["BUYABLE", "DISCOVERABLE"] if sku in self.by_amazon or self.quantities[sku] else ["DISCOVERABLE"]

    def report(self) -> str:
        lines = ["\t".join(REPORT_COLUMNS)]
        for sku, article in self.articles.items():
            by_amazon = sku in self.by_amazon
            cells = (
                article.title,
                f"L{self.asin(sku)}",
                sku,
                str(article.price),
                "" if by_amazon else str(self.quantities[sku]),
                f"{self._shop.now:%d/%m/%Y %H:%M:%S} IST",
                "1",
                self.asin(sku),
                self.asin(sku),
                "AMAZON_IN" if by_amazon else "DEFAULT",
                "Active" if "BUYABLE" in self._words(sku) else "Inactive",
            )
            lines.append("\t".join(cells))
        return "\n".join(lines) + "\n"

    def expected(self, sku: str) -> Row:
        by_amazon = sku in self.by_amazon
        article = self.articles[sku]
        return {
            "sku": sku,
            "external_listing_id": self.asin(sku),
            "title": article.title,
            "status": "active" if "BUYABLE" in self._words(sku) else "inactive",
            "quantity_seen": None if by_amazon else self.quantities[sku],
            "price": str(article.price),
            "currency": "INR",
            "pushable": not by_amazon,
        }


def _measures(article: Article) -> Row:
    """The goods in their packaging, some told in metric units and some not."""
    if len(article.sku) % 2:
        box = {side: {"value": value, "unit": "centimeters"} for side, value in (("length", 30), ("width", 25), ("height", 4))}
        return {"item_package_dimensions": [box], "item_package_weight": [{"value": 450, "unit": "grams"}]}
    box = {side: {"value": value, "unit": "inches"} for side, value in (("length", 12), ("width", 10), ("height", 2))}
    return {"item_package_dimensions": [box], "item_package_weight": [{"value": 1, "unit": "pounds"}]}
