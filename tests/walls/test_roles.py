"""What each role of the database may do, tried for real on every table there is. The list comes from the catalogue and the tables' classes.

A seller's new table is covered by itself. A new table that is nobody's is closed until `OPEN` says otherwise.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from portal.access import own_worker
from portal.marketplaces.registry import MARKETPLACES
from portal.piccolo_app import APP_CONFIG
from tests.walls.conftest import Sides
from tests.walls.filling import Owner, tables, tables_with

pytestmark = pytest.mark.anyio

VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE")
SLUGS = {place.role: place for place in MARKETPLACES if place.details}
OWN_WORKERS = tuple(own_worker(place) for place in SLUGS.values())
LOGINS = ("portal_web", "portal_worker", *OWN_WORKERS)
ROLES = ("portal_tenant", *LOGINS, "portal_finder", *SLUGS)

RECORDS = {"marketplace_credential_events", "audit_entries", "audit_heads", "sync_events", "sync_calls", "invoice_series", "tax_invoices"}
"""Written once; nobody changes or removes a line. The head of a trail is the database's own to write."""

KEPT_BY_TRIGGER = {"audit_heads"}
"""Only the database itself writes these."""

SWEPT = {"sync_calls", "sync_events"}
"""The one function that removes old logs belongs to the finder."""

OPEN: dict[str, dict[str, str]] = {
    # What is nobody's: which verbs each role has there, by initials. Whatever is not here is refused to everybody.
    "marketplaces": {"portal_tenant": "S", "portal_web": "S", "portal_worker": "S"},
    "key_canaries": {"portal_tenant": "S", "portal_web": "S", "portal_worker": "SID"},
    "worker_beats": {"portal_tenant": "S", "portal_web": "S", "portal_worker": "SIUD"},
    "operator_refusals": {"portal_tenant": "S", "portal_web": "S", "portal_worker": "SIU"},
    "marketplace_tallies": {"portal_tenant": "S", "portal_web": "S", "portal_worker": "SIU"},
    "call_budgets": {"portal_tenant": "S", "portal_web": "S", "portal_worker": "SIUD"},
    "marketplace_circuits": {"portal_tenant": "S", "portal_web": "S", "portal_worker": "SIUD"},
    "tries": {"portal_web": "SIUD", "portal_worker": "SIUD"},
    "migration": {"portal_web": "S", "portal_worker": "S"},
    **{name: {"portal_web": "SIUD", "portal_worker": "SIUD"} for name in ("saq_stats", "saq_versions")},
    "saq_jobs": {"portal_web": "SIUD", "portal_worker": "SIUD", "portal_finder": "S"},
}

for _rights in OPEN.values():
    # A worker of one marketplace has of these what the worker of all has.
    _rights |= dict.fromkeys(OWN_WORKERS, _rights.get("portal_worker", ""))
# What is tried names no queue, and of no queue it may not write.
OPEN["saq_stats"] |= dict.fromkeys(OWN_WORKERS, "SUD")

DOORS = {
    # What the named doors look behind; a door answers ids.
    *("seller_users", "sessions", "connect_wizard_tickets", "invitations", "password_resets", "mails", "notices"),
    *("marketplace_accounts", "marketplace_credential_events", "sync_runs", "connect_wizards", "connect_wizard_secrets"),
    *("connect_reminders", "schedules", "nightly_checks", "run_requests", *SWEPT),
    *("sellers", "audit_heads", "batches", "print_files", "exports", "run_reports"),
}


def sealed_columns() -> dict[str, set[str]]:
    """The columns that hold what only a marketplace's own worker may read, by table."""
    found: dict[str, set[str]] = {}
    for table in APP_CONFIG.table_classes:
        name = table._meta.tablename
        if name == "connect_wizard_secrets" or name.endswith("_account_details"):
            found[name] = {column._meta.db_column_name for column in table._meta.columns if column._meta.secret}
    return found


SEALED = sealed_columns()


def may(role: str, table: str, verb: str, *, tenant: bool) -> bool:
    """Whether a role has the verb on a table at all. Row security narrows the rest to one seller's rows."""
    if not tenant:
        return verb[0] in OPEN.get(table, {}).get(role, "")
    if role == "portal_tenant":
        return verb == "SELECT" or (table not in KEPT_BY_TRIGGER and (verb == "INSERT" or table not in RECORDS))
    if role == "portal_finder":
        return (verb == "SELECT" and table in DOORS) or (verb == "DELETE" and table in SWEPT)
    if role in SLUGS:
        own = SLUGS[role].details
        return verb == "SELECT" and table in {own and own._meta.tablename, "connect_wizard_secrets", "buyer_data_keys"}
    return False


