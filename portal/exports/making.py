"""Making an export: sheet by sheet into one zip file, a portion of rows in memory at a time."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, LiteralString
from uuid import UUID
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
    """Queue entry point. Whatever happens, the export's row says so afterwards. A second worker that takes it makes the same."""
    wanted = UUID(export_id)
    seller_id = await db.seller_of("door_seller_of_export", wanted)
    if seller_id is None or not await _taken(seller_id, wanted):
        return
    try:
        await _make(seller_id, wanted, store.at(ctx["settings"]))
    except PortalError as error:
        await _write(seller_id, wanted, "state = 'failed', problem = $3", error.seller_message)


async def _taken(seller_id: UUID, export_id: UUID) -> bool:
    """Whether it is still to be made."""
    async with db.transaction(seller_id) as held:
        return bool(
            await held.fetchval(
                """UPDATE exports SET state = 'making', sheets_done = 0, rows = 0, progressed_at = $2
                   WHERE id = $1 AND state IN ('queued', 'making') AND expires_at > $2 RETURNING 1""",
                export_id,
                clock.now(),
            )
        )


async def _make(seller_id: UUID, export_id: UUID, files: Files) -> None:
    with TemporaryDirectory(prefix="portal-export-") as named:
        path = Path(named) / "export.zip"
        rows = 0
        with ZipFile(path, "w", ZIP_DEFLATED) as bundle:
            for number, sheet in enumerate(SHEETS, start=1):
                rows += await _written(seller_id, sheet, bundle)
                await _write(seller_id, export_id, "sheets_done = $3, rows = $4", number, rows)
        # The last part of the key is what the file is called when it is downloaded.
        key = f"{seller_id}/exports/{export_id}/everything-{clock.ist_today():%Y-%m-%d}.zip"
        stored = await files.keep_file(key, path, MIME)
    await _write(seller_id, export_id, "state = 'done', key = $3, size = $4, sha256 = $5", stored.key, stored.size, stored.sha256)


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


async def _write(seller_id: UUID, export_id: UUID, change: LiteralString, *values: object) -> None:
    async with db.transaction(seller_id) as held:
        await held.execute(
            f"UPDATE exports SET progressed_at = $2, {change} WHERE id = $1 AND state = 'making'",  # noqa: S608 (our own words; values are bound)
            export_id,
            clock.now(),
            *values,
        )


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
