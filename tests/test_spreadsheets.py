"""Workbooks that were made to do harm are refused with a sentence, before a reader has seen them, whoever brings them."""

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import datetime
from typing import Any, BinaryIO

import pytest

from portal.errors import BadInput
from portal.invoicing import sheets as articles
from portal.marketplaces.ajio.files import read_payout_file as ajio_payments
from portal.marketplaces.flipkart.files.settled import read_payout_file as flipkart_payments
from portal.marketplaces.meesho.files.payments import read_payout_file as meesho_payments
from portal.spreadsheets import Bounds, Fault, Unusable, opened
from tests.workbooks import SHEET, SPACE, lying, workbook, zipped

BOUNDS = Bounds(
    packed=1 << 20, unpacked=4 << 20, rows=1_000, parts=20, sheets=3, columns=100, cells=10_000, letters=1_000, text=100_000
)  # fmt: skip
HOW = "Download it again."
ONE = '<row r="1"><c r="A1"><v>1</v></c></row>'


def read(content: bytes, bounds: Bounds = BOUNDS) -> list[tuple[int, list[Any]]]:
    with opened("mine.xlsx", io.BytesIO(content), bounds=bounds, how=HOW) as book:
        sheet = book.sheet(book.sheet_names[0])
    return list(sheet.rows())


def at(place: str, inside: str = "<v>1</v>") -> str:
    digits = place.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return f'<row r="{digits}"><c r="{place}">{inside}</c></row>'


def many(name: str, sheets: int) -> bytes:
    """A book that shows one sheet under so many names."""
    listed = "".join(f'<sheet name="{name}{number}" sheetId="{number}" r:id="r1"/>' for number in range(1, sheets + 1))
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    return workbook(ONE, parts={"xl/workbook.xml": f'<workbook {SPACE} xmlns:r="{relation}"><sheets>{listed}</sheets></workbook>'})


BOMB = workbook(f"{' ' * (8 << 20)}{ONE}")
SHARED = "".join(f'<row><c t="s"><v>0</v></c><c t="s"><v>{number % 2}</v></c></row>' for number in range(200))