async def tried(owner: Owner, role: str, statement: str, *, seller: UUID | None = None) -> int | None:
    """How many rows a statement reads or changes for this role, undone at once; None when the role may not."""
    await owner.execute(f"BEGIN; SET LOCAL app.current_seller_id = '{seller or ''}'; SET LOCAL ROLE {role}")
    try:
        return int((await owner.execute(statement)).rsplit(" ", 1)[-1])
    except asyncpg.InsufficientPrivilegeError:
        return None
    except (asyncpg.IntegrityConstraintViolationError, asyncpg.GeneratedAlwaysError, asyncpg.RaiseError):
        return 0  # it may, and the values are wrong
    finally:
        await owner.execute("ROLLBACK")


async def first_column(owner: Owner, table: str) -> str:
    found: str = await owner.fetchval(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position LIMIT 1",
        table,
    )
    return found


async def statements(owner: Owner, table: str) -> Iterator[tuple[str, str]]:
    column = await first_column(owner, table)
    return iter(
        [
            ("SELECT", f'SELECT FROM "{table}"'),  # any column will do: some roles have a few
            ("INSERT", f'INSERT INTO "{table}" DEFAULT VALUES'),
            ("UPDATE", f'UPDATE "{table}" SET "{column}" = DEFAULT'),
            ("DELETE", f'DELETE FROM "{table}"'),
        ]
    )


@pytest.mark.parametrize("role", ROLES)
async def test_every_verb_on_every_table_is_as_declared(sides: Sides, role: str) -> None:
    """No seller is named. What a role may not is refused outright; what it may finds no row of anybody."""
    owner, of_sellers = sides.owner, {*await tables_with(sides.owner, "seller_id"), "sellers"}
    wrong = []
    for table in await tables(owner):
        tenant = table in of_sellers
        for verb, statement in await statements(owner, table):
            rows = await tried(owner, role, statement)
            # Without a seller's name even an insert that is allowed meets row security, which raises the same error.
            allowed = may(role, table, verb, tenant=tenant) and not (tenant and verb == "INSERT")
            hidden = tenant and not (role == "portal_finder" and table in DOORS)
            if (rows is not None) != allowed or (hidden and rows):
                wrong.append((table, verb, rows))
    assert wrong == []


async def test_a_tenant_reaches_its_own_row_everywhere_and_no_other(sides: Sides) -> None:
    """The control and the wall in one: as chitra one row of two is there to read, to change and to remove, on every table."""
    owner = sides.owner
    for table in sorted({*await tables_with(owner, "seller_id"), "sellers"}):
        for verb, statement in await statements(owner, table):
            if verb == "INSERT" or (verb != "SELECT" and table in RECORDS | KEPT_BY_TRIGGER):
                continue
            column = "id" if table == "sellers" else "seller_id"
            narrowed = statement if verb == "UPDATE" else f"{statement} WHERE true"
            changing = f'UPDATE "{table}" SET "{column}" = "{column}"' if verb == "UPDATE" else narrowed
            assert await tried(owner, "portal_tenant", changing, seller=sides.chitra.seller_id) == 1, (table, verb)
            theirs = f"{changing} WHERE {column} = '{sides.asha.seller_id}'".replace(" WHERE true WHERE", " WHERE")
            assert await tried(owner, "portal_tenant", theirs, seller=sides.chitra.seller_id) == 0, (table, verb)


async def test_no_row_can_be_handed_to_another_seller(sides: Sides) -> None:
    """Neither by changing whose it is nor by writing it for somebody else."""
    owner, asha = sides.owner, sides.asha.seller_id
    for table in await tables_with(owner, "seller_id"):
        if table not in RECORDS | KEPT_BY_TRIGGER:
            moved = await tried(owner, "portal_tenant", f"UPDATE \"{table}\" SET seller_id = '{asha}'", seller=sides.chitra.seller_id)
            assert moved is None, table
        columns = await owner.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1 AND column_name <> ALL($2)",
            table,
            list(SEALED.get(table, ())),
        )
        names = ", ".join(f'"{row["column_name"]}"' for row in columns)
        values = ", ".join(f"'{asha}'" if row["column_name"] == "seller_id" else f'"{row["column_name"]}"' for row in columns)
        forged = f'INSERT INTO "{table}" ({names}) SELECT {values} FROM "{table}"'
        assert await tried(owner, "portal_tenant", forged, seller=sides.chitra.seller_id) is None, table


