"""The sandbox's goods in order: sorted for searches, encoded once, changed by what happens.

Twenty thousand orders have to answer a hundred pages a second, so every row keeps its bytes until it changes.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import msgspec

from portal.marketplaces.flipkart.sandbox import rows
from portal.marketplaces.flipkart.sandbox.goods import (
    PACKED_OR_LATER,
    WAY,
    Maker,
    Order,
    Parcel,
    Return,
    locations_of,
    offers_of,
    returns_of,
)
from portal.marketplaces.sandbox import Shop

Sorted = list[tuple[datetime, str, Parcel]]

SORTS: dict[str, Callable[[Parcel], datetime]] = {
    "modifiedDate": lambda parcel: parcel.updated_at,
    "orderDate": lambda parcel: parcel.order.placed_at,
    "dispatchByDate": lambda parcel: parcel.dispatch_by,
    "dispatchAfterDate": lambda parcel: parcel.order.placed_at,
}


class Shelves:
    """Everything the sandbox's seller has. `now` is his marketplace's clock: the shop's, plus what happened since."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.now = shop.now
        self.locations = locations_of(shop)
        self.seller_id = f"sandbox-seller-{shop.dice('seller').getrandbits(40):010x}"
        self._maker = Maker(shop)
        self.orders = [self._maker.order(at, shop.now) for at in shop.moments(shop.orders)]
        self.returns = returns_of(shop, self.orders)
        self.offers = {offer.article.sku: offer for offer in offers_of(shop)}
        self.parcels = {parcel.shipment_id: parcel for order in self.orders for parcel in order.parcels}
        self.by_order = {order.order_id: order for order in self.orders}
        self._sorted: dict[tuple[str, str], Sorted] = {}
        self._row_bytes: dict[str, bytes] = {}
        self._detail_bytes: dict[str, bytes] = {}

    def location_at(self, parcel: Parcel) -> str:
        """Where a parcel lies: Flipkart picks that, and nobody can move it."""
        return self.locations[int(parcel.shipment_id[:8], 16) % len(self.locations)]

    def row(self, parcel: Parcel) -> bytes:
        if parcel.shipment_id not in self._row_bytes:
            self._row_bytes[parcel.shipment_id] = msgspec.json.encode(rows.parcel_row(parcel, self.location_at(parcel)))
        return self._row_bytes[parcel.shipment_id]

    def details(self, parcel: Parcel) -> bytes:
        if parcel.shipment_id not in self._detail_bytes:
            self._detail_bytes[parcel.shipment_id] = msgspec.json.encode(rows.details_row(parcel))
        return self._detail_bytes[parcel.shipment_id]

    def along(self, kind: str, sort: str, after: tuple[datetime, str] | None, window: tuple[datetime, datetime] | None) -> Iterator[Parcel]:
        """Parcels of one search in its order, from just behind `after`; `window` bounds the sorted date."""
        line = self._line(kind, sort)
        start = 0
        if window is not None:
            start = bisect_left(line, window[0], key=lambda entry: entry[0])
        if after is not None:
            start = max(start, bisect_right(line, after, key=lambda entry: entry[:2]))
        for at in range(start, len(line)):
            if window is not None and line[at][0] > window[1]:
                return
            yield line[at][2]

    def _line(self, kind: str, sort: str) -> Sorted:
        if (kind, sort) not in self._sorted:
            value = SORTS[sort]
            these = (parcel for parcel in self.parcels.values() if parcel.kind == kind)
            self._sorted[kind, sort] = sorted(
                ((value(parcel), parcel.shipment_id, parcel) for parcel in these), key=lambda entry: entry[:2]
            )
        return self._sorted[kind, sort]

    def returned(self, source: str, start: datetime, end: datetime) -> list[Return]:
        """Returns of one source that changed in the span, in the order of their change."""
        found = (one for one in self.returns if one.source == source and start <= one.updated_at <= end)
        return sorted(found, key=lambda one: (one.updated_at, one.return_id))

    def happen(self, orders: int, updates: int) -> None:
        """Let that many orders come in and that many parcels move on, now: the marketplace's clock goes on a minute first."""
        self.now += timedelta(minutes=1)
        self.bring(orders)
        # A parcel that the courier brings back is on no way to the buyer any more.
        moving = [
            parcel for parcel in self.parcels.values() if parcel.state in WAY[:-1] and parcel.updated_at < self.now and not parcel.came_back
        ][:updates]
        for parcel in moving:
            self.now += timedelta(seconds=1)
            self._move(parcel)
        self._sorted.clear()

    def _take(self, order: Order) -> None:
        self.orders.append(order)
        self.by_order[order.order_id] = order
        self.parcels.update((parcel.shipment_id, parcel) for parcel in order.parcels)

    def bring(self, orders: int) -> list[Order]:
        """That many orders come in now, in whatever state."""
        made = []
        for _ in range(orders):
            self.now += timedelta(seconds=1)
            made.append(self._maker.order(self.now, self.now))
            self._take(made[-1])
        self._sorted.clear()
        return made

    def move(self, parcel: Parcel, state: str) -> None:
        """Somebody changed this parcel: it stands at that state from now on, and shows it."""
        self.now += timedelta(milliseconds=1)
        parcel.state, parcel.updated_at = state, self.now
        self._forget(parcel)
        self._sorted.clear()

    def _move(self, parcel: Parcel) -> None:
        parcel.state = WAY[WAY.index(parcel.state) + 1]
        parcel.updated_at = self.now
        parcel.hold = False
        if parcel.state in PACKED_OR_LATER and not parcel.awb:
            parcel.awb, parcel.courier = f"FMPP{int(self.now.timestamp()):010d}", "Ekart Logistics"
        self._forget(parcel)

    def _forget(self, parcel: Parcel) -> None:
        self._row_bytes.pop(parcel.shipment_id, None)
        self._detail_bytes.pop(parcel.shipment_id, None)
