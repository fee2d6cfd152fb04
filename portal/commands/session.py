"""What every command shares: settings, a database, the queue; and how it answers people and programs."""

import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import psycopg

from portal import clock, db, settings, vault
from portal.errors import Misconfigured
from portal.jobs import UPKEEP, Jobs, Queues, queue_name
from portal.marketplaces.registry import CODES
from portal.postgres import DATABASE, Addresses, Passwords
from portal.settings import Settings
from portal.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    settings: Settings
    vault: Vault
    jobs: Jobs


def read_settings() -> Settings:
    return settings.read(os.environ, codes=CODES)


def database_url(chosen: Settings) -> str:
    """The operator's database, or the one that `up` runs below the data directory, by the web's login. Raises Misconfigured."""
    return chosen.database_url or running_database(chosen).web


def running_database(chosen: Settings) -> Addresses:
    """All logins of the database that `up` runs below the data directory. Raises Misconfigured when it does not run."""
    cluster = chosen.data_dir.absolute() / "postgres"
    if not (cluster / "postmaster.pid").exists():
        raise Misconfigured(
            "The portal's database is not running.", hint="Start the portal with `make up`, or set PORTAL_DATABASE_URL and PORTAL_DATA_DIR."
        )
    return Passwords.kept_in(chosen.data_dir).at(cluster, DATABASE)


GENERATED = {"seal_keys": "seal", "open_keys": "open", "buyer_open_keys": "buyer-open"}
"""The files `keys generate` writes below `<data dir>/keys`, by the setting that may name them."""


def seal_keys(chosen: Settings) -> str:
    """The public rings for a command: the operator's, or the generated ones where there are some."""
    generated = chosen.data_dir / "keys" / GENERATED["seal_keys"]
    return chosen.seal_keys or (str(generated) if generated.exists() else "")


def every_ring(chosen: Settings) -> dict[str, str]:
    """What `vault.load` takes, for an operator's command: each setting, or the generated file where there is one."""
    found = {}
    for name, file in GENERATED.items():
        generated = chosen.data_dir / "keys" / file
        found[name] = getattr(chosen, name) or (str(generated) if generated.exists() else "")
    return found


def with_rings(chosen: Settings, *needed: str) -> Settings:
    """The settings with every ring a process needs. Raises Misconfigured when one is missing, or is a generated one outside the demo.

    Generated rings lie beside the database they protect, so a real installation has to say that it means to use them.
    """
    missing = [name for name in needed if not getattr(chosen, name)]
    found = {name: chosen.data_dir / "keys" / GENERATED[name] for name in missing}
    lacking = [name for name, path in found.items() if not path.exists()]
    if lacking:
        raise Misconfigured(
            f"No key ring is set: {', '.join(f'PORTAL_{name.upper()}' for name in lacking)}.",
            hint="`python -m portal keys generate` makes the rings; then set these to the files it wrote.",
        )
    if missing and not (chosen.demo or chosen.allow_generated_keys):
        raise Misconfigured(
            f"Only generated key rings are there for {', '.join(f'PORTAL_{name.upper()}' for name in missing)}, and this is no demo.",
            hint="Set them to rings of your own, or set PORTAL_ALLOW_GENERATED_KEYS=true to use those below the data directory.",
        )
    complete: Settings = msgspec.structs.replace(chosen, **{name: str(path) for name, path in found.items()})
    return complete


@asynccontextmanager
async def opened() -> AsyncIterator[Session]:
    """A session for commands that ask the workers for something, as the web does."""
    chosen = read_settings()
    url = database_url(chosen)
    async with AsyncExitStack() as open_things:
        open_things.enter_context(explained())
        await db.connect(url, max_size=3, name="portal-command")
        open_things.push_async_callback(db.disconnect)
        names = (*(queue_name(code) for code in CODES), UPKEEP)
        queues = await open_things.enter_async_context(Queues(names, database_url=url, queue_url=chosen.queue_url, size=2))
        yield Session(settings=chosen, vault=vault.load(seal_keys=seal_keys(chosen)), jobs=Jobs(queues))


@contextmanager
def explained() -> Iterator[None]:
    """What the database's drivers raise, as sentences. Their own words may hold addresses and values, so only their kind is kept."""
    try:
        yield
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.UndefinedFunctionError) as error:
        raise Misconfigured(
            "The database is not at this version.", detail=type(error).__name__, hint="Run `python -m portal migrate`."
        ) from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise Misconfigured(
            "The login in PORTAL_DATABASE_URL may not do this.",
            detail=type(error).__name__,
            hint="Use the login portal_web, and run `python -m portal migrate` once as the owner.",
        ) from error
    except (OSError, *db.LOST_CONNECTION, psycopg.OperationalError) as error:
        raise db.DatabaseUnavailable(
            "The database does not answer any more.", detail=type(error).__name__, hint="Look whether it runs, then try again."
        ) from error


async def somebody_works() -> None:
    """Raises Misconfigured when no worker lives: there would be nothing to wait for."""
    async with db.pool().acquire() as held:
        seen = await held.fetchval("SELECT max(seen_at) FROM worker_beats")
    if seen is None or seen < clock.now() - timedelta(seconds=60):
        raise Misconfigured("No worker has reported for a minute.", hint="Start one with `make up` or `python -m portal worker`.")


def answer(as_json: bool, facts: Mapping[str, Any], sentence: str) -> None:
    """One JSON object for programs, or a sentence for people."""
    print(json.dumps(facts, default=str) if as_json else sentence)


def read_text(path: str) -> str:
    """A file's text, or standard input for `-`. Raises Misconfigured when there is no such file."""
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text()
    except UnicodeDecodeError:
        raise Misconfigured("This is not a text file.", hint="Give a file with plain text in it.") from None
    except OSError as error:
        raise Misconfigured(f"We cannot read {path}: {error.strerror}.", hint="Check the path, or use - to type the text.") from error
