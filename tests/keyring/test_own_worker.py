"""A worker that serves one marketplace alone reaches that marketplace's credentials and no other's: as a login, and as a process."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from portal import db, vault
from portal.access import KEYRING, own_worker
from portal.doors import FINDER
from portal.jobs import queue_name
from portal.marketplaces import details
from portal.marketplaces.amazon_in import MARKETPLACE as AMAZON
from portal.marketplaces.contract import Marketplace, ScheduleTarget
from portal.marketplaces.methods import Method
from portal.marketplaces.registry import CODES, MARKETPLACES, marketplace
from portal.marketplaces.sandbox import Shop
from portal.nudges import Ears
from portal.orders import buyers
from portal.postgres import Addresses, let_in
from portal.processing.prints import asking
from portal.processing.prints.job import make_one
from portal.runs import service as runs
from portal.tables.printing import PrintKind
from portal.tables.syncs import RunState
from portal.vault import Vault
from tests.factories import make_account, make_seller
from tests.processing.by_hand import PIPELINE as BY_HAND
from tests.processing.floor import Pipeline, floor
from tests.processing.pipelines import PIPELINES
from tests.workers import Rings, seen_as, worker, worker_settings
from tests.workshop import Workshop, seen, workshop

pytestmark = pytest.mark.anyio

LIVE = [place for place in MARKETPLACES if place.details is not None]
each = pytest.mark.parametrize("place", LIVE, ids=lambda place: place.code)


@pytest.fixture
async def seller(connected: Addresses, keys: Vault) -> UUID:
    """With something sealed on every marketplace: a data key, and a secret of a half-done setup."""
    seller = await make_seller()
    for place in LIVE:
        await buyers.seal_at_work(seller, place, keys)
    owner = await asyncpg.connect(connected.owner)
    try:
        await owner.execute("SET session_replication_role = replica")
        for place in LIVE:
            await owner.execute(
                """INSERT INTO connect_wizard_secrets (id, seller_id, wizard_id, marketplace_code, column_name, sealed, fingerprint, length)
                   VALUES (gen_random_uuid(), $1, $2, $3, 'x', 'sealed', '', 1)""",
                *(seller, uuid4(), place.code),
            )
    finally:
        await owner.close()
    return seller


@pytest.fixture
async def held(connected: Addresses) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(connected.owner)
    yield connection
    await connection.close()


async def acting(held: "asyncpg.Connection[asyncpg.Record]", place: Marketplace, seller: UUID) -> None:
    """From here on the connection is that worker's login, in a transaction of the seller."""
    await held.execute(f"SET SESSION AUTHORIZATION {own_worker(place)}")
    await held.execute("SELECT set_config('app.current_seller_id', $1, false)", str(seller))


