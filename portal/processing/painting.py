"""Words for batches, stages, held orders and their papers."""

from portal.processing.standstill import Standstill
from portal.tables.processing import BatchState, StageState

BATCHES = {"open": ("Under way", "info"), "closed": ("Closed", "ok")}
FOR_A_PERSON = ("Waiting for you", "warn")
STAGES = {
    "ahead": ("Ahead", "neutral"),
    "skipped": ("Not needed", "neutral"),
    "running": ("Running", "info"),
    "waiting": ("Waiting", "warn"),
    "stopped": ("Stopped", "bad"),
    "done": ("Done", "ok"),
}
ORDERS = {
    "in": ("On its way", "info"),
    "held": ("Held", "warn"),
    "released": ("Joins the next batch", "info"),
    "gone": ("Left the batch", "neutral"),
    "done": ("Processed", "ok"),
}
DECISIONS = {
    "reduce": "Send what there is",
    "as_ordered": "Send as ordered",
    "drop": "Cancel the order",
    "correct": "Use these values",
    "retry": "Try again",
}
ALL = {
    "reduce": "Send what there is of all %(n)s",
    "as_ordered": "Send all %(n)s as ordered",
    "drop": "Cancel all %(n)s",
    "retry": "Try all %(n)s again",
}
CAUSES = {
    "stock_unknown": "stock not known",
    "stock_short": "not enough stock",
    "stock_taken": "stock promised to other orders",
    "taken_out": "taken out of the manifest",
    "no_answer": "no answer from the marketplace",
    "papers_missing": "papers missing",
}
PAPERS = {
    "label": "Packing slips and labels",
    "vendor_invoice": "Vendor invoices",
    "customer_invoice": "Customer invoices",
    "invoice": "Invoices",
    "manifest": "Manifests",
}
PRINTS = {
    "batch": "All papers, in packing order",
    "picks": "Pick list",
    "slips": "Packing slips",
    "order": "Papers of one order",
}
STOCK = {"ask": "Hold the order and ask", "reduce": "Send what there is", "zero": "Send none of that line"}
CLOSE = {"manual": "When somebody says so", "immediate": "As soon as everything is ready", "delayed": "Shortly before the cut-off"}


def batch(state: str, still: Standstill, held: int) -> tuple[str, str]:
    """What a batch is called, and its tone: one that waits for a person says so, whether it stands still or is over with orders held."""
    if state == BatchState.CLOSED:
        return FOR_A_PERSON if held else BATCHES[state]
    if still.stage == StageState.WAITING:
        return FOR_A_PERSON if still.until is None else STAGES[still.stage]
    return STAGES[still.stage] if still.stopped else BATCHES[state]


def cause(code: str) -> str:
    """Why orders are held, in a few words; a cause that a marketplace alone knows says itself in the orders' own sentences."""
    return CAUSES.get(code, "held for the same cause")


def paper(kind: str) -> str:
    """What papers of a kind are called; a kind that a marketplace alone knows is one of the others."""
    return PAPERS.get(kind, "Other papers")
