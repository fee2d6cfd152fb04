"""Opens a workbook: measured and copied part by part, then read row by row."""

import copy
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO
from xml.parsers.expat import ExpatError

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from portal.spreadsheets.measuring import Measure, Part, TooMuch
from portal.spreadsheets.refusal import Bounds, Fault, Unusable

Row = list[Any]

ZIP_START = b"PK\x03\x04"
OLE_START = b"\xd0\xcf\x11\xe0"
CHUNK = 1 << 18

NO_ARCHIVE = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, OverflowError)
"""What reading a damaged, cut or locked archive raises."""


@dataclass(frozen=True, slots=True)
class _File:
    """What was brought, and what is said of it."""

    name: str
    how: str
    bounds: Bounds

    def unusable(self, fault: Fault, cause: BaseException | None = None) -> Unusable:
        return Unusable(fault, self.name, self.how, self.bounds, detail=type(cause).__name__ if cause else "")

    @contextmanager
    def read(self) -> Iterator[None]:
        """Around every call of the reader, whose complaint about a file becomes our sentence."""
        try:
            yield
        except CalamineError as error:
            raise self.unusable(Fault.DAMAGED, error) from None
        except BaseException as error:
            # Where the reader trips over itself (a day before all days) it panics, which is no Exception and has no name to import.
            if type(error).__module__ != "pyo3_runtime":
                raise
            raise self.unusable(Fault.DAMAGED, error) from None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet, held once in compact form; its rows become Python values only as they are walked, as often as one likes."""

    _sheet: CalamineSheet
    _file: _File

    def rows(self) -> Iterator[tuple[int, Row]]:
        """Rows with the number that Excel shows beside them. Raises Unusable where one cannot be read."""
        with self._file.read():
            yield from enumerate(self._sheet.iter_rows(), start=1)


@dataclass(frozen=True, slots=True)
class Book:
    """A workbook as long as it is open; its sheets may outlive it."""

    _book: CalamineWorkbook
    _file: _File

    @property
    def sheet_names(self) -> list[str]:
        return self._book.sheet_names

    def sheet(self, name: str) -> Sheet:
        """The sheet of exactly that name. Raises Unusable where it cannot be read."""
        with self._file.read():
            return Sheet(self._book.get_sheet_by_name(name), self._file)


def is_workbook(stream: BinaryIO) -> bool:
    """Whether this is an .xlsx file, going by its first bytes rather than its name."""
    return _start(stream) == ZIP_START


@contextmanager
def opened(name: str, stream: BinaryIO, *, bounds: Bounds, how: str) -> Iterator[Book]:
    """The workbook in `stream`. `how` is a sentence that says where to get a good one.

    Raises Unusable for anything else, and for one that passes a bound, before any reader has seen it.
    """
    file = _File(name, how, bounds)
    with TemporaryDirectory(prefix="workbook-", ignore_cleanup_errors=True) as folder:
        measured = Path(folder) / "measured.xlsx"
        _copy(file, stream, measured)
        with file.read():
            book = CalamineWorkbook.from_path(measured)
        if not 0 < len(book.sheet_names) <= bounds.sheets:
            raise file.unusable(Fault.TOO_BIG if book.sheet_names else Fault.DAMAGED)
        yield Book(book, file)


def _start(stream: BinaryIO) -> bytes:
    stream.seek(0)
    start = stream.read(len(ZIP_START))
    stream.seek(0)
    return start


def _copy(file: _File, stream: BinaryIO, to: Path) -> None:
    """Write the parts that make up the sheets to an archive of our own, unpacked, so that what is read is what was measured."""
    start = _start(stream)
    if start != ZIP_START:
        raise file.unusable(Fault.LOCKED if start == OLE_START else Fault.OTHER)
    if stream.seek(0, 2) > file.bounds.packed:
        raise file.unusable(Fault.TOO_BIG)
    measure = Measure(file.bounds)
    left = file.bounds.unpacked
    try:
        with _archive(file, stream) as archive, zipfile.ZipFile(to, "w") as ours:
            for info in _parts(file, archive):
                left -= _copy_part(file, archive, info, ours, Part(measure), left)
        measure.finish()
    except TooMuch as much:
        raise file.unusable(much.fault) from None
    except ExpatError as error:
        raise file.unusable(Fault.DAMAGED, error) from None


def _archive(file: _File, stream: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(stream)
    except NO_ARCHIVE as error:
        raise file.unusable(Fault.DAMAGED, error) from None


def _parts(file: _File, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The parts a reader needs, refused by what the archive declares where that is too much already."""
    parts = archive.infolist()
    if len(parts) > file.bounds.parts or sum(part.file_size for part in parts) > file.bounds.unpacked:
        raise file.unusable(Fault.TOO_BIG)
    if len({part.filename for part in parts}) < len(parts):
        raise file.unusable(Fault.DAMAGED)
    return [part for part in parts if _is_read(part.filename.replace("\\", "/").lower())]


def _is_read(name: str) -> bool:
    """Whether a part is XML of the workbook itself: no picture, no macro, no notes about the file, no sheets in another format."""
    inside = name == "[content_types].xml" or name.startswith(("xl/", "_rels/"))
    return inside and name.endswith((".xml", ".rels"))


def _copy_part(file: _File, archive: zipfile.ZipFile, info: zipfile.ZipInfo, ours: zipfile.ZipFile, part: Part, left: int) -> int:
    """How many bytes the part unpacks to, `left` at most."""
    size = 0
    with ours.open(info.filename, "w") as kept:
        for chunk in _unpacked(file, archive, info, left):
            size += len(chunk)
            if size > left:
                raise TooMuch(Fault.TOO_BIG)
            part.feed(chunk)
            kept.write(chunk)
    part.feed(b"", last=True)
    return size


def _unpacked(file: _File, archive: zipfile.ZipFile, info: zipfile.ZipInfo, left: int) -> Iterator[bytes]:
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise file.unusable(Fault.DAMAGED)
    # The declared size is the sender's word, and reading would stop there. With a bigger one it goes on to the true end.
    honest = copy.copy(info)
    honest.file_size = left + 2 * CHUNK
    try:
        with archive.open(honest) as content:
            while chunk := content.read(CHUNK):
                yield chunk
    except NO_ARCHIVE as error:
        raise file.unusable(Fault.DAMAGED, error) from None
