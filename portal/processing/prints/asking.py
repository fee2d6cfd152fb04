"""Asking for a print file, and looking how far it is."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec

from portal import clock, db
from portal.audit import service as audit
from portal.errors import NotFound
from portal.files import Stored
from portal.jobs import Jobs
from portal.tables.audit import Action
from portal.tables.printing import PrintKind, PrintState

LASTS = timedelta(days=7)
"""How long a print file and the link to it work. It is made anew in a moment."""

STUCK = timedelta(minutes=5)
"""A print file that did not move for so long has lost its worker; whoever asks again gets a new one."""

NEWEST = 5


class Print(msgspec.Struct, frozen=True, kw_only=True):
    """One print file as pages show it. `parts_done` of `parts` are in place; `unreadable` are orders with a page in place of a paper."""

    id: UUID
    batch_id: UUID
    kind: PrintKind
    state: PrintState
    external_order_id: str
    parts: int
    parts_done: int
    pages: int
    unreadable: tuple[str, ...]
    problem: str
    asked_by: str
    created_at: datetime
    progressed_at: datetime
    expires_at: datetime
    stored: Stored | None

    @property
    def under_way(self) -> bool:
        """Whether a worker has it, or will have it soon."""
        return self.state in (PrintState.QUEUED, PrintState.PRINTING) and not self.stuck

    @property
    def stuck(self) -> bool:
        """Whether it has lost its worker."""
        return self.state in (PrintState.QUEUED, PrintState.PRINTING) and self.progressed_at <= clock.now() - STUCK


async def ask(seller_id: UUID, batch_id: UUID, kind: PrintKind, *, jobs: Jobs, by: str, external_order_id: str = "") -> UUID:
    """Have a print file made, and answer its id; one of the same contents that is being made is joined. On record, as buyers are in it.

    Raises NotFound for a batch that is not this seller's, or an order that is not in it.
    """
    now = clock.now()
    async with db.transaction(seller_id) as held:
        batch = await held.fetchrow(
            """SELECT b.number, b.marketplace_account_id, a.marketplace_code FROM batches b
               JOIN marketplace_accounts a ON a.id = b.marketplace_account_id WHERE b.id = $1 FOR NO KEY UPDATE OF b""",
            batch_id,
        )
        if batch is None:
            raise NotFound("batch")
        if external_order_id and not await held.fetchval(
            "SELECT 1 FROM batch_orders WHERE batch_id = $1 AND external_order_id = $2", batch_id, external_order_id
        ):
            raise NotFound("order")
        under_way: UUID | None = await held.fetchval(
            """SELECT id FROM print_files WHERE batch_id = $1 AND kind = $2 AND external_order_id = $3
               AND state IN ('queued', 'printing') AND progressed_at > $4""",
            batch_id,
            kind,
            external_order_id,
            now - STUCK,
        )
        if under_way is not None:
            return under_way
        print_id = await begin(seller_id, batch["marketplace_account_id"], batch_id, kind, by=by, external_order_id=external_order_id)
        what = f"order {external_order_id}" if external_order_id else f"batch {batch['number']}"
        await audit.write(
            seller_id,
            Action.PAPERS_PRINTED,
            f"Print file asked for: {kind} of {what}",
            actor=by,
            account_id=batch["marketplace_account_id"],
        )
    await jobs.print_papers(batch["marketplace_code"], print_id)
    return print_id


async def begin(
    seller_id: UUID,
    account_id: UUID,
    batch_id: UUID,
    kind: PrintKind,
    *,
    by: str,
    external_order_id: str = "",
    run_id: UUID | None = None,
) -> UUID:
    """The row of a print file that is still to be made, in the caller's transaction."""
    print_id, now = uuid4(), clock.now()
    await db.connection().execute(
        """INSERT INTO print_files (id, seller_id, marketplace_account_id, batch_id, run_id, external_order_id, kind, asked_by,
               created_at, progressed_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)""",
        print_id,
        seller_id,
        account_id,
        batch_id,
        run_id,
        external_order_id,
        kind,
        by[:120],
        now,
        now + LASTS,
    )
    return print_id


async def get(seller_id: UUID, batch_id: UUID, print_id: UUID) -> Print:
    """One print file of this batch. NotFound when it is not this seller's, or its time is over."""
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow(
            "SELECT * FROM print_files WHERE id = $1 AND batch_id = $2 AND expires_at > $3", print_id, batch_id, clock.now()
        )
    if row is None:
        raise NotFound("print file")
    return _print(row)


async def newest(seller_id: UUID, batch_id: UUID) -> list[Print]:
    """The print files of a batch that can still be had, newest first."""
    async with db.transaction(seller_id) as held:
        rows = await held.fetch(
            """SELECT * FROM print_files WHERE batch_id = $1 AND expires_at > $2 AND state <> 'failed' AND external_order_id = ''
               ORDER BY created_at DESC LIMIT $3""",
            batch_id,
            clock.now(),
            NEWEST,
        )
    return [_print(row) for row in rows]


async def of_run(seller_id: UUID, run_id: UUID) -> Print | None:
    """The print file that belongs to a run's report; None where there is none, or its time is over."""
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow(
            "SELECT * FROM print_files WHERE run_id = $1 AND state = 'done' AND expires_at > $2 ORDER BY created_at DESC LIMIT 1",
            run_id,
            clock.now(),
        )
    return None if row is None else _print(row)


def _print(row: Any) -> Print:
    stored = Stored(key=row["key"], mime=row["mime"], size=row["size"], sha256=row["sha256"])
    return Print(
        id=row["id"],
        batch_id=row["batch_id"],
        kind=PrintKind(row["kind"]),
        state=PrintState(row["state"]),
        external_order_id=row["external_order_id"],
        parts=row["parts"],
        parts_done=row["parts_done"],
        pages=row["pages"],
        unreadable=tuple(row["unreadable"].splitlines()),
        problem=row["problem"],
        asked_by=row["asked_by"],
        created_at=row["created_at"],
        progressed_at=row["progressed_at"],
        expires_at=row["expires_at"],
        stored=stored if row["state"] == PrintState.DONE else None,
    )
