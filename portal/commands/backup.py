"""`backup` and `restore`: the database as one file. The key rings are not in it, and without them nothing that is sealed opens."""

import argparse
import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from portal import access, migrating, vault
from portal.commands.session import answer, every_ring, explained, read_settings, running_database
from portal.errors import Conflict, Misconfigured
from portal.keyring import canaries
from portal.marketplaces.registry import MARKETPLACES
from portal.postgres import Embedded, dumping, let_in
from portal.settings import Settings

CANARIES = "key_canaries"


def add_parsers(commands: Any) -> None:
    backup = commands.add_parser("backup", help="the database as one file; what is sealed stays sealed in it")
    backup.add_argument("file", type=Path)
    backup.add_argument("--json", action="store_true")
    backup.set_defaults(run=_backup)
    restore = commands.add_parser("restore", help="a database from such a file, once the key rings are shown to fit it")
    restore.add_argument("file", type=Path)
    restore.add_argument("--replace", action="store_true", help="throw away what the database holds now")
    restore.add_argument("--keys-elsewhere", action="store_true", help="leave out the check of private rings that are on other machines")
    restore.add_argument("--json", action="store_true")
    restore.set_defaults(run=_restore)


def _backup(chosen: argparse.Namespace) -> int:
    with explained(), _owners_database(read_settings()) as url:
        dumping.dump(url, chosen.file)
    needed = sorted(f"{row['ring']} {row['key_id']}" for row in dumping.rows_of(chosen.file, CANARIES))
    answer(
        chosen.json,
        {"file": str(chosen.file.absolute()), "bytes": chosen.file.stat().st_size, "keys": needed},
        f"The database is in {chosen.file}. It opens with these keys, which belong in another place: {', '.join(needed) or 'none yet'}.",
    )
    return 0


def _restore(chosen: argparse.Namespace) -> int:
    if not chosen.file.is_file():
        raise Misconfigured(f"There is no file {chosen.file}.", hint="Name a file that `python -m portal backup` wrote.")
    settings = read_settings()
    held = vault.load(**every_ring(settings))
    # Before anything is touched: a database whose keys are lost is better left as it is.
    checked = _fitting(held, dumping.rows_of(chosen.file, CANARIES), elsewhere=chosen.keys_elsewhere)
    with explained(), _owners_database(settings) as url:
        _make_room(url, replace=chosen.replace)
        asyncio.run(_roles(url))
        dumping.load(url, chosen.file)
        with psycopg.connect(url) as connection:
            sandbox = connection.execute("SELECT 1 FROM marketplaces WHERE status = 'sandbox'").fetchone() is not None
        asyncio.run(migrating.migrate(url, sandbox=sandbox))
        with psycopg.connect(url, row_factory=dict_row) as connection:
            rows = connection.execute("SELECT ring, key_id, sealed FROM key_canaries").fetchall()
    _fitting(held, rows, elsewhere=chosen.keys_elsewhere)
    answer(
        chosen.json,
        {"restored": True, "keys": checked},
        f"The database is as {chosen.file} has it, and these keys open it: {', '.join(checked) or 'none was needed'}.",
    )
    return 0


def _fitting(held: vault.Vault, rows: Sequence[Mapping[str, Any]], *, elsewhere: bool) -> list[str]:
    """The keys whose canaries open here. Raises Misconfigured for the others, save those of rings that may be `elsewhere`."""
    wanted = [row for row in rows if held.opens(row["ring"]) or not elsewhere]
    opened = {row["key_id"]: canaries.try_one(held, row["ring"], row["key_id"], row["sealed"]) for row in wanted}
    canaries.refuse([f"{row['ring']} {row['key_id']}" for row in wanted if not opened[row["key_id"]]])
    return sorted(f"{row['ring']} {row['key_id']}" for row in wanted)


def _make_room(url: str, *, replace: bool) -> None:
    """An empty schema. Raises Conflict while the portal is at work there, or when there is something that nobody said to throw away."""
    with psycopg.connect(url, autocommit=True) as connection:
        busy = connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        ).fetchone()
        if busy:
            raise Conflict("The database is in use.", hint="Stop web and worker first, or end `make up`.")
        if connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'").fetchone() is None:
            return
        if not replace:
            raise Conflict("The database is not empty.", hint="Restore into a new database, or add --replace to throw away what is there.")
        for statement in ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public AUTHORIZATION pg_database_owner"):
            connection.execute(sql.SQL(statement))


async def _roles(url: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        await access.make_roles(connection, MARKETPLACES)
    finally:
        await connection.close()


@contextmanager
def _owners_database(chosen: Settings) -> Iterator[str]:
    """The owner's address: the operator's, or that of the database below the data directory, which is started if need be."""
    if chosen.database_url:
        yield chosen.database_url
    elif (chosen.data_dir.absolute() / "postgres" / "postmaster.pid").exists():
        yield running_database(chosen).owner
    else:
        with Embedded(chosen.data_dir) as addresses:
            yield addresses.owner
            with psycopg.connect(addresses.owner) as connection:
                known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'portal_web'").fetchone()
            if known:
                let_in(addresses)
