"""The life of a run: start or join one, record what it does, end it, read it. `syncing` does the work itself.

The row is the truth. Every change adds a numbered event and nudges whoever watches, in one transaction.
"""

from portal.runs.service.batching import Wanted, queue_many
from portal.runs.service.ending import LeaseLost, request_cancel
from portal.runs.service.reading import Aside, Listed, account_of, events, get, history, last_events, set_asides
from portal.runs.service.requesting import SLICE, Asked, advance, ask, in_line, last_check, requests_of, stock_in_line, withdraw
from portal.runs.service.rescuing import rescue
from portal.runs.service.starting import Range, Started, live, put_in_line, queue, retry, start
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
    "SLICE",
    "Aside",
    "Asked",
    "LeaseLost",
    "Listed",
    "Range",
    "Recorded",
    "Started",
    "Taken",
    "Wanted",
    "account_of",
    "advance",
    "ask",
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
    "in_line",
    "last_check",
    "last_events",
    "live",
    "next_in_line",
    "note",
    "put_in_line",
    "queue",
    "queue_many",
    "record",
    "request_cancel",
    "requests_of",
    "rescue",
    "retry",
    "set_asides",
    "start",
    "step_back",
    "stock_in_line",
    "take",
    "tell",
    "topic",
    "wait_until",
    "withdraw",
]
