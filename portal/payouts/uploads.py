"""A payout file from a seller: read once for the preview, kept on confirmation, then deleted. Keeping one twice changes nothing.

The file lies in the data directory under a random name, bound to its seller, until it is kept, discarded, or an hour old.
"""

import hashlib
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

import msgspec
from anyio import to_thread

from portal import clock, db
from portal.audit import service as audit
from portal.errors import BadInput, Conflict, NotFound
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import PayoutFact, UnreadableRow
from portal.payouts import service
from portal.runs.kept import Kept
from portal.runs.refs import account_ref
from portal.tables.audit import Action
from portal.tables.payouts import PayoutUpload

Reader = Callable[[str, BinaryIO], Iterator[PayoutFact | UnreadableRow]]

FOLDER = "uploads"
LARGEST = 20 * 1024 * 1024
SUFFIXES = (".xlsx", ".csv", ".tsv", ".txt")
FIRST_LINES = 20
PROBLEMS = 1_000
KEYS = 100
"""So many lines of a settlement tell whether they are those that are here."""
LINES_AT_ONCE = 5_000
CHUNK = 256 * 1024


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A row that could not be read: which one, and why."""

    row: str
    reason: str


class FirstLine(msgspec.Struct, frozen=True, kw_only=True):
    payout: str
    kind: str
    description: str
    order: str
    amount: Decimal


class Tally(msgspec.Struct, kw_only=True):
    """What a file holds. `problems` has the first thousand of `unreadable`, `keys` the first hundred lines of each settlement."""

    payouts: int = 0
    lines: int = 0
    net_amount: Decimal = Decimal(0)
    unreadable: int = 0
    problems: list[Problem] = []
    first_lines: list[FirstLine] = []
    keys: dict[str, list[str]] = {}


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """A file as its page shows it. `kept_before` is when the very same file was kept for this account."""

    id: UUID
    account: AccountRef
    file_name: str
    state: str
    tally: Tally
    uploaded_at: datetime
    kept_before: datetime | None


async def receive(account: AccountRef, file_name: str, source: BinaryIO, read: Reader, *, data_dir: Path, by: str) -> UUID:
    """Put a file aside, read it through, and remember what it holds. Answers the upload to look at.

    Raises BadInput, and leaves nothing behind, for a file that is too large, of another kind, without anything to keep, or of
    settlements that a sync has told already in other lines: added to those, their money would count twice.
    """
    if not file_name.lower().endswith(SUFFIXES):
        raise BadInput("We read XLSX, CSV, TSV and TXT files.", fields={"file": "Choose a file that ends in .xlsx, .csv, .tsv or .txt."})
    upload_id = uuid4()
    path = _path(data_dir, account.seller_id, upload_id)
    try:
        digest = await to_thread.run_sync(_store, source, path)
        tally = await to_thread.run_sync(_tally, read, file_name, path)
        if not tally.lines and not tally.payouts:
            raise BadInput("There is no settlement in this file.", fields={"file": _first_reason(tally)})
        await _refuse_told_otherwise(account, tally)
        await _remember(account, upload_id, file_name, digest, tally, by=by)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return upload_id


def _first_reason(tally: Tally) -> str:
    return f"{tally.problems[0].row}: {tally.problems[0].reason}" if tally.problems else "Choose the settlement file itself."


async def _refuse_told_otherwise(account: AccountRef, tally: Tally) -> None:
    async with db.transaction(account.seller_id):
        here = await service.told_otherwise(account, tally.keys)
    if here:
        named = here[0] if len(here) == 1 else f"{here[0]} and {len(here) - 1} more"
        raise BadInput(
            f"Settlement {named} came by sync already, in other lines than this file has. Adding them would count the same money twice.",
            fields={"file": "Choose a file whose settlements are not here yet."},
        )


def _path(data_dir: Path, seller_id: UUID, upload_id: UUID) -> Path:
    return data_dir / FOLDER / f"{seller_id.hex}-{upload_id.hex}"


def _store(source: BinaryIO, path: Path) -> str:
    """Copy the file and answer its SHA-256."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as kept:
        path.chmod(0o600)
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > LARGEST:
                raise BadInput("This file is too large.", fields={"file": "A payout file may have 20 MB. Export a shorter period."})
            digest.update(chunk)
            kept.write(chunk)
    return digest.hexdigest()


def _tally(read: Reader, file_name: str, path: Path) -> Tally:
    """Read the whole file, one settlement at a time, and count. Of a settlement in parts the last net amount told counts."""
    tally, nets = Tally(problems=[], first_lines=[], keys={}), dict[str, Decimal]()
    with path.open("rb") as stream:
        for found in read(file_name, stream):
            if isinstance(found, UnreadableRow):
                tally.unreadable += 1
                if len(tally.problems) < PROBLEMS:
                    tally.problems.append(Problem(row=found.external_id, reason=found.reason))
                continue
            nets.setdefault(found.external_payout_id, Decimal(0))
            if found.net_amount is not None:
                nets[found.external_payout_id] = found.net_amount
            tally.lines += len(found.lines)
            keys = tally.keys.setdefault(found.external_payout_id, [])
            keys += [line.line_key for line in found.lines[: KEYS - len(keys)]]
            for line in found.lines[: FIRST_LINES - len(tally.first_lines)]:
                tally.first_lines.append(
                    FirstLine(
                        payout=found.external_payout_id,
                        kind=line.kind,
                        description=line.description,
                        order=line.external_order_id,
                        amount=line.amount,
                    )
                )
    tally.payouts, tally.net_amount = len(nets), sum(nets.values(), Decimal(0))
    return tally


