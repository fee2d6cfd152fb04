"""Errands: what a stage asked the seller to do in the marketplace's panel, and what he brought back from there.

A stage has one under way at most. What was asked again stays the same errand, with its new words. What was brought is looked at by a
worker, and is gone as soon as a step has taken it in: it may be full of buyers.
"""

from typing import Any
from uuid import UUID, uuid4

import msgspec

from portal import clock, db
from portal.audit import service as audit
from portal.errors import BadInput, Conflict, NotFound
from portal.files import Files, Stored
from portal.jobs import Jobs
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.errands import Brought, Errand
from portal.processing import service
from portal.tables.accounts import AccountState
from portal.tables.audit import Action
from portal.tables.processing import BatchState, ErrandState

LARGEST = 20 * 1024 * 1024


class Bringing(msgspec.Struct, frozen=True, kw_only=True):
    """What was brought from the errand `id` and nobody has taken in yet."""

    id: UUID
    brought: Brought


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An errand as the page of its batch shows it. `looking`: something was brought, and a worker has yet to look at it."""

    id: UUID
    looking: bool
    words: str
    problems: tuple[str, ...]
    file_name: str
    returns: str
    endings: tuple[str, ...]
    done: str


class ErrandFile(msgspec.Struct, frozen=True, kw_only=True):
    """What the seller takes along: where its bytes are kept, and what a browser is to call it."""

    key: str
    mime: str
    sha256: str
    name: str


# The worker's half


async def bringing(seller_id: UUID, batch_id: UUID, position: int, files: Files) -> Bringing | None:
    """What was brought from this stage's errand, if a worker has to look at something."""
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow(
            """SELECT id, brought_key, brought_name, brought_sha256 FROM batch_errands
               WHERE batch_id = $1 AND position = $2 AND state = 'brought'""",
            batch_id,
            position,
        )
    if row is None:
        return None
    content = await files.read(row["brought_key"], sha256=row["brought_sha256"]) if row["brought_key"] else b""
    return Bringing(id=row["id"], brought=Brought(file_name=row["brought_name"], content=content))


async def kept_file(account: AccountRef, batch_id: UUID, position: int, errand: Errand, files: Files) -> Stored | None:
    """What the seller takes along, on the disk; None where he takes nothing. Asked again for the same, it is what was kept then."""
    if not errand.file:
        return None
    async with db.transaction(account.seller_id) as held:
        row = await held.fetchrow(
            """SELECT file_key, file_mime, file_sha256 FROM batch_errands
               WHERE batch_id = $1 AND position = $2 AND state = 'open' AND file_name = $3""",
            batch_id,
            position,
            errand.file_name,
        )
    if row is not None:
        return Stored(key=row["file_key"], mime=row["file_mime"], size=len(errand.file), sha256=row["file_sha256"])
    key = f"{account.seller_id}/{account.id}/{batch_id}/errands/{uuid4()}"
    return await files.keep(key, errand.file, errand.mime)


async def ask(account: AccountRef, batch_id: UUID, position: int, errand: Errand, file: Stored | None) -> None:
    """Put the errand on record. In the caller's transaction; what was brought meanwhile and nobody has looked at stays before it."""
    await db.connection().execute(
        """INSERT INTO batch_errands AS known (id, seller_id, batch_id, position, words, problems, file_name, file_key, file_mime,
               file_sha256, returns, endings, done, asked_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
           ON CONFLICT (batch_id, position) WHERE state <> 'done' DO UPDATE SET words = excluded.words, problems = CASE
                   WHEN excluded.problems = '[]' THEN known.problems ELSE excluded.problems END,
               file_name = excluded.file_name, file_key = excluded.file_key, file_mime = excluded.file_mime,
               file_sha256 = excluded.file_sha256, returns = excluded.returns, endings = excluded.endings, done = excluded.done
           WHERE known.state = 'open'""",
        uuid4(),
        account.seller_id,
        batch_id,
        position,
        errand.words,
        msgspec.json.encode(errand.problems).decode(),
        errand.file_name if file else "",
        file.key if file else "",
        file.mime if file else "",
        file.sha256 if file else "",
        errand.returns,
        msgspec.json.encode(errand.endings).decode(),
        errand.done,
        clock.now(),
    )


async def take_in(errand_id: UUID) -> None:
    """A step has taken in what was brought. In the caller's transaction, with everything that follows from it."""
    await db.connection().execute("UPDATE batch_errands SET state = 'done' WHERE id = $1 AND state = 'brought'", errand_id)


async def forget(seller_id: UUID, batch_id: UUID, files: Files) -> None:
    """Delete the bytes that were brought from errands of this batch that are over, also where a worker died before it had done so."""
    async with db.transaction(seller_id) as held:
        rows = await held.fetch(
            "SELECT id, brought_key FROM batch_errands WHERE batch_id = $1 AND state = 'done' AND brought_key <> ''", batch_id
        )
    for row in rows:
        await files.delete(row["brought_key"])
        async with db.transaction(seller_id) as held:
            await held.execute("UPDATE batch_errands SET brought_key = '' WHERE id = $1", row["id"])


async def over(batch_id: UUID, position: int) -> None:
    """The stage has ended: nobody needs to do anything for it any more. In the caller's transaction."""
    await db.connection().execute(
        "UPDATE batch_errands SET state = 'done' WHERE batch_id = $1 AND position = $2 AND state <> 'done'", batch_id, position
    )


# The seller's half


