"""Single orders and listings again, by their ids: a page each, so that a pause between two of them loses neither."""

from collections.abc import AsyncGenerator, Sequence

import msgspec

from portal.marketplaces.amazon_in.client import AmazonClient
from portal.marketplaces.amazon_in.reading_orders import DATA_SETS
from portal.marketplaces.amazon_in.refusals import InvalidRequest, NoSuchThing
from portal.marketplaces.amazon_in.wire.answers import decoded
from portal.marketplaces.amazon_in.wire.listings import read_listings
from portal.marketplaces.amazon_in.wire.orders import order_facts, read_orders
from portal.marketplaces.contract import Page
from portal.marketplaces.errors import NotAllowed
from portal.marketplaces.facts import ListingFact, OrderFact


class _OneOrder(msgspec.Struct):
    order: msgspec.Raw


async def orders(client: AmazonClient, ids: Sequence[str]) -> AsyncGenerator[Page[OrderFact], None]:
    """Each of these orders that Amazon still knows, read as a page of a search would be."""
    for external_id in ids:
        body = await _order(client, external_id)
        if body is None:
            continue
        row = bytes(decoded(body, _OneOrder, "an order").order)
        page = read_orders(b'{"orders":[' + row + b"]}")
        facts, aside = order_facts(page.orders)
        yield Page(facts=facts, cursor=None, total=len(ids), set_aside=page.set_aside + aside)


async def _order(client: AmazonClient, external_id: str) -> bytes | None:
    """The answer about one order, with as much of it as these keys may see; None for one Amazon does not know."""
    for data_set in DATA_SETS:
        try:
            return await client.order(external_id, {"includedData": data_set})
        except NoSuchThing:
            return None
        except (InvalidRequest, NotAllowed):
            if data_set == DATA_SETS[-1]:
                raise
    return None


async def listings(client: AmazonClient, skus: Sequence[str]) -> AsyncGenerator[Page[ListingFact], None]:
    """Each of these listings that Amazon still knows."""
    for sku in skus:
        try:
            body = await client.listing(sku)
        except NoSuchThing:
            continue
        page = read_listings(b'{"items":[' + body + b"]}")
        yield Page(facts=page.facts, cursor=None, total=len(skus), set_aside=page.set_aside)
