"""Connections as sellers see them: which there are, whether they work, since when and why not."""

from portal.accounts.service.badges import CHECK_PATIENCE, Badge, badge, checking, days_left, ends_soon, settled, what_ends
from portal.accounts.service.capabilities import FIRST_READS, Capability, capabilities_of, put_down
from portal.accounts.service.closing import Closed, close
from portal.accounts.service.expiring import URGENT_DAYS, count_down, hidden, hide, idle, tell_due
from portal.accounts.service.leaving import disconnect, erase_some_history, pause, resume
from portal.accounts.service.proving import (
    AGAIN_AFTER,
    IDLE_AFTER,
    accepted,
    not_allowed,
    refused,
    soon,
    start_check,
    stop_waiting,
    unproven,
)
from portal.accounts.service.reading import (
    TIMELINE_PAGE,
    Gap,
    Happening,
    all_of,
    disconnected,
    get,
    last_gap,
    locked,
    ref,
    timeline,
    topic,
)
from portal.accounts.service.shipping import locations_of, meet, ship_from
from portal.accounts.service.story import tell

__all__ = [
    "AGAIN_AFTER",
    "CHECK_PATIENCE",
    "FIRST_READS",
    "IDLE_AFTER",
    "TIMELINE_PAGE",
    "URGENT_DAYS",
    "Badge",
    "Capability",
    "Closed",
    "Gap",
    "Happening",
    "accepted",
    "all_of",
    "badge",
    "capabilities_of",
    "checking",
    "close",
    "count_down",
    "days_left",
    "disconnect",
    "disconnected",
    "ends_soon",
    "erase_some_history",
    "get",
    "hidden",
    "hide",
    "idle",
    "last_gap",
    "locations_of",
    "locked",
    "meet",
    "not_allowed",
    "pause",
    "put_down",
    "ref",
    "refused",
    "resume",
    "settled",
    "ship_from",
    "soon",
    "start_check",
    "stop_waiting",
    "tell",
    "tell_due",
    "timeline",
    "topic",
    "unproven",
    "what_ends",
]
