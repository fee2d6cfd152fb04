"""A database as one file, and back: `pg_dump` and `pg_restore`, those of the embedded server or of the system.

They know tables, sequences, indexes and policies better than anything of ours could. Roles and rights are left out: they belong to the
server, and `migrate` makes them. Addresses travel in the environment, because a command line can be read by every user.
"""

import os
import shutil
import subprocess
from pathlib import Path

from psycopg import pq

from portal.errors import Misconfigured
from portal.postgres.machine import binaries

MOMENTARY = ("saq_jobs", "saq_stats", "worker_beats", "tries")
"""Tables whose rows mean nothing later: a worker that starts finds the runs to go on with by itself."""


def dump(url: str, path: Path) -> None:
    """Write the database to `path`, readable by its owner alone. Raises Misconfigured when there is one already, or it fails."""
    if path.exists():
        raise Misconfigured(f"{path} is there already.", hint="Name a new file; a backup never takes the place of another one.")
    beside = path.with_name(f".{path.name}.part")
    try:
        _run("pg_dump", url, *(f"--exclude-table-data={table}" for table in MOMENTARY), "--format=custom", f"--file={beside}")
        beside.rename(path)
    except OSError as error:
        raise Misconfigured(f"We cannot write {path}: {error.strerror}.", hint="Choose a directory this user may write to.") from error
    finally:
        beside.unlink(missing_ok=True)


def load(url: str, path: Path) -> None:
    """Fill an empty database from a dump, as a whole or not at all. Raises Misconfigured."""
    database = _environment(url)["PGDATABASE"]
    _run("pg_restore", url, "--single-transaction", "--exit-on-error", f"--dbname={database}", str(path))


def rows_of(path: Path, table: str) -> list[dict[str, str]]:
    """The rows of one table in a dump, as text, without any database. For plain values: no nulls, no line breaks."""
    told = _run("pg_restore", "", "--data-only", f"--table={table}", "--file=-", str(path)).splitlines()
    begin = next((number for number, line in enumerate(told) if line.startswith("COPY ")), None)
    if begin is None:
        return []
    names = [name.strip(' "') for name in told[begin].partition("(")[2].partition(")")[0].split(",")]
    values = told[begin + 1 : told.index("\\.", begin)]
    return [dict(zip(names, line.split("\t"), strict=True)) for line in values]


def _run(program: str, url: str, *arguments: str) -> str:
    command = [str(_tool(program)), "--no-owner", "--no-privileges", "--no-password", *arguments]
    try:
        done = subprocess.run(  # noqa: S603 (PostgreSQL's own program, our own words)
            command, env=_environment(url), capture_output=True, text=True, check=False, umask=0o077, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise Misconfigured(f"{program} cannot be run: {error.strerror}.", hint="Look at its file's rights.") from error
    if done.returncode != 0:
        # Only the first line: what follows may repeat a row.
        raise Misconfigured(f"{program} did not succeed.", detail=done.stderr.partition("\n")[0], hint=_hint(done.stderr))
    return done.stdout


def _hint(said: str) -> str:
    if "row-level security" in said:
        return "A backup needs a login that row security does not bind: a superuser, or ALTER ROLE … BYPASSRLS."
    if "version mismatch" in said:
        return "The server is newer than pg_dump here. Install PostgreSQL's client programs of its version."
    return f"It said: {said.partition(chr(10))[0]}"


def _tool(program: str) -> Path:
    found = binaries() / program
    if found.exists():
        return found
    system = shutil.which(program)
    if system is None:
        raise Misconfigured(f"{program} is not installed.", hint="Install PostgreSQL's client programs.")
    return Path(system)


def _environment(url: str) -> dict[str, str]:
    """The address as libpq's variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    for option in pq.Conninfo.parse(url.encode()) if url else ():
        if option.envvar and option.val:
            kept[option.envvar.decode()] = option.val.decode()
    return kept
