"""The commands an operator and his scripts rely on: names, JSON and exit status as promised, on a running portal."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest

from portal import db
from portal.marketplaces.contract import ScheduleTarget
from portal.marketplaces.sandbox import Fault
from portal.nudges import Ears
from portal.runs import service as runs
from portal.tables.syncs import RunState, Trigger
from tests.commands.conftest import Operator
from tests.factories import make_account, make_seller
from tests.workers import seen_as
from tests.workshop import everything_in, seen

pytestmark = pytest.mark.anyio

SYNC = {"run_id", "state", "new", "changed", "same", "set_aside", "error"}


async def test_from_a_new_seller_to_synced_orders(operator: Operator, tmp_path: Path) -> None:
    answer = await operator.types(
        "seller", "add", "--name", "Bala Sarees", "--email", "bala@example.in", "--password", "-", "--json", stdin="a long password\n"
    )
    assert answer.status == 0, answer.err
    assert answer.facts.keys() == {"seller_id", "user_id"}
    seller = answer.facts["seller_id"]

    file = tmp_path / "keys.json"
    file.write_text(json.dumps(operator.keys))
    answer = await operator.types("connect", "--seller", seller, "--marketplace", "amazon_in", "--name", "Bala", "--keys", file, "--json")
    assert answer.status == 0, answer.err
    assert answer.facts.keys() == {"account_id", "external_account_id", "status", "seller_name"}
    assert (answer.facts["external_account_id"], answer.facts["status"]) == (operator.keys["selling_partner_id"], "valid")
    account = answer.facts["account_id"]

    answer = await operator.types("validate", account, "--json")
    assert answer.status == 0
    assert answer.facts.keys() == {"status", "needs_reconnect", "message"}
    assert (answer.facts["status"], answer.facts["needs_reconnect"]) == ("valid", False)

    answer = await operator.types("sync", account, "--target", "ORDERS", "--wait", "--json")
    assert answer.status == 0
    assert answer.facts.keys() >= SYNC
    assert (answer.facts["state"], answer.facts["error"]) == ("succeeded", None)
    answer = await operator.types("runs", "--seller", seller, "--json")
    told = answer.facts["runs"]
    assert answer.status == 0
    assert {one["trigger"] for one in told} <= {"connect", "cli"}
    assert told[0]["state"] == "succeeded"
    assert sum(one["new"] for one in told) == 150
    found = replace(operator.works, seller=UUID(seller), account=msgspec.structs.replace(operator.works.account, id=UUID(account)))
    await found.assert_equal_to_ledger()
    dump = await everything_in(operator.addresses)
    assert not [name for name, value in operator.keys.items() if name != "selling_partner_id" and value in dump]


async def test_the_exit_status_tells_how_a_sync_ended(operator: Operator) -> None:
    """0 succeeded, 3 partial, 4 failed or cancelled, 5 waiting; cancelling and going on answer the same object."""
    bench, account = operator.bench, operator.works.account.id
    await bench.order_fault(Fault.UNREADABLE_ROW, operation="searchOrders")
    partial = await operator.types("sync", account, "--wait", "--json")
    assert (partial.status, partial.facts["state"], partial.facts["set_aside"]) == (3, "partial", 1)

    await bench.order_fault(Fault.OUTAGE, operation="searchOrders", times=0)
    waiting = await operator.types("sync", account, "--wait", "--json")
    assert (waiting.status, waiting.facts["state"], waiting.facts["error"]) == (5, "waiting", "unreachable")

    cancelled = await operator.types("cancel", waiting.facts["run_id"], "--json")
    assert (cancelled.status, cancelled.facts["state"]) == (0, "cancelled")
    assert cancelled.facts.keys() >= SYNC
    await bench.clear_faults()

    again = await operator.types("retry", waiting.facts["run_id"], "--json")
    assert again.status == 0
    run = await runs.get(operator.works.seller, UUID(again.facts["run_id"]))
    assert run.retry_of == UUID(waiting.facts["run_id"])
    async with Ears(operator.addresses.worker) as ears:
        await seen_as(ears, operator.works.seller, run.id, lambda run: run.state == RunState.SUCCEEDED)


async def test_refused_keys_end_with_2_and_save_nothing(operator: Operator) -> None:
    before = await seen(operator.addresses, "SELECT count(*) FROM marketplace_accounts")
    text = json.dumps({**operator.keys, "refresh_token": "Atzr|of-somebody-else"})
    seller = (await seen(operator.addresses, "SELECT seller_id FROM seller_users LIMIT 1"))[0]["seller_id"]
    words = ("connect", "--seller", seller, "--marketplace", "AMAZON_IN", "--name", "Third", "--keys", "-", "--json")
    short = json.dumps({**operator.keys, "refresh_token": "Atza|an-access-token"})
    refused, bad = await asyncio.gather(operator.types(*words, stdin=text), operator.types(*words, stdin=short))
    assert (refused.status, refused.facts["error"]) == (2, "keys_rejected")
    assert refused.facts["message"].startswith("Amazon access was removed.")
    assert "Nothing was saved. Correct the key file" in refused.err

    await operator.bench.order_fault(Fault.OUTAGE, operation="signIn", times=0)
    away = await operator.types(*words, stdin=json.dumps(operator.keys))
    await operator.bench.clear_faults()
    assert (away.status, away.facts["error"]) == (2, "unreachable")
    assert "Try again later." in away.err

    assert (bad.status, bad.facts["error"]) == (2, "bad_input")
    assert "refresh_token: A refresh token starts with Atzr|." in bad.facts["message"]

    for answer in (refused, away, bad):
        said = answer.out + answer.err
        assert not [
            value for value in ("Atzr|of-somebody-else", "Atza|an-access-token", operator.keys["lwa_client_secret"]) if value in said
        ]
    assert await seen(operator.addresses, "SELECT count(*) FROM marketplace_accounts") == before
    assert await seen(operator.addresses, "SELECT * FROM connect_wizard_secrets") == []


async def test_ids_nobody_has_are_not_found(operator: Operator) -> None:
    for answer in await asyncio.gather(operator.types("sync", uuid4(), "--json"), operator.types("cancel", uuid4(), "--json")):
        assert (answer.status, answer.facts["error"]) == (2, "not_found")
        assert answer.err.startswith("We cannot find this")


async def test_an_account_that_needs_a_reconnect_says_so_until_its_keys_work_again(operator: Operator) -> None:
    account = operator.works.account.id
    await operator.bench.order_fault(Fault.REVOKED, times=0)  # everywhere: the worker still holds a pass that was good
    failed = await operator.types("sync", account, "--wait", "--json")
    assert (failed.status, failed.facts["state"], failed.facts["error"]) == (4, "failed", "keys_rejected")
    await operator.bench.clear_faults()
    refused = await operator.types("sync", account, "--wait", "--json")
    assert (refused.status, refused.facts["error"]) == (2, "conflict")
    assert "needs reconnecting" in refused.err
    answer = await operator.types("validate", account)
    assert (answer.status, answer.out) == (0, "Surat store: valid. The marketplace accepted the saved details.\n")


async def test_a_run_that_waits_for_a_person_is_called_so(operator: Operator) -> None:
    account = await make_account(await make_seller("Chitra Crafts"), external="A1CHITRA")
    async with db.transaction(account.seller_id):
        run = await runs.queue(account.seller_id, account.id, ScheduleTarget.FULL_PROCESSING, trigger=Trigger.CLI)
    await seen(operator.addresses, "UPDATE sync_runs SET state = 'running' WHERE id = $1", run.id)
    await seen(
        operator.addresses, "UPDATE sync_runs SET state = 'partial', partial_kind = 'cut', finished_at = now() WHERE id = $1", run.id
    )
    await seen(
        operator.addresses,
        "INSERT INTO batches (id, seller_id, marketplace_account_id, number, run_id) VALUES (gen_random_uuid(), $1, $2, 1, $3)",
        account.seller_id,
        account.id,
        run.id,
    )
    (told,) = (await operator.types("runs", "--account", account.id, "--json")).facts["runs"]
    assert (told["state"], told["waits_for_you"]) == ("partial", True)
    assert "waiting for you" in (await operator.types("runs", "--account", account.id)).out
