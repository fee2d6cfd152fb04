"""The rows of a file that AJIO wrote, Excel or CSV, refused before it can do harm."""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from portal.errors import BadInput

BIGGEST_UNPACKED = 200 * 1024 * 1024
MOST_PARTS = 500
MOST_ROWS = 300_000
HEADING_ROWS = 20
"""Rows at the top of a sheet that may come before its headings."""

Row = list[Any]


def sheets(name: str, held: bytes, how: str) -> Iterator[tuple[str, Iterable[Row]]]:
    """Every sheet of the file with its rows; a CSV file is one sheet. The content decides, not the name's ending.

    Raises BadInput, which says `how` to get the right file, for what is neither Excel nor CSV, damaged, or too big to unpack.
    """
    if held.startswith(b"PK"):
        yield from _workbook(held, how)
    elif held.startswith(b"\xd0\xcf\x11\xe0"):
        raise BadInput("This is an old Excel file or one with a password. Save it as .xlsx without a password and upload it again.")
    elif held.startswith(b"%PDF"):
        raise BadInput(f"This is a PDF. {how}")
    else:
        yield name, _comma_rows(held, how)


def _workbook(held: bytes, how: str) -> Iterator[tuple[str, Iterable[Row]]]:
    _refuse_bombs(held, how)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(held))
        for sheet in book.sheet_names:
            yield sheet, book.get_sheet_by_name(sheet).to_python(skip_empty_area=False, nrows=MOST_ROWS + HEADING_ROWS + 1)
    except CalamineError:
        raise BadInput(f"This Excel file is damaged, or is no Excel file. {how}") from None


def _refuse_bombs(held: bytes, how: str) -> None:
    """Look at what the archive says it unpacks to, before anything is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(held)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise BadInput(f"This Excel file is damaged, or is no Excel file. {how}") from None
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > BIGGEST_UNPACKED:
        raise BadInput("This file unpacks to more than 200 MB, which no report of AJIO's does. Download it again for fewer days.")
    if not any(part.filename == "xl/workbook.xml" for part in parts):
        raise BadInput(f"This archive is no Excel workbook. {how}")


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
