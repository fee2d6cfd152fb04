"""Words for batches, stages, held orders and their papers."""

BATCHES = {"open": ("Under way", "info"), "closed": ("Closed", "ok")}
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


def paper(kind: str) -> str:
    """What papers of a kind are called; a kind that a marketplace alone knows is one of the others."""
    return PAPERS.get(kind, "Other papers")
