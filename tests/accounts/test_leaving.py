"""Disconnecting: what it takes, what it ends, what it keeps, and that nothing late brings any of it back."""

from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from portal import clock, db
from portal import files as store
from portal.accounts import service
from portal.connecting import service as connecting
from portal.errors import BadInput, Conflict, NotFound
from portal.marketplaces.contract import AccountRef, ScheduleTarget
from portal.marketplaces.errors import KeysRejected
from portal.orders import buyers
from portal.processing import errands
from portal.runs import service as runs
from portal.tables.printing import PrintFile
from portal.tables.processing import Batch, BatchErrand, Document, ErrandState
from portal.tables.syncs import RunState
from portal.tables.wizards import WizardState
from tests.contract.desks import Desk

pytestmark = pytest.mark.anyio

LEAVES = ("orders", "order_items", "shipments", "sync_runs", "sync_events", "sync_cursors")


async def count(d: Desk, table: str) -> int:
    async with db.transaction(d.seller_id) as held:
        found: int = await held.fetchval(f"SELECT count(*) FROM {table}")
    return found


async def leave(d: Desk, account: AccountRef, *, name: str = "Surat store", delete_history: bool = False) -> None:
    await service.disconnect(d.seller_id, account.id, typed_name=name, delete_history=delete_history, by="Asha", jobs=d.jobs)


async def test_it_takes_the_accounts_name(d: Desk, account: AccountRef) -> None:
    before = await d.satellite(account)
    with pytest.raises(BadInput) as refused:
        await leave(d, account, name="surat")
    assert "Surat store" in refused.value.fields["name"]
    assert await d.satellite(account) == before
    assert (await service.get(d.seller_id, account.id)).state == "active"


async def test_secrets_go_at_once_and_the_history_stays(d: Desk, account: AccountRef) -> None:
    kept = {table: await count(d, table) for table in LEAVES}
    wizard = await connecting.begin_reconnect(d.seller_id, d.user_id, account.id)
    await connecting.enter(d.seller_id, wizard.id, d.values, version=None, vault=d.vault, jobs=d.jobs)
    assert await count(d, "connect_wizard_secrets") == 3
    await leave(d, account)
    row = await d.satellite(account)
    assert [name for name in row if name.endswith("_fingerprint") and row[name]] == []
    assert [row[name] for name in ("lwa_client_id", "lwa_client_secret", "refresh_token")] == [None, None, None]
    assert row["selling_partner_id"] == account.external_account_id
    assert await count(d, "connect_wizard_secrets") == 0
    assert (await connecting.get(d.seller_id, wizard.id)).state == WizardState.DISCARDED
    assert {table: await count(d, table) for table in LEAVES} == kept
    assert (await d.story(account))[-2:] in (["disconnected", "erased"], ["erased", "disconnected"])
    await leave(d, account)
    assert (await d.story(account)).count("disconnected") == 1


async def test_work_under_way_ends_and_late_jobs_find_nothing_to_do(d: Desk, account: AccountRef) -> None:
    started = await runs.start(d.seller_id, account.id, ScheduleTarget.ORDERS, jobs=d.jobs)
    await service.start_check(d.seller_id, account.id, jobs=d.jobs)
    await leave(d, account)
    assert (await runs.get(d.seller_id, started.run_id)).state == RunState.CANCELLED
    calls = len((await d.side.get("/_sandbox/calls")).json())
    await d.work()
    assert len((await d.side.get("/_sandbox/calls")).json()) == calls
    for attempt in (
        runs.start(d.seller_id, account.id, ScheduleTarget.ORDERS, jobs=d.jobs),
        connecting.begin_reconnect(d.seller_id, d.user_id, account.id),
        service.start_check(d.seller_id, account.id, jobs=d.jobs),
    ):
        with pytest.raises(Conflict):
            await attempt


async def test_an_answer_about_an_older_credential_changes_nothing(d: Desk, account: AccountRef) -> None:
    """A worker that was asked before a reconnect, or before the end, comes too late."""
    old = (await service.get(d.seller_id, account.id)).credential_version
    wizard = await d.reconnect(account, {"refresh_token": d.values["refresh_token"]})
    await d.confirm(wizard)
    error = KeysRejected("Amazon India", "Amazon access was removed.", reason="invalid_grant")
    await service.refused(account, error, version=old)
    row = await service.get(d.seller_id, account.id)
    assert (row.needs_reconnect, service.badge(row).state) == (False, "valid")
    await service.refused(account, error, version=row.credential_version)
    assert (await service.get(d.seller_id, account.id)).needs_reconnect
    await leave(d, account)
    row = await service.get(d.seller_id, account.id)
    await service.refused(account, error, version=row.credential_version)
    assert not (await service.get(d.seller_id, account.id)).needs_reconnect


