"""Report documents: chunks of bytes in, whole lines of text out, never the whole document at once.

Whether a document is compressed is decided by its first two bytes, because flags and headers contradict each other in practice.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from portal.marketplaces.amazon_in.wire.answers import NAME, sane
from portal.marketplaces.errors import WireChanged

GZIP = b"\x1f\x8b"
CHARSETS = frozenset({"utf-8", "iso-8859-1", "windows-1252", "cp1252", "us-ascii"})
"""What a document may declare; anything else is judged by its bytes."""
LONGEST_LINE = 1_000_000
INFLATED_AT_ONCE = 1 << 25


class Lines:
    """Feed it chunks, take lines. The charset is the declared one, else UTF-8, else (from the first line that is not) cp1252."""

    def __init__(self, charset: str = "") -> None:
        self._declared = charset.lower() if charset.lower() in CHARSETS else ""
        self._charset = self._declared or "utf-8"
        self._head: bytes | None = b""
        self._inflate: zlib._Decompress | None = None
        self._rest = b""
        self._first = True

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that are complete now. WireChanged for a damaged document."""
        if self._head is not None:
            self._head += chunk
            if len(self._head) < 2:
                return []
            chunk, self._head = self._head, None
            if chunk[:2] == GZIP:
                self._inflate = zlib.decompressobj(wbits=31)
        return self._split(self._inflated(chunk))

    def end(self) -> list[str]:
        """The last line, if it has no line end. WireChanged when a compressed document stops too early."""
        if self._head:
            self._rest, self._head = self._head, None
        if self._inflate is not None and not self._inflate.eof:
            raise WireChanged(NAME, "a report that ends too early")
        last, self._rest = self._rest, b""
        return [self._text(last)] if last.strip() else []

    def _inflated(self, chunk: bytes) -> bytes:
        if self._inflate is None:
            return chunk
        inflated = b""
        try:
            while chunk:
                if self._inflate.eof:  # documents may be several compressed pieces, one behind the other
                    self._inflate = zlib.decompressobj(wbits=31)
                inflated += self._inflate.decompress(chunk, INFLATED_AT_ONCE)
                if self._inflate.unconsumed_tail:
                    raise WireChanged(NAME, "a report that inflates without end")
                chunk = self._inflate.unused_data
        except zlib.error as error:
            raise WireChanged(NAME, "a damaged report") from error
        return inflated

    def _split(self, data: bytes) -> list[str]:
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            raise WireChanged(NAME, "a report without lines")
        return [self._text(line) for line in whole]

    def _text(self, line: bytes) -> str:
        if self._first:
            self._first = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        line = line.removesuffix(b"\r")
        try:
            return line.decode(self._charset)
        except (UnicodeDecodeError, LookupError):
            if self._declared:
                raise WireChanged(NAME, f"a report that is not {self._declared[:20]}") from None
        self._declared = self._charset = "cp1252"
        return self._text(line)


class Columns:
    """Cells by column name. Order, additions and omissions do not matter; names are compared without case and punctuation."""

    def __init__(self, names: Sequence[str]) -> None:
        self._at = {folded(name): place for place, name in enumerate(names)}

    def __contains__(self, name: str) -> bool:
        return name in self._at

    def places(self, *names: str) -> tuple[int, ...]:
        """Where these columns stand; one beyond every row for those that are not there."""
        return tuple(self._at.get(name, -1) for name in names)

    def row(self, cells: Sequence[str]) -> Mapping[str, str]:
        return {name: cells[place].strip() for name, place in self._at.items() if place < len(cells)}


def folded(name: str) -> str:
    """`Amazon RMA ID` and `amazon-rma-id` are the same column."""
    return re.sub(r"[^a-z0-9]+", "-", name.strip().strip('"').lower()).strip("-")


_PLAIN = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?")
_GROUPED = re.compile(r"[-+]?[0-9]{1,3}(,[0-9]{2,3})*,[0-9]{3}(\.[0-9]+)?")


def amount(text: str) -> Decimal:
    """An amount in Indian writing, with or without grouping commas. ValueError where a comma might be a decimal one."""
    text = text.strip()
    if _PLAIN.fullmatch(text):
        return sane(Decimal(text))
    if _GROUPED.fullmatch(text):
        return sane(Decimal(text.replace(",", "")))
    raise ValueError("an amount that can be read in two ways, or in none")


def pieces(text: str) -> int | None:
    """How many; None when empty. ValueError for what is no whole number."""
    text = text.strip()
    if text and not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise ValueError("a quantity that is no whole number")
    return int(text) if text else None


UNKNOWN_DATE = "a date in a form we do not know"


def moment(text: str) -> datetime | None:
    """`2026-06-03 05:23:19 UTC` or the same with dots, day first; None when empty. ValueError for anything else."""
    text = text.strip()
    if not text:
        return None
    body = text.removesuffix(" UTC").removesuffix("Z")
    try:
        if len(body) > 2 and body[2] == ".":
            return datetime.strptime(body, "%d.%m.%Y %H:%M:%S" if " " in body else "%d.%m.%Y").replace(tzinfo=UTC)
        found = datetime.fromisoformat(body)
    except ValueError:
        raise ValueError(UNKNOWN_DATE) from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


DAY_FORMATS = ("%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%Y/%m/%d", "%d/%m/%Y")


def day(text: str) -> datetime | None:
    """A report's date as the start of that day in UTC; None when empty. ValueError for one nobody could read."""
    text = text.strip()
    if not text:
        return None
    try:
        return moment(text)
    except ValueError:
        pass
    for form in DAY_FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError(UNKNOWN_DATE)


def short_day(text: str, *, day_first: bool) -> date:
    """`06/03/26`, whose order the rest of the file has to tell. ValueError when it is no such date."""
    found = re.fullmatch(r"([0-9]{1,2})[/.]([0-9]{1,2})[/.]([0-9]{2,4})", text.strip())
    if found is None:
        raise ValueError(UNKNOWN_DATE)
    first, second, year = (int(part) for part in found.groups())
    dd, mm = (first, second) if day_first else (second, first)
    try:
        return date(year if year > 99 else 2000 + year, mm, dd)
    except ValueError:
        raise ValueError(UNKNOWN_DATE) from None
