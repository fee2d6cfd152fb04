"""Flipkart's ten stages, from an approved order to the courier's manifest.

Every stage reads where its parcels stand before it acts: what Flipkart has taken already passes without another call, so a stage that
was killed in the middle, or whose answer was lost, is simply begun again.

Documented: a parcel is cancelled before it is packed, packing is asked for and done later, a label that is fetched as a reprint leaves
the parcel alone, an invoice comes as data or PDF by content type, hand-over counts are of parcels that are ready, the manifest is of one
courier group. Inferred: repeat only what did not move a parcel; an invoice asked for without a number is numbered by Flipkart.
Proposed by us: several articles in a parcel are as large as a pile of them; a manifest without a day of its own is called by its courier.
No call lets a seller confirm a part of a line, correct an address or dispatch with a courier of his own as his orders here are; such
orders stay in the Seller Dashboard, and the stage that meets one says so.
"""

from collections.abc import AsyncIterator, Callable

from portal.marketplaces.contract import SyncContext
from portal.marketplaces.facts import BatchFacts, StageOutcome
from portal.marketplaces.flipkart.client import FlipkartClient
from portal.marketplaces.flipkart.stages import cancelling, handing_over, packing, papers, preparing
from portal.marketplaces.flipkart.stages.work import Work
from portal.marketplaces.stages import Stage

PACKING, DOCUMENTS, HANDOVER = "Packing", "Labels and invoices", "Hand-over"

STAGES = (
    Stage(
        code="pull",
        title="Pull approved orders",
        phase=PACKING,
        gate="Every order whose dispatch time has begun and that is not on hold is here.",
        produces=("lines", "parcels"),
        joins=True,
    ),
    Stage(
        code="quantities",
        title="Decide quantities",
        phase=PACKING,
        gate="No line is promised that is not in stock. Flipkart takes a line whole or not at all.",
        needs=("lines",),
        produces=("quantities",),
        joins=True,
        follows=("stock_policy",),
    ),
    Stage(
        code="check",
        title="Find tax and size",
        phase=PACKING,
        gate="Every item has its rate of GST, every parcel its size and weight.",
        needs=("parcels", "quantities"),
        produces=("rates", "sizes"),
        joins=True,
    ),
    Stage(
        code="cancel",
        title="Cancel what is not sent",
        phase=PACKING,
        gate="Flipkart has cancelled every line that gets no pieces, and every order you dropped.",
        needs=("parcels", "quantities"),
        produces=("settled",),
        joins=True,
        drops=True,
    ),
    Stage(
        code="pack",
        title="Ask for packing",
        phase=PACKING,
        gate="Flipkart has taken every parcel with its tax, size and date of invoice.",
        needs=("parcels", "rates", "sizes", "settled"),
        produces=("asked",),
        joins=True,
    ),
    Stage(
        code="packed",
        title="Wait for labels",
        phase=DOCUMENTS,
        gate="Flipkart shows every parcel as packed.",
        needs=("asked",),
        produces=("packed",),
        joins=True,
    ),
    Stage(
        code="labels",
        title="Labels",
        phase=DOCUMENTS,
        gate="There is a label with an AWB for every parcel.",
        needs=("packed",),
        produces=("awb", "label"),
        joins=True,
    ),
    Stage(
        code="invoices",
        title="Customer invoices",
        phase=DOCUMENTS,
        gate="Every item of a parcel is on its invoice.",
        needs=("packed",),
        produces=("customer_invoice",),
        joins=True,
    ),
    Stage(
        code="dispatch",
        title="Mark ready to dispatch",
        phase=HANDOVER,
        gate="Flipkart has told the courier to come for every parcel that has its label and invoice.",
        needs=("awb", "label", "customer_invoice"),
        produces=("dispatched",),
        joins=True,
        closes=True,
    ),
    Stage(
        code="manifest",
        title="Manifests",
        phase=HANDOVER,
        gate="Flipkart counts as many parcels for the couriers as are ready, and each courier has its manifest.",
        needs=("dispatched",),
        produces=("manifest",),
    ),
)

Do = Callable[[Work], AsyncIterator[StageOutcome]]
_DOING: dict[str, Do] = {
    "pull": preparing.pull,
    "quantities": preparing.quantities,
    "check": preparing.check,
    "cancel": cancelling.cancel,
    "pack": packing.pack,
    "packed": packing.packed,
    "labels": papers.labels,
    "invoices": papers.invoices,
    "dispatch": handing_over.dispatch,
    "manifest": handing_over.manifest,
}


def do_stage(client: FlipkartClient, ctx: SyncContext, batch: BatchFacts) -> AsyncIterator[StageOutcome]:
    """The steps of the stage that the batch stands at."""
    return _DOING[batch.stage](Work(client=client, ctx=ctx, batch=batch))
