"""Who may touch what in the database: roles, row security and grants. `migrate` applies it after the migrations.

Everything here may be applied again and again. What is granted follows from the catalogue (a table with a `seller_id` is a
seller's) and from the tables' own `secret=True` columns, so a new table or satellite is covered without a line here.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import asyncpg
from piccolo.table import Table

from portal import doors
from portal.doors import FINDER
from portal.errors import Misconfigured
from portal.jobs import UPKEEP, queue_name
from portal.keyring import places as sealed_places
from portal.marketplaces.contract import Marketplace
from portal.tables.accounts import CredentialEvent
from portal.tables.audit import AuditEntry, AuditHead
from portal.tables.buyers import BuyerDataKey
from portal.tables.calls import SyncCall
from portal.tables.syncs import SyncEvent
from portal.tables.tax import InvoiceSeries, TaxInvoice
from portal.tables.wizards import ConnectWizardSecret

TENANT, WEB, WORKER = "portal_tenant", "portal_web", "portal_worker"
KEYRING = "portal_keyring"
"""Owns the functions that tell which ciphertexts a key rotation still has to seal anew."""

APPEND_ONLY = {table._meta.tablename for table in (CredentialEvent, AuditEntry, SyncEvent, SyncCall, InvoiceSeries, TaxInvoice)}
READ_ONLY = {AuditHead._meta.tablename}
"""What only the database itself writes, by a trigger."""
QUEUE_TABLES = ("saq_jobs", "saq_stats", "saq_versions")
PACING_TABLES = ("call_budgets", "marketplace_circuits")
SHARED_TABLES = ("marketplaces", "key_canaries", "worker_beats", "operator_refusals", "marketplace_tallies", *PACING_TABLES)


async def apply(held: "asyncpg.Connection[Any]", tables: Sequence[type[Table]], places: Sequence[Marketplace]) -> None:
    """Bring roles, policies, grants and doors to what this version needs. Raises Misconfigured naming the missing privilege."""
    try:
        await make_roles(held, places)
        async with held.transaction():
            for statement in _statements(tables, places):
                await held.execute(statement)
    except asyncpg.InsufficientPrivilegeError as error:
        raise Misconfigured(
            f"The database login of PORTAL_DATABASE_URL may not do what `migrate` needs: {error.args[0]}.",
            hint="Give the owner's login CREATEROLE and the database: ALTER ROLE … CREATEROLE; ALTER DATABASE … OWNER TO ….",
        ) from error


async def make_roles(held: "asyncpg.Connection[Any]", places: Sequence[Marketplace]) -> None:
    """Every role and login, without passwords and without rights. They belong to the server: a backup of one database has none."""
    for role in (TENANT, FINDER, KEYRING, *(place.role for place in places if place.details)):
        await _role(held, role, login=False)
    for role in (WEB, WORKER, *map(own_worker, (place for place in places if place.details))):
        await _role(held, role, login=True)


def own_worker(place: Marketplace) -> str:
    """The login of a worker that serves this marketplace alone: member of the tenant's role and of this marketplace's, of no other."""
    return f"{WORKER}_{place.role.removeprefix('portal_')}"


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
    workers = ", ".join((WORKER, *map(own_worker, satellites.values())))
    yield f"GRANT USAGE ON SCHEMA public TO {TENANT}, {FINDER}, {KEYRING}, {WEB}, {workers}, {', '.join(place.role for place in satellites.values())}"
    yield f"GRANT {TENANT} TO {WEB}, {workers}"
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
        yield f"GRANT SELECT ON {table_name} TO {TENANT}, {WEB}, {workers}"
    yield f"GRANT INSERT, UPDATE, DELETE ON worker_beats TO {workers}"
    yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON tries TO {WEB}, {workers}"
    yield f"GRANT INSERT, UPDATE ON operator_refusals TO {workers}"
    for table_name in PACING_TABLES:
        yield f"GRANT INSERT, UPDATE, DELETE ON {table_name} TO {workers}"
    yield f"GRANT INSERT, UPDATE ON marketplace_tallies TO {workers}"
    yield f"GRANT SELECT ON migration TO {WEB}, {workers}"
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {TENANT}, {WEB}, {workers}"
    for table_name in QUEUE_TABLES:
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table_name} TO {WEB}, {workers}"
    yield from _own_queue_only(list(satellites.values()))
    for name, place in satellites.items():
        yield f"GRANT {place.role} TO {WORKER}, {own_worker(place)}"
        yield f"GRANT SELECT ON {name} TO {place.role}"
        for sealed in (ConnectWizardSecret, BuyerDataKey):
            yield from _own_marketplace_only(sealed._meta.tablename, place)
    yield f"GRANT INSERT, DELETE ON key_canaries TO {workers}"
    yield from doors.statements(web=WEB, workers=workers)
    yield from sealed_places.doors(places, owner=KEYRING, callers=workers)


def _row_security(table: str, column: str) -> Iterator[str]:
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
    yield f"DROP POLICY IF EXISTS tenant ON {table}"
    # What is looked for is seen by the planner, so that it knows how many rows a seller has; what is written is compared with a value
    # that is asked for once a statement, not once a row.
    yield (
        f"CREATE POLICY tenant ON {table} USING ({column} = app_current_seller_id()) "
        f"WITH CHECK ({column} = (SELECT app_current_seller_id()))"
    )


def _tenant_grants(table: type[Table]) -> Iterator[str]:
    """The tenant may do everything with its rows, except read what is sealed for somebody else and change what is on record."""
    name = table._meta.tablename
    yield f"REVOKE ALL ON {name} FROM {TENANT}"
    sealed = {column._meta.db_column_name for column in table._meta.columns if column._meta.secret} if _holds_credentials(table) else set()
    readable = [column._meta.db_column_name for column in table._meta.columns if column._meta.db_column_name not in sealed]
    quoted = ", ".join(f'"{column}"' for column in readable)
    yield f"GRANT SELECT ({quoted}) ON {name} TO {TENANT}" if sealed else f"GRANT SELECT ON {name} TO {TENANT}"
    if name not in READ_ONLY:
        yield f"GRANT INSERT ON {name} TO {TENANT}" if name in APPEND_ONLY else f"GRANT INSERT, UPDATE, DELETE ON {name} TO {TENANT}"


def _holds_credentials(table: type[Table]) -> bool:
    """Satellites and wizard secrets. Buyer columns and wrapped data keys are sealed too, but their readers differ only in the key they hold."""
    return table is ConnectWizardSecret or table._meta.tablename.endswith("_account_details")


def _own_marketplace_only(table: str, place: Marketplace) -> Iterator[str]:
    policy = f"own_marketplace_{place.slug}"
    yield f"GRANT SELECT ON {table} TO {place.role}"
    yield f"DROP POLICY IF EXISTS {policy} ON {table}"
    yield f"CREATE POLICY {policy} ON {table} AS RESTRICTIVE FOR SELECT TO {place.role} USING (marketplace_code = '{place.code}')"


def _own_queue_only(places: Sequence[Marketplace]) -> Iterator[str]:
    """A worker of one marketplace reads, takes and ends jobs of its own queue and of upkeep. Into the others it may only put some."""
    for table, column in (("saq_jobs", "queue"), ("saq_stats", "queue_key")):
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        yield from _policy(table, "every_queue", f"TO {WEB}, {WORKER} USING (true)")
        for place in places:
            own = f"{column} IN ('{queue_name(place.code)}', '{UPKEEP}')"
            yield from _policy(table, f"own_queue_{place.slug}", f"TO {own_worker(place)} USING ({own})")
    for place in places:
        yield from _policy("saq_jobs", f"put_{place.slug}", f"FOR INSERT TO {own_worker(place)} WITH CHECK (true)")


def _policy(table: str, name: str, rule: str) -> Iterator[str]:
    yield f"DROP POLICY IF EXISTS {name} ON {table}"
    yield f"CREATE POLICY {name} ON {table} {rule}"
