"""AJIO's eleven stages, from an open order to a closed manifest, as they go over the partner API. Over the seller panel: `over_panel`.

Every stage asks before it acts: what AJIO has taken already passes without another call, so a stage that was killed in the middle, or
whose answer was lost, is simply begun again.
"""

from collections.abc import AsyncIterator, Callable

from portal.marketplaces.ajio.client.partner import PartnerClient
from portal.marketplaces.ajio.stages import confirming, handing_over, papers
from portal.marketplaces.ajio.stages.work import PartnerWork
from portal.marketplaces.contract import SyncContext
from portal.marketplaces.facts import BatchFacts, StageOutcome
from portal.marketplaces.stages import Stage

CONFIRMATION, DOCUMENTS, MANIFEST = "Confirmation", "Slips and invoices", "Manifest"

STAGES = (
    Stage(
        code="pull",
        title="Pull open orders",
        phase=CONFIRMATION,
        gate="Our count equals AJIO's.",
        produces=("lines", "address"),
        joins=True,
    ),
    Stage(
        code="quantities",
        title="Decide quantities",
        phase=CONFIRMATION,
        gate="No line is promised more than there is in stock.",
        needs=("lines",),
        produces=("quantities",),
        joins=True,
        follows=("stock_policy",),
    ),
    Stage(
        code="check",
        title="Check the batch",
        phase=CONFIRMATION,
        gate="Every GSTIN has its right check character, every pincode lies in its state.",
        needs=("lines", "address", "quantities"),
        produces=("checked",),
        joins=True,
    ),
    Stage(
        code="accept",
        title="Accept orders",
        phase=CONFIRMATION,
        gate="AJIO has acknowledged every order.",
        needs=("checked", "quantities"),
        produces=("acknowledged",),
        joins=True,
        drops=True,
    ),
    Stage(
        code="confirm",
        title="Upload confirmation",
        phase=CONFIRMATION,
        gate="The whole confirmation is accepted: all or nothing.",
        needs=("acknowledged",),
        produces=("confirmed",),
        joins=True,
    ),
    Stage(
        code="purchase_orders",
        title="Purchase orders",
        phase=DOCUMENTS,
        gate="AJIO's hold of about four hours is over and every order has a purchase order.",
        needs=("confirmed",),
        produces=("po_number",),
    ),
    Stage(
        code="labels",
        title="Packing slips and labels",
        phase=DOCUMENTS,
        gate="There are as many slips as confirmed orders, each with its AWB.",
        needs=("po_number",),
        produces=("awb", "label"),
    ),
    Stage(
        code="vendor_invoices",
        title="Vendor invoices",
        phase=DOCUMENTS,
        gate="The invoice has the pieces that were confirmed.",
        needs=("po_number", "label"),
        produces=("vendor_invoice",),
        follows=("tax_number",),
    ),
    Stage(
        code="customer_invoices",
        title="Customer invoices",
        phase=DOCUMENTS,
        gate="Both invoices have the same pieces and the seller's GSTIN.",
        needs=("vendor_invoice",),
        produces=("customer_invoice",),
        follows=("tax_number",),
    ),
    Stage(
        code="open_manifest",
        title="Open manifests",
        phase=MANIFEST,
        gate="One carrier, at most 250 parcels, every document present.",
        needs=("awb", "label", "vendor_invoice", "customer_invoice"),
        produces=("manifest",),
    ),
    Stage(
        code="close_manifest",
        title="Close manifests",
        phase=MANIFEST,
        gate="AJIO has taken every parcel, before 5:30 pm IST for dispatch on the same day.",
        needs=("manifest",),
        produces=("dispatched",),
        closes=True,
    ),
)

Do = Callable[[PartnerWork], AsyncIterator[StageOutcome]]
_DOING: dict[str, Do] = {
    "pull": confirming.pull,
    "quantities": confirming.quantities,
    "check": confirming.check,
    "accept": confirming.accept,
    "confirm": confirming.confirm,
    "purchase_orders": papers.purchase_orders,
    "labels": papers.labels,
    "vendor_invoices": papers.vendor_invoices,
    "customer_invoices": papers.customer_invoices,
    "open_manifest": handing_over.open_manifest,
    "close_manifest": handing_over.close_manifest,
}


def do_stage(client: PartnerClient, ctx: SyncContext, batch: BatchFacts) -> AsyncIterator[StageOutcome]:
    """The steps of the stage that the batch stands at."""
    return _DOING[batch.stage](PartnerWork(client=client, ctx=ctx, batch=batch))
