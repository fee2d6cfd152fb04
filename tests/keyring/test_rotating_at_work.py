"""`keys rotate` beside a worker that syncs all the time: no sync fails, and afterwards the older keys are gone. Small in `make test`."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from portal.keyring import canaries, resealing
from portal.marketplaces import details
from portal.marketplaces.amazon_in import MARKETPLACE
from portal.marketplaces.contract import ScheduleTarget
from portal.nudges import Ears
from portal.postgres import Addresses
from portal.runs import service as runs
from portal.tables.syncs import RunState
from portal.vault import Vault
from tests.commands.test_backup import types
from tests.keyring.conftest import vault_of
from tests.workers import seen_as, worker, worker_settings
from tests.workshop import CODE, Workshop, another_account, seen, shop_of_today, workshop

pytestmark = pytest.mark.anyio

OVER = (RunState.SUCCEEDED, RunState.PARTIAL, RunState.FAILED, RunState.CANCELLED)


@pytest.fixture
async def works(connected: Addresses, folder: Path) -> AsyncIterator[Workshop]:
    async with workshop(connected, vault_of(folder), shop_of_today(orders=60)) as one:
        yield one


async def many_credentials(addresses: Addresses, vault: Vault, count: int, *, sellers: int = 40) -> None:
    """Saved connections of many sellers, `count` in all, each with every column of the satellite sealed."""
    shops = [(uuid4(), f"Shop {number}") for number in range(min(sellers, count))]
    columns = details.sealed_columns(MARKETPLACE)
    accounts = [
        (uuid4(), shops[number % len(shops)][0], CODE, f"A{uuid4().hex[:12].upper()}", f"Store {number}") for number in range(count)
    ]
    satellites = [
        (
            *(account, seller, code, MARKETPLACE.method().code, external),
            *(vault.seal(CODE, details.place_of(MARKETPLACE, column, account), f"{column} of {external}") for column in columns),
        )
        for account, seller, code, external, _ in accounts
    ]
    held = await asyncpg.connect(addresses.owner)
    try:
        await held.copy_records_to_table("sellers", records=shops, columns=["id", "name"])
        names = ["id", "seller_id", "marketplace_code", "external_account_id", "name"]
        # Paused: the worker's upkeep would otherwise check shops that no sandbox knows.
        await held.copy_records_to_table("marketplace_accounts", records=[(*one, "paused") for one in accounts], columns=[*names, "state"])
        plain = ["marketplace_account_id", "seller_id", "marketplace_code", MARKETPLACE.method_column, "selling_partner_id"]
        await held.copy_records_to_table(details.table_of(MARKETPLACE), records=satellites, columns=[*plain, *columns])
    finally:
        await held.close()


@pytest.mark.parametrize("credentials", [60, pytest.param(5000, marks=pytest.mark.soak)])
async def test_nothing_fails_while_everything_is_sealed_anew(works: Workshop, folder: Path, credentials: int) -> None:
    await many_credentials(works.addresses, works.vault, credentials)
    syncing = [works.account, *[await another_account(works) for _ in range(2)]]
    rings = (str(folder / "seal"), str(folder / "open"))
    before = vault_of(folder).newest
    operator = {
        "PORTAL_DATABASE_URL": works.addresses.worker,
        "PORTAL_SEAL_KEYS": rings[0],
        "PORTAL_OPEN_KEYS": rings[1],
        "PORTAL_BUYER_OPEN_KEYS": str(folder / "buyer-open"),
    }
    async with Ears(works.addresses.web) as ears, worker(worker_settings(works.addresses, rings, works.bench.base)) as one:

        async def sync(account_id: UUID) -> tuple[str, str]:
            started = await runs.start(works.seller, account_id, ScheduleTarget.ORDERS, jobs=works.jobs)
            run = await seen_as(ears, works.seller, started.run_id, lambda run: run.state in OVER)
            return run.state, run.error_code

        # Before anything turns, so that each shop's data keys are there and the count below is exact.
        endings = await asyncio.gather(*(sync(account.id) for account in syncing))
        begun = time.monotonic()
        rotating = asyncio.create_task(types(operator, "keys", "rotate", patience_s=900))
        while not rotating.done():
            endings += await asyncio.gather(*(sync(account.id) for account in syncing))
        status, said = rotating.result()
        assert status == 0, said
        print(f"{credentials} credentials in {time.monotonic() - begun:.0f} s, beside {len(endings)} syncs")  # for whoever asks with -s
        # Three columns of each credential, and what the syncing shops themselves have sealed.
        columns = len(details.sealed_columns(MARKETPLACE))
        assert f"{columns * (credentials + 3) + 2} values sealed anew" in said
        status, said = await types(operator, "keys", "retire")
        assert status == 0, said
        endings += await asyncio.gather(*(sync(account.id) for account in syncing))
        assert set(endings) == {(RunState.SUCCEEDED, "")}, one.said[-3000:]
    assert len(endings) >= 3 * len(syncing)

    after = vault_of(folder)
    assert not set(before.values()) & set(after.newest.values())
    assert {key_id for _, key_id in await resealing.in_use()} <= set(after.newest.values())
    assert not [key_id for key_id in before.values() if key_id in (folder / "open").read_text()]
    assert await seen(works.addresses, "SELECT 1 FROM marketplace_credential_events WHERE kind = 'open_failed'") == []
    on_record = (
        "SELECT count(*), count(DISTINCT marketplace_account_id) FROM marketplace_credential_events WHERE kind = 'resealed' AND code = $1"
    )
    (counted,) = await seen(works.addresses, on_record, after.newest[CODE])
    assert tuple(counted) == (credentials + 3, credentials + 3)
    for row in await seen(
        works.addresses,
        f"SELECT * FROM {details.table_of(MARKETPLACE)} WHERE marketplace_account_id <> ALL ($1)",
        [one.id for one in syncing],
    ):
        for column in details.sealed_columns(MARKETPLACE):
            opened = after.open(CODE, details.place_of(MARKETPLACE, column, row["marketplace_account_id"]), row[column])
            assert opened == f"{column} of {row['selling_partner_id']}"
    # What a worker asks when it starts.
    await canaries.check(after, [*after.newest])
