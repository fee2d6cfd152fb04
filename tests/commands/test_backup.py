"""The drill: a backup, a lost database, a restore, and the sync goes on; and everything that must stop a restore before it harms."""

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from portal import db, vault
from portal.__main__ import main
from portal.keyring import canaries
from portal.marketplaces.amazon_in.sandbox import sandbox_keys
from portal.orders.finding import show_buyer
from portal.postgres import Addresses, create_database, drop_database, dumping
from portal.tables.syncs import RunState
from tests.marketplaces.amazon_in.bench import running
from tests.workers import PATIENCE_S, TOP, environment
from tests.workshop import CODE, Workshop, buyers_of, queueing, seen, shop_of_today

pytestmark = pytest.mark.anyio


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assert main(["keys", "generate", "--into", str(tmp_path / "keys")]) == 0
    return tmp_path / "keys"


def settings(addresses: Addresses, folder: Path) -> dict[str, str]:
    return {
        "PORTAL_DATABASE_URL": addresses.owner,
        "PORTAL_DATA_DIR": str(folder.parent / "data"),
        "PORTAL_SEAL_KEYS": str(folder / "seal"),
        "PORTAL_OPEN_KEYS": str(folder / "open"),
        "PORTAL_BUYER_OPEN_KEYS": str(folder / "buyer-open"),
    }


