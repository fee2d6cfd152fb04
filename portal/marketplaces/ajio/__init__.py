"""AJIO: one POB (place of business) per account, through the partner API or a captured seller-panel session.

AJIO publishes no documentation. What is built here follows the public pages of order-management partners: the drop-ship order API
(version 3.0, December 2022) as several of them describe it, and the seller panel's report calls as seen in 2024 to 2026. Every
other point is an assumption of ours, kept in this folder alone:

* The path prefix is given per partner; `/ds/portal` stands in until AJIO names ours.
* Lists count pages from 0, at most 50 rows, with `page {number, size, totalElements, totalPages}`.
* `GET orders?orderIds=` takes ids separated by commas; an accepted order inside the hold answers `ACKNOWLEDGED` without a
  `po_number`. New orders that nobody accepted are not answered there.
* `item_details.sku` may carry the seller's SKU; where it does not, AJIO's item code stands in for it.
* `GET products` rows are `productId, variantId, sku, item_code, name, publishedStatus, inventory, hsnCode`.
* `GET return` lists both kinds; `return_type` is `RTO` or `CUSTOMER_RETURN`. `updateInventory` answers with the lines it refused.
* AJIO names no time of change for an order, so its own date stands in and every later reading counts (`wire.orders.updated_at`).
* The four values of a panel session, their contents and the capture message. Of the POBs that a login sees each is an account of
  its own, with a copy of the session; a cookie that AJIO renews in one is not handed to the others. The panel keeps the user number
  in localStorage as `activeSellerProfileId` and, where it uses one, a token as `accessToken`.
* Panel reports select orders by order date, returns by creation date, and payments by clearing date or, while there is none, by
  the expected settlement date. Their `returnType` uses the partner API's two words. A payment's `value` is what the row adds;
  of RETURN rows only the size counts, taken off.
* A payment row without a clearing document belongs to one pending payout per expected day (`DUE-2026-11-25`).
* Accepted orders are answered with `manifest_number` and `manifest_url` once they are dispatched; rows of orders may carry
  `ship_city, ship_state, ship_pincode` and `customer_gstin`.
* `POST orders/confirmation {upload_id, orders}` takes a whole confirmation or nothing, and `GET` the same with `uploadId` says what
  became of one (ACCEPTED, REJECTED, UNKNOWN). `orders/shipping-label`, `orders/b2b-invoice` and `orders/b2c-invoice` answer
  `labels` and `invoices` by `orderIds`; an invoice names its `lines` and the seller's GSTIN. `POST orders/b2b-invoice` makes one,
  under the seller's own `invoice_number` where it is sent one, and `orders/dispatch` closes a manifest of at most 250 parcels.
* The panel takes no call that moves an order. Its desk takes three sheets that the seller uploads there with his own hands, each with an
  upload id by which it is taken once: a confirmation (all or nothing, answered with our rows and `Status`, `Remarks`), what is packed,
  and the manifests to close. It prints labels, both invoices and closed manifests as PDF, each page with a number of its order. Order
  reports show `sellerInvoiceNo`, `customerInvoiceNo` and `awbNumber` once an order is packed.
* Documents lie on the API's own host or on one of ajio.com.
* One call a second per POB, in the panel per login, three at once, until AJIO tells its real limit.

Settings: PORTAL_AJIO_URL, PORTAL_AJIO_PREFIX, PORTAL_AJIO_PORTAL_URL (the seller panel), PORTAL_AJIO_RATE,
PORTAL_AJIO_TIMEOUT_S (seconds one call may take, default 60), and PORTAL_AJIO_HOLD_MINUTES (how long accepted orders are usually on
hold, default 240).
"""

