"""Whatever the marketplace does, the run gets its ending, and only a definite refusal asks the seller for anything."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from portal import clock
from portal.accounts import service as accounts
from portal.marketplaces.errors import KeysRejected
from portal.marketplaces.sandbox import Fault
from portal.runs import service as runs
from portal.syncing.job import PATIENCE, backoff
from portal.tables.accounts import MarketplaceAccount, ValidationStatus
from portal.tables.syncs import RunState, SyncRun
from tests.workshop import Workshop, seen

pytestmark = pytest.mark.anyio

FOREVER: dict[str, Any] = {"times": 0}


async def account(works: Workshop) -> MarketplaceAccount:
    return await accounts.get(works.seller, works.account.id)


async def alarms(works: Workshop) -> list[Any]:
    """The jobs that wait in the queue: key and due time."""
    return await seen(
        works.addresses, "SELECT key, scheduled FROM saq_jobs WHERE status = 'queued' AND key LIKE 'sync-%' ORDER BY scheduled"
    )


async def later(works: Workshop, run: SyncRun) -> SyncRun:
    """The alarm rings."""
    assert run.resume_at is not None
    with clock.stopped_at(run.resume_at + timedelta(seconds=1)):
        return await works.work(run.id)


async def test_refused_keys_end_the_run_and_ask_for_a_reconnect_once(works: Workshop) -> None:
    await works.bench.order_fault(Fault.REVOKED, operation="signIn", **FOREVER)
    run = await works.sync()
    assert (run.state, run.error_code) == (RunState.FAILED, "keys_rejected")
    assert run.error_message.startswith("Amazon access was removed.")
    row = await account(works)
    assert (row.needs_reconnect, row.last_validation_status, row.reconnect_reason) == (True, ValidationStatus.REJECTED, run.error_message)
    assert row.refused_at is not None
    assert await works.credential_events() == [("rejected", "invalid_grant")]
    assert (await works.bench.calls()).count("signIn") == 2


async def test_keys_that_were_refused_are_not_tried_again(works: Workshop) -> None:
    """A run that waited while another one learned of the refusal ends with its reason, without a call."""
    await works.bench.order_fault(Fault.OUTAGE, operation="searchOrders", **FOREVER)
    run = await works.sync()
    assert run.state == RunState.WAITING
    calls = len(await works.bench.calls())
    await works.set(needs_reconnect=True, reconnect_reason="Amazon access was removed.")
    run = await later(works, run)
    assert (run.state, run.error_code, run.error_message) == (RunState.FAILED, "keys_rejected", "Amazon access was removed.")
    assert len(await works.bench.calls()) == calls


async def test_a_refusal_of_the_operators_own_application_marks_nobody(works: Workshop) -> None:
    await accounts.refused(works.account, KeysRejected("Amazon India", "The portal's application is refused.", whose="operator"), version=1)
    row = await account(works)
    assert (row.needs_reconnect, row.reconnect_reason) == (False, "")
    assert row.refused_at is None
    assert row.last_validation_status == ValidationStatus.NEVER


async def test_what_is_not_shared_shows_on_the_capability(works: Workshop) -> None:
    await works.bench.order_fault(Fault.FORBIDDEN, operation="searchOrders", **FOREVER)
    run = await works.sync()
    assert (run.state, run.error_code) == (RunState.FAILED, "not_allowed")
    row = await account(works)
    assert (row.needs_reconnect, row.last_validation_status) == (False, ValidationStatus.MISSING_PERMISSION)
    (orders,) = [one for one in await accounts.capabilities_of(row) if one.target == "ORDERS"]
    assert (orders.allowed, orders.message) == (False, run.error_message)


async def test_asked_to_slow_down_the_run_waits_with_a_clock_time_and_goes_on(works: Workshop) -> None:
    await works.bench.order_fault(Fault.SLOW_DOWN, after=1, operation="searchOrders")
    run = await works.sync()
    assert (run.state, run.error_code, run.pages) == (RunState.WAITING, "throttled", 1)
    assert run.resume_at is not None
    said = (await works.messages(run.id))[-1]
    assert "asked us to slow down. We go on at" in said
    assert clock.in_ist(run.resume_at).strftime("%-I:%M") in said
    (alarm,) = [one for one in await alarms(works) if one["key"].endswith("-1")]
    assert timedelta(0) <= clock.now().fromtimestamp(alarm["scheduled"], run.resume_at.tzinfo) - run.resume_at <= timedelta(seconds=2)
    assert (await works.work(run.id)).state == RunState.WAITING, "an alarm that rings early changes nothing"
    done = await later(works, run)
    assert (done.state, done.new_count, done.error_code) == (RunState.SUCCEEDED, 250, "")
    await works.assert_equal_to_ledger()
    assert not (await account(works)).needs_reconnect


async def test_being_slowed_down_costs_no_patience(works: Workshop) -> None:
    """A full budget is a state with a clock, not an error: it may happen a hundred times before a page comes."""
    run_id = await works.start()
    await works.bench.order_fault(Fault.SLOW_DOWN, operation="searchOrders", times=1)
    run = await works.work(run_id)
    assert (run.state, run.faults) == (RunState.WAITING, 0)


OUTAGES = {
    "no answer we can use": (Fault.OUTAGE, "searchOrders"),
    "the connection dies": (Fault.RESET, "searchOrders"),
    "no sign-in": (Fault.OUTAGE, "signIn"),
    "a bot filter": (Fault.BOT_FILTER, "searchOrders"),
}


@pytest.mark.parametrize("kind", OUTAGES)
async def test_an_outage_is_waited_out_and_marks_nobody(works: Workshop, kind: str) -> None:
    fault, operation = OUTAGES[kind]
    await works.bench.order_fault(fault, operation=operation, **FOREVER)
    run = await works.sync()
    assert (run.state, run.error_code, run.faults) == (RunState.WAITING, "unreachable", 1)
    assert "Next attempt at" in (await works.messages(run.id))[-1]
    assert not (await account(works)).needs_reconnect
    await works.bench.clear_faults()
    assert (await later(works, run)).state == RunState.SUCCEEDED
    await works.assert_equal_to_ledger()
    assert (await account(works)).last_validation_status == ValidationStatus.VALID


async def worn_down(works: Workshop, run_id: UUID, faults: int) -> None:
    """As if the run had waited that often already."""
    await seen(works.addresses, "UPDATE sync_runs SET faults = $2 WHERE id = $1", run_id, faults)


CHANGED = {"another shape": Fault.CHANGED, "half a body": Fault.TRUNCATED}


@pytest.mark.parametrize("kind", CHANGED)
async def test_an_answer_nobody_can_read_is_asked_for_again_and_then_told(works: Workshop, kind: str) -> None:
    await works.bench.order_fault(CHANGED[kind], operation="searchOrders", **FOREVER)
    run = await works.sync()
    assert (run.state, run.error_code) == (RunState.WAITING, "wire_changed")
    for _ in range(10):
        if run.state != RunState.WAITING:
            break
        run = await later(works, run)
    assert (run.state, run.error_code) == (RunState.FAILED, "wire_changed")
    assert "sent data we cannot read yet" in run.error_message
    assert not (await account(works)).needs_reconnect


async def test_our_own_request_being_refused_gets_its_ending_too(works: Workshop) -> None:
    """It is a kind of WireChanged; a kind must have patience like the thing itself."""
    run_id = await works.start()
    await seen(works.addresses, "UPDATE sync_runs SET since = '2020-01-01T00:00:00+00:00' WHERE id = $1", run_id)
    with clock.stopped_at(clock.now() - timedelta(days=400)):  # so far back that the sandbox keeps no orders
        run = await works.work(run_id)
    assert (run.state, run.error_code) == (RunState.WAITING, "wire_changed")


async def test_patience_ends(works: Workshop) -> None:
    await works.bench.order_fault(Fault.OUTAGE, operation="searchOrders", **FOREVER)
    run_id = await works.start()
    await worn_down(works, run_id, max(PATIENCE.values()) - 2)
    run = await works.work(run_id)
    assert run.state == RunState.WAITING
    run = await later(works, run)
    assert (run.state, run.error_code) == (RunState.FAILED, "unreachable")
    assert "is not answering" in run.error_message
    assert not (await account(works)).needs_reconnect


async def test_every_page_renews_patience(works: Workshop) -> None:
    """Also a page of the very attempt that fails afterwards."""
    await works.bench.order_fault(Fault.OUTAGE, operation="searchOrders", after=1, **FOREVER)
    run_id = await works.start()
    await worn_down(works, run_id, max(PATIENCE.values()) - 1)
    run = await works.work(run_id)
    assert (run.state, run.pages, run.faults) == (RunState.WAITING, 1, 1)


def test_waits_grow_and_are_never_the_same_for_everybody() -> None:
    ceilings = [max(backoff(faults) for _ in range(200)) for faults in range(12)]
    assert ceilings[0] <= 2
    assert ceilings[5] > 20
    assert max(ceilings) <= 900
    assert len({backoff(3) for _ in range(20)}) > 1


async def test_a_secret_that_does_not_open_is_on_record_and_told(works: Workshop) -> None:
    await seen(works.addresses, "UPDATE amazon_account_details SET refresh_token = lwa_client_secret")
    run = await works.sync()
    assert (run.state, run.error_code) == (RunState.FAILED, "secret_unreadable")
    assert run.error_message == "A saved secret cannot be read. Reconnect the account to replace it."
    assert await works.credential_events() == [("open_failed", "secret_unreadable")]
    assert await works.bench.calls() == []


async def test_a_pass_that_ran_out_is_fetched_anew(works: Workshop) -> None:
    await works.bench.order_fault(Fault.EXPIRED_TOKEN, operation="searchOrders", after=1)
    run = await works.sync()
    assert (run.state, run.new_count) == (RunState.SUCCEEDED, 250)


async def test_a_cancel_during_a_wait_ends_the_run_at_once(works: Workshop) -> None:
    await works.bench.order_fault(Fault.SLOW_DOWN, operation="searchOrders", after=1)
    run = await works.sync()
    assert await runs.request_cancel(works.seller, run.id, by="Asha") == RunState.CANCELLED
    ended = await later(works, run)
    assert (ended.state, ended.pages) == (RunState.CANCELLED, 1)


async def test_a_cancel_meets_a_run_that_is_about_to_wait(works: Workshop) -> None:
    """It does not wait first only to end afterwards."""
    run_id = await works.start()
    taken = await runs.take(works.seller, run_id, lease=works.lease)
    assert taken is not None
    await runs.request_cancel(works.seller, run_id, by="Asha")
    await runs.wait_until(taken, clock.now(), "Later.", code="throttled")
    assert (await runs.get(works.seller, run_id)).state == RunState.CANCELLED
