"""Opens a spreadsheet that a stranger sent: measured before anything trusts it, then read row by row."""

import copy
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from portal.errors import BadInput

MOST_BYTES = 256 * 1024 * 1024
MOST_PARTS = 2_000
MOST_CELLS = 8_000_000
"""50,000 payment rows are some 60 MB of XML and 2 million cells. Readers hold a sheet as a full rectangle, so its corners count."""

_CHUNK = 1 << 20
_PLACE = re.compile(rb"\br\s*=\s*[\"']([A-Za-z]{0,3})(\d{1,9})[\"']")

Cells = Sequence[object]


def plain(name: str) -> str:
    """A name by its letters and digits: how sheets and columns are recognised."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def is_workbook(stream: BinaryIO) -> bool:
    """Whether this is an .xlsx file, going by its first bytes rather than its name."""
    start = stream.read(4)
    stream.seek(0)
    return start == b"PK\x03\x04"


def rows(name: str, stream: BinaryIO, *, sheet: str = "") -> Iterator[tuple[int, Cells]]:
    """Row numbers as the spreadsheet shows them, with their cells. Without `sheet` the first sheet is read.

    Raises BadInput at once for a file that is none, is too big when unpacked, or lacks the sheet.
    """
    _measure(name, stream)
    try:
        workbook = CalamineWorkbook.from_filelike(stream)
        wanted = _sheet_name(name, workbook.sheet_names, sheet)
        found = workbook.get_sheet_by_name(wanted)
    except CalamineError:
        raise BadInput(f"{name} cannot be read as a spreadsheet. Download it again and upload it unchanged.") from None
    return _numbered(found)


def _numbered(sheet: CalamineSheet) -> Iterator[tuple[int, Cells]]:
    yield from enumerate(sheet.iter_rows(), start=1)


def _sheet_name(name: str, names: Sequence[str], wanted: str) -> str:
    if not names:
        raise BadInput(f"{name} has no sheet.")
    if not wanted:
        return names[0]
    found = next((one for one in names if plain(one) == plain(wanted)), None)
    if found is None:
        shown = ", ".join(f"“{one[:40]}”" for one in names[:5])
        raise BadInput(
            f"{name} has no sheet named “{wanted}”. It has {shown}. Is it a payment file from Meesho? Download it under Payments in the supplier panel."
        )
    return found


def _measure(name: str, stream: BinaryIO) -> None:
    """Refuse what is no .xlsx, and what would grow beyond bounds: first by what it declares, then by what it truly holds."""
    if not is_workbook(stream):
        raise BadInput(f"{name} is not an .xlsx file. If it has a password or is an older .xls file, save it as .xlsx without one.")
    try:
        with zipfile.ZipFile(stream) as archive:
            parts = archive.infolist()
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_BYTES:
                raise _too_big(name)
            left = MOST_BYTES
            for part in parts:
                left -= _measure_part(name, archive, part, left)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        raise BadInput(f"{name} is damaged. Download it again and upload it unchanged.") from None
    finally:
        stream.seek(0)


def _measure_part(name: str, archive: zipfile.ZipFile, part: zipfile.ZipInfo, left: int) -> int:
    """How many bytes the part unpacks to; its cells are counted on the way."""
    if part.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise zipfile.BadZipFile("no spreadsheet is packed like this")
    # The declared size is the sender's word, and reading would stop there. With a bigger one it goes on to the true end.
    honest = copy.copy(part)
    honest.file_size = left + 2 * _CHUNK
    size = last_row = last_column = 0
    tail = b""
    with archive.open(honest) as content:
        while chunk := content.read(_CHUNK):
            size += len(chunk)
            if size > left:
                raise _too_big(name)
            for column, row in _PLACE.findall(tail + chunk):
                last_row = max(last_row, int(row))
                last_column = max(last_column, _column_number(column)) if column else last_column
            if last_row * max(1, last_column) > MOST_CELLS:
                raise _too_big(name)
            tail = chunk[-32:]
    return size


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _too_big(name: str) -> BadInput:
    return BadInput(f"{name} is too big once unpacked. Download a shorter period and upload each part by itself.")
