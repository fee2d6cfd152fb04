"""`python -m portal migrate`: migrations, the queue's tables, the catalogue of marketplaces, and who may touch what. All idempotent."""

from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO

import asyncpg
from piccolo.apps.migrations.commands.forwards import ForwardsMigrationManager
from piccolo.apps.migrations.commands.new import AutoMigrationManager

from portal import access, db, jobs
from portal.errors import Misconfigured
from portal.marketplaces.contract import Marketplace
from portal.marketplaces.registry import MARKETPLACES
from portal.piccolo_app import APP_CONFIG

# Two `migrate` at once take turns. The number is arbitrary and ours.
_TURN = 7_265_411


async def migrate(owner_url: str, *, sandbox: bool = False) -> None:
    """Bring the database at `owner_url` to this version. `sandbox` marks live marketplaces as sandbox ones."""
    try:
        turn = await asyncpg.connect(owner_url, timeout=10)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise Misconfigured(
            "The database does not answer, or refuses this login.",
            detail=type(error).__name__,
            hint="Check PORTAL_DATABASE_URL: host, port, user, password and database.",
        ) from error
    try:
        await turn.execute("SELECT pg_advisory_lock($1)", _TURN)
        db.engine.config = {"dsn": owner_url}
        told = StringIO()
        with redirect_stdout(told):
            result = await ForwardsMigrationManager(app_name="portal", migration_id="all").run()
        if not result.success:
            raise Misconfigured("A migration could not be applied.", detail=result.message or told.getvalue()[-500:])
        await jobs.make_tables(owner_url)
        await write_catalogue(turn, MARKETPLACES, sandbox=sandbox)
        await access.apply(turn, APP_CONFIG.table_classes, MARKETPLACES)
    finally:
        await turn.close()


async def write_catalogue(held: "asyncpg.Connection[asyncpg.Record]", places: Sequence[Marketplace], *, sandbox: bool) -> None:
    """One row per manifest. An operator's `paused` stays."""
    for place in places:
        status = "sandbox" if sandbox and place.status == "live" else place.status
        await held.execute(
            """INSERT INTO marketplaces (code, name, status, home_country, currency) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (code) DO UPDATE SET name = excluded.name, home_country = excluded.home_country, currency = excluded.currency,
                   status = CASE WHEN marketplaces.status = 'paused' THEN 'paused' ELSE excluded.status END""",
            place.code,
            place.name,
            status,
            place.country,
            place.currency,
        )


async def pending() -> int:
    """How many changes of the table classes no migration holds yet. Needs no database."""
    told = StringIO()
    with redirect_stdout(told):
        found = await AutoMigrationManager(auto_input="y").get_alter_statements(app_config=APP_CONFIG)
    return sum(len(one.statements) for one in found)