async def _remember(account: AccountRef, upload_id: UUID, file_name: str, digest: str, tally: Tally, *, by: str) -> None:
    async with db.transaction(account.seller_id):
        await PayoutUpload(
            id=upload_id,
            seller_id=account.seller_id,
            marketplace_account_id=account.id,
            file_name=file_name[-200:],
            sha256=digest,
            payouts=tally.payouts,
            lines=tally.lines,
            unreadable=tally.unreadable,
            net_amount=tally.net_amount,
            problems=msgspec.json.encode(tally.problems).decode(),
            first_lines=msgspec.json.encode(tally.first_lines).decode(),
            uploaded_by=by,
            uploaded_at=clock.now(),
        ).save()


async def preview(seller_id: UUID, upload_id: UUID) -> Preview:
    """What a file holds. NotFound when it is not this seller's."""
    async with db.transaction(seller_id) as held:
        row = await held.fetchrow(
            """SELECT u.*, (SELECT max(k.kept_at) FROM payout_uploads k WHERE k.marketplace_account_id = u.marketplace_account_id
                            AND k.sha256 = u.sha256 AND k.state = 'kept' AND k.id <> u.id) AS kept_before
               FROM payout_uploads u WHERE u.id = $1""",
            upload_id,
        )
        if row is None:
            raise NotFound("upload")
        account = await account_ref(seller_id, row["marketplace_account_id"])
    tally = Tally(
        payouts=row["payouts"],
        lines=row["lines"],
        net_amount=row["net_amount"],
        unreadable=row["unreadable"],
        problems=msgspec.json.decode(row["problems"], type=list[Problem]),
        first_lines=msgspec.json.decode(row["first_lines"], type=list[FirstLine]),
    )
    return Preview(
        id=row["id"],
        account=account,
        file_name=row["file_name"],
        state=row["state"],
        tally=tally,
        uploaded_at=row["uploaded_at"],
        kept_before=row["kept_before"],
    )


async def keep(seller_id: UUID, upload_id: UUID, read: Reader, *, data_dir: Path, by: str) -> Kept:
    """Keep what the file holds, in transactions of a few thousand lines, and delete it.

    Stopped half-way it can be kept again: what is there already stays the same. Raises Conflict when the file has gone.
    """
    upload = await preview(seller_id, upload_id)
    if upload.state == "kept":
        return Kept()
    path, kept = _path(data_dir, seller_id, upload_id), Kept()
    try:
        async with aclosing(_parts(read, upload.file_name, path)) as parts:
            async for facts in parts:
                async with db.transaction(seller_id):
                    kept += await service.keep(upload.account, facts, source="upload")
    except FileNotFoundError:
        raise Conflict("This file was put aside for an hour and is gone. Upload it again.") from None
    async with db.transaction(seller_id) as held:
        await service.match_lines(upload.account)
        await held.execute("UPDATE payout_uploads SET state = 'kept', kept_at = $2 WHERE id = $1", upload_id, clock.now())
        told = f"{upload.tally.payouts} settlements with {upload.tally.lines} lines from {upload.file_name}"
        await audit.write(seller_id, Action.PAYOUTS_UPLOADED, told, actor=by, account_id=upload.account.id)
    path.unlink(missing_ok=True)
    return kept


async def _parts(read: Reader, file_name: str, path: Path) -> AsyncGenerator[list[PayoutFact], None]:
    """The file's settlements, a few thousand lines at a time. Reading happens in a thread."""
    stream = await to_thread.run_sync(path.open, "rb")
    try:
        # Opening takes the longest: a workbook is measured as a whole before its first row.
        parts = _cut(await to_thread.run_sync(read, file_name, stream))
        while facts := await to_thread.run_sync(next, parts, None):
            yield facts
    finally:
        stream.close()


def _cut(found: Iterator[PayoutFact | UnreadableRow]) -> Iterator[list[PayoutFact]]:
    """Small settlements together, large ones in parts: never more lines than one transaction should have."""
    gathered, room = list[PayoutFact](), LINES_AT_ONCE
    for fact in found:
        if isinstance(fact, UnreadableRow):
            continue
        for start in range(0, max(len(fact.lines), 1), LINES_AT_ONCE):
            part = msgspec.structs.replace(fact, lines=fact.lines[start : start + LINES_AT_ONCE])
            if gathered and len(part.lines) > room:
                yield gathered
                gathered, room = [], LINES_AT_ONCE
            gathered.append(part)
            room -= len(part.lines) or 1
    if gathered:
        yield gathered


async def discard(seller_id: UUID, upload_id: UUID, *, data_dir: Path) -> None:
    """Forget a file that was only looked at. NotFound when this seller has no such file."""
    async with db.transaction(seller_id) as held:
        if not await held.fetchval("SELECT 1 FROM payout_uploads WHERE id = $1", upload_id):
            raise NotFound("file")
        await held.execute("UPDATE payout_uploads SET state = 'discarded' WHERE id = $1 AND state = 'preview'", upload_id)
    _path(data_dir, seller_id, upload_id).unlink(missing_ok=True)
