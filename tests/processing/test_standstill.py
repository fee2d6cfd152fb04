"""What a batch says of itself while it does not move, whatever its own row remembers."""

from datetime import UTC, datetime

import pytest

from portal.processing import standstill
from portal.processing.standstill import CANCELLED, Standstill

LATER = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
ON_HOLD = {"waiting_for": "Orders are on hold.", "waiting_until": LATER}
ASKED = {"waiting_for": "The manifests wait for you to close them.", "waiting_until": None}
FREE = {"waiting_for": "", "waiting_until": None}


@pytest.mark.parametrize(
    ("row", "run", "says"),
    [
        (FREE, {"run_state": "running"}, Standstill(stage="running")),
        (FREE, {"run_state": "queued"}, Standstill(stage="running")),
        (ON_HOLD, {"run_state": "waiting"}, Standstill(stage="waiting", words="Orders are on hold.", until=LATER)),
        (FREE, {"run_state": "waiting", "error_message": "It does not answer."}, Standstill(stage="waiting", words="It does not answer.")),
        (ASKED, {"run_state": "partial", "partial_reason": "Wait."}, Standstill(stage="waiting", words=ASKED["waiting_for"] or "")),
        (FREE, {"run_state": "failed", "error_message": "Refused."}, Standstill(stage="stopped", words="Refused.", stopped=True)),
        # The run that was to go on is gone: nothing goes on by itself.
        (ON_HOLD, {"run_state": "cancelled"}, Standstill(stage="stopped", words=CANCELLED, stopped=True)),
        # Somebody has pressed Continue, and no worker has come yet.
        (ON_HOLD, {"run_state": "queued"}, Standstill(stage="running")),
    ],
)
def test_what_it_says(row: dict[str, object], run: dict[str, object], says: Standstill) -> None:
    assert standstill.of({"state": "open", "error_message": "", "partial_reason": "", **row, **run}) == says


def test_a_closed_batch_says_nothing() -> None:
    row = {"state": "closed", "run_state": "failed", "error_message": "Refused.", "partial_reason": "", **FREE}
    assert standstill.of(row).words == ""
