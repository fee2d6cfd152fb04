"""`migrate` on a server that somebody else runs: a login that is no superuser does it, and one that may not is told which privilege is missing."""

from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from portal import migrating
from portal.errors import Misconfigured
from portal.postgres import Addresses, throwaway

pytestmark = [pytest.mark.anyio, pytest.mark.soak]


@pytest.fixture
def elsewhere() -> Iterator[Addresses]:
    """A server on which no role of ours is yet."""
    with throwaway() as addresses:
        yield addresses


def owner(server: Addresses, name: str, *, may: str = "") -> str:
    """The address of a login of this name with a database of its own."""
    with psycopg.connect(server.owner, autocommit=True) as held:
        held.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{name}' {may}".encode())
        held.execute(f"CREATE DATABASE {name} OWNER {name}".encode())
    parts = urlsplit(server.owner)
    return urlunsplit(parts._replace(netloc=f"{name}:{name}@", path=f"/{name}"))


async def test_an_owner_that_may_make_roles_migrates_and_does_so_again(elsewhere: Addresses) -> None:
    """Then the same walls stand there."""
    url = owner(elsewhere, "keeper", may="CREATEROLE")
    await migrating.migrate(url)
    await migrating.migrate(url)
    with psycopg.connect(url) as held:
        (open_ones,) = held.execute(
            """SELECT count(*) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'seller_id'
               WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND NOT c.relforcerowsecurity"""
        ).fetchone() or (-1,)
        roles = held.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'portal_%' AND (rolsuper OR rolbypassrls OR rolcreaterole)")
        assert (open_ones, roles.fetchall()) == (0, [])


async def test_an_owner_that_may_not_is_told_what_is_missing(elsewhere: Addresses) -> None:
    url = owner(elsewhere, "poor")
    with pytest.raises(Misconfigured) as caught:
        await migrating.migrate(url)
    assert "permission denied to create role" in caught.value.seller_message
    assert "CREATEROLE" in caught.value.hint
    assert "poor:poor" not in f"{caught.value.seller_message}{caught.value.hint}{caught.value}"
