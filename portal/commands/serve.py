"""`up`, `web`, `worker`, `sandbox`, `migrate`: the processes of the portal. Each imports what it runs, and nothing of the others."""

import argparse
import asyncio
from typing import Any

from portal.commands.session import answer, read_settings, with_rings
from portal.errors import Misconfigured
from portal.settings import Settings


def add_parsers(commands: Any) -> None:
    whole = commands.add_parser("up", help="everything, from an empty directory")
    whole.add_argument("--no-sandbox", action="store_true", help="the real marketplaces instead of the sandboxes")
    whole.set_defaults(run=_up)
    for name, serve, help_text in (
        ("web", _web, "the pages"),
        ("worker", _worker, "the work behind them"),
        ("sandbox", _sandbox, "marketplaces to try things on"),
    ):
        commands.add_parser(name, help=help_text).set_defaults(run=serve)
    migrate = commands.add_parser("migrate", help="bring the database to this version")
    migrate.add_argument("--check", action="store_true", help="only tell whether the tables' classes and the migrations agree")
    migrate.add_argument("--json", action="store_true")
    migrate.set_defaults(run=_migrate)


def _needs_database(chosen: Settings) -> str:
    if not chosen.database_url:
        raise Misconfigured(
            "PORTAL_DATABASE_URL is not set.",
            hint="Set it to this process's own login, or use `python -m portal up`, which brings a database.",
        )
    return chosen.database_url


def _up(chosen: argparse.Namespace) -> int:
    from portal import up

    return up.run(sandbox=not chosen.no_sandbox)


def _web(_: argparse.Namespace) -> int:
    from portal import serving

    chosen = read_settings()
    _needs_database(chosen)
    serving.serve(with_rings(chosen, "seal_keys", "buyer_open_keys"))
    return 0


def _worker(_: argparse.Namespace) -> int:
    import uvloop

    from portal import logs, worker

    chosen = read_settings()
    logs.configure(chosen, process="worker")
    url = _needs_database(chosen)
    uvloop.run(worker.work(with_rings(chosen, "seal_keys", "open_keys"), url))
    return 0


def _sandbox(_: argparse.Namespace) -> int:
    from portal import sandboxes

    sandboxes.serve(read_settings())
    return 0


def _migrate(chosen: argparse.Namespace) -> int:
    from portal import migrating

    if chosen.check:
        pending = asyncio.run(migrating.pending())
        answer(
            chosen.json,
            {"pending": pending},
            f"{pending} changes of the tables have no migration yet." if pending else "No migration is pending.",
        )
        return 1 if pending else 0
    given = read_settings()
    asyncio.run(migrating.migrate(_needs_database(given), sandbox=given.demo))
    answer(chosen.json, {"migrated": True}, "The database is up to date.")
    return 0
