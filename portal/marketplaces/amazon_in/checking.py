"""The live check: sign in, prove the shop, and try what the keys open, with as few calls as that takes.

Amazon never says whose keys these are. The shop is proven by reading one page of that seller's listings: the seller's id is part
of that address, and Amazon refuses it to everybody else.
"""

from collections.abc import Sequence
from datetime import timedelta

from portal.marketplaces.amazon_in.client import MARKETPLACE_ID, AmazonClient, iso
from portal.marketplaces.amazon_in.reading_payouts import SETTLEMENTS
from portal.marketplaces.amazon_in.reading_returns import CUSTOMER_RETURNS
from portal.marketplaces.amazon_in.refusals import InvalidRequest, NoSuchThing
from portal.marketplaces.amazon_in.wire.answers import NAME
from portal.marketplaces.amazon_in.wire.listings import read_listings, stock_patch
from portal.marketplaces.amazon_in.wire.orders import order_facts, read_orders
from portal.marketplaces.amazon_in.wire.reports import read_reports
from portal.marketplaces.amazon_in.wire.sellers import Participation, participation_in
from portal.marketplaces.contract import Check, Permission, ScheduleTarget, SyncContext, Validation
from portal.marketplaces.errors import KeysRejected, NotAllowed, Throttled
from portal.marketplaces.facts import ListingFact, OrderFact
from portal.marketplaces.proving import FirstProof, first_proof, listing_line, listing_sample, stock_sample

PROCESSING = Permission(target=ScheduleTarget.FULL_PROCESSING, allowed=None, message="Proven by the first batch.")
REPORTS = ((ScheduleTarget.RETURNS, CUSTOMER_RETURNS), (ScheduleTarget.PAYOUTS, SETTLEMENTS))


async def check(client: AmazonClient, ctx: SyncContext) -> Validation:
    """What these keys are and open. KeysRejected for refused keys, NotAllowed when the shop cannot be proven."""
    await client.sign_in(anew=True)
    await ctx.checked(Check.REACHED)
    await ctx.checked(Check.ACCEPTED)
    listings, catalogue = await _shop_is_theirs(client)
    orders, read = await _orders(client, ctx)
    await ctx.tried(orders)
    reports = []
    for target, kind in REPORTS:
        reports.append(await _reports(client, target, kind))
        await ctx.tried(reports[-1])
    for one in (*listings, PROCESSING):
        await ctx.tried(one)
    await ctx.checked(Check.PERMISSIONS)
    part = await _participation(client, ctx)
    await ctx.checked(Check.SHOP)
    return Validation(
        external_account_id=client.seller,
        seller_name=part.store_name if part else "",
        permissions=(orders, *reports, *listings, PROCESSING),
        note="Amazon has suspended listings of this shop. Look at Account Health in Seller Central." if part and part.suspended else "",
        first_proof=_proof(read, orders, catalogue),
    )


def _proof(orders: Sequence[OrderFact], tried: Permission, catalogue: Sequence[ListingFact]) -> FirstProof:
    """What the tries brought along. The preview is of a quantity that is the seller's to tell, so not of stock in Amazon's warehouse."""
    no_order = "There is no order of the last 30 days." if tried.allowed else tried.message
    listing = next((one for one in catalogue if one.pushable), None)
    if listing is None:
        sku = listing_sample(catalogue[0]) if catalogue else None
        return first_proof(orders=orders, no_order=no_order, sku=sku, no_stock="Amazon keeps this stock." if sku else "")
    line = listing_line(listing)
    return first_proof(
        orders=orders,
        no_order=no_order,
        sku=listing_sample(listing),
        stock=stock_sample(line, known=listing.quantity_seen is not None),
        call=stock_patch(line),
    )


async def _shop_is_theirs(client: AmazonClient) -> tuple[tuple[Permission, ...], tuple[ListingFact, ...]]:
    """What follows from reading one page of that seller's listings, and the listings on it."""
    typed = client.whose == "seller"
    try:
        found = await client.search_listings({"pageSize": "5", "includedData": "summaries,offers,fulfillmentAvailability"})
    except (InvalidRequest, NoSuchThing) as error:
        raise KeysRejected(
            NAME,
            "Amazon knows no shop with this merchant token. Copy it again from Seller Central, Settings, Account Info."
            if typed
            else "Amazon named a shop that it does not know here. Connect again, with your Indian seller account.",
            field="selling_partner_id" if typed else None,
            reason="unknown_seller",
            words=error.words,
            http_status=error.http_status,
            request_id=error.request_id,
        ) from error
    except NotAllowed as error:
        raise NotAllowed(
            NAME,
            "Amazon did not let these keys read the listings of this shop. Either the merchant token is of another shop, "
            "or your app lacks the role Product Listing. Check the token; then add the role and authorise the app again."
            if typed
            else "Amazon did not let us read the listings of this shop. Connect again and choose the shop that you want to connect.",
            reason=error.reason,
            words=error.words,
            http_status=error.http_status,
            request_id=error.request_id,
        ) from error
    proof = "Read one page of your listings"
    targets = (ScheduleTarget.LISTINGS, ScheduleTarget.INVENTORY)
    return tuple(Permission(target=target, allowed=True, proof=proof) for target in targets), read_listings(found).facts


async def _reports(client: AmazonClient, target: ScheduleTarget, kind: str) -> Permission:
    """Whether reports of this kind are listed to these keys."""
    try:
        found = read_reports(await client.reports({"reportTypes": kind, "pageSize": "1"})).reports
    except NotAllowed as error:
        return Permission(target=target, allowed=False, message=error.seller_message)
    except Throttled:
        return Permission(target=target, allowed=None, message="Not tried: Amazon's limit for report lists is used up.")
    return Permission(
        target=target, allowed=True, proof=f"Listed {len(found)} report" if found else "Asked for reports; there are none yet"
    )


async def _orders(client: AmazonClient, ctx: SyncContext) -> tuple[Permission, tuple[OrderFact, ...]]:
    """One order, read. The budget for this call is small, so a full one leaves the question open instead of failing the check."""
    window = {"lastUpdatedAfter": iso(ctx.now - timedelta(days=30)), "maxResultsPerPage": "1"}
    try:
        page = read_orders(await client.search_orders(window))
    except NotAllowed as error:
        return Permission(target=ScheduleTarget.ORDERS, allowed=False, message=error.seller_message), ()
    except Throttled:
        return Permission(target=ScheduleTarget.ORDERS, allowed=None, message="Not tried: Amazon's limit for order reads is used up."), ()
    proof = f"Read order {page.orders[0].orderId}" if page.orders else "Asked for orders of the last 30 days; there are none"
    return Permission(target=ScheduleTarget.ORDERS, allowed=True, proof=proof), order_facts(page.orders[:1])[0]


async def _participation(client: AmazonClient, ctx: SyncContext) -> Participation | None:
    """The seller's part in Amazon India, asked only while connecting: the call is allowed once a minute."""
    if ctx.account.external_account_id:
        return None
    try:
        found = participation_in(await client.participations(), MARKETPLACE_ID)
    except (NotAllowed, Throttled):
        return None
    if found is None or not found.active:
        raise NotAllowed(NAME, "These keys belong to a shop that does not sell on Amazon.in. Use the keys of your Indian seller account.")
    return found
