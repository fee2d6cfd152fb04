"""A run as people see it: words for states, the bar, and the parts of the live panel. The page and the stream draw from here."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from portal import clock
from portal.runs.service import FOR_PERSON, Attention, Line, Listed, Problem, ProblemKind
from portal.tables.requests import RunRequest
from portal.tables.syncs import FINISHED, RunState, SyncRun
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

BATCH = "FULL_PROCESSING"
"""What moves a batch; cut short, it waits for a person's decision."""

NEEDS_SELLER = {"keys_rejected", "secret_unreadable"}
"""Ends that a retry cannot mend: the seller has to reconnect first."""


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """`value` None: under way, and nobody knows how far."""

    value: float | None
    text: str


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the live panel shows, read off the run's row."""

    id: str
    state: str
    words: str
    tone: str
    target: str
    finished: bool
    bar: Bar
    seq: int
    new: int
    changed: int
    same: int
    set_aside: int
    read: int
    pages: int
    stage_state: str
    message: str
    error_code: str
    cancel_asked: bool
    can_retry: bool
    retry_href: str
    rows_words: str
    rows_href: str
    diagnostic_id: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    heartbeat_at: datetime | None
    progressed_at: datetime | None
    duration: str


def in_line(request: RunRequest) -> str:
    """A request that waits for this account's live run, in a few words."""
    target = TARGETS[request.target]
    return f"{target}: {PURPOSES[request.purpose]}" if request.purpose in PURPOSES else target


def stock_in_line(quantities: int) -> str:
    return f"{TARGETS['INVENTORY']}: {plural(quantities, 'approved quantity', 'approved quantities')}"


def words(state: str, attention: Attention = Attention.NONE) -> tuple[str, str]:
    """What a state is called, and its tone. A run that ended for a person to act is not called one with problems."""
    return FOR_A_PERSON[attention] if attention else WORDS[RunState(state)]


def panel(run: SyncRun, attention: Attention = Attention.NONE) -> Panel:
    state = RunState(run.state)
    said, tone = words(state, attention)
    rows = NEXT.get(attention, ROWS[run.target])
    if state is RunState.RUNNING and run.pages == 0:
        said = "Starting"
    return Panel(
        id=str(run.id),
        state=state,
        words=said,
        tone=tone,
        target=TARGETS[run.target],
        finished=state in FINISHED,
        bar=bar(run),
        seq=run.seq,
        new=run.new_count,
        changed=run.changed_count,
        same=run.same_count,
        set_aside=run.set_aside_count,
        read=run.new_count + run.changed_count + run.same_count,
        pages=run.pages,
        stage_state=_stage(run, state),
        message=run.error_message or run.partial_reason,
        error_code=run.error_code,
        cancel_asked=run.cancel_requested,
        can_retry=_can_retry(run, state),
        retry_href=_retry_href(run),
        rows_words=rows[0],
        rows_href=rows[1],
        diagnostic_id=run.diagnostic_id,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        heartbeat_at=run.heartbeat_at,
        progressed_at=run.progressed_at,
        duration=duration(run),
    )


def _can_retry(run: SyncRun, state: RunState) -> bool:
    """A batch that waits for a person has no failed part: its own page says what to do."""
    if run.target == BATCH and state is RunState.PARTIAL:
        return False
    return state in (RunState.FAILED, RunState.PARTIAL, RunState.CANCELLED) and run.error_code not in NEEDS_SELLER


def retry_of(run: Listed) -> str:
    """Where the failed part of a listed run is asked for again; empty when there is none, or the seller has to act first."""
    unfinished = run.state in (RunState.FAILED, RunState.CANCELLED) or (
        run.state == RunState.PARTIAL and run.partial_kind == "cut" and run.target != BATCH
    )
    return f"/syncs/{run.id}/retry" if unfinished and run.error_code not in NEEDS_SELLER else ""


def _retry_href(run: SyncRun) -> str:
    """Where the failed part is asked for again. A push that ended has nothing left behind its end: its refused lines are asked for anew."""
    if (run.target, run.state) == ("INVENTORY", RunState.PARTIAL):
        return f"/inventory/accounts/{run.marketplace_account_id}/retry"
    return f"/syncs/{run.id}/retry"


