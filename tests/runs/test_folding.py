"""Which failures become one line of the history, and which do not."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from portal import clock
from portal.runs.folding import folded
from portal.runs.service import Listed

HERE = UUID(int=1)


def run(hours_ago: int, state: str = "failed", **parts: Any) -> Listed:
    then = clock.now() - timedelta(hours=hours_ago)
    whole: dict[str, Any] = {
        "id": uuid4(),
        "account_id": HERE,
        "account_name": "Surat store",
        "marketplace_name": "M",
        "target": "ORDERS",
        "trigger": "schedule",
        "requested_by": "",
        "purpose": "incremental",
        "state": state,
        "created_at": then,
        "started_at": then,
        "finished_at": then,
        "new": 0,
        "changed": 0,
        "same": 1,
        "set_aside": 0,
        "reason": "",
        "partial_kind": "",
        "error_code": "unreachable" if state == "failed" else "",
        "whole": False,
        "reread": False,
        "diagnostic_id": "SYN-0000-0000",
    }
    return Listed(**{**whole, **parts})


def test_identical_failures_are_one_line_with_its_span() -> None:
    runs = [run(1), run(2), run(3)]
    (fold,) = folded(runs)
    assert (fold.run, fold.times, fold.oldest) == (runs[0], 3, runs[2])


def test_other_accounts_between_them_do_not_part_them() -> None:
    other = run(2, account_id=UUID(int=2))
    assert [fold.times for fold in folded([run(1), other, run(3)])] == [2, 1]


def test_a_success_between_them_does() -> None:
    assert [fold.times for fold in folded([run(1), run(2, "succeeded"), run(3)])] == [1, 1, 1]


def test_another_cause_or_type_is_another_line() -> None:
    assert [fold.times for fold in folded([run(1), run(2, error_code="wire_changed"), run(3)])] == [1, 1, 1]
    assert [fold.times for fold in folded([run(1), run(2, target="RETURNS")])] == [1, 1]


def test_runs_that_did_not_fail_are_never_folded() -> None:
    assert len(folded([run(1, "succeeded"), run(2, "succeeded")])) == 2
