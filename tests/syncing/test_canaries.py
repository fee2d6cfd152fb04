"""Whatever a marketplace says, also when it refuses: no secret and no buyer of it is kept, shown, taken away or logged."""

import io
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from portal import logs
from portal.marketplaces.amazon_in.sandbox import gate, routes_orders
from portal.marketplaces.sandbox import Fault
from portal.runs import service as runs
from portal.settings import Settings
from portal.tables.syncs import RunState
from tests.runs.conftest import PAGES
from tests.visiting import Person, browsing
from tests.workshop import Workshop, seen

pytestmark = pytest.mark.anyio

PHONE, EMAIL, PASS = "9876501234", "meera.canary@shop.example", "Atza|" + "CANARY" * 12
CANARIES = (PHONE, EMAIL, PASS, "Canary Lane")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the process logs, as JSON lines."""
    text, root = io.StringIO(), logging.getLogger()
    before, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "stderr", text)
    logs.configure(Settings(log_json=True), process="test")
    yield text
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def talkative(monkeypatch: pytest.MonkeyPatch, works: Workshop) -> tuple[str, ...]:
    """A marketplace that repeats our secrets and its buyers in refusals and in the rows we cannot read."""
    secrets = (works.bench.keys().refresh_token, works.bench.keys().lwa_client_secret)
    leak = f"Deliver to {PHONE} {EMAIL}. Token {PASS} {' '.join(secrets)}"
    complain, spoiled = gate.complain, routes_orders._spoiled

    def complaining(status: int, code: str, message: str, details: str = "") -> gate.Refusal:
        return complain(status, code, f"{message} {leak}", f"{details} {leak}")

    def spoiling(row: dict[str, object], fault: Fault) -> dict[str, object]:
        # Under names nobody expects, and one that nobody would.
        return {**spoiled(row, fault), "deliveryNote": leak, "shipToAddress": {"line1": "7, Canary Lane"}, "channel": [leak, 9876501234]}

    monkeypatch.setattr(gate, "complain", complaining)
    monkeypatch.setattr(routes_orders, "_spoiled", spoiling)
    return (*CANARIES, *secrets)


async def test_no_canary_is_kept_shown_taken_away_or_logged(works: Workshop, talkative: tuple[str, ...], written: io.StringIO) -> None:
    await works.bench.order_fault(Fault.UNREADABLE_ROW, operation="searchOrders", times=1)
    aside = await works.sync()
    assert (aside.state, aside.set_aside_count) == (RunState.PARTIAL, 1)
    ended = [aside]
    for fault in (Fault.FORBIDDEN, Fault.SLOW_DOWN, Fault.OUTAGE, Fault.REVOKED):
        await works.bench.order_fault(fault, operation="signIn" if fault is Fault.REVOKED else "searchOrders", times=0)
        ended.append(await works.sync())
        await works.bench.clear_faults()
        await seen(works.addresses, "UPDATE sync_runs SET state = 'failed', finished_at = now() WHERE finished_at IS NULL")
    assert {run.error_code for run in ended} >= {"not_allowed", "throttled", "unreachable", "keys_rejected"}

    told = [written.getvalue()]
    for table in ("sync_events", "sync_calls", "set_asides", "sync_runs", "marketplace_credential_events"):
        told += [str(dict(row)) for row in await seen(works.addresses, f"SELECT * FROM {table}")]
    async with browsing(Person(works.seller), PAGES) as browser:
        for run in ended:
            for page in ("", "/log", "/log.txt", "/log.jsonl"):
                told.append((await browser.get(f"/syncs/{run.id}{page}")).text)
        told += [(await browser.get(page)).text for page in ("/set-asides", "/syncs")]
    whole = "\n".join(told)
    assert (await runs.listed(works.seller, runs.AsideFilters())).rows[0].external_id in whole
    assert "deliveryNote" in whole
    assert [word for word in talkative if word in whole] == []


async def test_each_line_of_the_workers_log_names_the_sync_and_the_request(works: Workshop, written: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="given-by-proxy"):
        run_id = await works.start()
    run = await works.work(run_id)
    lines = [line for line in written.getvalue().splitlines() if "marketplace_call" in line]
    assert len(lines) == 4
    assert all(run.diagnostic_id in line and "given-by-proxy" in line and str(run.id) in line for line in lines)
