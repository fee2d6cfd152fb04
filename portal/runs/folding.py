"""Identical failures in a row, folded into one line of the history."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from portal.runs.service import Listed
from portal.tables.syncs import RunState


class Fold(NamedTuple):
    """The newest run of a streak, and the older ones below it. A run that stands for itself has none."""

    run: Listed
    others: tuple[Listed, ...] = ()

    @property
    def times(self) -> int:
        return 1 + len(self.others)

    @property
    def oldest(self) -> Listed:
        return self.others[-1] if self.others else self.run


def folded(runs: Sequence[Listed]) -> list[Fold]:
    """Runs, newest first, each at its place; a failure joins the one above it of the same account, type and cause, unless one went otherwise between."""
    folds: list[Fold] = []
    streaks: dict[tuple[UUID, str], int] = {}
    for run in runs:
        where = (run.account_id, run.target)
        place = streaks.get(where)
        newest = folds[place].run if place is not None else None
        if place is not None and newest is not None and _same_failure(newest, run):
            folds[place] = folds[place]._replace(others=(*folds[place].others, run))
            continue
        streaks[where] = len(folds)
        folds.append(Fold(run))
    return folds


def _same_failure(newer: Listed, older: Listed) -> bool:
    both_failed = newer.state == older.state == RunState.FAILED
    return both_failed and newer.error_code == older.error_code
