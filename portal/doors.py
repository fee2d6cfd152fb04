"""The named doors: functions of the database that look behind every seller's wall, and answer no more than whose something is.

A process without a seller calls them to learn which seller to name: by something only the right caller knows (a token's hash, an
id) or by a due time. They belong to a role of their own that nobody logs in as.
"""

from collections.abc import Iterator

FINDER = "portal_finder"

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
    "door_seller_of_print": ("wanted uuid", "seller_id uuid", "SELECT seller_id FROM print_files WHERE id = wanted"),
    "door_prints_ended": (
        "moment timestamptz",
        "print_id uuid, seller_id uuid",
        "SELECT id, seller_id FROM print_files WHERE expires_at <= moment ORDER BY expires_at LIMIT 100",
    ),
    "door_seller_of_export": ("wanted uuid", "seller_id uuid", "SELECT seller_id FROM exports WHERE id = wanted"),
    "door_exports_ended": (
        "moment timestamptz",
        "export_id uuid, seller_id uuid",
        "SELECT id, seller_id FROM exports WHERE expires_at <= moment ORDER BY expires_at LIMIT 100",
    ),
    "door_reports_due": (
        "ended_since timestamptz",
        "run_id uuid, seller_id uuid",
        """SELECT id, seller_id FROM sync_runs r
           WHERE target = 'FULL_PROCESSING' AND trigger = 'schedule' AND finished_at >= ended_since
             AND NOT EXISTS (SELECT FROM run_reports t WHERE t.run_id = r.id) ORDER BY finished_at LIMIT 200""",
    ),
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
    "door_job_at_work": ("wanted text", "at_work boolean", "SELECT status = 'active' FROM saq_jobs WHERE key = wanted"),
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
    *("sellers", "audit_heads", "batches", "print_files", "exports", "run_reports", "saq_jobs"),
)
DOOR_COLUMNS = {
    "saq_jobs": " (key, status)",
    "sellers": " (id)",
    "audit_heads": " (seller_id)",
    "batches": " (id, seller_id, state, next_warning_at)",
    "connect_wizard_secrets": " (id, wizard_id)",
    "mails": " (id, seller_id, state, due_at, created_at)",
    "invitations": " (id, seller_id)",
    "print_files": " (id, seller_id, expires_at)",
    "exports": " (id, seller_id, expires_at)",
    "run_reports": " (run_id)",
    "password_resets": " (id, seller_id)",
    "marketplace_credential_events": " (seller_id, marketplace_account_id, kind, occurred_at)",
}
"""Where a door needs no more than these."""


def statements(*, web: str, workers: str) -> Iterator[str]:
    """What makes the doors, the finder's role being there; `web` and `workers` are the logins that may call them."""
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
        yield f"GRANT EXECUTE ON FUNCTION {name}({types}) TO {web}, {workers}"
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