async def test_lines_on_record_are_never_changed_or_removed(sides: Sides) -> None:
    """Not even by the seller they are about."""
    for table in RECORDS:
        for statement in (f"UPDATE {table} SET seller_id = seller_id", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            for role in (role for role in ROLES if not (role == "portal_finder" and table in SWEPT and statement.startswith("DELETE"))):
                assert await tried(sides.owner, role, statement, seller=sides.asha.seller_id) is None, (role, statement)


async def test_the_finders_delete_is_behind_one_function(sides: Sides) -> None:
    """Nobody becomes the finder: no login is a member of it, and only `sweep_old_log` removes, never from a run of this week."""
    members: list[Any] = await sides.owner.fetch(
        "SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid WHERE r.rolname = 'portal_finder'"
    )
    assert members == []
    run = sides.asha.keys["sync_runs"]
    await sides.owner.execute("UPDATE sync_runs SET finished_at = now() - interval '6 days'")
    async with sides.owner.transaction():
        await sides.owner.execute("SET LOCAL ROLE portal_worker")
        assert await sides.owner.fetchval("SELECT gone FROM sweep_old_log($1, 100)", run) == 0
    assert await tried(sides.owner, "portal_web", f"SELECT * FROM sweep_old_log('{run}', 1)") is None


async def test_the_keyring_sees_ciphertexts_and_nothing_else(sides: Sides) -> None:
    """Nobody becomes it, and behind its two functions it reads what is sealed, of whom, and by which marketplace."""
    members = await sides.owner.fetch(
        "SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid WHERE r.rolname = 'portal_keyring'"
    )
    assert members == []
    rows = await sides.owner.fetch(
        """SELECT DISTINCT table_name, column_name FROM information_schema.column_privileges
           WHERE grantee = 'portal_keyring' AND table_schema = 'public'"""
    )
    ids = {"id", "marketplace_account_id", "seller_id", "marketplace_code"}
    sealed = SEALED | {"buyer_data_keys": {"wrapped_for_marketplace", "wrapped_for_buyers"}}
    assert {row["table_name"] for row in rows} == sealed.keys()
    assert {row["column_name"] for row in rows if row["column_name"] not in ids | sealed[row["table_name"]]} == set()


@pytest.mark.parametrize("table", sorted(SEALED))
async def test_a_sealed_column_is_its_own_marketplaces_alone(sides: Sides, table: str) -> None:
    """A role that is not the satellite's is refused each sealed column, whichever seller it names."""
    for column in SEALED[table]:
        for role in ROLES:
            own = SLUGS[role].details if role in SLUGS else None
            entitled = role in SLUGS and (table == "connect_wizard_secrets" or (own is not None and own._meta.tablename == table))
            found = await tried(sides.owner, role, f'SELECT "{column}" FROM {table}', seller=sides.asha.seller_id)
            assert (found is not None) == entitled, (role, column)
            assert not entitled or found == (1 if table != "connect_wizard_secrets" or SLUGS[role].code == "AMAZON_IN" else 0)


async def test_wizard_secrets_and_data_keys_are_seen_by_their_marketplace_only(sides: Sides) -> None:
    for table in ("connect_wizard_secrets", "buyer_data_keys"):
        for role, place in SLUGS.items():
            found = await tried(sides.owner, role, f"SELECT marketplace_code FROM {table}", seller=sides.asha.seller_id)
            assert found == (1 if place.code == "AMAZON_IN" else 0), (table, role)


async def test_row_security_is_forced_wherever_a_seller_is_named(sides: Sides) -> None:
    """Also against the tables' owner, and no role of ours steps over it."""
    rows = await sides.owner.fetch(
        """SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
           AND NOT (relrowsecurity AND relforcerowsecurity) AND (relname = 'sellers' OR EXISTS (
               SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'seller_id'))"""
    )
    assert [row["relname"] for row in rows] == []
    over = await sides.owner.fetch(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY($1) AND (rolbypassrls OR rolsuper OR rolcreaterole)", ROLES
    )
    assert over == []


async def test_a_door_answers_no_words_of_anybody(sides: Sides) -> None:
    """What comes through doors are ids, moments, counts and codes; but for the hash that signing in compares."""
    rows = await sides.owner.fetch(
        """SELECT proname, unnest(proargnames[pronargs + 1:]) AS name, unnest(proallargtypes[pronargs + 1:])::regtype::text AS kind
           FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'door\\_%'"""
    )
    words = {f"{row['proname']}.{row['name']}" for row in rows if row["kind"] in ("text", "character varying", "bytea")}
    assert words == {
        "door_sign_in.password_hash",
        "door_notices_due.kind",
        "door_runs_by_state.state",
        "door_oldest_runs.state",
        "door_run_durations.marketplace_code",
        "door_run_durations.target",
        "door_sealed_by_others.found",
        "door_sealing_keys.ring",
        "door_sealing_keys.key_id",
    }
