"""Listings from a file, where a marketplace gives them no other way: read and kept in one go, a few hundred at a time."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import BinaryIO

import msgspec
from anyio import to_thread

from portal import db
from portal.audit import service as audit
from portal.errors import BadInput
from portal.listings import service
from portal.marketplaces.contract import AccountRef
from portal.marketplaces.facts import ListingFact, UnreadableRow
from portal.runs.kept import Kept
from portal.tables.audit import Action

Reader = Callable[[str, BinaryIO], Iterator[ListingFact | UnreadableRow]]

LARGEST = 20 * 1024 * 1024
SUFFIXES = (".xlsx", ".csv", ".tsv")
ROWS_AT_ONCE = 1_000
PROBLEMS = 1_000


class Taken(msgspec.Struct, kw_only=True):
    """What became of a file. `problems` has the first thousand of the rows that could not be read, each with its place and reason."""

    kept: Kept = Kept()
    unreadable: int = 0
    problems: list[tuple[str, str]] = []


async def take(account: AccountRef, file_name: str, source: BinaryIO, read: Reader, *, by: str) -> Taken:
    """Keep every listing of the file; taking the same file again changes nothing.

    Raises BadInput for a file of another kind or without a single listing. What was kept before a fault stays kept.
    """
    if not file_name.lower().endswith(SUFFIXES):
        raise BadInput("We read XLSX, CSV and TSV files.", fields={"file": "Choose a file that ends in .xlsx, .csv or .tsv."})
    # Opening takes the longest: a workbook is measured as a whole before its first row.
    taken, rows = Taken(problems=[]), await to_thread.run_sync(read, file_name, source)
    while found := await to_thread.run_sync(_next, rows):
        for row in found:
            if isinstance(row, UnreadableRow):
                taken.unreadable += 1
                taken.problems.append((row.external_id, row.reason))
        del taken.problems[PROBLEMS:]
        async with db.transaction(account.seller_id):
            taken.kept += await service.keep(account, [row for row in found if isinstance(row, ListingFact)])
    listings = taken.kept.new + taken.kept.changed + taken.kept.same
    if not listings:
        first = f"{taken.problems[0][0]}: {taken.problems[0][1]}" if taken.problems else "Choose the listings file itself."
        raise BadInput("There is no listing in this file.", fields={"file": first})
    told = f"{listings} listings from {file_name[-200:]}"
    await audit.write(account.seller_id, Action.LISTINGS_UPLOADED, told, actor=by, account_id=account.id)
    return taken


def _next(rows: Iterator[ListingFact | UnreadableRow]) -> list[ListingFact | UnreadableRow]:
    return list(islice(rows, ROWS_AT_ONCE))
