"""How a portal logs and how long it keeps the logs of syncs, decided by its settings alone."""

import pytest

from portal import settings
from portal.errors import Misconfigured


@pytest.mark.parametrize(
    ("environ", "as_json"),
    [
        ({}, False),
        ({"PORTAL_PUBLIC_URL": "http://127.0.0.1:8000"}, False),
        ({"PORTAL_PUBLIC_URL": "https://portal.example.in"}, True),
        ({"PORTAL_PUBLIC_URL": "https://portal.example.in", "PORTAL_LOG_JSON": "false"}, False),
        ({"PORTAL_LOG_JSON": "true"}, True),
    ],
)
def test_a_portal_that_others_reach_logs_for_machines(environ: dict[str, str], *, as_json: bool) -> None:
    assert settings.read(environ).log_json is as_json


def test_logs_of_syncs_are_kept_for_whole_days_and_a_week_at_least() -> None:
    assert settings.read({}).run_log_days == 90
    assert settings.read({"PORTAL_RUN_LOG_DAYS": "7"}).run_log_days == 7
    for wrong in ("6", "0", "-3", "1.5", "for ever", "99999"):
        with pytest.raises(Misconfigured, match="PORTAL_RUN_LOG_DAYS"):
            settings.read({"PORTAL_RUN_LOG_DAYS": wrong})
