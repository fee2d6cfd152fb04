"""The life of a run: start or join one, record what it does, end it, read it. `syncing` does the work itself.

The row is the truth. Every change adds a numbered event and nudges whoever watches, in one transaction.
"""

from portal.runs.service.ending import LeaseLost, request_cancel
from portal.runs.service.reading import Aside, Listed, account_of, events, get, history, last_events, set_asides, since
from portal.runs.service.rescuing import rescue
from portal.runs.service.starting import Started, live, queue, retry, start
from portal.runs.service.telling import diagnostic_id, tell, topic
from portal.runs.service.working import (
    Recorded,
    Taken,
    beat,
    cancelled,
    fail,
    faults,
    finish,
    hand_back,
    next_in_line,
    note,
    record,
    step_back,
    take,
    wait_until,
)

__all__ = [
    "Aside",
    "LeaseLost",
    "Listed",
    "Recorded",
    "Started",
    "Taken",
    "account_of",
    "beat",
    "cancelled",
    "diagnostic_id",
    "events",
    "fail",
    "faults",
    "finish",
    "get",
    "hand_back",
    "history",
    "last_events",
    "live",
    "next_in_line",
    "note",
    "queue",
    "record",
    "request_cancel",
    "rescue",
    "retry",
    "set_asides",
    "since",
    "start",
    "step_back",
    "take",
    "tell",
    "topic",
    "wait_until",
]
