"""What every test may use: a real PostgreSQL, a database of its own, keys, and people with names.

asha owns a shop, bala is her operator, chitra owns another shop and must never see asha's.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator

import argon2
import hypothesis
import psycopg
import pytest
from httpx._config import DEFAULT_TIMEOUT_CONFIG

from portal import db, migrating, vault
from portal.marketplaces import http
from portal.marketplaces.registry import CODES
from portal.people import passwords
from portal.postgres import Addresses, create_database, drop_database, let_in, throwaway
from portal.vault import Vault

# Hypothesis would give each example a fifth of a second. Nothing is claimed about how long anything takes on a busy machine.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")

TEMPLATE = "portal_template"

LONGEST = ("tests/browser/", "tests/up/", "tests/commands/", "tests/syncing/test_crashes", "tests/keyring/", "tests/walls/")
"""What starts browsers and whole portals. Begun last, it would be what everybody waits for while other processors have nothing to do."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, otherwise as they were found. `--no-loadscope-reorder` lets several processes take them in this order."""
    items.sort(key=lambda item: next((place for place, start in enumerate(LONGEST) if item.nodeid.startswith(start)), len(LONGEST)))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def impatient() -> Iterator[None]:
    """Calls are repeated as they always are, only sooner, and passwords hashed as they always are, only with less work.

    Hundreds of tests let calls fail first, or sign somebody in. Processes that a test starts keep their patience.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(http, "FIRST_WAIT_S", 0.005)
        # A test that calls a sandbox by itself waits for a busy machine too.
        for part in ("connect", "read", "write", "pool"):
            patched.setattr(DEFAULT_TIMEOUT_CONFIG, part, 60.0)
        patched.setattr(passwords, "_hasher", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(scope="session")
def server() -> Iterator[Addresses]:
    """A PostgreSQL for this run, with a migrated template that databases are copied from in a blink."""
    with throwaway() as addresses:
        template = addresses.of(TEMPLATE)
        create_database(addresses.owner, TEMPLATE)
        asyncio.run(migrating.migrate(template.owner, sandbox=True))
        let_in(template)
        yield addresses


@pytest.fixture(scope="session")
def shared_database(server: Addresses) -> Addresses:
    """The one database most tests use, one after the other."""
    create_database(server.owner, "portal_test", template=TEMPLATE)
    return server.of("portal_test")


@pytest.fixture
def database(shared_database: Addresses, broom: "Broom") -> Iterator[Addresses]:
    """A migrated, empty database for one test. What the test committed is emptied out afterwards: quicker than a copy for each."""
    yield shared_database
    broom.sweep()


@pytest.fixture(scope="session")
def broom(shared_database: Addresses) -> Iterator["Broom"]:
    one = Broom(shared_database.owner)
    yield one
    one.held.close()


class Broom:
    """Empties the shared database, over one connection for all tests: what a connection has learnt about a hundred tables is most of it."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self.held = self._taken()

    def sweep(self) -> None:
        try:
            self._sweep()
        except psycopg.OperationalError:  # a test ended every connection there was
            self.held = self._taken()
            self._sweep()

    def _sweep(self) -> None:
        self.held.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        self.held.execute("SELECT pg_temp.empty_out()")

    def _taken(self) -> psycopg.Connection:
        held = psycopg.connect(self._owner, autocommit=True)
        tables = held.execute(_TABLES).fetchall()
        body = "\n".join(_EMPTY.format(table=table) for (table,) in tables)
        held.execute(_EMPTY_OUT.format(body=body))
        return held


_TABLES = """
SELECT quote_ident(relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    AND relname NOT IN ('marketplaces', 'migration', 'saq_versions')
"""
# A few rows are deleted sooner than a table is truncated, which makes new files for it and every index.
_EMPTY = """
    IF EXISTS (SELECT FROM {table} OFFSET 3000) THEN TRUNCATE {table} CASCADE;
    ELSIF EXISTS (SELECT FROM {table}) THEN DELETE FROM {table}; END IF;
"""
_EMPTY_OUT = """
CREATE FUNCTION pg_temp.empty_out() RETURNS void LANGUAGE plpgsql SET session_replication_role = replica AS $$ BEGIN
    {body}
    PERFORM setval(seqrelid, 1, false) FROM pg_sequence;
END $$
"""


@pytest.fixture
def own_database(server: Addresses) -> Iterator[Addresses]:
    """A copy for a test that changes the schema or ends the server's connections under somebody's feet."""
    create_database(server.owner, "portal_own", template=TEMPLATE)
    yield server.of("portal_own")
    drop_database(server.owner, "portal_own")


@pytest.fixture
async def connected(database: Addresses) -> AsyncIterator[Addresses]:
    """The pool of this process, logged in as a worker: the login that may do most, and still owns nothing."""
    await db.connect(database.worker, max_size=5)
    yield database
    await db.disconnect()


@pytest.fixture(scope="session")
def rings() -> tuple[str, str]:
    """Fresh key rings: the public file's text and the private file's text."""
    return vault.generate([*CODES, vault.BUYERS])


@pytest.fixture(scope="session")
def keys(rings: tuple[str, str]) -> Vault:
    """A vault that seals and opens everything, as no single process does."""
    public, private = rings
    return vault.load(seal_keys=public, open_keys=private)
