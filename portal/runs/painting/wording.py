"""What states, types and occasions of runs are called."""

from portal.runs.service import FOR_PERSON, Attention, Listed
from portal.tables.requests import RunRequest
from portal.tables.syncs import RunState
from portal.web.filters import plural

WORDS = {
    # state: words, tone
    RunState.QUEUED: ("Waiting", "neutral"),
    RunState.RUNNING: ("Running", "info"),
    RunState.WAITING: ("Waiting to go on", "warn"),
    RunState.CANCELLING: ("Stopping", "warn"),
    RunState.SUCCEEDED: ("Done", "ok"),
    RunState.PARTIAL: ("Done with problems", "warn"),
    RunState.FAILED: ("Failed", "bad"),
    RunState.CANCELLED: ("Cancelled", "neutral"),
}

FOR_A_PERSON = {
    # what it wants: words, tone
    Attention.HELD: ("Waiting for you", "warn"),
    Attention.CLOSING: ("Waiting for you", "warn"),
    Attention.PAST: ("Waited for you", "neutral"),
}

RESULTS = {**{state.value: said for state, (said, _) in WORDS.items()}, FOR_PERSON: "Waiting for you"}
"""What the history can be narrowed to."""

NEXT = {Attention.HELD: ("Decide about held orders", "/held"), Attention.CLOSING: ("Close the manifests", "/batches")}
"""What to do about a run that waits for a person, and where."""

TARGETS = {
    "ORDERS": "Orders",
    "RETURNS": "Returns",
    "PAYOUTS": "Payouts",
    "LISTINGS": "Listings",
    "INVENTORY": "Stock push",
    "FULL_PROCESSING": "Full processing",
}

ROWS = {
    # target: what leads to what it brought, and where that is
    "ORDERS": ("View orders", "/orders"),
    "RETURNS": ("View returns", "/returns"),
    "PAYOUTS": ("View payouts", "/payouts"),
    "LISTINGS": ("View listings", "/listings"),
    "INVENTORY": ("View stock", "/inventory"),
    "FULL_PROCESSING": ("View batches", "/batches"),
}

PURPOSES = {"backfill": "Older days", "reconciliation": "Nightly check"}
"""What a run is for, where that is not simply what is new."""

TRIGGERS = {"manual": "Sync now", "schedule": "Schedule", "connect": "Connected", "retry": "Retry", "cli": "Command line"}
LEVELS = {"": "All lines", "warning": "Warnings and problems", "problem": "Problems"}


def in_line(request: RunRequest) -> str:
    """A request that waits for this account's live run, in a few words."""
    target = TARGETS[request.target]
    return f"{target}: {PURPOSES[request.purpose]}" if request.purpose in PURPOSES else target


def stock_in_line(quantities: int) -> str:
    return f"{TARGETS['INVENTORY']}: {plural(quantities, 'approved quantity', 'approved quantities')}"


def words(state: str, attention: Attention = Attention.NONE) -> tuple[str, str]:
    """What a state is called, and its tone. A run that ended for a person to act is not called one with problems."""
    return FOR_A_PERSON[attention] if attention else WORDS[RunState(state)]


def started_by(trigger: str, asked_by: str) -> str:
    """Who or what began a run: a person by name, else the occasion."""
    return asked_by if asked_by and trigger in ("manual", "retry") else TRIGGERS[trigger]


def kind(run: Listed) -> str:
    """How much of its type a run read."""
    if run.target == "INVENTORY":
        return ""
    if run.purpose in PURPOSES:
        return PURPOSES[run.purpose]
    return "Rows set aside" if run.reread else "Everything in reach" if run.whole else "New changes"


def reason(run: Listed) -> str:
    """Why a run came to what it came to, in the row, so that nobody has to click to learn it."""
    return "Nothing to do" if run.nothing_to_do else run.reason
