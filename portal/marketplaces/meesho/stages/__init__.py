"""Meesho's seven stages, from a pending sub-order to a closed manifest.

Every stage asks before it acts. Orders are read again first, and what Meesho has done already passes without a call. Every call
that changes something carries an Idempotency-Key made of what it says, so a stage that was killed in the middle, or whose answer was
lost, is simply begun again: the same call under the same key is the question what became of it. Should Meesho have forgotten
the key (a day later), it refuses what is done already by the order's state, and the order is read again.

Domain: accept, labels, manifest are Meesho's own steps. That acceptance and labels are requests to be asked about by their id is
seen in the supplier panel; the calls themselves are proposed.
"""

from collections.abc import AsyncIterator, Callable

from portal.marketplaces.contract import SyncContext
from portal.marketplaces.facts import BatchFacts, StageOutcome
from portal.marketplaces.meesho.client import MeeshoClient
from portal.marketplaces.meesho.stages import accepting, handing_over, labelling, pulling
from portal.marketplaces.meesho.stages.work import Work
from portal.marketplaces.stages import Stage

ACCEPTANCE, LABELS, MANIFEST = "Acceptance", "Labels", "Manifest"

STAGES = (
    Stage(
        code="pull",
        title="Pull pending orders",
        phase=ACCEPTANCE,
        gate="Every page of pending orders has been read; what Meesho still verifies stays out.",
        produces=("lines", "updated_at"),
        joins=True,
    ),
    Stage(
        code="quantities",
        title="Decide quantities",
        phase=ACCEPTANCE,
        gate="There is stock for every piece, because Meesho splits no order.",
        needs=("lines",),
        produces=("quantities",),
        joins=True,
    ),
    Stage(
        code="accept",
        title="Accept orders",
        phase=ACCEPTANCE,
        gate="Meesho has worked the request off and accepted every order.",
        needs=("quantities", "updated_at"),
        produces=("accepted_at",),
        joins=True,
        drops=True,
    ),
    Stage(
        code="labels",
        title="Have labels made",
        phase=LABELS,
        gate="Meesho has made a label with its invoice for every order.",
        needs=("accepted_at",),
        produces=("label_request",),
    ),
    Stage(
        code="papers",
        title="Fetch labels and invoices",
        phase=LABELS,
        gate="Every order has its label as a whole PDF, its AWB and its carrier.",
        needs=("label_request",),
        produces=("awb", "carrier", "label"),
    ),
    Stage(
        code="open_manifest",
        title="Open manifests",
        phase=MANIFEST,
        gate="One carrier, at most 100 parcels, every label present.",
        needs=("awb", "carrier", "label"),
        produces=("manifest",),
    ),
    Stage(
        code="close_manifest",
        title="Close manifests",
        phase=MANIFEST,
        gate="Meesho has put every parcel on a manifest for its carrier.",
        needs=("manifest",),
        produces=("manifest",),
        closes=True,
    ),
)

Do = Callable[[Work], AsyncIterator[StageOutcome]]
_DOING: dict[str, Do] = {
    "pull": pulling.pull,
    "quantities": pulling.quantities,
    "accept": accepting.accept,
    "labels": labelling.labels,
    "papers": labelling.papers,
    "open_manifest": handing_over.open_manifest,
    "close_manifest": handing_over.close_manifest,
}


def do_stage(client: MeeshoClient, ctx: SyncContext, batch: BatchFacts) -> AsyncIterator[StageOutcome]:
    """The steps of the stage that the batch stands at."""
    return _DOING[batch.stage](Work(client=client, ctx=ctx, batch=batch))
