"""The eleven stages over the seller panel: read from its order report, and done by the seller's own hands where it offers no call.

What the report shows as done passes without asking anybody. For the rest the seller gets one errand at a time: a sheet to upload in
the panel, a file to bring back, or both. Whatever he brings is taken whole or not at all.
"""

from collections.abc import AsyncIterator, Callable

from portal.marketplaces.ajio.client.panel import PanelClient
from portal.marketplaces.ajio.stages import confirming as ours
from portal.marketplaces.ajio.stages import handing_over as packed
from portal.marketplaces.ajio.stages import papers as issued
from portal.marketplaces.ajio.stages.over_panel import confirming, handing_over, papers
from portal.marketplaces.ajio.stages.over_panel.work import PanelWork
from portal.marketplaces.contract import SyncContext
from portal.marketplaces.facts import BatchFacts, StageOutcome

_DOING: dict[str, Callable[[PanelWork], AsyncIterator[StageOutcome]]] = {
    "pull": confirming.pull,
    "quantities": confirming.quantities,
    "check": ours.check,
    "accept": confirming.accept,
    "confirm": confirming.confirm,
    "purchase_orders": issued.purchase_orders,
    "labels": papers.labels,
    "vendor_invoices": papers.vendor_invoices,
    "customer_invoices": papers.customer_invoices,
    "open_manifest": packed.open_manifest,
    "close_manifest": handing_over.close_manifest,
}


def do_panel_stage(client: PanelClient, ctx: SyncContext, batch: BatchFacts, *, page_size: int) -> AsyncIterator[StageOutcome]:
    """The steps of the stage that the batch stands at."""
    return _DOING[batch.stage](PanelWork(client=client, ctx=ctx, batch=batch, page_size=page_size))
