"""Amazon Easy Ship's seven stages, from an open order to a parcel that waits for Amazon's van with its papers.

Every stage asks before it acts: a pickup that is booked already is taken as it is, a feed that was started is awaited and not started
again. Amazon takes whole orders only, and has no call for the hand-over itself: the driver scans the parcels.
An order that a person drops comes straight to the stage that works by feeds: a cancellation is one, as a request for papers is.
"""

from collections.abc import AsyncGenerator, Callable

from portal.marketplaces.amazon_in.client import AmazonClient
from portal.marketplaces.amazon_in.stages import choosing, handing_over, papers, scheduling
from portal.marketplaces.amazon_in.stages.work import Work
from portal.marketplaces.contract import SyncContext
from portal.marketplaces.facts import BatchFacts, StageOutcome
from portal.marketplaces.stages import Stage

ORDERS, PICKUP, PAPERS = "Orders", "Pickup", "Labels and invoices"

STAGES = (
    Stage(
        code="pull",
        title="Pull open orders",
        phase=ORDERS,
        gate="Every page of unshipped Easy Ship orders is read.",
        produces=("lines",),
        joins=True,
    ),
    Stage(
        code="stock",
        title="Check stock",
        phase=ORDERS,
        gate="Every piece that is ordered is in stock: Amazon takes whole orders only.",
        needs=("lines",),
        produces=("quantities",),
        joins=True,
    ),
    Stage(
        code="check",
        title="Check orders and parcels",
        phase=ORDERS,
        gate="No shopper has asked to cancel, and every parcel has a size and a weight.",
        needs=("lines", "quantities"),
        produces=("parcel",),
        joins=True,
    ),
    Stage(
        code="slots",
        title="Choose pickup slots",
        phase=PICKUP,
        gate="Amazon offers a slot for every parcel.",
        needs=("parcel",),
        produces=("slot",),
        joins=True,
    ),
    Stage(
        code="schedule",
        title="Schedule pickups",
        phase=PICKUP,
        gate="Amazon has booked every pickup, one order at a time.",
        needs=("slot",),
        produces=("package", "awb"),
        joins=True,
    ),
    Stage(
        code="papers",
        title="Labels and invoices",
        phase=PAPERS,
        gate="Every parcel has its own label and invoice.",
        needs=("package", "awb"),
        produces=("label", "customer_invoice"),
        drops=True,
    ),
    Stage(
        code="handover",
        title="Ready for the driver",
        phase=PAPERS,
        gate="Amazon still expects every parcel, and each has its papers.",
        needs=("package", "label"),
        produces=("manifest",),
    ),
)

Do = Callable[[Work], AsyncGenerator[StageOutcome, None]]
_DOING: dict[str, Do] = {
    "pull": choosing.pull,
    "stock": choosing.stock,
    "check": choosing.check,
    "slots": scheduling.slots,
    "schedule": scheduling.schedule,
    "papers": papers.papers,
    "handover": handing_over.handover,
}


def do_stage(client: AmazonClient, ctx: SyncContext, batch: BatchFacts) -> AsyncGenerator[StageOutcome, None]:
    """The steps of the stage that the batch stands at."""
    return _DOING[batch.stage](Work.of(client, ctx, batch))
