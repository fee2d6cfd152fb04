"""Reading orders: search parcels, complete the orders they belong to, add where they go and who carries them."""

from collections.abc import AsyncIterator, Iterable

from portal.marketplaces.contract import Page, SyncContext
from portal.marketplaces.facts import OrderFact, UnreadableRow
from portal.marketplaces.flipkart.client import DETAILS_AT_ONCE, ORDERS_AT_ONCE, FlipkartClient
from portal.marketplaces.flipkart.reading import REPEATED, OrderSearch, Place, Repeats, batches, moved_on, order_searches
from portal.marketplaces.flipkart.wire.orders import orders_of
from portal.marketplaces.flipkart.wire.shipments import Found, Shipment, read_search, read_shipments, search_body
from portal.marketplaces.flipkart.wire.shipping import Shipping, read_details


async def read(client: FlipkartClient, ctx: SyncContext) -> AsyncIterator[Page[OrderFact]]:
    """Every order that changed in the run's span, in pages as Flipkart's searches cut them."""
    place = Place.of(ctx)
    searches = order_searches(place)
    repeats = Repeats(place.last_page)
    while place.step < len(searches):
        found = read_search(await _page(client, place, searches[place.step]))
        if not repeats.is_new(found.content):
            yield Page(facts=(), cursor=None, cut=REPEATED)
            return
        place = moved_on(place, content=found.content, next_url=found.next_url, began=client.answered_at or ctx.now)
        if not place.next_url:
            repeats.forget()
        facts, set_aside = await _complete(client, found)
        last = place.step == len(searches)
        if facts or set_aside or last:
            yield Page(
                facts=tuple(facts),
                set_aside=tuple(set_aside),
                cursor=None if last else place.text(),
                watermark=place.watermark(ctx.now) if last else None,
            )


async def _page(client: FlipkartClient, place: Place, search: OrderSearch) -> bytes:
    if place.next_url:
        return await client.next_shipments(place.next_url)
    start, end = search.window or (None, None)
    body = search_body(search.kind, search.states, start=start, end=end, cancellation_type=search.cancellation_type)
    return await client.search_shipments(body)


async def _complete(client: FlipkartClient, found: Found) -> tuple[list[OrderFact], list[UnreadableRow]]:
    """Whole orders for the parcels of one page. A page may show one of two parcels, so the orders are asked for by their ids."""
    set_aside = list(found.set_aside)
    parcels = {one.shipment_id: one for one in found.shipments}
    order_ids = list(dict.fromkeys(item.order_id for one in found.shipments for item in one.items))
    for ids in batches(order_ids, ORDERS_AT_ONCE):
        siblings, unread = read_shipments(await client.shipments_of(ids))
        _keep_newer(parcels, siblings)
        set_aside += [row for row in unread if row.external_id not in parcels]
    shipping: dict[str, Shipping] = {}
    for ids in batches(list(parcels), DETAILS_AT_ONCE):
        details, unread = read_details(await client.shipment_details(ids))
        shipping.update((one.shipment_id, one) for one in details)
        set_aside += unread
    return orders_of(parcels.values(), shipping), set_aside


def _keep_newer(parcels: dict[str, Shipment], read_later: Iterable[Shipment]) -> None:
    for one in read_later:
        known = parcels.get(one.shipment_id)
        if known is None or known.updated_at < one.updated_at:
            parcels[one.shipment_id] = one
