"""Finds a sheet of Meesho's in a workbook that a supplier brought."""

import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from portal.errors import BadInput
from portal.spreadsheets import Bounds, opened

BOUNDS = Bounds(packed=64 * 1024 * 1024, unpacked=256 * 1024 * 1024, rows=1_048_576)
"""50,000 payment rows are some 60 MB of XML and 2 million cells."""

HOW = "Download it again from the supplier panel and upload it unchanged, as .xlsx."

Cells = Sequence[object]


def plain(name: str) -> str:
    """A name by its letters and digits: how sheets and columns are recognised."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def rows(name: str, stream: BinaryIO, *, sheet: str = "") -> Iterator[tuple[int, Cells]]:
    """Row numbers as the spreadsheet shows them, with their cells. Without `sheet` the first sheet is read.

    Raises BadInput at once for a file that is none, passes a bound, or lacks the sheet.
    """
    with opened(name, stream, bounds=BOUNDS, how=HOW) as book:
        found = book.sheet(_sheet_name(name, book.sheet_names, sheet))
    return found.rows()


def _sheet_name(name: str, names: Sequence[str], wanted: str) -> str:
    if not wanted:
        return names[0]
    found = next((one for one in names if plain(one) == plain(wanted)), None)
    if found is None:
        shown = ", ".join(f"“{one[:40]}”" for one in names[:5])
        raise BadInput(
            f"{name} has no sheet named “{wanted}”. It has {shown}. Is it a payment file from Meesho? Download it under Payments in the supplier panel."
        )
    return found