def _stage(run: SyncRun, state: RunState) -> str:
    if state in (RunState.SUCCEEDED, RunState.PARTIAL):
        return "Done"
    if state in (RunState.FAILED, RunState.CANCELLED):
        return "Stopped"
    return "Running" if run.pages else "Waiting"


def bar(run: SyncRun) -> Bar:
    """How far the run is. One stage; its fraction is known when the marketplace tells a total."""
    if run.target == "FULL_PROCESSING" and run.cursor and run.state not in FINISHED:
        return _stage_bar(run, run.cursor)
    read = run.new_count + run.changed_count + run.same_count
    name = TARGETS[run.target]
    if run.state == RunState.WAITING and run.error_message:
        # The bar stays where it was; what it waits for is worth more than the number of a page.
        return Bar(value=min(0.99, read / run.total) if run.total else None, text=run.error_message)
    if run.state in (RunState.SUCCEEDED, RunState.PARTIAL):
        return Bar(value=1.0, text=f"Stage 1 of 1: {name} · {read} read")
    if run.state == RunState.QUEUED and run.pages == 0:
        return Bar(value=None, text=f"{name} · waiting for a worker")
    if run.pages == 0:
        return Bar(value=None, text=f"{name} · asking the marketplace")
    if run.total:
        # A bar that ends before the work does would be a lie, and so would one that goes back.
        part = min(0.99, read / run.total)
        return Bar(value=part, text=f"Stage 1 of 1: {name} · page {run.pages} · {read} of about {run.total}")
    # An empty bar beside growing numbers looks broken; a striped one says what we know.
    return Bar(value=None, text=f"Stage 1 of 1: {name} · page {run.pages}, total not known yet · {read} read")


def _stage_bar(run: SyncRun, cursor: str) -> Bar:
    """How many stages of a batch are behind it. Its cursor says `7/11/Packing slips and labels`."""
    stage, stages, title = cursor.split("/", maxsplit=2)
    where = f"Stage {stage} of {stages}: {title}"
    waits = run.state == RunState.WAITING and run.error_message
    return Bar(value=(int(stage) - 1) / int(stages), text=f"{where} · {run.error_message}" if waits else where)


def duration(run: SyncRun) -> str:
    if run.started_at is None:
        return ""
    return spell((run.finished_at or clock.now()) - run.started_at)


def spell(length: timedelta) -> str:
    """A duration as one says it: 42 s, 3 min 5 s, 2 h 10 min."""
    seconds = max(0, int(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


SPOKEN = {"started", "waiting", "finished", "cancelling"}
"""What a screen reader is told; pages would talk without end."""


def announced(events: Sequence[Line]) -> str:
    """The newest thing worth saying aloud, or nothing."""
    return next((event.message for event in reversed(events) if event.kind in SPOKEN), "")


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


def took(run: Listed) -> str:
    return spell((run.finished_at or clock.now()) - run.started_at) if run.started_at else "–"


class Remedy(msgspec.Struct, frozen=True, kw_only=True):
    """The one thing to do about a problem. `post`: a button that acts, else a link. `permission` is what it takes."""

    label: str
    href: str
    post: bool = False
    permission: str = "read"


def remedy(problem: Problem) -> Remedy:
    """What helps: a reconnect where the seller must act, the rows where they are, otherwise going on where it stopped."""
    account = f"/accounts/{problem.account_id}"
    if problem.kind is ProblemKind.SET_ASIDE:
        return Remedy(label="View the rows", href=f"/set-asides?account={problem.account_id}")
    if problem.code in NEEDS_SELLER:
        return Remedy(label="Reconnect", href=f"{account}/reconnect", permission="connect")
    if problem.code == "not_allowed":
        return Remedy(label="See what is not shared", href=account)
    if problem.kind is ProblemKind.WAITS:
        words, href = NEXT[problem.attention]
        return Remedy(label=words, href=href)
    return Remedy(label="Retry failed part", href=f"/syncs/{problem.run_id}/retry", post=True, permission="sync")


def targets(problem: Problem) -> str:
    """The types a problem concerns: orders, returns."""
    return ", ".join(TARGETS[target].lower() for target in problem.targets)