async def test_a_history_that_shall_go_goes_with_its_buyers_key(d: Desk, account: AccountRef) -> None:
    assert await count(d, "buyer_data_keys") == 1
    await leave(d, account, delete_history=True)
    await d.work()
    assert {table: await count(d, table) for table in LEAVES} == dict.fromkeys(LEAVES, 0)
    assert await count(d, "buyer_data_keys") == 0
    row = await service.get(d.seller_id, account.id)
    assert (row.history_erasing, (await d.story(account))[-1]) == (False, "erased")


async def test_who_presses_again_has_the_worker_asked_again(d: Desk, account: AccountRef) -> None:
    """As after an error page, when the account had left and the queue did not answer."""
    await leave(d, account, delete_history=True)
    d.jobs.waiting.clear()
    await leave(d, account, name="whatever", delete_history=True)
    await d.work()
    assert not (await service.get(d.seller_id, account.id)).history_erasing


async def papers(d: Desk, account: AccountRef) -> list[str]:
    """Keys of a label, a print file, and what was carried to a panel and brought back; their bytes are there."""
    keys = [f"{d.seller_id}/{account.id}/{name}" for name in ("label.pdf", "print.pdf", "sheet.xlsx", "back.pdf")]
    for key in keys:
        await store.at(d.settings).keep(key, b"Farida, 12/4 Park Street", "application/pdf")
    async with db.transaction(d.seller_id) as held:
        batch = Batch(id=uuid4(), seller_id=d.seller_id, marketplace_account_id=account.id, number=1)
        await batch.save()
        at: dict[str, Any] = {"seller_id": d.seller_id, "batch_id": batch.id}
        own = {**at, "marketplace_account_id": account.id}
        await Document(id=uuid4(), **own, kind="label", key=keys[0], size=1, sha256="").save()
        await PrintFile(id=uuid4(), **own, kind="batch", key=keys[1], expires_at=clock.now() + timedelta(days=1)).save()
        carried: dict[str, Any] = {"file_name": "sheet.xlsx", "file_key": keys[2], "brought_key": keys[3], "state": ErrandState.BROUGHT}
        await BatchErrand(id=uuid4(), **at, position=1, **carried).save()
        assert await held.fetchval("SELECT count(*) FROM buyer_data_keys") == 1
    return keys


async def there(d: Desk, keys: list[str]) -> list[str]:
    """Those of the keys that have bytes."""
    found = []
    for key in keys:
        with suppress(NotFound):
            await store.at(d.settings).read(key)
            found.append(key)
    return found


@pytest.mark.parametrize("going", [True, False], ids=["history goes", "history stays"])
async def test_papers_about_buyers_go_with_the_history(d: Desk, account: AccountRef, going: bool) -> None:
    keys = await papers(d, account)
    await leave(d, account, delete_history=going)
    await d.jobs.erase_history(d.place.code, account.id)
    await d.work()
    assert await there(d, keys) == ([] if going else keys)
    assert await count(d, "documents") + await count(d, "print_files") == (0 if going else 2)


async def test_papers_about_buyers_go_with_the_business(d: Desk, account: AccountRef) -> None:
    """Like the key to those buyers, though the history stays."""
    keys = await papers(d, account)
    await service.close(d.seller_id, typed_name=await name_of(d), by="Asha", jobs=d.jobs)
    # Another shop of that marketplace may be connected before anybody comes to it: its key opens no earlier buyer.
    await buyers.seal_at_work(d.seller_id, d.place, d.vault)
    await d.work()
    assert await there(d, keys) == []
    assert await count(d, "documents") + await count(d, "print_files") == 0
    assert await count(d, "orders") > 0
    async with db.transaction(d.seller_id) as held:
        errand = await errands.under_way(await held.fetchval("SELECT id FROM batches"), 1)
    assert errand is not None
    assert (errand.looking, errand.file_name) == (False, ""), "nothing is offered or looked at that is not there any more"


async def test_papers_wait_for_their_store_and_go_all_the_same(d: Desk, account: AccountRef) -> None:
    """With everything that is left of their account: without it nobody would know whose they are."""
    keys = await papers(d, account)
    folder = d.settings.data_dir / "documents"
    away = folder.rename(folder.with_name("elsewhere"))
    folder.write_text("no folder")
    await leave(d, account, delete_history=True)
    orders = await count(d, "orders")
    await d.next_job()
    assert (len(d.jobs.waiting), await count(d, "orders")) == (1, orders)
    folder.unlink()
    away.rename(folder)
    await d.work()
    assert await there(d, keys) == []
    assert await count(d, "orders") == 0


async def name_of(d: Desk) -> str:
    async with db.transaction(d.seller_id) as held:
        return str(await held.fetchval("SELECT name FROM sellers"))


async def test_connected_again_before_the_end_the_rest_of_the_history_stays(d: Desk, account: AccountRef) -> None:
    await leave(d, account, delete_history=True)
    erasing = d.jobs.waiting.pop()
    orders = await count(d, "orders")
    wizard = await d.type_in(d.values)
    await d.confirm(wizard)
    d.jobs.waiting.append(erasing)
    await d.work()
    assert await count(d, "orders") >= orders