from portal.marketplaces.ajio.adapter import SUPPORTED_TARGETS, open_ajio
from portal.marketplaces.ajio.capture import BIGGEST_MESSAGE, panel_address, read_message
from portal.marketplaces.ajio.files import read_payout_file
from portal.marketplaces.ajio.keys import SESSION_ENDS, PanelSessionKeys, PartnerApiKeys
from portal.marketplaces.ajio.packing import packed_extension
from portal.marketplaces.ajio.stages import STAGES
from portal.marketplaces.ajio.tables import AjioAccountDetails
from portal.marketplaces.ajio.transports import panel, partner
from portal.marketplaces.capturing import Capturing
from portal.marketplaces.contract import Fulfilment, Invoicing, Marketplace, later
from portal.marketplaces.methods import Method

MARKETPLACE = Marketplace(
    code="AJIO",
    name="AJIO",
    slug="ajio",
    source="Drop-ship order API 3.0 (December 2022) and seller-panel reports (2024 to 2026), as partners describe them",
    hosts=("ajio.com",),
    supported_targets=SUPPORTED_TARGETS,
    stages=STAGES,
    demo_locations=2,
    fulfilments={"dropship": Fulfilment.THEIR_COURIER},
    invoicing=Invoicing.VENDOR,
    invoicing_hint="AJIO knows your series of numbers. Use the prefix it has on file for this POB, and bill the company that its purchase orders name.",
    methods=(
        Method(
            code="partner_api",
            name="POB ID and API password",
            explanation="Recommended. AJIO gives each POB its own API password; it lasts until somebody resets it.",
            keys=PartnerApiKeys,
            warning="Another tool that uses this POB stops working when you reset the password.",
            closed=partner.CLOSED,
            removal=("In AJIO Seller Central open Settings and reset the POB password. The one that was saved here is worthless then.",),
        ),
        Method(
            code="portal_session",
            name="Seller-panel session",
            explanation="Only if AJIO gave you no API password. Lasts hours to days, then you capture it again.",
            keys=PanelSessionKeys,
            sendable=False,
            closed=panel.CLOSED,
            sandbox_keys=later("portal.marketplaces.ajio.sandbox", "sandbox_panel_keys"),
            warning="This works inside your own seller-panel login. Your AJIO password is never read. AJIO may end the session at any time.",
            deadlines=(SESSION_ENDS,),
            removal=("Sign out of seller.ajio.com in the browser in which you captured the session. That ends the session itself.",),
            prepare=(
                "A computer on which you are signed in to seller.ajio.com, with the extension or with the four values at hand.",
                "The session lasts hours to days. Ask AJIO for an API password if you can; it lasts longer.",
                "One connection per POB: with several POBs in one login you choose which one, and connect the others afterwards.",
            ),
            capturing=Capturing(
                read=read_message,
                pack=packed_extension,
                panel=panel_address,
                panel_name="seller.ajio.com",
                most_bytes=BIGGEST_MESSAGE,
                reads=(
                    "It reads the cookies and the access token of your signed-in session on seller.ajio.com.",
                    "It reads your user number there and the list of POBs that your login sees.",
                    "With these we read orders, returns and payments as you would in the panel.",
                ),
                never=(
                    "It never reads your AJIO password, and no other site.",
                    "AJIO may end the session at any time; then you capture it again.",
                ),
            ),
        ),
    ),
    method_column="method",
    details=AjioAccountDetails,
    open=open_ajio,
    sandbox=later("portal.marketplaces.ajio.sandbox", "sandbox"),
    sandbox_keys=later("portal.marketplaces.ajio.sandbox", "sandbox_keys"),
    sandbox_settings=later("portal.marketplaces.ajio.sandbox", "sandbox_settings"),
    identity_name="POB ID",
    prepare=(
        "The POB ID. It starts with DV and stands under Account › Modify account details › POB user.",
        "The API password of that POB. It is not the password you sign in to the seller panel with.",
        "One connection per POB: with several POBs, connect each of them.",
    ),
    request_message=(
        "Hello, please open API access for our POB and send us its API password. "
        "We use a portal of our own to read orders, returns and products and to update stock."
    ),
    read_payout_file=read_payout_file,
    payout_file_hint="Seller Central › Reports › Payment report: the XLSX or CSV file.",
)