async def under_way(batch_id: UUID, position: int) -> Shown | None:
    """The errand that this stage waits for, if any. In the caller's transaction."""
    row = await db.connection().fetchrow(
        "SELECT * FROM batch_errands WHERE batch_id = $1 AND position = $2 AND state <> 'done'", batch_id, position
    )
    if row is None:
        return None
    return Shown(
        id=row["id"],
        looking=row["state"] == ErrandState.BROUGHT,
        words=row["words"],
        problems=msgspec.json.decode(row["problems"], type=tuple[str, ...]),
        file_name=row["file_name"],
        returns=row["returns"],
        endings=msgspec.json.decode(row["endings"], type=tuple[str, ...]),
        done=row["done"],
    )


async def file(seller_id: UUID, batch_id: UUID, errand_id: UUID) -> ErrandFile:
    """What the seller takes along. NotFound when it is not his, of another batch, or when there is nothing to take."""
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow(
            "SELECT file_name, file_key, file_mime, file_sha256 FROM batch_errands WHERE id = $1 AND batch_id = $2 AND file_key <> ''",
            errand_id,
            batch_id,
        )
    if row is None:
        raise NotFound("file")
    return ErrandFile(key=row["file_key"], mime=row["file_mime"], sha256=row["file_sha256"], name=row["file_name"])


async def bring(seller_id: UUID, batch_id: UUID, errand_id: UUID, brought: Brought, *, files: Files, jobs: Jobs, by: str) -> None:
    """Keep what the seller brings, and let his batch go on with it at once.

    Raises NotFound for an errand that is not his, BadInput for what this errand does not ask for, Conflict where somebody has brought
    something already or it is over.
    """
    row = await _asked(seller_id, batch_id, errand_id)
    check(brought, returns=row["returns"], endings=msgspec.json.decode(row["endings"], type=tuple[str, ...]), done=row["done"])
    kept: Stored | None = None
    if brought.content:
        key = f"{seller_id}/{row['account_id']}/{batch_id}/errands/{uuid4()}"
        kept = await files.keep(key, brought.content, "application/octet-stream")
    if not await _put_down(seller_id, errand_id, row["account_id"], brought, kept, by=by):
        if kept is not None:
            await files.delete(kept.key)
        raise Conflict("Somebody has reported back already. The batch goes on with that.")
    await service.go_on(seller_id, row["account_id"], jobs=jobs, by=by)


async def look(seller_id: UUID, batch_id: UUID, *, jobs: Jobs, by: str) -> None:
    """Let the batch look at once what has changed at the marketplace. NotFound when it is not this seller's, Conflict when it is closed."""
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow("SELECT state, marketplace_account_id FROM batches WHERE id = $1", batch_id)
    if row is None:
        raise NotFound("batch")
    if row["state"] != BatchState.OPEN:
        raise Conflict("This batch is closed already.")
    await service.go_on(seller_id, row["marketplace_account_id"], jobs=jobs, by=by)


async def _asked(seller_id: UUID, batch_id: UUID, errand_id: UUID) -> Any:
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow(
            """SELECT e.state, e.returns, e.endings, e.done, b.state AS batch_state, a.id AS account_id, a.name, a.state AS account_state
               FROM batch_errands e JOIN batches b ON b.id = e.batch_id JOIN marketplace_accounts a ON a.id = b.marketplace_account_id
               WHERE e.id = $1 AND e.batch_id = $2""",
            errand_id,
            batch_id,
        )
    if row is None:
        raise NotFound("errand")
    if row["state"] != ErrandState.OPEN or row["batch_state"] != BatchState.OPEN:
        raise Conflict("The batch does not wait for this any more.")
    if row["account_state"] == AccountState.DISCONNECTED:
        # Before its bytes are kept: nobody would take them in, and they may be full of buyers.
        raise Conflict(f"{row['name']} is disconnected. Connect it again first.")
    return row


async def _put_down(seller_id: UUID, errand_id: UUID, account_id: UUID, brought: Brought, kept: Stored | None, *, by: str) -> bool:
    """Whether the errand still waited, and what was brought is on record now."""
    async with db.transaction(seller_id) as held:
        waited = await held.fetchval(
            """UPDATE batch_errands SET state = 'brought', problems = '[]', brought_key = $2, brought_name = $3, brought_sha256 = $4,
                   brought_at = $5, brought_by = $6 WHERE id = $1 AND state = 'open' RETURNING 1""",
            errand_id,
            kept.key if kept else "",
            brought.file_name[-200:],
            kept.sha256 if kept else "",
            clock.now(),
            by,
        )
        if waited:
            await audit.write(seller_id, Action.ERRAND_DONE, brought.file_name[-200:] or "Without a file", actor=by, account_id=account_id)
    return bool(waited)


def check(brought: Brought, *, returns: str, endings: tuple[str, ...], done: str) -> None:
    """Raises BadInput, naming the form's field, for what can be told to be wrong without looking inside."""
    if not brought.file_name and done:
        return
    if not brought.file_name:
        raise BadInput("There is no file.", fields={"brought": "Choose a file."})
    if not returns or not brought.file_name.lower().endswith(endings):
        kinds = " or ".join(endings) or "none"
        raise BadInput("This is another kind of file.", fields={"brought": f"Choose a file that ends in {kinds}."})
    if not brought.content:
        raise BadInput("This file is empty.", fields={"brought": "Choose a file with something in it."})
    if len(brought.content) > LARGEST:
        raise BadInput("This file is too large.", fields={"brought": "A file may have 20 MB at most."})
