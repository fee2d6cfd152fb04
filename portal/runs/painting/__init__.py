"""A run as people see it: words for states, the bar, and the parts of the live panel. The page and the stream draw from here."""

from portal.runs.painting.lasting import duration, spell, took
from portal.runs.painting.live import Bar, Panel, announced, bar, panel
from portal.runs.painting.mending import NEEDS_SELLER, Remedy, remedy, retry_of, targets
from portal.runs.painting.wording import (
    FOR_A_PERSON,
    LEVELS,
    NEXT,
    PURPOSES,
    RESULTS,
    ROWS,
    TARGETS,
    TRIGGERS,
    WORDS,
    in_line,
    kind,
    reason,
    started_by,
    stock_in_line,
    words,
)

__all__ = [
    "FOR_A_PERSON",
    "LEVELS",
    "NEEDS_SELLER",
    "NEXT",
    "PURPOSES",
    "RESULTS",
    "ROWS",
    "TARGETS",
    "TRIGGERS",
    "WORDS",
    "Bar",
    "Panel",
    "Remedy",
    "announced",
    "bar",
    "duration",
    "in_line",
    "kind",
    "panel",
    "reason",
    "remedy",
    "retry_of",
    "spell",
    "started_by",
    "stock_in_line",
    "targets",
    "took",
    "words",
]
