"""Making a print file: its papers are fetched, the press puts them together, and the whole is kept under a key of its own."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import LiteralString
from uuid import UUID

import msgspec

from portal import clock, db
from portal.documents.parcels import picks
from portal.documents.press import Edition, Parcel, Progress, pressed
from portal.errors import NotFound, PortalError
from portal.files import DocumentDamaged, Files, Stored
from portal.processing.prints.gathering import Gathered, Paper, Wanted, gather
from portal.tables.printing import PrintKind
from portal.vault import BuyerSeal

FETCHED_AT_ONCE = 8
TOLD_EVERY_S = 1.0
LOST = (NotFound, DocumentDamaged)
"""A paper that is gone or not the one that was kept; the print file says so on a page in its place."""


class NothingToPrint(PortalError):
    """The batch, or what is asked of it, has no order yet that goes on paper."""

    code = "nothing_to_print"
    status = 409

    def __init__(self) -> None:
        super().__init__("There is nothing to print yet: no order of this batch is on its way.")


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """A print file that is to be made now, and who asked for it."""

    id: UUID
    seller_id: UUID
    wanted: Wanted
    asked_by: str


async def taken(seller_id: UUID, print_id: UUID) -> Ordered | None:
    """The print file to make; None when it is made already or its time is over. A second worker that takes it makes the same."""
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow(
            """UPDATE print_files SET state = 'printing', progressed_at = $2
               WHERE id = $1 AND state IN ('queued', 'printing') AND expires_at > $2 RETURNING *""",
            print_id,
            clock.now(),
        )
    if row is None:
        return None
    wanted = Wanted(
        kind=PrintKind(row["kind"]),
        batch_id=row["batch_id"],
        account_id=row["marketplace_account_id"],
        external_order_id=row["external_order_id"],
    )
    return Ordered(id=print_id, seller_id=seller_id, wanted=wanted, asked_by=row["asked_by"])


async def make(ordered: Ordered, seal: BuyerSeal, files: Files) -> None:
    """Make it and keep it; its row says how far it is, and at the end where it is. Raises PortalError; `failed` writes that down."""
    gathered = await gather(ordered.seller_id, ordered.wanted, seal, by=ordered.asked_by)
    if not gathered.parcels:
        raise NothingToPrint
    with TemporaryDirectory(prefix="portal-print-") as named:
        folder = Path(named)
        edition = await _edition(ordered.wanted.kind, gathered, files, folder)
        last = await _printed(ordered, edition, folder / "print.pdf")
        stored = await files.keep_file(_key(ordered, gathered.number), folder / "print.pdf", "application/pdf")
    await _done(ordered, last, stored)
    if not await _wanted_still(ordered):
        await files.delete(stored.key)


async def failed(ordered: Ordered, error: PortalError) -> None:
    """It could not be made; its page says why."""
    await _write(ordered, "state = 'failed', problem = $3", error.seller_message)


async def _edition(kind: PrintKind, gathered: Gathered, files: Files, folder: Path) -> Edition:
    """What the press is to print, its papers lying in the folder."""
    whole = f"Pick list, batch {gathered.number}, {gathered.account_name}"
    listed = picks(parcel.slip for parcel in gathered.parcels)
    if kind is PrintKind.PICKS:
        return Edition(heading=whole, picks=listed)
    issued = kind is not PrintKind.SLIPS
    wanted = [(parcel.slip.order_number, paper) for parcel in gathered.parcels for paper in parcel.papers] if issued else []
    closing = [("", paper) for paper in gathered.closing] if issued else []
    fetched = await _fetched([paper for _, paper in (*wanted, *closing)], files, folder)
    of_order: dict[str, list[Path]] = {}
    for (order_number, _), path in zip((*wanted, *closing), fetched, strict=True):
        of_order.setdefault(order_number, []).append(path)
    parcels = tuple(
        Parcel(
            order_number=parcel.slip.order_number,
            slip=parcel.slip if parcel.printed else None,
            papers=tuple(of_order.get(parcel.slip.order_number, ())),
        )
        for parcel in gathered.parcels
    )
    closing_files = tuple(of_order.get("", ())) if kind is PrintKind.BATCH else ()
    return Edition(heading=whole, picks=listed if kind is PrintKind.BATCH else None, parcels=parcels, closing=closing_files)


async def _fetched(papers: Sequence[Paper], files: Files, folder: Path) -> list[Path]:
    """The papers as files, in their order, a few at a time. One that is lost is an empty file, which the press notices."""
    places = asyncio.Semaphore(FETCHED_AT_ONCE)

    async def fetch(number: int, paper: Paper) -> Path:
        path = folder / f"{number}.paper"
        async with places:
            try:
                content = await files.read(paper.key, sha256=paper.sha256)
            except LOST:
                content = b""
            await asyncio.to_thread(path.write_bytes, content)
        return path

    return list(await asyncio.gather(*(fetch(number, paper) for number, paper in enumerate(papers))))


async def _printed(ordered: Ordered, edition: Edition, to: Path) -> Progress:
    await _write(ordered, "parts = $3", edition.parts)
    last, told_at = Progress(parts=0, pages=0), time.monotonic()
    async with aclosing(pressed(edition, to)) as told:
        async for last in told:
            if time.monotonic() - told_at >= TOLD_EVERY_S:
                told_at = time.monotonic()
                await _write(ordered, "parts_done = $3, pages = $4", last.parts, last.pages)
    return last


async def _done(ordered: Ordered, last: Progress, stored: Stored) -> None:
    await _write(
        ordered,
        "state = 'done', parts_done = parts, pages = $3, unreadable = $4, key = $5, size = $6, sha256 = $7",
        last.pages,
        "\n".join(last.unreadable),
        stored.key,
        stored.size,
        stored.sha256,
    )


async def _wanted_still(ordered: Ordered) -> bool:
    """Whether it has its row: with its account, papers go at any time."""
    async with db.transaction(ordered.seller_id) as held:
        return bool(await held.fetchval("SELECT 1 FROM print_files WHERE id = $1", ordered.id))


async def _write(ordered: Ordered, change: LiteralString, *values: object) -> None:
    async with db.transaction(ordered.seller_id) as held:
        await held.execute(
            f"UPDATE print_files SET progressed_at = $2, {change} WHERE id = $1 AND state = 'printing'",  # noqa: S608 (our own words; values are bound)
            ordered.id,
            clock.now(),
            *values,
        )


def _key(ordered: Ordered, number: int) -> str:
    """Where it is kept. The last part is what the file is called when it is downloaded."""
    names = {
        PrintKind.BATCH: f"batch-{number}",
        PrintKind.PICKS: f"pick-list-{number}",
        PrintKind.SLIPS: f"packing-slips-{number}",
        PrintKind.ORDER: "order-" + "".join(one if one.isascii() and one.isalnum() else "-" for one in ordered.wanted.external_order_id),
    }
    wanted = ordered.wanted
    return f"{ordered.seller_id}/{wanted.account_id}/{wanted.batch_id}/prints/{ordered.id}/{names[wanted.kind]}.pdf"
