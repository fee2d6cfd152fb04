"""The rows of a file that AJIO wrote, Excel or CSV, refused before it can do harm."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from portal.errors import BadInput
from portal.spreadsheets import Bounds, Row, opened

MOST_ROWS = 300_000
HEADING_ROWS = 20
"""Rows at the top of a sheet that may come before its headings."""

BOUNDS = Bounds(packed=25 * 1024 * 1024, unpacked=200 * 1024 * 1024, rows=MOST_ROWS + HEADING_ROWS)


def sheets(name: str, held: bytes, how: str) -> Iterator[tuple[str, Iterable[Row]]]:
    """Every sheet of the file with its rows; a CSV file is one sheet. The content decides, not the name's ending.

    Raises BadInput, which says `how` to get the right file, for what is neither Excel nor CSV, damaged, or too big to unpack.
    """
    if held.startswith((b"PK", b"\xd0\xcf\x11\xe0")):
        yield from _workbook(name, held, how)
    elif held.startswith(b"%PDF"):
        raise BadInput(f"This is a PDF. {how}")
    else:
        yield name, _comma_rows(held, how)


def _workbook(name: str, held: bytes, how: str) -> Iterator[tuple[str, Iterable[Row]]]:
    with opened(name, io.BytesIO(held), bounds=BOUNDS, how=how) as book:
        for sheet in book.sheet_names:
            yield sheet, (row for _, row in book.sheet(sheet).rows())


def _comma_rows(held: bytes, how: str) -> Iterator[Row]:
    try:
        text = held.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = held.decode("cp1252", errors="replace")
    if "\x00" in text:
        raise BadInput(f"This file is neither Excel nor CSV. {how}")
    heading = text[: text.find("\n")] if "\n" in text else text
    separator = max(",;\t", key=heading.count)
    try:
        yield from csv.reader(io.StringIO(text), delimiter=separator)
    except csv.Error:
        raise BadInput("This CSV file is damaged: a quotation mark or a separator is missing. Download it again.") from None


def plain(cell: Any) -> str:
    """A heading without case, blanks and separators."""
    return "".join(letter for letter in str(cell).lower() if letter.isalnum())
