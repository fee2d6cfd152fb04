"""The live panel of one run, its bar, and what a screen reader hears of it."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from portal.runs.painting.lasting import duration
from portal.runs.painting.mending import BATCH, NEEDS_SELLER
from portal.runs.painting.wording import NEXT, ROWS, TARGETS, words
from portal.runs.service import Attention, Line
from portal.tables.syncs import FINISHED, RunState, SyncRun


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


SPOKEN = {"started", "waiting", "finished", "cancelling"}
"""What a screen reader is told; pages would talk without end."""


def announced(events: Sequence[Line]) -> str:
    """The newest thing worth saying aloud, or nothing."""
    return next((event.message for event in reversed(events) if event.kind in SPOKEN), "")
