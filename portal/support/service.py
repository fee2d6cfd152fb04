"""What goes into a support bundle. Every column is named here; what is not named does not leave.

No name, address, message or raw row is among them: a sentence may quote what a buyer or a seller typed. Ids of ours, codes, counts and
times tell what happened; the marketplace's own request ids let its support find the same exchange.
"""

import io
import platform
import zipfile
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any
from uuid import UUID

import msgspec

from portal import __version__, clock, db
from portal.audit import chain
from portal.settings import KNOWN, Settings

RUNS, LINES, CALLS = 50, 2_000, 5_000
"""How many of the newest are taken along."""

ACCOUNTS = (
    *("id", "marketplace_code", "state", "fulfilment_model", "last_validated_at", "last_validation_status", "last_proven_at"),
    *("checking_since", "next_check_at", "credential_version", "credential_expiring", "credential_expires_at", "needs_reconnect"),
    *("reconnect_code", "refused_at", "created_at", "paused_at", "disconnected_at", "history_erasing"),
)
RUN = (
    *("id", "marketplace_account_id", "target", "trigger", "purpose", "state", "diagnostic_id", "retry_of", "attempt", "faults", "seq"),
    *("pages", "new_count", "changed_count", "same_count", "set_aside_count", "total", "cancel_requested", "error_code", "partial_kind"),
    *("reread", "request_id", "created_at", "started_at", "heartbeat_at", "progressed_at", "resume_at", "finished_at", "gap_from"),
    "log_cleared_at",
)
LINE = ("run_id", "seq", "occurred_at", "kind", "level")
CALL = ("run_id", "seq", "occurred_at", "operation", "method", "status", "duration_ms", "attempt", "request_id", "fault")
CREDENTIAL = ("marketplace_account_id", "occurred_at", "kind", "code", "http_status", "request_id", "run_id")
SCHEDULE = (
    *("marketplace_account_id", "target", "enabled", "interval_minutes", "window_start", "window_end", "set_times", "weekdays"),
    *("paused_until", "next_run_at", "spread_s", "held_since", "held_slots"),
)
PACKAGES = ("litestar", "piccolo", "asyncpg", "saq", "httpx", "jinja2", "msgspec", "cryptography")

Rows = list[dict[str, Any]]


async def gathered(seller_id: UUID, settings: Settings) -> dict[str, Any]:
    """The bundle's files by name, as plain data for JSON."""
    async with db.transaction(seller_id):
        runs = await _rows("sync_runs", RUN, "true", "created_at DESC", RUNS)
        ids = [run["id"] for run in runs]
        # Paths of exchanges stay here: orders and parcels are named in them.
        found: dict[str, Any] = {
            "accounts": await _rows("marketplace_accounts", ACCOUNTS, "true", "created_at", RUNS),
            "schedules": await _rows("schedules", SCHEDULE, "true", "marketplace_account_id, target", LINES),
            "runs": runs,
            "lines": await _rows("sync_events", LINE, "run_id = ANY($1::uuid[])", "id DESC", LINES, ids),
            "exchanges": await _rows("sync_calls", CALL, "run_id = ANY($1::uuid[])", "id DESC", CALLS, ids),
            "credential_events": await _rows("marketplace_credential_events", CREDENTIAL, "true", "occurred_at DESC", LINES),
            "set_asides": await _set_asides(),
        }
        server = await db.connection().fetchval("SHOW server_version")
        workers = await _rows("worker_beats", ("marketplaces", "started_at", "seen_at"), "true", "seen_at DESC", RUNS)
    async with db.pool().acquire() as held:
        migrations = await held.fetchval("SELECT count(*) FROM migration")
    trail = await chain.verify(seller_id)
    found |= {
        "versions": {
            "portal": __version__,
            "python": platform.python_version(),
            "postgresql": server,
            **{name: version(name) for name in PACKAGES},
        },
        "settings": settings_told(settings),
        "health": {
            "workers": workers,
            "migrations": migrations,
            "audit_trail": trail.broken or "ok",
            "audit_entries": trail.entries,
        },
        "about": {"seller_id": seller_id, "made_at": clock.now(), "newest": {"runs": RUNS, "lines": LINES, "exchanges": CALLS}},
    }
    return found


def settings_told(settings: Settings) -> dict[str, str]:
    """Every setting by its name, and whether it is set: never to what."""
    default = Settings()
    told = {f"PORTAL_{name}": _whether(settings, default, name.lower()) for name in KNOWN}
    return told | {f"PORTAL_{code}_{name}": "set" for code, group in settings.marketplaces.items() for name in group}


def _whether(settings: Settings, default: Settings, field: str) -> str:
    return "default" if getattr(settings, field) == getattr(default, field) else "set"


async def _rows(table: str, columns: Sequence[str], where: str, order: str, most: int, *values: object) -> Rows:
    rows = await db.connection().fetch(
        f"SELECT {', '.join(columns)} FROM {table} WHERE {where} ORDER BY {order} LIMIT {most}",  # noqa: S608 (our own tables and columns)
        *values,
    )
    return [dict(row) for row in rows]


async def _set_asides() -> Rows:
    """How many rows wait, by account and kind. Their reasons may quote what was sent."""
    rows = await db.connection().fetch(
        """SELECT marketplace_account_id, target, count(*) AS rows, count(retry_asked_at) AS asked, min(created_at) AS oldest
           FROM set_asides WHERE resolved_at IS NULL GROUP BY 1, 2 ORDER BY 1, 2"""
    )
    return [dict(row) for row in rows]


def zipped(found: dict[str, Any]) -> bytes:
    """The bundle: one readable JSON file for each part."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, part in found.items():
            bundle.writestr(f"{name}.json", msgspec.json.format(msgspec.json.encode(part), indent=2))
    return written.getvalue()
