"""Amazon India through the Selling Partner API.

Follows Amazon's models at commit 34dc93f of 5 August 2026: Orders v2026-01-01, Listings Items 2021-08-01, Reports and Feeds
2021-06-30, Sellers v1. Assumed, until a live account proves it: India is served by the EU host; an application without the
restricted roles sees orders without buyers or gets a refusal of the whole data set (both are handled); the flat-file returns
report is filled for Easy Ship sellers; a merchant token of another shop is refused by the listings address; a seller who presses
Cancel on the consent page comes back with OAuth's `error` or not at all.

Full processing follows Easy Ship 2022-03-23, Feeds and Reports 2021-06-30 and Tokens 2021-03-01. Assumed there: a listing's attributes
tell the size and weight of its goods, one feed may ask for the papers of fifty orders, every page of them shows its order's id, and a
feed of order acknowledgements cancels an order. What happens where that is not so is said in `stages/` and `wire/`.

Settings: PORTAL_AMAZON_IN_API_URL, _LWA_URL, _CONSENT_URL, _RATE; for sellers of a hosted portal the operator's public application,
PORTAL_AMAZON_IN_APP_ID, _CLIENT_ID, _CLIENT_SECRET (the worker's environment only) and _APP_DRAFT (true until Amazon has listed it).
"""

from portal.marketplaces.amazon_in.adapter import REREADS, SUPPORTED, open_amazon
from portal.marketplaces.amazon_in.files import read_payout_file
from portal.marketplaces.amazon_in.handoff import AmazonHandoff
from portal.marketplaces.amazon_in.keys import PRIVATE_APP, PUBLIC_APP
from portal.marketplaces.amazon_in.stages import STAGES
from portal.marketplaces.amazon_in.tables import AmazonAccountDetails
from portal.marketplaces.contract import Fulfilment, Invoicing, Marketplace, ScheduleTarget, later

MARKETPLACE = Marketplace(
    code="AMAZON_IN",
    name="Amazon India",
    slug="amazon",
    source="Selling Partner API models, commit 34dc93f, 5 August 2026",
    supported_targets=SUPPORTED,
    stages=STAGES,
    fulfilments={"FBA": Fulfilment.THEIR_STOCK, "EASY_SHIP": Fulfilment.THEIR_COURIER, "SELF_SHIP": Fulfilment.OWN_COURIER},
    invoicing=Invoicing.MARKETPLACE,
    rereads=REREADS,
    methods=(PRIVATE_APP, PUBLIC_APP),
    # The API, the sign-in, and where presigned addresses of documents lead.
    hosts=("sellingpartnerapi-eu.amazon.com", "api.amazon.com", "amazonaws.com"),
    details=AmazonAccountDetails,
    open=open_amazon,
    sandbox=later("portal.marketplaces.amazon_in.sandbox", "sandbox"),
    sandbox_keys=later("portal.marketplaces.amazon_in.sandbox", "sandbox_keys"),
    sandbox_settings=later("portal.marketplaces.amazon_in.sandbox", "sandbox_settings"),
    handoff=AmazonHandoff(),
    # Returns and settlements come as reports that Amazon makes or lists by the hour; asking sooner brings the same one.
    least_minutes={ScheduleTarget.RETURNS: 60, ScheduleTarget.PAYOUTS: 60},
    identity_name="merchant token",
    prepare=(
        "Sign in to Seller Central as the main user of the shop.",
        "Have your private developer app at hand: Apps and Services, Develop Apps.",
        "The app needs the roles Inventory and Order Tracking, Product Listing, and Finance and Accounting.",
        "For pickups and labels it also needs Direct-to-Consumer Shipping and Tax Invoicing.",
        "Copy your merchant token from Settings, Account Info.",
    ),
    read_payout_file=read_payout_file,
    payout_file_hint="Seller Central › Payments › Reports repository: the settlement file (flat file V2, .txt) or the date range report (.csv).",
)
