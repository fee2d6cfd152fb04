"""Asking for an export, and looking how far the newest one is."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from portal import clock, db
from portal.audit import service as audit
from portal.files import Stored
from portal.jobs import Jobs
from portal.tables.audit import Action
from portal.tables.exports import ExportState

LASTS = timedelta(days=7)
"""How long the file and the link to it work."""

STUCK = timedelta(minutes=10)
"""An export that did not move for so long has lost its worker; whoever asks again gets a new one."""

MIME = "application/zip"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """An export as its page shows it. `stored` is None until it is made."""

    id: UUID
    state: ExportState
    sheets_done: int
    rows: int
    problem: str
    asked_by: str
    created_at: datetime
    progressed_at: datetime
    expires_at: datetime
    stored: Stored | None

    @property
    def under_way(self) -> bool:
        """Whether a worker has it, or will have it soon."""
        return self.state in (ExportState.QUEUED, ExportState.MAKING) and self.progressed_at > clock.now() - STUCK


async def ask(seller_id: UUID, *, jobs: Jobs, by: str) -> UUID:
    """Have everything of the seller put into one file; one that is being made is joined. On record, because it leaves."""
    async with db.transaction(seller_id) as held:
        # Two presses in one moment ask for one: the second waits here for the first.
        await held.execute("SELECT FROM sellers WHERE id = $1 FOR NO KEY UPDATE", seller_id)
        known = await newest(seller_id)
        if known is not None and known.under_way:
            return known.id
        export_id, now = uuid4(), clock.now()
        await held.execute(
            """INSERT INTO exports (id, seller_id, asked_by, created_at, progressed_at, expires_at)
               VALUES ($1, $2, $3, $4, $4, $5)""",
            export_id,
            seller_id,
            by[:120],
            now,
            now + LASTS,
        )
        await audit.write(seller_id, Action.EVERYTHING_EXPORTED, "Orders, returns, payouts, listings and invoices", actor=by)
    await jobs.make_export(export_id)
    return export_id


async def newest(seller_id: UUID) -> Asked | None:
    """The export that was asked for last; None where there is none, or its time is over."""
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow("SELECT * FROM exports WHERE expires_at > $1 ORDER BY created_at DESC LIMIT 1", clock.now())
    if row is None:
        return None
    stored = Stored(key=row["key"], mime=MIME, size=row["size"], sha256=row["sha256"])
    return Asked(
        id=row["id"],
        state=ExportState(row["state"]),
        sheets_done=row["sheets_done"],
        rows=row["rows"],
        problem=row["problem"],
        asked_by=row["asked_by"],
        created_at=row["created_at"],
        progressed_at=row["progressed_at"],
        expires_at=row["expires_at"],
        stored=stored if row["state"] == ExportState.DONE else None,
    )
