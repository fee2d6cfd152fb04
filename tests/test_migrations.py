"""The migrations hold everything the tables' classes say, and `migrate` leaves no seller's table open."""

import ast
from pathlib import Path

import asyncpg
import pytest

from portal import migrating
from portal.marketplaces.registry import MARKETPLACES
from portal.postgres import Addresses
from tests.syntax import parsed

pytestmark = pytest.mark.anyio

FOLDER = Path(__file__).parent.parent / "piccolo_migrations"


async def test_no_migration_is_pending() -> None:
    """A table's class and its migrations never drift apart."""
    assert await migrating.pending() == 0


def test_migrations_import_no_code_of_ours() -> None:
    """A migration keeps meaning what it meant, however the code changes."""
    imported = [
        (path.stem, name)
        for path in FOLDER.glob("*.py")
        for node in ast.walk(parsed(path))
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    ]
    assert [(migration, name) for migration, name in imported if name.split(".")[0] == "portal"] == []


async def test_migrating_again_changes_nothing(own_database: Addresses) -> None:
    """Roles, policies, grants, doors and the catalogue may be applied any number of times."""
    before = await _face(own_database.owner)
    await migrating.migrate(own_database.owner, sandbox=True)
    assert await _face(own_database.owner) == before


async def test_every_sellers_table_forces_row_security(database: Addresses) -> None:
    """The list comes from the catalogue, so a new table is covered by itself."""
    held = await asyncpg.connect(database.owner)
    try:
        rows = await held.fetch(
            """SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS forced,
                      EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant') AS policed
               FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'seller_id' AND NOT a.attisdropped
               WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"""
        )
    finally:
        await held.close()
    assert len(rows) > 20
    assert [row["relname"] for row in rows if not (row["forced"] and row["policed"])] == []


async def test_every_sellers_table_has_an_index_that_begins_with_the_seller(database: Addresses) -> None:
    """Row security asks for the seller first, so an index that begins there is what keeps pages quick."""
    held = await asyncpg.connect(database.owner)
    try:
        rows = await held.fetch(
            """SELECT c.relname FROM pg_class c
               JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'seller_id' AND NOT a.attisdropped
               WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
                 AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum)"""
        )
    finally:
        await held.close()
    assert [row["relname"] for row in rows] == []


async def test_the_catalogue_says_what_the_manifests_say(database: Addresses) -> None:
    held = await asyncpg.connect(database.owner)
    try:
        rows = await held.fetch("SELECT code, name, status, home_country, currency FROM marketplaces")
    finally:
        await held.close()
    told = {
        (place.code, place.name, "sandbox" if place.status == "live" else place.status, place.country, place.currency)
        for place in MARKETPLACES
    }
    assert {tuple(row) for row in rows} == told


async def test_an_operators_pause_survives_the_next_migrate(own_database: Addresses) -> None:
    held = await asyncpg.connect(own_database.owner)
    try:
        await held.execute("UPDATE marketplaces SET status = 'paused' WHERE code = $1", MARKETPLACES[0].code)
        await migrating.migrate(own_database.owner)
        assert await held.fetchval("SELECT status FROM marketplaces WHERE code = $1", MARKETPLACES[0].code) == "paused"
    finally:
        await held.close()


async def _face(url: str) -> list[str]:
    """Columns, constraints, policies, grants and functions of a database, as text."""
    held = await asyncpg.connect(url)
    try:
        rows = await held.fetch(
            """SELECT format('%s.%s %s', table_name, column_name, data_type) AS line FROM information_schema.columns WHERE table_schema = 'public'
               UNION ALL SELECT format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
               UNION ALL SELECT format('%s %s %s', polrelid::regclass, polname, pg_get_expr(polqual, polrelid)) FROM pg_policy
               UNION ALL SELECT format('%s %s %s', c.oid::regclass, given.grantee::regrole, given.privilege_type)
                         FROM pg_class c, aclexplode(c.relacl) given WHERE relnamespace = 'public'::regnamespace
               UNION ALL SELECT format('%s.%s %s %s', a.attrelid::regclass, a.attname, given.grantee::regrole, given.privilege_type)
                         FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid, aclexplode(a.attacl) given WHERE c.relnamespace = 'public'::regnamespace
               UNION ALL SELECT format('%s %s %s', oid::regprocedure, proacl, prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
               ORDER BY 1"""
        )
    finally:
        await held.close()
    return [row["line"] for row in rows]
