"""A live check of the keys: sign in anew, try each kind of data once, and say whose shop it is."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from portal.marketplaces.contract import Check, Location, Permission, ScheduleTarget, SyncContext, Validation, mask
from portal.marketplaces.errors import KeysRejected, NotAllowed
from portal.marketplaces.facts import ListingFact, OrderFact
from portal.marketplaces.flipkart.client import FlipkartClient
from portal.marketplaces.flipkart.reading import AHEAD
from portal.marketplaces.flipkart.wire import listings as listings_wire
from portal.marketplaces.flipkart.wire import orders as orders_wire
from portal.marketplaces.flipkart.wire import returns as returns_wire
from portal.marketplaces.flipkart.wire import shipments as shipments_wire
from portal.marketplaces.flipkart.wire.decoding import MARKETPLACE
from portal.marketplaces.flipkart.wire.locations import locations_in, locations_of
from portal.marketplaces.proving import FirstProof, first_proof, listing_line, listing_sample, stock_sample

LOOK_BACK = timedelta(days=30)


async def validate(client: FlipkartClient, ctx: SyncContext) -> Validation:
    """Which shop these keys open, and what they may read.

    Flipkart has no call that names the seller; the rows of returns carry the seller id, so the shop is known by it from the
    first return on. Until then an application of the seller's own stands for his shop.
    """
    await _signed_in(client, ctx)
    shop = _Shop(client)
    permissions = (
        await _tried(ctx, ScheduleTarget.ORDERS, shop.an_order),
        await _tried(ctx, ScheduleTarget.RETURNS, lambda: shop.a_return(ctx)),
        await _tried(ctx, ScheduleTarget.LISTINGS, shop.a_listing),
        Permission(target=ScheduleTarget.INVENTORY, allowed=None, message="Shown by the first stock you push."),
        Permission(target=ScheduleTarget.FULL_PROCESSING, allowed=None, message="Proven by the first batch."),
    )
    for untried in permissions[-2:]:
        await ctx.tried(untried)
    await ctx.checked(Check.PERMISSIONS)
    found = shop.identity(ctx.account.external_account_id)
    if not found:
        raise NotAllowed(
            MARKETPLACE,
            "Flipkart does not say which shop this is before it has a listing or a return. Add a listing, then connect again.",
            reason="no_shop",
        )
    await ctx.checked(Check.SHOP)
    return Validation(
        external_account_id=found,
        seller_name=f"Flipkart seller {shop.seller_id}" if shop.seller_id else f"Flipkart application {mask(client.application.app_id)}",
        permissions=permissions,
        expires_at=client.renewable_until,
        note="Payments come by file: upload Settled Transactions from Payments on the Seller Dashboard.",
        locations=shop.locations(),
        first_proof=shop.proof(ctx.account.ships_from),
    )


async def _signed_in(client: FlipkartClient, ctx: SyncContext) -> None:
    try:
        await client.sign_in()
    except (KeysRejected, NotAllowed):
        await ctx.checked(Check.REACHED)  # a refusal is an answer
        raise
    await ctx.checked(Check.REACHED)
    await ctx.checked(Check.ACCEPTED)


async def _tried(ctx: SyncContext, target: ScheduleTarget, attempt: Callable[[], Awaitable[str]]) -> Permission:
    try:
        found = Permission(target=target, allowed=True, proof=await attempt())
    except NotAllowed as refusal:
        found = Permission(target=target, allowed=False, message=refusal.seller_message)
    await ctx.tried(found)
    return found


class _Shop:
    """What the tries tell about the shop along the way."""

    def __init__(self, client: FlipkartClient) -> None:
        self._client = client
        self.seller_id = ""
        self._named: set[str] = set()
        self._orders: list[OrderFact] = []
        self._listings: list[ListingFact] = []

    def identity(self, known_as: str) -> str:
        """The shop's id. An account keeps the name it was connected under as long as that is still one of the shop's names."""
        names = [
            self.seller_id,
            *([] if self._client.application.whose == "operator" else [self._client.application.app_id]),
            *sorted(locations_of(self._listings)),
        ]
        names = [name for name in names if name]
        return known_as if known_as in names else next(iter(names), "")

    async def an_order(self) -> str:
        body = await self._client.search_shipments(shipments_wire.search_body("preDispatch", shipments_wire.PRE_DISPATCH))
        found = shipments_wire.read_search(body)
        self._named |= locations_in(body)
        self._orders = orders_wire.orders_of(found.shipments[:1], {})
        return f"Read order {self._orders[0].external_order_id}" if self._orders else "No open order at the moment"

    async def a_return(self, ctx: SyncContext) -> str:
        proof = "No return in the last 30 days"
        for source in returns_wire.SOURCES:
            body = await self._client.returns(source, ctx.now - LOOK_BACK, ctx.now + AHEAD)
            found = returns_wire.read_returns(body, source)
            self.seller_id = self.seller_id or found.seller_id
            self._named |= locations_in(body)
            for fact in found.facts[:1]:
                proof = f"Read return {fact.external_return_id}"
            if self.seller_id:
                break
        return proof

    async def a_listing(self) -> str:
        found = listings_wire.read_search(await self._client.search_listings(listings_wire.search_body("")))
        if not found.skus:
            return "No listing yet"
        self._listings, _ = listings_wire.read_listings(await self._client.listings(found.skus[: listings_wire.BATCH]))
        return f"Read listing {self._listings[0].sku if self._listings else found.skus[0]}"

    def locations(self) -> tuple[Location, ...]:
        """Every location that was named on the way. Flipkart has no names for them."""
        return tuple(Location(id=one) for one in sorted(self._named | locations_of(self._listings)))

    def proof(self, ships_from: str) -> FirstProof:
        """What the tries brought along; `ships_from` is the location chosen where there are several."""
        if not self._listings:
            return first_proof(orders=self._orders, no_order="There is no open order at the moment.")
        listing = self._listings[0]
        line = listing_line(listing)
        fault = listings_wire.unpushable(line, ships_from) if listing.pushable else "Flipkart keeps this SKU in its own warehouse."
        return first_proof(
            orders=self._orders,
            no_order="There is no open order at the moment.",
            sku=listing_sample(listing),
            stock=None
            if fault
            else stock_sample(line, known=listing.quantity_seen is not None, where=listings_wire.place_of(line, ships_from)),
            no_stock=fault,
            call=None if fault else listings_wire.stock_body([line], ships_from),
        )
