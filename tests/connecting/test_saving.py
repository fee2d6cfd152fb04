"""From a marketplace's keys to an account: whole or not at all, sealed all the way, tested before it is saved."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from portal import clock
from portal.accounts import job as checking
from portal.accounts.service import FIRST_READS
from portal.connecting import service
from portal.errors import Conflict, NotFound
from portal.marketplaces import details, opening
from portal.marketplaces.amazon_in import MARKETPLACE
from portal.marketplaces.contract import AccountRef, ScheduleTarget
from portal.marketplaces.sandbox import Fault
from portal.runs import service as runs
from portal.syncing.job import run_sync
from portal.tables.syncs import RunState, Trigger
from portal.tables.wizards import TestState, WizardState
from tests.connecting.conftest import SECRETS, Setup
from tests.factories import make_user
from tests.workshop import CODE, everything_in, seen

pytestmark = pytest.mark.anyio


async def saved(setup: Setup) -> list[Any]:
    """What there is of the seller's accounts: rows, keys, events, runs."""
    tables = ("marketplace_accounts", "amazon_account_details", "marketplace_credential_events", "sync_runs", "orders")
    return [await seen(setup.works.addresses, f"SELECT to_jsonb(t) FROM {table} t WHERE seller_id = $1", setup.seller) for table in tables]


async def test_five_steps_make_an_account_and_its_first_run(setup: Setup) -> None:
    one = await setup.begun("Chitra's shop")
    await one.enter()
    tested = await one.test()
    assert (tested.test_state, tested.error_code) == (TestState.PASSED, "")
    assert set(service.checks_of(tested).values()) == {"ok"}
    assert not any(await saved(one)), "a test saves nothing"

    done = await one.confirm(first_days=90)
    assert (done.state, done.account_id, done.first_days) == (WizardState.DONE, tested.account_id, 90)
    account = (await seen(one.works.addresses, "SELECT * FROM marketplace_accounts WHERE seller_id = $1", one.seller))[0]
    assert (account["id"], account["name"], account["state"]) == (done.account_id, "Chitra's shop", "active")
    assert (account["external_account_id"], account["last_validation_status"]) == (one.typed["selling_partner_id"], "valid")
    events = await seen(one.works.addresses, "SELECT kind, actor FROM marketplace_credential_events WHERE seller_id = $1", one.seller)
    assert sorted((event["kind"], event["actor"]) for event in events) == [("saved", "chitra"), ("validated", "chitra")]
    assert done.first_run_id is not None
    run = await runs.get(one.seller, done.first_run_id)
    assert (run.state, run.trigger, run.target) == (RunState.QUEUED, Trigger.CONNECT, ScheduleTarget.ORDERS)
    taken = await runs.take(one.seller, run.id, lease=one.works.lease)
    assert taken is not None
    assert taken.first_days == 90
    schedules = await seen(one.works.addresses, "SELECT * FROM schedules WHERE seller_id = $1 AND enabled ORDER BY target", one.seller)
    assert [row["target"] for row in schedules] == ["LISTINGS", "ORDERS", "PAYOUTS", "RETURNS"]
    assert all(row["next_run_at"] for row in schedules)


async def test_the_keys_arrive_unchanged_and_nothing_of_them_stays_behind(setup: Setup) -> None:
    """The worker moves ciphertexts; what the account's first sync opens is what was typed."""
    one = await setup.begun()
    await one.enter()
    sealed = {row["column_name"]: row["sealed"] for row in await seen(one.works.addresses, "SELECT * FROM connect_wizard_secrets")}
    assert sealed.keys() == set(SECRETS)
    await one.test()
    done = await one.confirm()
    row = (await seen(one.works.addresses, "SELECT * FROM amazon_account_details WHERE seller_id = $1", one.seller))[0]
    assert {name: row[name] for name in SECRETS} == sealed
    assert await seen(one.works.addresses, "SELECT * FROM connect_wizard_secrets") == []
    keys = details.open_row(MARKETPLACE, MARKETPLACE.method(), done.account_id, row, one.works.vault)
    assert {name: getattr(keys, name) for name in one.typed} == one.typed


