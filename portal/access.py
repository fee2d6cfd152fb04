"""Who may touch what in the database: roles, row security, grants and the named doors. `migrate` applies it after the migrations.

Everything here may be applied again and again. What is granted follows from the catalogue (a table with a `seller_id` is a
seller's) and from the tables' own `secret=True` columns, so a new table or satellite is covered without a line here.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import asyncpg
from piccolo.table import Table

from portal.errors import Misconfigured
from portal.marketplaces.contract import Marketplace
from portal.tables.accounts import CredentialEvent
from portal.tables.audit import AuditEntry
from portal.tables.buyers import BuyerDataKey
from portal.tables.syncs import SyncEvent
from portal.tables.wizards import ConnectWizardSecret

TENANT, FINDER, WEB, WORKER = "portal_tenant", "portal_finder", "portal_web", "portal_worker"

APPEND_ONLY = {table._meta.tablename for table in (CredentialEvent, AuditEntry, SyncEvent)}
QUEUE_TABLES = ("saq_jobs", "saq_stats", "saq_versions")
PACING_TABLES = ("call_budgets", "marketplace_circuits")
SHARED_TABLES = ("marketplaces", "worker_beats", "marketplace_tallies", *PACING_TABLES)

DOORS: dict[str, tuple[str, str, str]] = {
    # name: arguments, what comes back, the query
    "door_sign_in": (
        "wanted text",
        "user_id uuid, seller_id uuid, password_hash text",
        "SELECT id, seller_id, password_hash FROM seller_users WHERE email = lower(wanted)",
    ),
    "door_session": (
        "wanted bytea",
        "session_id uuid, seller_id uuid, user_id uuid",
        "SELECT id, seller_id, user_id FROM sessions WHERE token_hash = wanted",
    ),
    "door_seller_of_account": ("wanted uuid", "seller_id uuid", "SELECT seller_id FROM marketplace_accounts WHERE id = wanted"),
    "door_seller_of_run": ("wanted uuid", "seller_id uuid", "SELECT seller_id FROM sync_runs WHERE id = wanted"),
    "door_seller_of_wizard": ("wanted uuid", "seller_id uuid", "SELECT seller_id FROM connect_wizards WHERE id = wanted"),
    "door_lost_runs": (
        "silent_since timestamptz, due timestamptz",
        "run_id uuid, seller_id uuid",
        """SELECT id, seller_id FROM sync_runs
           WHERE (state IN ('running', 'cancelling') AND coalesce(heartbeat_at, created_at) < silent_since)
              OR (state = 'waiting' AND resume_at <= due)
              OR (state = 'queued' AND created_at < silent_since AND coalesce(heartbeat_at, created_at) < silent_since)
           ORDER BY created_at LIMIT 500""",
    ),
    "door_stale_wizards": (
        "wipe_before timestamptz, due timestamptz",
        "wizard_id uuid, seller_id uuid",
        """SELECT w.id, w.seller_id FROM connect_wizards w
           WHERE w.state IN ('open', 'confirming') AND (w.expires_at < due
              OR (w.touched_at < wipe_before AND EXISTS (SELECT 1 FROM connect_wizard_secrets s WHERE s.wizard_id = w.id)))
           LIMIT 500""",
    ),
    "door_runs_by_state": ("", "state text, runs bigint", "SELECT state, count(*) FROM sync_runs GROUP BY state"),
    "door_oldest_runs": (
        "",
        "state text, since timestamptz",
        """SELECT state, min(created_at) FROM sync_runs WHERE state IN ('queued', 'running', 'waiting', 'cancelling') GROUP BY state""",
    ),
    "door_run_durations": (
        "ended_since timestamptz",
        "marketplace_code text, target text, runs bigint, seconds double precision, half double precision, most double precision",
        """SELECT a.marketplace_code, r.target, count(*), sum(r.took), percentile_cont(0.5) WITHIN GROUP (ORDER BY r.took),
                  percentile_cont(0.95) WITHIN GROUP (ORDER BY r.took)
           FROM (SELECT marketplace_account_id, target, extract(epoch FROM finished_at - started_at)::double precision AS took
                 FROM sync_runs WHERE finished_at >= ended_since AND started_at IS NOT NULL) r
           JOIN marketplace_accounts a ON a.id = r.marketplace_account_id GROUP BY 1, 2""",
    ),
}

DOOR_TABLES = ("seller_users", "sessions", "marketplace_accounts", "sync_runs", "connect_wizards", "connect_wizard_secrets")


async def apply(held: "asyncpg.Connection[Any]", tables: Sequence[type[Table]], places: Sequence[Marketplace]) -> None:
    """Bring roles, policies, grants and doors to what this version needs. Raises Misconfigured naming the missing privilege."""
    try:
        for role in (TENANT, FINDER, *(place.role for place in places if place.details)):
            await _role(held, role, login=False)
        for role in (WEB, WORKER):
            await _role(held, role, login=True)
        async with held.transaction():
            for statement in _statements(tables, places):
                await held.execute(statement)
    except asyncpg.InsufficientPrivilegeError as error:
        raise Misconfigured(
            f"The database login of PORTAL_DATABASE_URL may not do what `migrate` needs: {error.args[0]}.",
            hint="Give the owner's login CREATEROLE and the database: ALTER ROLE … CREATEROLE; ALTER DATABASE … OWNER TO ….",
        ) from error


async def _role(held: "asyncpg.Connection[Any]", role: str, *, login: bool) -> None:
    kind = "LOGIN NOINHERIT" if login else "NOLOGIN"
    if not await held.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
        try:
            await held.execute(f"CREATE ROLE {role} {kind}")
        except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
            return  # another `migrate` on this cluster was quicker
    superuser = await held.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    if not superuser and not login:
        await held.execute(f"GRANT {role} TO CURRENT_USER")


def _statements(tables: Sequence[type[Table]], places: Sequence[Marketplace]) -> Iterator[str]:
    satellites = {place.details._meta.tablename: place for place in places if place.details}
    yield f"GRANT USAGE ON SCHEMA public TO {TENANT}, {FINDER}, {WEB}, {WORKER}, {', '.join(place.role for place in satellites.values())}"
    yield f"GRANT {TENANT} TO {WEB}, {WORKER}"
    yield (
        "CREATE OR REPLACE FUNCTION app_current_seller_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS "
        "$$ SELECT nullif(current_setting('app.current_seller_id', true), '')::uuid $$"
    )
    for table in tables:
        name = table._meta.tablename
        columns = [column._meta.db_column_name for column in table._meta.columns]
        if "seller_id" in columns or name == "sellers":
            yield from _row_security(name, "id" if name == "sellers" else "seller_id")
            yield from _tenant_grants(table)
    for table_name in SHARED_TABLES:
        yield f"GRANT SELECT ON {table_name} TO {TENANT}, {WEB}, {WORKER}"
    yield f"GRANT INSERT, UPDATE, DELETE ON worker_beats TO {WORKER}"
    yield f"GRANT INSERT, UPDATE ON marketplace_tallies TO {WORKER}"
    for table_name in PACING_TABLES:
        yield f"GRANT INSERT, UPDATE, DELETE ON {table_name} TO {WORKER}"
    yield f"GRANT SELECT ON migration TO {WEB}, {WORKER}"
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {TENANT}, {WEB}, {WORKER}"
    for table_name in QUEUE_TABLES:
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table_name} TO {WEB}, {WORKER}"
    for name, place in satellites.items():
        yield f"GRANT {place.role} TO {WORKER}"
        yield f"GRANT SELECT ON {name} TO {place.role}"
        for sealed in (ConnectWizardSecret, BuyerDataKey):
            yield from _own_marketplace_only(sealed._meta.tablename, place)
    yield from _doors()


def _row_security(table: str, column: str) -> Iterator[str]:
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
    yield f"DROP POLICY IF EXISTS tenant ON {table}"
    yield f"CREATE POLICY tenant ON {table} USING ({column} = app_current_seller_id()) WITH CHECK ({column} = app_current_seller_id())"


def _tenant_grants(table: type[Table]) -> Iterator[str]:
    """The tenant may do everything with its rows, except read what is sealed for somebody else and change what is on record."""
    name = table._meta.tablename
    yield f"REVOKE ALL ON {name} FROM {TENANT}"
    sealed = {column._meta.db_column_name for column in table._meta.columns if column._meta.secret} if _holds_credentials(table) else set()
    readable = [column._meta.db_column_name for column in table._meta.columns if column._meta.db_column_name not in sealed]
    quoted = ", ".join(f'"{column}"' for column in readable)
    yield f"GRANT SELECT ({quoted}) ON {name} TO {TENANT}" if sealed else f"GRANT SELECT ON {name} TO {TENANT}"
    yield f"GRANT INSERT ON {name} TO {TENANT}" if name in APPEND_ONLY else f"GRANT INSERT, UPDATE, DELETE ON {name} TO {TENANT}"


def _holds_credentials(table: type[Table]) -> bool:
    """Satellites and wizard secrets. Buyer columns and wrapped data keys are sealed too, but their readers differ only in the key they hold."""
    return table is ConnectWizardSecret or table._meta.tablename.endswith("_account_details")


def _own_marketplace_only(table: str, place: Marketplace) -> Iterator[str]:
    policy = f"own_marketplace_{place.slug}"
    yield f"GRANT SELECT ON {table} TO {place.role}"
    yield f"DROP POLICY IF EXISTS {policy} ON {table}"
    yield f"CREATE POLICY {policy} ON {table} AS RESTRICTIVE FOR SELECT TO {place.role} USING (marketplace_code = '{place.code}')"


def _doors() -> Iterator[str]:
    for table in DOOR_TABLES:
        columns = {"seller_users": "", "connect_wizard_secrets": " (id, wizard_id)"}.get(table, "")
        yield f"GRANT SELECT{columns} ON {table} TO {FINDER}"
        yield f"DROP POLICY IF EXISTS finder ON {table}"
        yield f"CREATE POLICY finder ON {table} FOR SELECT TO {FINDER} USING (true)"
    yield f"GRANT CREATE ON SCHEMA public TO {FINDER}"
    for name, (arguments, result, query) in DOORS.items():
        types = ", ".join(argument.split()[-1] for argument in arguments.split(",") if argument)
        yield f"DROP FUNCTION IF EXISTS {name}({types})"
        yield (
            f"CREATE FUNCTION {name}({arguments}) RETURNS TABLE ({result}) LANGUAGE sql STABLE SECURITY DEFINER "
            f"SET search_path = public, pg_temp AS $$ {query} $$"
        )
        yield f"ALTER FUNCTION {name}({types}) OWNER TO {FINDER}"
        yield f"REVOKE ALL ON FUNCTION {name}({types}) FROM PUBLIC"
        yield f"GRANT EXECUTE ON FUNCTION {name}({types}) TO {WEB}, {WORKER}"
    yield f"REVOKE CREATE ON SCHEMA public FROM {FINDER}"
