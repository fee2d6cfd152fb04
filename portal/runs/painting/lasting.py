"""How long a run takes, as one says it."""

from datetime import timedelta

from portal import clock
from portal.runs.service import Listed
from portal.tables.syncs import SyncRun


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


def took(run: Listed) -> str:
    return spell((run.finished_at or clock.now()) - run.started_at) if run.started_at else "–"
