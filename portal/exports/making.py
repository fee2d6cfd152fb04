"""Making an export: sheet by sheet into one zip file, a portion of rows in memory at a time."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, LiteralString
from uuid import UUID, uuid4
from zipfile import ZIP_DEFLATED, ZipFile

from portal import clock, db
from portal import files as store
from portal.documents import comma_separated
from portal.errors import PortalError
from portal.exports.asking import MIME
from portal.exports.contents import SHEETS, Sheet
from portal.files import Files
from portal.marketplaces.registry import marketplace

AT_ONCE = 1_000
"""Rows in memory at a time: a shop may have sold any number of things."""


async def make_export(ctx: dict[str, Any], *, export_id: str) -> None:
    """Queue entry point. What is refused, as by a store that is away, says why in its row; what is cut off is made anew by the next worker."""
    wanted = UUID(export_id)
    seller_id = await db.seller_of("door_seller_of_export", wanted)
    if seller_id is None:
        return
    files = store.at(ctx["settings"])
    key = await _taken(seller_id, wanted, files)
    if key is None:
        return
    try:
        await _make(seller_id, wanted, key, files)
    except PortalError as error:
        await _write(seller_id, wanted, key, "state = 'failed', problem = $4", error.seller_message)


async def _taken(seller_id: UUID, export_id: UUID, files: Files) -> str | None:
    """Where its bytes are to go; None when it is made already or its time is over.

    Each taking has a place of its own, and whoever took it last is the one that writes its row: a worker that was thought lost and goes
    on all the same cannot put other bytes under the row's checksum.
    """
    # The last part of the key is what the file is called when it is downloaded.
    key = f"{seller_id}/exports/{export_id}/{uuid4().hex[:8]}/everything-{clock.ist_today():%Y-%m-%d}.zip"
    async with db.transaction(seller_id) as held:
        before = await held.fetchval(
            "SELECT key FROM exports WHERE id = $1 AND state IN ('queued', 'making') AND expires_at > $2 FOR UPDATE", export_id, clock.now()
        )
        if before is None:
            return None
        if before:
            await files.delete(before)
        await held.execute(
            "UPDATE exports SET state = 'making', sheets_done = 0, rows = 0, key = $3, progressed_at = $2 WHERE id = $1",
            export_id,
            clock.now(),
            key,
        )
    return key


async def _make(seller_id: UUID, export_id: UUID, key: str, files: Files) -> None:
    with TemporaryDirectory(prefix="portal-export-") as named:
        path = Path(named) / "export.zip"
        rows = 0
        with ZipFile(path, "w", ZIP_DEFLATED) as bundle:
            for number, sheet in enumerate(SHEETS, start=1):
                rows += await _written(seller_id, sheet, bundle)
                await _write(seller_id, export_id, key, "sheets_done = $4, rows = $5", number, rows)
        stored = await files.keep_file(key, path, MIME)
    if not await _write(seller_id, export_id, key, "state = 'done', size = $4, sha256 = $5", stored.size, stored.sha256):
        # Taken by another meanwhile, or gone with its seller: no row would ever find these bytes again.
        await files.delete(key)


async def _written(seller_id: UUID, sheet: Sheet, bundle: ZipFile) -> int:
    """Put one sheet into the bundle; answers how many rows it has."""
    count = 0
    async with db.transaction(seller_id) as held:
        statement = await held.prepare(sheet.query)
        columns = [column.name for column in statement.get_attributes()]
        walk = await statement.cursor()
        with bundle.open(f"{sheet.name}.csv", "w", force_zip64=True) as written:
            written.write((comma_separated.MARK + comma_separated.lines([columns])).encode())
            while rows := await walk.fetch(AT_ONCE):
                # Packing takes its time, for which nobody else of this worker should wait.
                await asyncio.to_thread(written.write, _lines(columns, rows).encode())
                count += len(rows)
    return count


def _lines(columns: Sequence[str], rows: Sequence[Any]) -> str:
    return comma_separated.lines([cell(name, value) for name, value in zip(columns, row, strict=True)] for row in rows)


def cell(column: str, value: object) -> str:
    """A value as a spreadsheet reads it. Numbers and moments are ours; all text may be a stranger's."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{clock.in_ist(value):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, str):
        return comma_separated.harmless(marketplace(value).name if column == "marketplace" else value)
    return str(value)


async def _write(seller_id: UUID, export_id: UUID, key: str, change: LiteralString, *values: object) -> bool:
    """Whether it was written: the row is ours while it names our key."""
    async with db.transaction(seller_id) as held:
        done = await held.fetchval(
            f"UPDATE exports SET progressed_at = $3, {change} WHERE id = $1 AND key = $2 AND state = 'making' RETURNING 1",  # noqa: S608 (our own words; values are bound)
            export_id,
            key,
            clock.now(),
            *values,
        )
    return done is not None


async def forget_ended(files: Files) -> int:
    """Delete exports whose time is over, bytes first. Answers how many. May run in several workers at once."""
    ended = await db.door("door_exports_ended", clock.now())
    for found in ended:
        async with db.transaction(found["seller_id"]) as held:
            key = await held.fetchval("SELECT key FROM exports WHERE id = $1", found["export_id"])
            if key:
                await files.delete(key)
            await held.execute("DELETE FROM exports WHERE id = $1", found["export_id"])
    return len(ended)
