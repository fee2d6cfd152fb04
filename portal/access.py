"""Who may touch what in the database: roles, row security, grants and the named doors. `migrate` applies it after the migrations.

Everything here may be applied again and again. What is granted follows from the catalogue (a table with a `seller_id` is a
seller's) and from the tables' own `secret=True` columns, so a new table or satellite is covered without a line here.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import asyncpg
from piccolo.table import Table

from portal.errors import Misconfigured
from portal.keyring import places as sealed_places
from portal.marketplaces.contract import Marketplace
from portal.tables.accounts import CredentialEvent
from portal.tables.audit import AuditEntry, AuditHead
from portal.tables.buyers import BuyerDataKey
from portal.tables.calls import SyncCall
from portal.tables.syncs import SyncEvent
from portal.tables.wizards import ConnectWizardSecret

TENANT, FINDER, WEB, WORKER = "portal_tenant", "portal_finder", "portal_web", "portal_worker"
KEYRING = "portal_keyring"
"""Owns the functions that tell which ciphertexts a key rotation still has to seal anew."""

APPEND_ONLY = {table._meta.tablename for table in (CredentialEvent, AuditEntry, SyncEvent, SyncCall)}
READ_ONLY = {AuditHead._meta.tablename}
"""What only the database itself writes, by a trigger."""
QUEUE_TABLES = ("saq_jobs", "saq_stats", "saq_versions")
PACING_TABLES = ("call_budgets", "marketplace_circuits")
SHARED_TABLES = ("marketplaces", "key_canaries", "worker_beats", "operator_refusals", "marketplace_tallies", *PACING_TABLES)

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
    "door_due_schedules": (
        "due timestamptz",
        "schedule_id uuid, seller_id uuid",
        """SELECT id, seller_id FROM schedules
           WHERE enabled AND next_run_at <= due AND next_run_at + spread_s * interval '1 second' <= due
           ORDER BY next_run_at, seller_id LIMIT 2000""",
    ),
    "door_due_nightly_checks": (
        "due timestamptz",
        "account_id uuid, seller_id uuid",
        "SELECT marketplace_account_id, seller_id FROM nightly_checks WHERE next_at <= due ORDER BY next_at LIMIT 500",
    ),
    "door_accounts_without_schedules": (
        "",
        "account_id uuid, seller_id uuid",
        """SELECT a.id, a.seller_id FROM marketplace_accounts a
           WHERE a.state <> 'disconnected' AND NOT EXISTS (SELECT FROM schedules s WHERE s.marketplace_account_id = a.id) LIMIT 500""",
    ),
    "door_requests_to_advance": (
        "",
        "account_id uuid, seller_id uuid",
        """SELECT DISTINCT q.marketplace_account_id, q.seller_id FROM run_requests q
           JOIN marketplace_accounts a ON a.id = q.marketplace_account_id LEFT JOIN sync_runs r ON r.id = q.run_id
           WHERE q.ended_at IS NULL AND CASE WHEN q.run_id IS NOT NULL
               THEN r.state IN ('succeeded', 'partial', 'failed', 'cancelled')
               ELSE a.state = 'active' AND NOT a.needs_reconnect AND NOT EXISTS (
                   SELECT FROM sync_runs l WHERE l.marketplace_account_id = q.marketplace_account_id AND l.target = q.target
                      AND l.state IN ('queued', 'running', 'waiting', 'cancelling'))
               END
           LIMIT 500""",
    ),
    "door_stale_wizards": (
        "wipe_before timestamptz, due timestamptz",
        "wizard_id uuid, seller_id uuid",
        """SELECT w.id, w.seller_id FROM connect_wizards w
           WHERE w.state IN ('open', 'confirming') AND (w.expires_at < due
              OR (w.touched_at < wipe_before AND EXISTS (SELECT 1 FROM connect_wizard_secrets s WHERE s.wizard_id = w.id)))
           LIMIT 500""",
    ),
    "door_due_reminders": (
        "due timestamptz",
        "reminder_id uuid, seller_id uuid",
        """SELECT r.id, r.seller_id FROM connect_reminders r JOIN connect_wizards w ON w.id = r.wizard_id
           WHERE r.mailed_at IS NULL AND r.due_at <= due AND w.state = 'open' AND w.waiting_for_details AND w.expires_at > due
           ORDER BY r.due_at LIMIT 500""",
    ),
    "door_idle_accounts": (
        "due timestamptz, most integer",
        "account_id uuid, seller_id uuid",
        # A run that is under way proves the credential itself.
        """SELECT a.id, a.seller_id FROM marketplace_accounts a
           WHERE a.state = 'active' AND a.next_check_at <= due
             AND NOT EXISTS (SELECT FROM sync_runs r WHERE r.marketplace_account_id = a.id
                             AND r.state IN ('queued', 'running', 'waiting', 'cancelling'))
           ORDER BY a.next_check_at LIMIT most""",
    ),
    "door_expiring_accounts": (
        "due timestamptz",
        "account_id uuid, seller_id uuid",
        """SELECT id, seller_id FROM marketplace_accounts
           WHERE credential_warn_at <= due AND state <> 'disconnected' AND (expiry_told IS NULL OR expiry_told > 1) LIMIT 500""",
    ),
    "door_old_logs": (
        "ended_before timestamptz",
        "run_id uuid, seller_id uuid",
        """SELECT id, seller_id FROM sync_runs WHERE finished_at < ended_before AND log_cleared_at IS NULL
           ORDER BY finished_at LIMIT 200""",
    ),
    "door_invitation": ("wanted uuid", "seller_id uuid", "SELECT seller_id FROM invitations WHERE id = wanted"),
    "door_password_reset": ("wanted uuid", "seller_id uuid", "SELECT seller_id FROM password_resets WHERE id = wanted"),
    "door_mails_due": (
        "due timestamptz",
        "mail_id uuid, seller_id uuid",
        "SELECT id, seller_id FROM mails WHERE state = 'waiting' AND due_at <= due ORDER BY due_at LIMIT 50",
    ),
    "door_mails_latest": ("", "mail_id uuid, seller_id uuid", "SELECT id, seller_id FROM mails ORDER BY created_at DESC LIMIT 50"),
    "door_cutoffs_near": (
        "moment timestamptz",
        "batch_id uuid, seller_id uuid",
        """SELECT id, seller_id FROM batches WHERE state = 'open' AND (next_warning_at IS NULL OR next_warning_at <= moment)
           ORDER BY next_warning_at NULLS FIRST LIMIT 500""",
    ),
    "door_notices_due": (
        "moment timestamptz",
        "account_id uuid, seller_id uuid, kind text, occasion timestamptz, stage integer",
        """SELECT a.id, a.seller_id, 'reconnect', a.refused_at, s.stage FROM marketplace_accounts a,
                LATERAL (SELECT CASE WHEN moment >= a.refused_at + interval '72 hours' THEN 72
                                     WHEN moment >= a.refused_at + interval '24 hours' THEN 24 ELSE 0 END) AS s (stage)
           WHERE a.needs_reconnect AND a.refused_at <= moment AND a.state <> 'disconnected' AND NOT EXISTS (
               SELECT FROM notices n WHERE n.marketplace_account_id = a.id AND n.kind = 'reconnect'
                                       AND n.occasion = a.refused_at AND n.stage >= s.stage)
           UNION ALL
           SELECT a.id, a.seller_id, 'expiry', a.credential_expires_at, s.stage FROM marketplace_accounts a,
                LATERAL (SELECT CASE WHEN moment >= a.credential_expires_at - interval '1 day' THEN 1
                                     WHEN moment >= a.credential_expires_at - interval '7 days' THEN 7 ELSE 14 END) AS s (stage),
                LATERAL (SELECT coalesce(max(e.occurred_at), a.created_at) FROM marketplace_credential_events e
                         WHERE e.marketplace_account_id = a.id AND e.kind IN ('saved', 'replaced', 'reconnected')) AS given (at)
           WHERE a.credential_expires_at > moment AND a.credential_expires_at <= moment + interval '14 days'
             AND NOT a.needs_reconnect AND a.state <> 'disconnected'
             AND given.at < a.credential_expires_at - s.stage * interval '1 day' AND NOT EXISTS (
               SELECT FROM notices n WHERE n.marketplace_account_id = a.id AND n.kind = 'expiry'
                                       AND n.occasion = a.credential_expires_at AND n.stage <= s.stage)
           UNION ALL
           SELECT e.marketplace_account_id, e.seller_id, 'change', max(e.occurred_at), 0
           FROM marketplace_credential_events e
           WHERE e.kind IN ('saved', 'replaced', 'reconnected', 'disconnected') AND e.occurred_at > moment - interval '3 days'
             AND NOT EXISTS (SELECT FROM notices n WHERE n.marketplace_account_id = e.marketplace_account_id
                                                     AND n.kind = 'change' AND n.occasion >= e.occurred_at)
           GROUP BY e.marketplace_account_id, e.seller_id LIMIT 200""",
    ),
    "door_pairing": (
        "wanted bytea",
        "ticket_id uuid, seller_id uuid, wizard_id uuid",
        "SELECT id, seller_id, wizard_id FROM connect_wizard_tickets WHERE ticket_hash = wanted AND kind = 'pairing'",
    ),
    "door_audited": ("", "seller_id uuid", "SELECT id FROM sellers UNION SELECT seller_id FROM audit_heads ORDER BY 1"),
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

SWEEP = "sweep_old_log"
SWEPT_TABLES = ("sync_calls", "sync_events")
"""Logs are written once and never changed. They go by one function, which takes only those of runs that ended long ago."""

DOOR_TABLES = (
    *("seller_users", "sessions", "connect_wizard_tickets", "invitations", "password_resets", "mails", "notices"),
    *("marketplace_accounts", "marketplace_credential_events", "sync_runs", "connect_wizards", "connect_wizard_secrets"),
    "connect_reminders",
    *("schedules", "nightly_checks", "run_requests"),
    *("sellers", "audit_heads", "batches"),
)
DOOR_COLUMNS = {
    "sellers": " (id)",
    "audit_heads": " (seller_id)",
    "batches": " (id, seller_id, state, next_warning_at)",
    "connect_wizard_secrets": " (id, wizard_id)",
    "mails": " (id, seller_id, state, due_at, created_at)",
    "invitations": " (id, seller_id)",
    "password_resets": " (id, seller_id)",
    "marketplace_credential_events": " (seller_id, marketplace_account_id, kind, occurred_at)",
}
"""Where a door needs no more than these."""


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
    for name, place in satellites.items():
        yield f"GRANT {place.role} TO {WORKER}, {own_worker(place)}"
        yield f"GRANT SELECT ON {name} TO {place.role}"
        for sealed in (ConnectWizardSecret, BuyerDataKey):
            yield from _own_marketplace_only(sealed._meta.tablename, place)
    yield f"GRANT INSERT, DELETE ON key_canaries TO {workers}"
    yield from _doors(workers)
    yield from sealed_places.doors(places, owner=KEYRING, callers=workers)


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


def _doors(workers: str) -> Iterator[str]:
    for table in DOOR_TABLES:
        yield f"GRANT SELECT{DOOR_COLUMNS.get(table, '')} ON {table} TO {FINDER}"
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
        yield f"GRANT EXECUTE ON FUNCTION {name}({types}) TO {WEB}, {workers}"
    yield from _sweep(workers)
    yield f"REVOKE CREATE ON SCHEMA public FROM {FINDER}"


def _sweep(workers: str) -> Iterator[str]:
    """`sweep_old_log(run, most)`: deletes up to `most` rows of each of a run's logs, and answers how many went. A week is kept whatever is asked."""
    for table in SWEPT_TABLES:
        yield f"GRANT SELECT, DELETE ON {table} TO {FINDER}"
        for what in ("SELECT", "DELETE"):
            yield f"DROP POLICY IF EXISTS sweep_{what.lower()} ON {table}"
            yield f"CREATE POLICY sweep_{what.lower()} ON {table} FOR {what} TO {FINDER} USING (true)"
    old = "EXISTS (SELECT FROM sync_runs WHERE id = wanted AND finished_at < now() - interval '7 days')"
    gone = ", ".join(
        f"{table}_gone AS (DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE run_id = wanted AND {old} LIMIT most) RETURNING 1)"  # noqa: S608 (our own words)
        for table in SWEPT_TABLES
    )
    counted = " + ".join(f"(SELECT count(*) FROM {table}_gone)" for table in SWEPT_TABLES)  # noqa: S608 (as above)
    yield f"DROP FUNCTION IF EXISTS {SWEEP}(uuid, integer)"
    yield (
        f"CREATE FUNCTION {SWEEP}(wanted uuid, most integer) RETURNS TABLE (gone bigint) LANGUAGE sql VOLATILE SECURITY DEFINER "
        f"SET search_path = public, pg_temp AS $$ WITH {gone} SELECT {counted} $$"
    )
    yield f"ALTER FUNCTION {SWEEP}(uuid, integer) OWNER TO {FINDER}"
    yield f"REVOKE ALL ON FUNCTION {SWEEP}(uuid, integer) FROM PUBLIC"
    yield f"GRANT EXECUTE ON FUNCTION {SWEEP}(uuid, integer) TO {workers}"
