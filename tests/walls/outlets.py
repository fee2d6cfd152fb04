"""Where a canary could come out of a town: each place as text, and the search through it."""

import base64
import os
import subprocess
from collections.abc import Collection
from pathlib import Path
from urllib.parse import quote

from portal.postgres import Addresses
from portal.postgres.machine import binaries
from tests.walls.town import Town


async def outlets(one: Town, log: str, backup: Path) -> dict[str, str]:
    """Everything that has come out so far, by where. `log` is what this process logged as the web; `backup` is a file as `portal backup` writes it."""
    jobs = await one.owner.fetch("SELECT queue, key, convert_from(job, 'utf8') AS job FROM queue_so_far")
    events = await one.owner.fetch(
        "SELECT e::text AS line FROM sync_events e UNION ALL SELECT e::text FROM marketplace_credential_events e"
    )
    server = Path(await one.owner.fetchval("SELECT current_setting('data_directory')")).parent / "logs" / "postgres.log"
    return {
        "the web's log": log,
        "the worker's log": one.worker.said,
        "the database's log": server.read_text(errors="replace"),
        "answers": "\n".join(one.answers),
        "the queue": "\n".join(f"{row['queue']} {row['key']} {row['job']}" for row in jobs),
        "events": "\n".join(row["line"] for row in events),
        "a dump": _dumped(one.addresses),
        "a backup": _said("pg_restore", "--file=-", str(backup)),
        "command lines": command_lines(),
    }


def found_in(told: dict[str, str], canaries: Collection[str]) -> set[tuple[str, str]]:
    """Where a canary came out, with its first letters. Also as bytes are written in a dump, in an address, and in base64."""
    return {(where, canary[:4]) for canary in canaries for form in _forms(canary) for where, text in told.items() if form in text}


def _forms(canary: str) -> set[str]:
    raw = canary.encode()
    return {canary, quote(canary, safe=""), raw.hex(), base64.b64encode(raw).decode().rstrip("=")}


def command_lines() -> str:
    """Of every process that we may look at."""
    told = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            told.append(one.read_bytes().decode(errors="replace"))
        except OSError:
            continue  # it has ended
    return "\n".join(told)


def _dumped(addresses: Addresses) -> str:
    """All of the database, as `pg_dump` writes it for people."""
    return _said("pg_dump", "--format=plain", addresses.owner)


def _said(program: str, *arguments: str) -> str:
    done = subprocess.run([binaries() / program, *arguments], capture_output=True, text=True, check=True, env=dict(os.environ))
    return done.stdout
