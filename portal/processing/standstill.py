"""Why an open batch does not move just now, read off the batch and the newest run that works on its account's orders."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, LiteralString

import msgspec

from portal.tables.processing import StageState
from portal.tables.syncs import FINISHED, RunState

NEWEST_RUN: LiteralString = """LEFT JOIN LATERAL (
    SELECT r.state AS run_state, r.error_message, r.partial_reason FROM sync_runs r
    WHERE r.marketplace_account_id = b.marketplace_account_id AND r.target = 'FULL_PROCESSING' ORDER BY r.created_at DESC LIMIT 1) AS run ON true"""
"""Joined to `batches b`: what `of` needs to know of the run."""

CANCELLED = "Somebody cancelled the run. What was done is kept, and the batch goes on when you continue it."
STOPPED = "stopped"


class Standstill(msgspec.Struct, frozen=True, kw_only=True):
    """`stage` is how the stage it stands at shows: running, waiting or stopped. `words` say why, empty while it moves.

    `until` is when it goes on by itself; None where it does not, or while it moves.
    """

    stage: str
    words: str = ""
    until: datetime | None = None
    stopped: bool = False


def of(batch: Mapping[str, Any]) -> Standstill:
    """Of a row of `batches` with its NEWEST_RUN. What a closed batch does is nobody's question: it moves."""
    state = batch["run_state"]
    if batch["state"] != "open" or state is None:
        return Standstill(stage=StageState.RUNNING)
    if state not in FINISHED and state != RunState.WAITING:
        return Standstill(stage=StageState.RUNNING)
    if state == RunState.WAITING:
        words = batch["waiting_for"] if batch["waiting_until"] else batch["error_message"]
        return Standstill(stage=StageState.WAITING, words=words, until=batch["waiting_until"])
    if batch["waiting_for"] and batch["waiting_until"] is None:
        return Standstill(stage=StageState.WAITING, words=batch["waiting_for"])
    words = CANCELLED if state == RunState.CANCELLED else batch["error_message"] or batch["partial_reason"]
    return Standstill(stage=STOPPED, words=words, stopped=True)
