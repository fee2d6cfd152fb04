"""The live check: sign in, prove the shop, and try what the keys open, with as few calls as that takes.

Amazon never says whose keys these are. The shop is proven by reading one page of that seller's listings: the seller's id is part
of that address, and Amazon refuses it to everybody else.
"""

from datetime import timedelta

from portal.marketplaces.amazon_in.client import MARKETPLACE_ID, AmazonClient, iso
from portal.marketplaces.amazon_in.reading_payouts import SETTLEMENTS
from portal.marketplaces.amazon_in.reading_returns import CUSTOMER_RETURNS
from portal.marketplaces.amazon_in.refusals import InvalidRequest, NoSuchThing
from portal.marketplaces.amazon_in.wire.answers import NAME
from portal.marketplaces.amazon_in.wire.orders import read_orders
from portal.marketplaces.amazon_in.wire.reports import read_reports
from portal.marketplaces.amazon_in.wire.sellers import Participation, participation_in
from portal.marketplaces.contract import Check, Permission, ScheduleTarget, SyncContext, Validation
from portal.marketplaces.errors import KeysRejected, NotAllowed, Throttled

REPORTS = ((ScheduleTarget.RETURNS, CUSTOMER_RETURNS), (ScheduleTarget.PAYOUTS, SETTLEMENTS))


async def check(client: AmazonClient, ctx: SyncContext) -> Validation:
    """What these keys are and open. KeysRejected for refused keys, NotAllowed when the shop cannot be proven."""
    await client.sign_in(anew=True)
    await ctx.checked(Check.REACHED)
    await ctx.checked(Check.ACCEPTED)
    listings = await _shop_is_theirs(client)
    orders = await _orders(client, ctx)
    reports = [await _reports(client, target, kind) for target, kind in REPORTS]
    await ctx.checked(Check.PERMISSIONS)
    part = await _participation(client, ctx)
    await ctx.checked(Check.SHOP)
    return Validation(
        external_account_id=client.seller,
        seller_name=part.store_name if part else "",
        permissions=(orders, *reports, *listings),
        note="Amazon has suspended listings of this shop. Look at Account Health in Seller Central." if part and part.suspended else "",
    )


async def _shop_is_theirs(client: AmazonClient) -> tuple[Permission, ...]:
    typed = client.whose == "seller"
    try:
        await client.search_listings({"pageSize": "1"})
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
    return tuple(Permission(target=target, allowed=True, proof=proof) for target in (ScheduleTarget.LISTINGS, ScheduleTarget.INVENTORY))


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


async def _orders(client: AmazonClient, ctx: SyncContext) -> Permission:
    """One order, read. The budget for this call is small, so a full one leaves the question open instead of failing the check."""
    window = {"lastUpdatedAfter": iso(ctx.now - timedelta(days=30)), "maxResultsPerPage": "1"}
    try:
        page = read_orders(await client.search_orders(window))
    except NotAllowed as error:
        return Permission(target=ScheduleTarget.ORDERS, allowed=False, message=error.seller_message)
    except Throttled:
        return Permission(target=ScheduleTarget.ORDERS, allowed=None, message="Not tried: Amazon's limit for order reads is used up.")
    proof = f"Read order {page.orders[0].orderId}" if page.orders else "Asked for orders of the last 30 days; there are none"
    return Permission(target=ScheduleTarget.ORDERS, allowed=True, proof=proof)


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
