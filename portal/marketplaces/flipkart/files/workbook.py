"""Opening a workbook somebody uploaded: is it one, is it small enough inside, does it have the sheet."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError

from portal.errors import BadInput

Row = list[Any]

LARGEST_INSIDE = 400 * 1024 * 1024
"""Bytes of all parts unpacked: 50,000 settlement lines take about a quarter of it."""
MOST_PARTS = 2_000
MOST_ROWS = 200_000

ZIP_START = b"PK\x03\x04"
OLE_START = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet, held once in compact form; its rows become Python values only as they are walked, as often as one likes."""

    _sheet: CalamineSheet

    def rows(self) -> Iterator[tuple[int, Row]]:
        """Rows with the number that Excel shows beside them."""
        return enumerate(self._sheet.iter_rows(), start=1)


def open_sheet(name: str, stream: BinaryIO, sheet_name: str) -> Sheet:
    """The sheet of that name, capitals or not. BadInput, with a sentence, for everything that is not such a workbook."""
    _refuse_other_files(name, stream)
    _refuse_bombs(name, stream)
    stream.seek(0)
    try:
        workbook = CalamineWorkbook.from_filelike(stream)
        wanted = next((one for one in workbook.sheet_names if one.strip().lower() == sheet_name.lower()), None)
        if wanted is None:
            raise BadInput(
                f"{name} has no sheet named {sheet_name}. Download the Settled Transactions file from Payments on the Flipkart "
                "Seller Dashboard and upload it as it is."
            )
        sheet = workbook.get_sheet_by_name(wanted)
    except PasswordError:
        raise BadInput(f"{name} is protected by a password. Save it without one and upload it again.") from None
    except CalamineError as error:
        raise BadInput(f"{name} is damaged. Download it again and upload it as it is.", detail=type(error).__name__) from None
    if sheet.total_height > MOST_ROWS:
        raise BadInput(f"{name} has more than {MOST_ROWS:,} rows. Choose a shorter period on Flipkart and upload several files.")
    return Sheet(sheet)


def _refuse_other_files(name: str, stream: BinaryIO) -> None:
    stream.seek(0)
    start = stream.read(len(ZIP_START))
    if start == OLE_START:
        raise BadInput(f"{name} is an old Excel file or protected by a password. Save it as .xlsx without a password.")
    if start != ZIP_START:
        raise BadInput(f"{name} is not an Excel file. Upload the .xlsx file that Flipkart gives you, unchanged.")


def _refuse_bombs(name: str, stream: BinaryIO) -> None:
    """Sizes are read from the table of contents, before a single part is unpacked."""
    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as parts:
            listed = parts.infolist()
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError) as error:
        raise BadInput(f"{name} is damaged. Download it again and upload it as it is.", detail=type(error).__name__) from None
    if len(listed) > MOST_PARTS or sum(part.file_size for part in listed) > LARGEST_INSIDE:
        raise BadInput(f"{name} is too large inside. Choose a shorter period on Flipkart and upload several files.")
