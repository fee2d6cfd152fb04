"""Stock to tell the marketplaces: drafts, their review, what a push takes along, and what became of each line.

A task is one absolute quantity for one listing: draft → pending → sent → accepted or refused; replaced when a newer one came first.
"""

from portal.inventory.service.drafting import Draft, DraftLine, approve, discard, draft, review
from portal.inventory.service.pushing import anything_pending, keep_outcomes, lines_to_push, retry_refused
from portal.inventory.service.quantities import COMING, LARGEST, THERE

__all__ = [
    "COMING",
    "LARGEST",
    "THERE",
    "Draft",
    "DraftLine",
    "anything_pending",
    "approve",
    "discard",
    "draft",
    "keep_outcomes",
    "lines_to_push",
    "retry_refused",
    "review",
]