async def types(chosen: dict[str, str], *words: object, patience_s: float = PATIENCE_S) -> tuple[int, str]:
    """The exit status, and everything that was said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "portal", *map(str, words)),
        cwd=TOP,
        env=environment(chosen),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), patience_s)
    assert b"Traceback" not in said, said.decode()
    return int(process.returncode or 0), said.decode()


@pytest.fixture
async def shop(own_database: Addresses, folder: Path) -> AsyncIterator[Workshop]:
    """A synced shop in a database of its own, sealed with the rings in the folder."""
    keys = vault.load(seal_keys=str(folder / "seal"), open_keys=str(folder / "open"), buyer_open_keys=str(folder / "buyer-open"))
    await db.connect(own_database.worker, max_size=4)
    async with running(shop_of_today(orders=60)) as bench:
        async with queueing(own_database.worker) as jobs:
            works = await Workshop.opened(own_database, bench, keys, jobs)
            await canaries.plant(keys)
            assert (await works.sync()).state == RunState.SUCCEEDED
        yield works
        if db.is_open():
            await db.disconnect()


async def test_the_drill(shop: Workshop, folder: Path, tmp_path: Path) -> None:
    chosen, file = settings(shop.addresses, folder), tmp_path / "portal.backup"
    status, said = await types(chosen, "backup", file)
    assert status == 0, said
    assert all(f"{ring} {key_id}" in said for ring, key_id in shop.vault.newest.items())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    await shop.assert_equal_to_ledger()
    before, watermark = await everything(shop.addresses), await shop.watermark()

    await db.disconnect()
    drop_database(chosen["PORTAL_DATABASE_URL"].replace("portal_own", "postgres"), "portal_own")
    create_database(shop.addresses.owner.replace("portal_own", "postgres"), "portal_own")
    status, said = await types(chosen, "restore", file)
    assert status == 0, said

    assert await everything(shop.addresses) == before
    await db.connect(shop.addresses.worker, max_size=4)
    async with queueing(shop.addresses.worker) as jobs:
        shop.jobs = jobs
        run = await shop.sync()
    assert (run.state, run.new_count) == (RunState.SUCCEEDED, 0)
    assert watermark is not None
    assert (await shop.watermark() or "") >= watermark
    await shop.assert_equal_to_ledger()
    (order,) = await seen(shop.addresses, "SELECT id FROM orders WHERE buyer_name IS NOT NULL LIMIT 1")
    shown = await show_buyer(shop.seller, order["id"], shop.vault, by="Asha")
    assert shown.name in {person[0] for person in buyers_of(shop.bench.shop)}


async def everything(addresses: Addresses) -> tuple[dict[str, int], set[tuple[object, ...]], set[tuple[object, ...]]]:
    """How many rows each table has, who may do what with it, and which rows for whom."""
    names = [row[0] for row in await seen(addresses, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")]
    counts = {name: (await seen(addresses, f"SELECT count(*) FROM {name}"))[0][0] for name in names if name not in dumping.MOMENTARY}
    grants = await seen(
        addresses,
        """SELECT relname, grantee::regrole::text, privilege_type FROM pg_class, aclexplode(relacl) WHERE relnamespace = 'public'::regnamespace
           UNION SELECT proname, grantee::regrole::text || ' by ' || proowner::regrole, privilege_type FROM pg_proc, aclexplode(proacl)
           WHERE pronamespace = 'public'::regnamespace""",
    )
    policies = await seen(addresses, "SELECT tablename, policyname, permissive, roles, cmd, qual, with_check FROM pg_policies")
    return counts, {tuple(row) for row in grants}, {tuple(map(str, row)) for row in policies}


async def test_no_secret_is_readable_in_a_backup(shop: Workshop, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "portal.backup"
    assert (await types(settings(shop.addresses, folder), "backup", file))[0] == 0
    plain = subprocess.run(
        [dumping._tool("pg_restore"), "--file=-", file], capture_output=True, text=True, check=True, env=os.environ
    ).stdout
    keys = sandbox_keys(shop.bench.shop)
    assert keys.pop("selling_partner_id") in plain, "what is public shows that the dump is whole"
    assert [name for name, value in keys.items() if value in plain] == []
    assert [value for person in buyers_of(shop.bench.shop)[:20] for value in person if value in plain] == []


async def test_wrong_rings_are_refused_before_anything_is_touched(shop: Workshop, folder: Path, tmp_path: Path) -> None:
    file, other = tmp_path / "portal.backup", tmp_path / "other"
    assert (await types(settings(shop.addresses, folder), "backup", file))[0] == 0
    await db.disconnect()
    assert main(["keys", "generate", "--into", str(other)]) == 0
    before = await everything(shop.addresses)

    status, said = await types(settings(shop.addresses, other), "restore", file, "--replace")
    assert status == 2
    assert f"{CODE} {shop.vault.newest[CODE]}" in said
    only_credentials = settings(shop.addresses, folder) | {"PORTAL_BUYER_OPEN_KEYS": ""}
    status, said = await types(only_credentials, "restore", file, "--replace")
    assert (status, f"BUYERS {shop.vault.newest[vault.BUYERS]}" in said) == (2, True)
    assert await everything(shop.addresses) == before

    status, said = await types(only_credentials, "restore", file, "--replace", "--keys-elsewhere")
    assert status == 0, said
    assert "BUYERS" not in said


async def test_a_restore_throws_nothing_away_by_itself(shop: Workshop, folder: Path, tmp_path: Path) -> None:
    """Not what a running portal uses, not what a database holds, and no older backup."""
    chosen, file = settings(shop.addresses, folder), tmp_path / "portal.backup"
    assert (await types(chosen, "backup", file))[0] == 0
    assert (await types(chosen, "backup", file))[0] == 2
    status, said = await types(chosen, "restore", file, "--replace")
    assert (status, "in use" in said) == (2, True)
    await db.disconnect()
    before = await everything(shop.addresses)
    status, said = await types(chosen, "restore", file)
    assert (status, "--replace" in said) == (2, True)
    (tmp_path / "half").write_bytes(file.read_bytes()[:-2000])
    assert (await types(chosen, "restore", tmp_path / "half"))[0] == 2
    assert await everything(shop.addresses) == before
    with psycopg.connect(shop.addresses.owner) as held:
        assert held.execute("SELECT count(*) FROM orders").fetchone() == (60,)


async def test_beside_a_portal_that_runs(server: Addresses, tmp_path: Path) -> None:
    """Without an address: the database that `up` runs below the data directory is found, and let in with its owner's password."""
    cluster = Path(str(psycopg.conninfo.conninfo_to_dict(server.owner)["host"]))
    status, said = await types({"PORTAL_DATA_DIR": str(cluster.parent)}, "backup", tmp_path / "portal.backup")
    assert status == 0, said
    assert dumping.rows_of(tmp_path / "portal.backup", "key_canaries") == []