async def test_no_typed_secret_is_readable_anywhere_at_any_step(
    setup: Setup, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither in a dump of the whole database (with the queue and its payloads) nor in a log at its most talkative."""
    caplog.set_level(logging.DEBUG)
    dumps = []
    one = await setup.begun()
    await one.works.bench.order_fault(Fault.REVOKED, operation="signIn", times=2)
    await one.enter()
    dumps.append(await everything_in(one.works.addresses))
    assert f"test-{one.id}-1" in dumps[0], "the job is among what was searched"
    assert (await one.test()).error_code == "keys_rejected"
    dumps.append(await everything_in(one.works.addresses))
    await service.test_again(one.seller, one.id, jobs=one.works.jobs)
    await one.test()
    done = await one.confirm()
    assert done.first_run_id is not None
    await run_sync(one.works.context(), run_id=str(done.first_run_id))
    assert (await runs.get(one.seller, done.first_run_id)).state == RunState.SUCCEEDED
    dumps.append(await everything_in(one.works.addresses))
    printed = capsys.readouterr()
    for place in (*dumps, caplog.text, printed.out, printed.err):
        assert [secret for secret in one.secrets if secret in place] == []


BROKEN: dict[str, tuple[Fault, str, str, str]] = {
    # what goes wrong: fault, operation, the setup's error code, the line it breaks at
    "refused keys": (Fault.REVOKED, "signIn", "keys_rejected", "reached"),
    "the sign-in is down": (Fault.OUTAGE, "signIn", "unreachable", "reached"),
    "the connection dies": (Fault.RESET, "signIn", "unreachable", "reached"),
    "a bot filter": (Fault.BOT_FILTER, "signIn", "unreachable", "reached"),
    "another shape": (Fault.CHANGED, "signIn", "wire_changed", "reached"),
    "another shop's token": (Fault.OTHER_SHOP, "searchListingsItems", "not_allowed", "permissions"),
    "the data is down": (Fault.OUTAGE, "searchListingsItems", "unreachable", "permissions"),
    "slow down": (Fault.SLOW_DOWN, "searchListingsItems", "throttled", "permissions"),
}


async def test_whatever_goes_wrong_nothing_is_half_saved_and_the_setup_says_what(setup: Setup) -> None:
    one = await setup.begun()
    for what, (fault, operation, code, line) in BROKEN.items():
        await one.works.bench.order_fault(fault, operation=operation, times=0)
        await one.enter()
        tested = await one.test()
        assert (tested.state, tested.test_state, tested.error_code) == (WizardState.OPEN, TestState.FAILED, code), what
        assert tested.error_message, what
        checks = service.checks_of(tested)
        assert [name for name, state in checks.items() if state == "problem"] == [line], what
        assert not any(await saved(one)), what
        with pytest.raises(Conflict):
            await one.confirm()
        await one.works.bench.clear_faults()
    assert (await one.row()).version > 1
    await service.test_again(one.seller, one.id, jobs=one.works.jobs)
    assert (await one.test()).test_state == TestState.PASSED, "what was typed is still there"


async def test_a_refusal_points_to_the_box_to_look_at(setup: Setup) -> None:
    one = await setup.begun()
    for changed, field in (
        ({"refresh_token": "Atzr|of-somebody-else"}, "refresh_token"),
        ({"lwa_client_secret": "amzn1.oa2-cs.v1.an-older-one"}, "lwa_client_secret"),
    ):
        await one.enter(changed)
        tested = await one.test()
        assert (tested.error_code, tested.error_field) == ("keys_rejected", field)


async def test_no_network_at_all_is_an_outage(setup: Setup) -> None:
    one = await setup.begun()
    await one.enter()
    group = {**one.works.bench.settings, "LWA_URL": "http://127.0.0.1:9/auth/o2/token"}
    one.works.settings = msgspec.structs.replace(one.works.settings, marketplaces={CODE: group})
    tested = await one.test()
    assert (tested.test_state, tested.error_code) == (TestState.FAILED, "unreachable")
    assert "nothing says your details are the cause" in tested.error_message
    assert not any(await saved(one))


async def test_an_account_of_a_marketplace_that_is_away_can_be_saved_untested(setup: Setup) -> None:
    """Never checked, nothing synced, looked at again in a quarter of an hour; the first check that gets through begins the first sync."""
    one = await setup.begun("Chitra's shop")
    await one.works.bench.order_fault(Fault.OUTAGE, operation="signIn", times=0)
    await one.enter()
    assert service.may_wait(await one.test())
    await service.save_untested(one.seller, one.id, jobs=one.works.jobs)
    done = await one.confirmed()
    assert done.state == WizardState.DONE
    assert done.first_run_id is None
    account = (await seen(one.works.addresses, "SELECT * FROM marketplace_accounts WHERE seller_id = $1", one.seller))[0]
    assert (account["external_account_id"], account["last_proven_at"]) == (one.typed["selling_partner_id"], None)
    assert account["last_validation_message"].startswith("Saved untested: ")
    wait = account["next_check_at"] - clock.now()
    assert timedelta(minutes=14) < wait < timedelta(minutes=19)
    assert await seen(one.works.addresses, "SELECT 1 FROM sync_runs WHERE seller_id = $1", one.seller) == []
    assert await seen(one.works.addresses, "SELECT 1 FROM connect_wizard_secrets") == []
    row = (await seen(one.works.addresses, "SELECT * FROM amazon_account_details WHERE seller_id = $1", one.seller))[0]
    keys = details.open_row(MARKETPLACE, MARKETPLACE.method(), done.account_id, row, one.works.vault)
    assert {name: getattr(keys, name) for name in one.typed} == one.typed
    assert {row[f"{name}_last_accepted_at"] for name in SECRETS} == {None}
    for expected in (FIRST_READS, FIRST_READS):
        await one.works.bench.clear_faults()
        await checking.check_account(one.works.context(), account_id=str(done.account_id))
        begun = await seen(
            one.works.addresses, "SELECT target, trigger FROM sync_runs WHERE seller_id = $1 ORDER BY created_at", one.seller
        )
        assert [(row["target"], row["trigger"]) for row in begun] == [(target, Trigger.CONNECT) for target in expected]


@pytest.mark.parametrize("broken", ["refused keys", "the data is down", "slow down"])
async def test_nothing_else_is_saved_untested(setup: Setup, broken: str) -> None:
    """Only when the sign-in itself could not be reached: everything else says something about the details."""
    fault, operation, _, _ = BROKEN[broken]
    one = await setup.begun()
    await one.works.bench.order_fault(fault, operation=operation, times=0)
    await one.enter()
    assert not service.may_wait(await one.test())
    with pytest.raises(Conflict):
        await service.save_untested(one.seller, one.id, jobs=one.works.jobs)


async def test_a_marketplace_that_does_not_answer_ends_the_test(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody is looking at it."""
    monkeypatch.setattr(opening, "CHECK_WITHIN_S", 0.3)
    one = await setup.begun()
    await one.works.bench.order_fault(Fault.TIMEOUT, operation="signIn", times=0, seconds=30)
    await one.enter()
    tested = await one.test()
    assert (tested.test_state, tested.error_code) == (TestState.FAILED, "unreachable")


async def test_a_secret_replaced_during_its_test_makes_the_result_void(setup: Setup) -> None:
    """Otherwise an account could be saved with a secret nobody has tested, or with none."""
    one = await setup.begun()
    await one.enter()
    await one.works.bench.order_fault(Fault.TIMEOUT, operation="signIn", seconds=0.5)
    testing = asyncio.create_task(one.test())
    while "signIn" not in await one.works.bench.calls():
        await asyncio.sleep(0)
    await service.replace_secret(one.seller, one.id, "refresh_token")
    assert (await testing).test_state == TestState.NONE
    with pytest.raises(Conflict):
        await one.confirm()


async def test_confirming_twice_makes_one_account(setup: Setup) -> None:
    one = await setup.begun()
    await one.enter()
    await one.test()
    await service.confirm(one.seller, one.id, first_days=30, jobs=one.works.jobs)
    await service.confirm(one.seller, one.id, first_days=30, jobs=one.works.jobs)
    await asyncio.gather(one.confirmed(), one.confirmed())
    after = await saved(one)
    await one.confirmed()
    await service.confirm(one.seller, one.id, first_days=30, jobs=one.works.jobs)
    assert await saved(one) == after
    assert [len(rows) for rows in after[:4]] == [1, 1, 2, 1]


async def test_a_confirmation_whose_job_was_lost_can_be_asked_for_again(setup: Setup) -> None:
    one = await setup.begun()
    await one.enter()
    await one.test()
    await service.confirm(one.seller, one.id, first_days=30, jobs=one.works.jobs)
    await seen(one.works.addresses, "DELETE FROM saq_jobs")
    await service.confirm(one.seller, one.id, first_days=30, jobs=one.works.jobs)
    assert [row["key"] for row in await seen(one.works.addresses, "SELECT key FROM saq_jobs")] == [f"confirm-{one.id}"]


async def test_a_shop_that_is_connected_already_is_offered_for_reconnecting(setup: Setup) -> None:
    first = await setup.connected()
    one = await setup.begun("Second try")
    await one.enter()
    tested = await one.test()
    assert tested.duplicate_of == (await first.row()).account_id
    assert tested.error_message.endswith("is connected as “Surat store”.")
    with pytest.raises(Conflict):
        await one.confirm()


async def test_two_setups_of_one_shop_end_as_one_account(setup: Setup) -> None:
    """Both were tested before either was saved."""
    one, two = await setup.begun("One"), await setup.begun("Two")
    for each in (one, two):
        await each.enter()
        assert (await each.test()).test_state == TestState.PASSED
    done = await one.confirm()
    late = await two.confirm()
    assert (late.state, late.step, late.duplicate_of) == (WizardState.OPEN, service.TEST, done.account_id)
    assert len(await seen(setup.works.addresses, "SELECT 1 FROM marketplace_accounts WHERE seller_id = $1", setup.seller)) == 1


async def reopened(setup: Setup, account: AccountRef) -> Any:
    rows = await seen(setup.works.addresses, "SELECT * FROM amazon_account_details WHERE marketplace_account_id = $1", account.id)
    return details.open_row(MARKETPLACE, MARKETPLACE.method(), account.id, rows[0], setup.works.vault)


async def of_the_first_account(setup: Setup) -> Setup:
    """The seller whose account the workshop has connected."""
    return replace(setup, seller=setup.works.seller, user=await make_user(setup.works.seller))


async def test_reconnecting_keeps_the_account_and_all_that_belongs_to_it(setup: Setup) -> None:
    asha, works = await of_the_first_account(setup), setup.works
    before = await works.sync()
    await works.set(needs_reconnect=True, reconnect_reason="Amazon access was removed.")
    one = await asha.reconnecting(works.account.id)
    row = await one.row()
    assert (row.step, row.name, service.values_of(row)) == (
        service.ENTER,
        "Surat store",
        {"selling_partner_id": one.typed["selling_partner_id"]},
    )
    assert await service.secrets_of(row) == {}
    await one.enter()
    assert (await one.test()).test_state == TestState.PASSED
    done = await one.confirm()
    assert done.account_id == works.account.id
    rows = await seen(works.addresses, "SELECT * FROM marketplace_accounts WHERE seller_id = $1", works.seller)
    assert [(row["id"], row["needs_reconnect"], row["reconnect_reason"]) for row in rows] == [(works.account.id, False, "")]
    await works.assert_equal_to_ledger()
    assert {one.id for one in await runs.history(works.seller)} >= {before.id}
    assert [kind for kind, _ in await works.credential_events()][-2:] == ["reconnected", "validated"]
    assert done.first_run_id is not None
    caught_up = await works.work(done.first_run_id)
    assert (caught_up.state, caught_up.since, caught_up.new_count) == (RunState.SUCCEEDED, before.watermark, 0)


async def test_another_shops_keys_are_refused_on_reconnect_and_the_old_ones_stay(setup: Setup) -> None:
    asha, works = await of_the_first_account(setup), setup.works
    await seen(works.addresses, "UPDATE marketplace_accounts SET external_account_id = 'A9ANOTHERSHOP' WHERE id = $1", works.account.id)
    before = await reopened(asha, works.account)
    one = await asha.reconnecting(works.account.id)
    await one.enter()
    tested = await one.test()
    assert (tested.test_state, tested.error_code) == (TestState.FAILED, "other_shop")
    assert tested.error_message == "They are for A0****IN. This account is A9****OP."
    with pytest.raises(Conflict):
        await one.confirm()
    assert await reopened(asha, works.account) == before
    assert await works.credential_events() == []


async def test_anothers_setup_is_as_unknown_as_one_that_never_was(setup: Setup) -> None:
    one = await setup.begun()
    asha = setup.works.seller
    for attempt in (
        service.get(asha, one.id),
        service.prepared(asha, one.id),
        service.enter(asha, one.id, one.typed, version=None, vault=one.works.vault, jobs=one.works.jobs),
        service.enter(asha, one.id, one.typed, version=None, vault=one.works.vault, jobs=one.works.jobs, form_token="a"),
        service.replace_secret(asha, one.id, "refresh_token"),
        service.test_again(asha, one.id, jobs=one.works.jobs),
        service.confirm(asha, one.id, first_days=30, jobs=one.works.jobs),
        service.discard(asha, one.id),
        service.begin_reconnect(setup.seller, setup.user, one.works.account.id),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert await service.unfinished(asha) == []
