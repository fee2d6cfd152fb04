"""Meesho. No public API reference exists: Meesho gives its supplier API to partners only.

Source: public notes of partners and of suppliers' tools, edition of this folder 2026-11. What is known for certain: suppliers
receive an identifier, a key and a secret; one order is one item line; the columns of the files suppliers download (`files`).
Everything else is an assumption, kept in this folder and nowhere else:

* The address is a setting (PORTAL_MEESHO_URL, without /v2) and has no default; PORTAL_MEESHO_SIGNATURE_PROFILE and
  PORTAL_MEESHO_TIMEOUT_S may be set too.
* Requests are signed as `signing.HMAC_SHA256_V1` describes: HMAC-SHA-256 in hex over method, path as sent (a prefix of the base
  address included), sorted query, unix seconds, a nonce used once, and the hash of the body. Clocks may differ by 300 s.
* Answers are `{"data", "cursor", "request_id"}`, refusals `{"error": {"code", "message", "details"}, "request_id"}`, with the
  codes in `refusals`. Money is decimal text in rupees, times are ISO 8601 with an offset.
* Lists come oldest change first; `updated_from` and `updated_to` are inclusive, `paid_from` and `paid_to` are whole Indian days.
* `discounted_price` is for one piece. `awb` is there from the moment the label is.
* A sub-order is an order of ours: Meesho never splits one, and the sub-orders of one order may lie on different pages.
* Return rows bring `created_at`, `updated_at`, `expected_delivery_date` and `delivered_at` beside the panel's fields. Lost and
  disposed parcels end the return as cancelled, since they never reach the seller; the raw word stays.
* A return has no id: sub-order number and kind name it. A payout is a payment date; its lines are named by sub-order number,
  transaction id and part. Amounts carry their sign: what Meesho takes is negative.
* Charges outside the settled rows (the payment file's other sheets: advertising, referrals, compensation) are not read.
* A SKU names one size of one product. Stock goes to one location of the shop, 50 lines a call, with an Idempotency-Key that Meesho
  remembers; a call may answer with results or with a request id to ask for.
* Acceptance, cancellation and labels are requests: up to 100 sub-orders, answered with a request id to ask for (PROCESSING, PROCESSED,
  FAILED, a verdict per sub-order, for labels a `url`). That requests work this way is seen in the supplier panel, polled there every
  few seconds; paths and bodies are proposed, and a call that is refused whole names the sub-orders it minds in `details`.
* A request is remembered for a day under its Idempotency-Key. An order whose acceptance is under way refuses a second one with
  INVALID_STATE. Sellers cancel with the reason SUPPLIER_CANNOT_FULFIL.
* The labels of one request come in one PDF, label and invoice together, behind a link that lives for a short time and opens by itself;
  asking about the request again brings a fresh link. A label is asked for again without a second AWB being spent.
* `POST /v2/manifests` takes up to 100 parcels of one carrier, all or none, and closes the manifest at once: it answers its id and
  a link to its PDF. There is no call that opens, changes or reads a manifest, so they are put together here until they close. The
  parcel stays READY_TO_SHIP until the courier has it.
* Meesho takes no smaller quantity than was ordered: what is short is held for a decision, whatever the account's stock policy.
* Files lie on the API's own host or on those that PORTAL_MEESHO_DOCUMENT_HOSTS names (domains, separated by commas; meesho.com).
* No published limits: two calls a second, four at once.
"""

from portal.marketplaces.contract import Fulfilment, Invoicing, Marketplace, later
from portal.marketplaces.meesho.adapter import SUPPORTED, open_meesho
from portal.marketplaces.meesho.files import read_listing_file, read_payout_file
from portal.marketplaces.meesho.keys import BY_API_KEY
from portal.marketplaces.meesho.stages import STAGES
from portal.marketplaces.meesho.tables import MeeshoAccountDetails

MARKETPLACE = Marketplace(
    code="MEESHO",
    name="Meesho",
    slug="meesho",
    source="No public reference; partners' and suppliers' public notes, read 2026-11",
    supported_targets=SUPPORTED,
    stages=STAGES,
    fulfilments={"marketplace": Fulfilment.THEIR_COURIER},
    invoicing=Invoicing.MARKETPLACE,
    methods=(BY_API_KEY,),
    details=MeeshoAccountDetails,
    open=open_meesho,
    sandbox=later("portal.marketplaces.meesho.sandbox", "sandbox"),
    sandbox_keys=later("portal.marketplaces.meesho.sandbox", "sandbox_keys"),
    sandbox_settings=later("portal.marketplaces.meesho.sandbox", "sandbox_settings"),
    identity_name="supplier identifier",
    prepare=(
        "Your supplier identifier: the short code in the profile of the Meesho supplier panel.",
        "The API key and the API secret that Meesho sends after your integration request, in about two working days.",
        "Your pickup location: stock goes to one location per connection. With several, you choose it at the end.",
    ),
    request_message=(
        "Hello, I would like to connect my Meesho shop to the order software I run myself. "
        "Could you please open the supplier API (version 2) for my shop and send me my supplier identifier, "
        "the API key and the API secret, together with the address of the API? "
        "I need orders, returns, payments, stock updates, labels and manifests. Thank you."
    ),
    read_payout_file=read_payout_file,
    payout_file_hint="Supplier panel › Payments › Download: the payment XLSX file.",
    read_listing_file=read_listing_file,
    listing_file_hint="A list of your own with SKU, Product ID, Product Name, Variation and Stock: an XLSX file, or CSV in UTF-8.",
)
