"""Every fault a sandbox can make, in every kind of run: the state it ends in, the sentence it shows, and no more calls than allowed."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from portal import clock, db
from portal.accounts import service as accounts
from portal.inventory import service as inventory
from portal.marketplaces.contract import AccountRef, Marketplace, ScheduleTarget
from portal.marketplaces.quotas import Quota
from portal.marketplaces.sandbox import Fault
from portal.postgres import Addresses
from portal.runs import service as runs
from portal.tables.syncs import FINISHED
from portal.vault import Vault
from tests.contract.desks import Desk, desk
from tests.contract.endings import DONE, LASTING, PASSING, told
from tests.contract.stalls import LIVE, TINY, code_of
from tests.pacing.buckets import overdrawn
from tests.workshop import seen

pytestmark = pytest.mark.anyio

every_marketplace = pytest.mark.parametrize("place", LIVE, ids=code_of)

OF_ROWS = {Fault.UNREADABLE_ROW, Fault.UNKNOWN_VALUE, Fault.REPEATED_PAGE}
"""What is done to rows that are read; a push reads none."""
SAMPLE = (Fault.SLOW_DOWN, Fault.OUTAGE, Fault.TRUNCATED, Fault.REVOKED)


@every_marketplace
async def test_a_sample_of_faults_in_a_run(place: Marketplace, connected: Addresses, keys: Vault) -> None:
    async with desk(place, TINY, keys) as d:
        account = await d.connect()
        d.jobs.waiting.clear()
        for fault in SAMPLE:
            await _strikes(d, connected, account, ScheduleTarget.ORDERS, fault)


@pytest.mark.soak
@every_marketplace
@pytest.mark.parametrize("fault", [*LASTING, *PASSING], ids=str)
async def test_every_fault_in_every_kind_of_run(
    place: Marketplace, fault: Fault, connected: Addresses, keys: Vault, tmp_path: Path
) -> None:
    async with desk(place, TINY, keys, folder=tmp_path) as d:
        account = await d.connect()
        await d.work()
        targets = await _open_to(d, account)
        if ScheduleTarget.LISTINGS in targets:
            await d.sync(account, ScheduleTarget.LISTINGS)  # what stock is pushed for
        for target in targets:
            await _strikes(d, connected, account, target, fault)


async def _open_to(d: Desk, account: AccountRef) -> list[ScheduleTarget]:
    """What these keys may do by call, stock after what it is pushed for. Of processing the first calls are broken here: `tests/processing` breaks each stage."""
    row = await accounts.get(d.seller_id, account.id)
    closed = {one.target for one in await accounts.capabilities_of(row) if one.allowed is False}
    return [target for target in ScheduleTarget if target in d.place.supported_targets - closed]


async def _strikes(d: Desk, addresses: Addresses, account: AccountRef, target: ScheduleTarget, fault: Fault) -> None:
    await _anew(d, addresses, account, target)
    before = len(d.arrivals.at)
    await d.order(fault, times=0 if fault in LASTING else 1, seconds={Fault.TIMEOUT: 30.0, Fault.SLOW_DOWN: 120.0}.get(fault, 0.0))
    d.tap.patience_s = 0.2 if fault is Fault.TIMEOUT else None
    started = await runs.start(d.seller_id, account.id, target, jobs=d.jobs)
    run = await d.deliver(started.run_id)
    struck = fault in await d.struck()
    if fault is Fault.LOST_ANSWER and run.resume_at is not None:
        # What must not be asked for twice is looked for first, when the run goes on.
        with clock.stopped_at(run.resume_at + timedelta(seconds=1)):
            run = await d.deliver(run.id)
    d.tap.patience_s = None
    where = f"{d.place.code} {target} {fault}"
    shows = struck and not (target is ScheduleTarget.INVENTORY and fault in OF_ROWS)
    expected = {**LASTING, **PASSING}[fault] if shows else DONE
    if target is ScheduleTarget.FULL_PROCESSING and (not struck or fault in PASSING or fault in OF_ROWS):
        # The batch goes on as far as it can: to its end, to a time it has to wait for, or to somebody who decides.
        assert run.error_code in ({"", "stage_waits", "unreachable"} if fault in OF_ROWS else {"", "stage_waits"}), (
            f"{where}: {run.error_message}"
        )
    else:
        assert (run.state, run.error_code) == expected, f"{where}: {run.error_message or run.partial_reason}"
    told(run, where)
    row = await accounts.get(d.seller_id, account.id)
    assert row.needs_reconnect == (run.error_code == "keys_rejected"), where
    if run.state == "waiting":
        again = len(d.arrivals.at)
        assert again - before <= 12 or run.error_code == "stage_waits", f"{where}: {again - before} calls for nothing"
        await d.deliver(run.id)
        assert len(d.arrivals.at) == again, f"{where}: called while it should wait"
    allowed = (await seen(addresses, "SELECT sum(rate) AS rate, sum(burst) AS burst FROM call_budgets"))[0]
    assert not overdrawn(d.arrivals.at[before:], Quota("all", allowed["rate"], allowed["burst"])), where


async def _anew(d: Desk, addresses: Addresses, account: AccountRef, target: ScheduleTarget) -> None:
    """As if nothing had gone wrong before: no faults, no holds, no open circuit, no run under way, everything to be read again."""
    await d.clear()
    for statement in (
        "UPDATE call_budgets SET due = now() - interval '1 hour'",
        "DELETE FROM marketplace_circuits",
        "UPDATE marketplace_accounts SET needs_reconnect = false",
    ):
        await seen(addresses, statement)
    await d.forget_watermarks(account)
    for run in await runs.history(d.seller_id, account_id=account.id):
        if run.state not in FINISHED:
            await runs.request_cancel(d.seller_id, run.id, by="a test")
    if target is ScheduleTarget.INVENTORY:
        await _approve(d, account)


async def _approve(d: Desk, account: AccountRef) -> None:
    """Quantities for three listings, other ones than before."""
    async with db.transaction(d.seller_id) as held:
        rows: list[Any] = await held.fetch(
            "SELECT id, coalesce(quantity_pushed, quantity_seen, 0) AS quantity FROM listings WHERE marketplace_account_id = $1"
            " AND pushable ORDER BY sku LIMIT 3",
            account.id,
        )
    draft = await inventory.draft(d.seller_id, {row["id"]: row["quantity"] + 7 for row in rows}, by="asha")
    await inventory.approve(d.seller_id, draft)
