"""A shop whose invoices are settled, and orders that were shipped from it."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from portal import db
from portal.invoicing import articles, settings
from portal.invoicing.articles import Article
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import Buyer, OrderFact, OrderItemFact, OrderStatus
from portal.marketplaces.registry import marketplace
from portal.orders import buyers, service
from portal.vault import Vault

GSTIN = "24ABCDE1234F1Z6"
TYPED = {
    "legal_name": "Asha Textiles",
    "address": "12 Ring Road\nSurat 395002",
    "gstin": GSTIN,
    "prefix": "AT",
    "default_hsn": "6103",
    "default_rate": "5%",
}
NOON = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
PRIYANKA = Buyer(name="श्रीमती प्रियंका क्षत्रिय", address="४ गांधी मार्ग\nPune 411001")
KURTA = OrderItemFact(external_item_id="1", sku="KURTA-M", title="Cotton kurta, M", quantity=2, unit_amount=Decimal("499.50"))
BAG = OrderItemFact(external_item_id="2", sku="BAG-L", title="Leather bag", quantity=1, unit_amount=Decimal("2360"))


async def settle(account: AccountRef, **typed: str) -> None:
    await settings.save(account.seller_id, account.id, TYPED | typed, by="Asha")


async def tax(seller: UUID, sku: str, hsn: str, rate: int) -> None:
    await articles.save(seller, Article(sku=sku, hsn=hsn, rate=rate), by="Asha")


async def sold(account: AccountRef, keys: Vault, number: int = 1, **told: Any) -> int:
    """A shipped order to Maharashtra, and our id of it."""
    fact = OrderFact(
        **{
            "external_order_id": f"403-{number:07}",
            "status": OrderStatus.SHIPPED,
            "raw_status": "Shipped",
            "placed_at": NOON,
            "marketplace_updated_at": NOON,
            "ship_state": "MAHARASHTRA",
            "ship_pincode": "411001",
            "buyer": PRIYANKA,
            "items": (KURTA, BAG),
            **told,
        }
    )
    seal = await buyers.seal_at_work(account.seller_id, marketplace(account.code), keys)
    async with db.transaction(account.seller_id) as held:
        await service.keep(account, service.prepare(account, [fact], seal))
        found = await held.fetchval(
            "SELECT id FROM orders WHERE marketplace_account_id = $1 AND external_order_id = $2", account.id, fact.external_order_id
        )
    return int(found)


async def rows(seller: UUID, query: str, *arguments: object) -> list[Any]:
    async with db.transaction(seller) as held:
        return list(await held.fetch(query, *arguments))