@each
async def test_its_login_takes_up_its_own_role_alone(held: "asyncpg.Connection[asyncpg.Record]", seller: UUID, place: Marketplace) -> None:
    await acting(held, place, seller)
    for role in ("portal_tenant", place.role):
        await held.execute(f"SET ROLE {role}")
    others = [other.role for other in LIVE if other is not place]
    for role in (*others, FINDER, KEYRING, "portal_web", "portal_worker"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await held.execute(f"SET ROLE {role}")


@each
async def test_its_login_reads_what_is_sealed_for_its_marketplace_alone(
    held: "asyncpg.Connection[asyncpg.Record]", seller: UUID, place: Marketplace
) -> None:
    """Columns of satellites by grant, rows of setups and data keys by policy. Without a role, not even that."""
    await acting(held, place, seller)
    sealed = {details.table_of(one): ", ".join(details.sealed_columns(one)) for one in LIVE}
    for table, columns in [*sealed.items(), ("connect_wizard_secrets", "sealed")]:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await held.fetch(f"SELECT {columns} FROM {table}")
    await held.execute(f"SET ROLE {place.role}")
    for table, columns in sealed.items():
        if table == details.table_of(place):
            await held.fetch(f"SELECT {columns} FROM {table}")
        else:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await held.fetch(f"SELECT {columns} FROM {table}")
    for table in ("connect_wizard_secrets", "buyer_data_keys"):
        assert [row["marketplace_code"] for row in await held.fetch(f"SELECT * FROM {table}")] == [place.code]


@each
async def test_its_login_sees_its_own_queue_alone(held: "asyncpg.Connection[asyncpg.Record]", seller: UUID, place: Marketplace) -> None:
    """Of other marketplaces' jobs it sees none, ends none and takes none; it may put one there, as sweeps do, and not learn what is there."""
    for one in LIVE:
        await held.execute("INSERT INTO saq_jobs (key, job, queue, status) VALUES ($1, '', $1, 'queued')", queue_name(one.code))
        await held.execute("INSERT INTO saq_stats (worker_id, queue_key) VALUES ($1, $1)", queue_name(one.code))
    await acting(held, place, seller)
    for table in ("saq_jobs", "saq_stats"):
        column = "queue" if table == "saq_jobs" else "queue_key"
        assert [row[0] for row in await held.fetch(f"SELECT {column} FROM {table}")] == [queue_name(place.code)]
        for verb in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
            assert (await held.execute(verb)).rsplit(" ", 1)[1] == "1"
    for one in LIVE:
        put = await held.execute(
            "INSERT INTO saq_jobs (key, job, queue, status) VALUES ($1, '', $1, 'queued') ON CONFLICT DO NOTHING", queue_name(one.code)
        )
        assert put == f"INSERT 0 {int(one is place)}"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await held.execute("INSERT INTO saq_stats (worker_id, queue_key) VALUES ('x', 'elsewhere')")


@each
def test_its_process_keeps_its_own_private_key_alone(rings: Rings, place: Marketplace) -> None:
    """Though the file at hand may hold them all."""
    public, private = rings
    held = vault.load(seal_keys=public, open_keys=private, private_of=(place.code,))
    assert [ring for ring in (*CODES, vault.BUYERS) if held.opens(ring)] == [place.code]
    assert all(held.seals(ring) for ring in (*CODES, vault.BUYERS))


@pytest.fixture
async def works(connected: Addresses, keys: Vault) -> AsyncIterator[Workshop]:
    async with workshop(connected, keys) as one:
        yield one


async def test_it_does_its_whole_work_with_that_login_and_that_key(works: Workshop, rings: Rings) -> None:
    """Sweeps, beats and a sync; the queue of another marketplace is not its business."""
    public, private = rings
    own = works.addresses.worker.replace("portal_worker:", f"{own_worker(AMAZON)}:", 1)
    let_in(Addresses(works.addresses.owner, works.addresses.web, own))
    line = next(line for line in private.splitlines() if line.startswith(f"{AMAZON.code} "))
    settings = worker_settings(Addresses("", "", own), (public, line), works.bench.base) | {"PORTAL_WORKER_MARKETPLACES": AMAZON.code}
    other = await make_account(works.seller, code="MEESHO", external="abcde")
    async with Ears(works.addresses.web) as ears, worker({**settings, "PORTAL_SCHEDULES": "true"}) as one:
        run = await works.start()
        other_run = await make_queued_run(works, other.id)
        done = await seen_as(ears, works.seller, run, lambda run: run.state in (RunState.SUCCEEDED, RunState.FAILED, RunState.PARTIAL))
        assert (done.state, done.error_code) == (RunState.SUCCEEDED, ""), done.error_message
        await works.assert_equal_to_ledger()
        (queued,) = await seen(works.addresses, "SELECT state, attempt FROM sync_runs WHERE id = $1", other_run)
        assert tuple(queued) == ("queued", 0)
        assert "ermission" not in one.said
        assert "InsufficientPrivilege" not in one.said
    async with db.pool().acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM key_canaries") == len((*CODES, vault.BUYERS))


async def make_queued_run(works: Workshop, account_id: UUID) -> UUID:
    return (await runs.start(works.seller, account_id, ScheduleTarget.ORDERS, jobs=works.jobs)).run_id


def method_of(pipeline: Pipeline) -> Method:
    """How the sandbox's key file connects."""
    assert pipeline.place.sandbox_keys is not None
    return pipeline.place.method_of(pipeline.place.sandbox_keys(Shop()))


DOORS = [
    pytest.param(pipeline, id=f"{pipeline.code}-{method_of(pipeline).code}", marks=[pytest.mark.soak] if later else [])
    for later, pipeline in enumerate((*PIPELINES, BY_HAND))
]
"""Every way orders are processed, with sheets carried by hand among them."""


@pytest.mark.parametrize("pipeline", DOORS)
async def test_a_batch_and_its_papers_go_through_with_that_login_and_that_key(
    pipeline: Pipeline, database: Addresses, rings: Rings, tmp_path: Path
) -> None:
    """Stages, errands, invoices, stock and print files ask for nothing that only the worker of all marketplaces has."""
    own = Addresses(database.owner, database.web, database.worker.replace("portal_worker:", f"{own_worker(pipeline.place)}:", 1))
    let_in(own)
    held = vault.load(seal_keys=rings[0], open_keys=rings[1], private_of=(pipeline.code,))
    await db.connect(own.worker, max_size=5)
    try:
        async with floor(pipeline, own, held, tmp_path, orders=4) as works:
            run = await works.through()
            assert run.state == RunState.SUCCEEDED, run.error_message
            (batch,) = await works.rows("SELECT id FROM batches")
            print_id = await asking.ask(works.seller, batch["id"], PrintKind.BATCH, jobs=works.jobs, by="Asha")
            assert await make_one(works.context(), works.seller, print_id)
            for target in pipeline.place.opened_by(method_of(pipeline)) - {ScheduleTarget.FULL_PROCESSING}:
                run = await works.work((await runs.start(works.seller, works.account.id, target, jobs=works.jobs)).run_id)
                assert run.state in (RunState.SUCCEEDED, RunState.PARTIAL), (target, run.error_message)
            assert held.opens(pipeline.code)
            assert not [code for code in CODES if code != pipeline.code and held.opens(code)]
    finally:
        await db.disconnect()


async def test_it_does_not_start_without_that_key(works: Workshop, rings: Rings) -> None:
    public, private = rings
    others = "\n".join(line for line in private.splitlines() if not line.startswith(f"{AMAZON.code} "))
    settings = worker_settings(works.addresses, (public, others), works.bench.base) | {"PORTAL_WORKER_MARKETPLACES": AMAZON.code}
    with pytest.raises(AssertionError, match=f"no private key for {AMAZON.code}"):
        async with worker(settings):
            pass


def test_every_login_has_its_marketplace() -> None:
    assert len({own_worker(place) for place in LIVE}) == len(LIVE) > 1
    assert own_worker(marketplace("AJIO")) == "portal_worker_ajio"
