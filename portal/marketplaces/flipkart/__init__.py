"""Flipkart. Marketplace Seller API: shipments and listings v3, returns v2; documentation site as of 2024-06-19 with its OpenAPI operations.

Payments are read from the Settled Transactions workbook (`files`); the Reports API that could bring them is for paying partners.

Assumed, because nothing published says so:
* No rate limit is known. We make two calls a second per kind of work (PORTAL_FLIPKART_RATE scales that).
* `priceComponents.sellingPrice` is the price of one unit, `totalPrice` that of the whole order item with shipping.
* A search asks for a span by `modifiedDate`, cancelled parcels by `cancellationDate`; both ends may lie in the future.
* A row of returns is one order item. The change that completed a return is when it arrived, for want of a field that says so.
* Rows of returns carry the seller id. A shop without returns is known by its own application, else by its first location.
* A parcel of several pieces is shown with the courier number of its first piece.
* There is no list of a shop's locations. A check names those of ten listings, twenty open parcels and its returns; a reading of the
  catalogue names all that anything is sold from. They have no names.
* Stock goes to a SKU's one location, or to the one the seller has chosen for the account; how to share a number between several is hers.
* A parcel is measured in centimetres and kilograms. Clothes and shoes are taxed by the price of one piece, tax included.
* The courier of a parcel and the vendor group of a manifest go by the same name where they are the same; else an order is on every
  manifest of its location.
* The `Date` header is Flipkart's clock; a reading is complete up to the moment that its first answer names.
"""

from portal.marketplaces.contract import Fulfilment, Invoicing, Marketplace, later
from portal.marketplaces.flipkart.adapter import REREADS, SUPPORTED, open_flipkart
from portal.marketplaces.flipkart.files import read_payout_file
from portal.marketplaces.flipkart.handoff import FlipkartHandoff
from portal.marketplaces.flipkart.keys import SELF_ACCESS, THIRD_PARTY
from portal.marketplaces.flipkart.stages import STAGES
from portal.marketplaces.flipkart.tables import FlipkartAccountDetails

MARKETPLACE = Marketplace(
    code="FLIPKART",
    name="Flipkart",
    slug="flipkart",
    source="Flipkart Marketplace Seller API, shipments and listings v3, returns v2, documentation of 2024-06-19",
    supported_targets=SUPPORTED,
    stages=STAGES,
    fulfilments={
        "FBF": Fulfilment.THEIR_STOCK,
        "Flipkart_Fulfilment": Fulfilment.THEIR_STOCK,
        "NON_FBF": Fulfilment.OWN_STOCK,
        "Seller_Fulfilment": Fulfilment.OWN_STOCK,
    },
    invoicing=Invoicing.MARKETPLACE,
    rereads=REREADS,
    methods=(SELF_ACCESS, THIRD_PARTY),
    method_column="auth_mode",
    hosts=("api.flipkart.net",),
    details=FlipkartAccountDetails,
    open=open_flipkart,
    sandbox=later("portal.marketplaces.flipkart.sandbox", "sandbox"),
    sandbox_keys=later("portal.marketplaces.flipkart.sandbox", "sandbox_keys"),
    sandbox_settings=later("portal.marketplaces.flipkart.sandbox", "sandbox_settings"),
    handoff=FlipkartHandoff(),
    lists_locations=False,
    identity_name="application or seller id",
    prepare=(
        "Have the sign-in of the seller account at hand that owns the shop; a team member without Developer Access cannot connect it.",
        "Sign out of other Flipkart seller accounts in this browser first, so that the right shop gets connected.",
        "With an application of your own: make it in the Seller Dashboard under Manage Profile, Developer Access, Create New Access.",
    ),
    read_payout_file=read_payout_file,
    payout_file_hint="Seller Dashboard › Payments › Settled Transactions: the XLSX file.",
)
