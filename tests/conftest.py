"""What every test may use: a real PostgreSQL, a database of its own, keys, and people with names.

asha owns a shop, bala is her operator, chitra owns another shop and must never see asha's.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from portal import db, migrating, vault
from portal.marketplaces.registry import CODES
from portal.postgres import Addresses, create_database, drop_database, let_in, throwaway
from portal.vault import Vault

TEMPLATE = "portal_template"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server() -> Iterator[Addresses]:
    """A PostgreSQL for this run, with a migrated template that databases are copied from in a blink."""
    with throwaway() as addresses:
        template = addresses.of(TEMPLATE)
        create_database(addresses.owner, TEMPLATE)
        asyncio.run(migrating.migrate(template.owner, sandbox=True))
        let_in(template)
        yield addresses


@pytest.fixture
def database(server: Addresses, request: pytest.FixtureRequest) -> Iterator[Addresses]:
    """A migrated, empty database for one test; what the test commits is gone afterwards."""
    name = f"test_{abs(hash(request.node.nodeid)) % 10**12}"
    create_database(server.owner, name, template=TEMPLATE)
    yield server.of(name)
    drop_database(server.owner, name)


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
