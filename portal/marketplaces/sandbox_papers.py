"""Papers as sandboxes issue them: small whole PDFs that say what they are told, with a real Code 128 where a parcel has a number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from barcode.codex import Code128

WIDTH, HEIGHT = 288, 432
"""Four by six inches in points, the size of label printers."""
LEFT, TOP, LEADING = 20, 400, 16
BARS = 60
"""How high a barcode stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One page: its lines, and under them `barcode` as a symbol with its text below; none where it is empty."""

    lines: tuple[str, ...]
    barcode: str = ""


def printed(sheets: Sequence[Sheet]) -> bytes:
    """A PDF of these pages. What they say stands in it uncompressed, so that a test finds it by searching the bytes."""
    pages = [3 + 2 * number for number in range(len(sheets))]
    font = 3 + 2 * len(sheets)
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (b" ".join(b"%d 0 R" % page for page in pages), len(pages)),
    ]
    for page, sheet in zip(pages, sheets, strict=True):
        drawn = b"\n".join(_drawn(sheet))
        size = b"[0 0 %d %d]" % (WIDTH, HEIGHT)
        resources = b"<</Font<</F1 %d 0 R>>>>" % font
        parts.append(b"<</Type/Page/Parent 2 0 R/MediaBox%s/Contents %d 0 R/Resources%s>>" % (size, page + 1, resources))
        parts.append(b"<</Length %d>>stream\n%s\nendstream" % (len(drawn), drawn))
    parts.append(b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
    return _file(parts)


def _drawn(sheet: Sheet) -> Iterator[bytes]:
    """The operators that write and draw a page."""
    y = TOP
    for line in sheet.lines:
        yield _text(line, y, 10)
        y -= LEADING
    if sheet.barcode:
        yield from _bars(sheet.barcode, y - BARS)
        yield _text(sheet.barcode, y - BARS - LEADING, 12)


def _text(words: str, y: int, size: int) -> bytes:
    plain = words.encode("latin-1", "replace")
    for special in (b"\\", b"(", b")"):
        plain = plain.replace(special, b"\\" + special)
    return b"BT /F1 %d Tf %d %d Td (%s) Tj ET" % (size, LEFT, y, plain)


def _bars(number: str, y: int) -> Iterator[bytes]:
    modules = Code128(number).build()[0]
    wide = (WIDTH - 2 * LEFT) / len(modules)
    at = float(LEFT)
    for black, run in groupby(modules):
        length = wide * len(list(run))
        if black == "1":
            yield b"%.3f %d %.3f %d re f" % (at, y, length, BARS)
        at += length


def _file(parts: Sequence[bytes]) -> bytes:
    body, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, start=1):
        places.append(len(body))
        body += b"%d 0 obj%sendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(parts) + 1
    trailer = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n%s%s" % (count, table, trailer)
