"""What a run ends in for each fault of a sandbox, and what its seller reads then."""

from portal.marketplaces.sandbox import Fault
from portal.runs import painting
from portal.tables.syncs import SyncRun

UNREACHABLE = ("waiting", "unreachable")
WIRE_CHANGED = ("waiting", "wire_changed")
DONE = ("succeeded", "")
LASTING: dict[Fault, tuple[str, str]] = {
    # fault, for as long as the run lasts: state and code
    Fault.REVOKED: ("failed", "keys_rejected"),
    Fault.FORBIDDEN: ("failed", "not_allowed"),
    Fault.SLOW_DOWN: ("waiting", "throttled"),
    Fault.OUTAGE: UNREACHABLE,
    Fault.TIMEOUT: UNREACHABLE,
    Fault.RESET: UNREACHABLE,
    Fault.EMPTY: UNREACHABLE,
    Fault.BOT_FILTER: UNREACHABLE,
    Fault.LOGIN_PAGE: UNREACHABLE,
    Fault.TRUNCATED: WIRE_CHANGED,
    Fault.CHANGED: WIRE_CHANGED,
    Fault.REPEATED_PAGE: ("partial", ""),
}
PASSING: dict[Fault, tuple[str, str]] = {
    # fault, once
    Fault.EXPIRED_TOKEN: DONE,
    Fault.CLOCK_SKEW: DONE,
    Fault.LOST_ANSWER: DONE,
    Fault.UNKNOWN_VALUE: DONE,
    Fault.UNREADABLE_ROW: ("partial", ""),
}
SAYS = {
    # code: what the seller reads, wherever the run is shown
    "keys_rejected": "",
    "not_allowed": "",
    "throttled": "asked us to slow down. We go on at",
    "unreachable": "Next attempt at",
    "wire_changed": "sent data we cannot read yet",
}


def told(run: SyncRun, where: str) -> None:
    """The sentence of a run that did not simply end, and that the panel shows it."""
    if run.state not in {"waiting", "failed", "partial"}:
        return
    words = run.error_message or run.partial_reason
    assert words[:1].isupper() or words[:1].isdigit(), f"{where}: {words}"
    assert SAYS.get(run.error_code, "") in words, f"{where}: {words}"
    shown = painting.panel(run)
    assert words in (shown.bar.text if run.state == "waiting" else shown.message), where