HARM: dict[str, tuple[bytes, Fault]] = {
    "no archive": (b"sku,rate\n", Fault.OTHER),
    "empty": (b"", Fault.OTHER),
    "another format in disguise": (zipped({"content.xml": "<office/>", "mimetype": "spreadsheet"}), Fault.DAMAGED),
    "an old one": (b"\xd0\xcf\x11\xe0" + b"\0" * 600, Fault.LOCKED),
    "cut off": (workbook(ONE)[:-200], Fault.DAMAGED),
    "cut off early": (workbook(ONE)[:60], Fault.DAMAGED),
    "longer than allowed": (workbook(ONE) + b"\0" * (1 << 20), Fault.TOO_BIG),
    "a bomb": (BOMB, Fault.TOO_BIG),
    "a bomb that says it is small": (lying(BOMB, 1_000), Fault.TOO_BIG),
    "a mouse that says it is a bomb": (lying(workbook(ONE), 1_000_000_000), Fault.TOO_BIG),
    "two parts of one name": (
        workbook(ONE, parts={"xl/a.xml": "<p/>", "xl/b.xml": "<p/>"}).replace(b"xl/b.xml", b"xl/a.xml"),
        Fault.DAMAGED,
    ),
    "packed as no spreadsheet is": (zipped({SHEET: "<p/>"}, zipfile.ZIP_LZMA), Fault.DAMAGED),
    "a thousand parts": (workbook(ONE, parts={f"xl/p{number}.xml": "<p/>" for number in range(30)}), Fault.TOO_BIG),
    "a thousand sheets": (many("S", 4), Fault.TOO_BIG),
    "far corners": (workbook(ONE + at("CV1000")), Fault.TOO_WIDE),
    "a great table": (workbook(f"<row>{'<c><v>1</v></c>' * 50}</row>" * 201), Fault.TOO_BIG),
    "far to the right": (workbook(at("CW1")), Fault.TOO_WIDE),
    "far to the right, without saying so": (workbook(f"<row>{'<c><v>1</v></c>' * 101}</row>"), Fault.TOO_WIDE),
    "beyond all columns": (workbook(at("ZZZZZZZZZZZZZ1")), Fault.DAMAGED),
    "too many rows": (workbook("<row><c><v>1</v></c></row>" * 1_001), Fault.TOO_LONG),
    "a row far down": (workbook(at("A1001")), Fault.TOO_LONG),
    "a row beyond all numbers": (workbook('<row r="99999999999"><c><v>1</v></c></row>'), Fault.DAMAGED),
    "an endless cell": (workbook(f'<row><c t="inlineStr"><is>{"<t>1234567890</t>" * 101}</is></c></row>'), Fault.LONG_CELL),
    "an endless shared text": (workbook(ONE, texts=f"<si>{'<r><t>1234567890</t></r>' * 101}</si>"), Fault.LONG_CELL),
    "one long text in every cell": (workbook(SHARED, texts=f"<si><t>{'x' * 900}</t></si><si/>"), Fault.TOO_BIG),
    "a text that is not there": (workbook('<row><c t="s"><v>7</v></c></row>', texts="<si><t>x</t></si>"), Fault.DAMAGED),
    "a text named with a remark": (workbook('<row><c t="s"><v>0<!-- -->1</v></c></row>', texts="<si/><si/>"), Fault.DAMAGED),
    "two parts of texts": (workbook(ONE, texts="<si/>", parts={"xl/more.xml": "<sst><si/></sst>"}), Fault.DAMAGED),
    "a document type": (
        workbook(parts={SHEET: f'<!DOCTYPE x [<!ENTITY a "b">]><worksheet {SPACE}><sheetData>{ONE}</sheetData></worksheet>'}),
        Fault.DAMAGED,
    ),
    "an outside entity": (
        workbook(
            ONE, parts={"xl/sharedStrings.xml": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><sst><si><t>&a;</t></si></sst>'}
        ),
        Fault.DAMAGED,
    ),
    "no XML": (workbook(parts={SHEET: b"\xff\xfe<\0w\0"}), Fault.DAMAGED),
    "a day before all days": (
        workbook(
            '<row r="1"><c r="A1" s="1"><v>-1e300</v></c></row>',
            parts={"xl/styles.xml": f'<styleSheet {SPACE}><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>'},
        ),
        Fault.DAMAGED,
    ),
}


@pytest.mark.parametrize("what", HARM)
def test_what_would_do_harm_is_refused(what: str) -> None:
    content, fault = HARM[what]

    tracemalloc.start()
    try:
        with pytest.raises(Unusable) as refused:
            read(content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert refused.value.fault == fault
    assert refused.value.seller_message.startswith("mine.xlsx ")
    assert peak < 6 << 20


def test_what_only_looks_far_away_is_read() -> None:
    """Cells with a colour and nothing else, pictures, macros and outside links do not count, and are not opened."""
    content = workbook(
        ONE + '<row r="900000"><c r="XFD900000" s="1"/></row>' + '<row r="2"><c r="B2" t="s"><v>1</v></c></row>',
        texts="<si/><si><r><t>two</t></r><r><t>parts</t></r></si>",
        parts={
            "xl/media/image1.png": b"\x89PNG",
            "xl/vbaProject.bin": b"\xd0\xcf",
            "docProps/app.xml": "no XML",
            "xl/externalLinks/l.xml": "<l/>",
        },
    )

    assert read(content) == [(1, [1.0, ""]), (2, ["", "twoparts"])]


def test_rows_have_the_numbers_that_are_shown_beside_them() -> None:
    assert [number for number, row in read(workbook(at("B4") + at("A7"))) if any(row)] == [4, 7]


def test_days_and_numbers_are_what_the_sheet_shows() -> None:
    styles = f'<styleSheet {SPACE}><cellXfs><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs></styleSheet>'
    rows = '<row><c s="1"><v>46345.5</v></c><c><v>2.5</v></c></row>'

    assert read(workbook(rows, parts={"xl/styles.xml": styles})) == [(1, [datetime(2026, 11, 19, 12), 2.5])]  # noqa: DTZ001 (a sheet knows no zone)


def articles_of(name: str, stream: BinaryIO) -> object:
    return articles.rows(name, stream)


READERS: dict[str, Callable[[str, BinaryIO], Any]] = {
    "ajio": ajio_payments,
    "flipkart": flipkart_payments,
    "meesho": meesho_payments,
    "articles": articles_of,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("content", [lying(BOMB, 1_000), workbook(ONE + at("XFD1000000"))], ids=["bomb", "far corners"])
def test_no_reader_opens_one(reader: str, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for bounds in ("ajio.workbook", "flipkart.files.workbook", "meesho.files.workbook"):
        monkeypatch.setattr(f"portal.marketplaces.{bounds}.BOUNDS", BOUNDS)
    monkeypatch.setattr("portal.invoicing.sheets.BOUNDS", BOUNDS)

    with pytest.raises(BadInput) as refused:
        list(READERS[reader]("november.xlsx", io.BytesIO(content)))

    assert "november.xlsx " in " ".join([refused.value.seller_message, *refused.value.fields.values()])
