"""Reading orders: search parcels, complete the orders they belong to, add where they go and who carries them."""

from collections.abc import AsyncIterator, Iterable, Sequence

from portal.marketplaces.contract import Page, SyncContext
from portal.marketplaces.errors import WireChanged
from portal.marketplaces.facts import OrderFact, UnreadableRow
from portal.marketplaces.flipkart.client import DETAILS_AT_ONCE, ORDERS_AT_ONCE, FlipkartClient
from portal.marketplaces.flipkart.reading import REPEATED, OrderSearch, Walk, batches, order_searches
from portal.marketplaces.flipkart.wire.orders import orders_of
from portal.marketplaces.flipkart.wire.shipments import Found, Shipment, read_search, read_shipments, search_body
from portal.marketplaces.flipkart.wire.shipping import Shipping, read_details


async def read(client: FlipkartClient, ctx: SyncContext) -> AsyncIterator[Page[OrderFact]]:
    """Every order that changed in the run's span, in pages as Flipkart's searches cut them."""

    async def first(search: OrderSearch) -> bytes:
        start, end = search.window or (None, None)
        body = search_body(search.kind, search.states, start=start, end=end, cancellation_type=search.cancellation_type)
        return await client.search_shipments(body)

    walk = Walk(ctx, order_searches)
    while not walk.over:
        found = read_search(await walk.page(first, client.next_shipments))
        if not walk.take(found.content, found.next_url, client.answered_at or ctx.now):
            yield Page(facts=(), cursor=None, cut=REPEATED)
            return
        facts, set_aside = await _complete(client, found)
        if facts or set_aside or walk.over:
            yield walk.passed(facts, set_aside, ctx.now)


async def reread(client: FlipkartClient, parcel_ids: Sequence[str]) -> AsyncIterator[Page[OrderFact]]:
    """Orders by parcels that were set aside. A parcel is answered for once it could be read itself."""
    for ids in batches(parcel_ids, ORDERS_AT_ONCE):
        parcels, unread = read_shipments(await client.shipments_by_id(ids))
        found = Found(shipments=parcels, set_aside=unread, next_url="", content=b"")
        facts, set_aside = await _complete(client, found)
        readable = tuple(one.shipment_id for one in parcels)
        yield Page(facts=tuple(facts), cursor=None, total=len(parcel_ids), set_aside=tuple(set_aside), readable=readable)


async def _complete(client: FlipkartClient, found: Found) -> tuple[list[OrderFact], list[UnreadableRow]]:
    """Whole orders for the parcels of one page. A page may show one of two parcels, so the orders are asked for by their ids."""
    set_aside = list(found.set_aside)
    parcels = {one.shipment_id: one for one in found.shipments}
    order_ids = list(dict.fromkeys(item.order_id for one in found.shipments for item in one.items))
    for ids in batches(order_ids, ORDERS_AT_ONCE):
        siblings, unread = read_shipments(await client.shipments_of(ids))
        _keep_newer(parcels, siblings)
        set_aside += [row for row in unread if row.external_id not in parcels]
    shipping, unshown = await shipping_of(client, list(parcels))
    return orders_of(parcels.values(), shipping), [*set_aside, *unshown]


async def shipping_of(client: FlipkartClient, shipment_ids: Sequence[str]) -> tuple[dict[str, Shipping], list[UnreadableRow]]:
    """Where these parcels go and who carries them, by id; those that Flipkart does not show are set aside."""
    shipping: dict[str, Shipping] = {}
    set_aside: list[UnreadableRow] = []
    for ids in batches(shipment_ids, DETAILS_AT_ONCE):
        details, unread = await _details(client, ids)
        shipping.update((one.shipment_id, one) for one in details)
        set_aside += unread
    return shipping, set_aside


async def _details(client: FlipkartClient, ids: Sequence[str]) -> tuple[list[Shipping], list[UnreadableRow]]:
    """Where these parcels go. One that Flipkart does not show must not hide the others, so a refused call is halved."""
    try:
        return read_details(await client.shipment_details(ids))
    except WireChanged as error:
        if error.http_status not in {400, 404, 422}:
            raise
    if len(ids) == 1:
        reason = "Flipkart does not show where this parcel goes and who carries it. The order is kept without that."
        return [], [UnreadableRow(external_id=ids[0], reason=reason, raw={})]
    good: list[Shipping] = []
    bad: list[UnreadableRow] = []
    for half in (ids[: len(ids) // 2], ids[len(ids) // 2 :]):
        shown, hidden = await _details(client, half)
        good += shown
        bad += hidden
    return good, bad


def _keep_newer(parcels: dict[str, Shipment], read_later: Iterable[Shipment]) -> None:
    for one in read_later:
        known = parcels.get(one.shipment_id)
        if known is None or known.updated_at < one.updated_at:
            parcels[one.shipment_id] = one
